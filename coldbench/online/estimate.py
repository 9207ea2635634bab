"""What a simulation will take, before it is run."""

from __future__ import annotations

from coldbench.online.plan import SimulationPlan
from coldbench.runs.estimate import duration

# seconds of one core and bytes, measured as benchmarks/README.md says
_PER_PAIR = 1.3e-6  # seconds per pair that the ranker scores
_PER_REQUEST = 2.5e-5  # seconds per request for matching, pre-ranking and re-ranking of a catalogue of some 2,000 items
_PER_STEP = 3e-3  # seconds per optimiser step of one model
_FIXED, _PER_USER, _PER_ROW = 6e8, 4e3, 60.0  # bytes


def estimate(plan: SimulationPlan, todo: int) -> list[str]:
    """Says roughly how long the tasks to do take, and how much memory each needs."""
    own = plan.tasks[0].setting
    days = own.own.burn_in + own.days
    requests = own.users * own.own.visits * days
    steps = 3 * (own.own.pretrain_steps + days * (own.own.night_steps + own.own.warm_steps))
    seconds = requests * (_PER_REQUEST + _PER_PAIR * own.own.preranked) + _PER_STEP * steps
    memory = _FIXED + _PER_USER * own.users + _PER_ROW * requests * own.own.page
    return [
        f"about {duration(seconds)} of computing and {memory / 2**30:,.1f} GiB per task, "
        f"{duration(todo * seconds)} of computing in all; methods with a long fit take more",
    ]
