"""What one run of the simulated online test costs, how that grows, and how often its tests find what is not there.

python benchmarks/bench.py online online-a-a        # both, into README.md
python benchmarks/online_test.py --users 80000      # one run alone
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import sys
import time
from pathlib import Path

from processes import measured

from coldbench.data.dataset import Dataset
from coldbench.online.experiment import Experiment
from coldbench.online.folder import Simulation
from coldbench.online.measures import MEASURES
from coldbench.online.options import SimulateOptions
from coldbench.online.plan import make_plan
from coldbench.online.splits import SPLITS, false_positives
from coldbench.runs.arithmetic import prepare

ARM = "base[item_lr=0.01]"  # the arm whose training costs least
SIZES = ((5_000, 2_000), (20_000, 2_000), (80_000, 2_000), (20_000, 4_000), (20_000, 8_000))  # users per arm, items
ONE_RUN = "run"  # prefix of the line that a process prints for the one that started it


def growth(log: Dataset, options: argparse.Namespace) -> dict:
    """Part ``online``: one run of each size, each in a process of its own."""
    rows = []
    for users, items in SIZES:
        command = [sys.executable, str(Path(__file__)), "--users", str(users), "--items", str(items)]
        _, _, text = measured(command)
        line = next(line for line in text.splitlines() if line.startswith(ONE_RUN))
        found = json.loads(line.removeprefix(ONE_RUN))
        days = found["days"]
        cells = [f"{found[name]:,.0f}" for name in ("trained", "seconds")]
        rows.append([f"{users:,}", f"{items:,}", cells[0], f"{sum(days[:-1]) / (len(days) - 1):.1f}", cells[1]])
        rows[-1].append(f"{found['gib']:.2f}")
        print(rows[-1], flush=True)
    note = (
        f"Processor time of one thread and peak memory of one run: arms `base` and `{ARM}` in design `ab`, 8 days and "
        "one of burn-in, one request per user and day, 40 new items per day. The last day has no night, as nobody "
        "comes after it. A method with a long `fit` takes that longer. Goals for 80,000 users per arm: 360 s, 3 GiB."
    )
    header = ["users per arm", "items", "models trained, s", "a day with its night, s", "whole run, s", "peak GiB"]
    return {"title": "the simulated online test", "header": header, "rows": rows, "note": note, "data": "world planted"}


def a_a(log: Dataset, options: argparse.Namespace) -> dict:
    """Part ``online-a-a``: the false-positive rates of each metric's tests in one run without a difference."""
    experiment = prepared(5_000, 2_000, 8, "global", "base")
    list(experiment.days())
    found = false_positives(Simulation({"key": "a/a"}, experiment.arrays()))
    rows = [[MEASURES[name].title, test, f"{rate:.4f}"] for name, own in found.items() for test, rate in own.items()]
    note = (
        f"Share of {SPLITS:,} random splits of 10,000 users in which a test at .05 finds a difference; everybody has "
        "`base`, design `global`, 8 days. Expected: .035 to .065."
    )
    header = ["metric", "test", "false positives"]
    return {"title": "A/A of the simulated test", "header": header, "rows": rows, "note": note, "data": "world planted"}


def prepared(users: int, items: int, days: int, design: str, arm: str) -> Experiment:
    """A run in the planted world under seed 0, its models trained."""
    sizes = {"users": users, "days": days, "seeds": (0,)}
    options = SimulateOptions(methods=("base", arm), world=(f"planted[items={items}]",), design=(design,), **sizes)
    task = next(task for task in make_plan(options).tasks if task.setting.label == arm)
    return Experiment(task.setting, task.ground(None, {}))


def main() -> None:
    """Runs one task, and prints its processor time and its peak memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=80_000, help="Users per arm.")
    parser.add_argument("--items", type=int, default=2_000, help="Items that are there before the test.")
    parser.add_argument("--days", type=int, default=8)
    parser.add_argument("--design", default="ab")
    parser.add_argument("--arm", default=ARM)
    own = parser.parse_args()
    prepare()
    ends = [time.process_time()]
    experiment = prepared(own.users, own.items, own.days, own.design, own.arm)
    ends.append(time.process_time())
    for day in experiment.days():
        ends.append(time.process_time())
        print(f"day {day}: {ends[-1] - ends[0]:.0f} s", flush=True)
    days = [after - before for before, after in itertools.pairwise(ends[1:])]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(ONE_RUN, json.dumps({"trained": ends[1] - ends[0], "days": days, "seconds": ends[-1] - ends[0], "gib": peak}))


if __name__ == "__main__":
    main()
