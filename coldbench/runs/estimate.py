"""Estimates how long a run will take before it is run, from the costs that ``Probe`` measures."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from coldbench.core.cores import usable_cores
from coldbench.core.storage import place
from coldbench.plugins.file import explained
from coldbench.protocol.stages import Trained
from coldbench.runs.arithmetic import as_in_a_job
from coldbench.runs.cell import Cell
from coldbench.runs.cluster import at_once
from coldbench.runs.folder import FITTED, Folder
from coldbench.runs.jobs import Compute, Fit, Job, Pretrain
from coldbench.runs.plan import Plan
from coldbench.runs.probe import Probe
from coldbench.runs.queue import Queue, computations

# processor seconds that no probe measures, from the table "table-one" of benchmarks/README.md
_START = 12.0  # of Python, of loading the data, and of Ray and its workers
_REPORT = 2.0  # of the report for each dataset, backbone and protocol
_JOB = 0.2  # of handing over a job and of writing its result
_PROCESS = 3.0  # of a process for one job, which a plugin file needs
_BUSY = 1.2  # wall seconds per processor second from which on other programs slow this machine down
_PATIENCE = 5.0  # seconds after which the probes report their progress


@dataclass
class Costs:
    """Processor seconds by the keys of cells with seed 0: seeds cost the same, and cells that share a stage share them.

    Attributes:
        pretraining: By ``pretrained_key``.
        fitting: By ``fitted_key``.
        phases: By ``key``; includes building the stages.
        unknown: What has no known time, by the reason.
        stretch: Wall seconds per processor second during the measurement; more than 1 on a busy machine.
    """

    pretraining: dict[str, float] = field(default_factory=dict)
    fitting: dict[str, float] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)
    unknown: dict[str, list[str]] = field(default_factory=dict)
    stretch: float = 1.0

    def seconds(self, job: Job, fits: bool) -> float:
        """The processor seconds of a job, 0 where they are not known.

        Args:
            job: The job.
            fits: Whether a job that computes a cell has to fit its method itself.
        """
        kind = _kind(job.cells[0])
        if isinstance(job, Pretrain):
            own = self.pretraining.get(kind.pretrained_key, 0.0)
        elif isinstance(job, Fit):
            own = self.fitting.get(kind.fitted_key, 0.0)
        else:
            own = self.phases.get(kind.key, 0.0) + (self.fitting.get(kind.fitted_key, 0.0) if fits else 0.0)
        return own + _JOB + (_PROCESS if job.plugin_files else 0.0)


def estimate(plan: Plan, todo: Sequence[Cell], say: Callable[[str], None]) -> list[str]:
    """Says how long a plan's cells that are still to do will take, and which of them that leaves out.

    Args:
        plan: The plan.
        todo: Its cells that are still to do.
        say: Reports the progress of a long measurement.
    """
    if not todo:
        return []
    costs = measured(plan, todo, say)
    lines = [
        f"the time of {', '.join(names)} is not known and not counted: {reason}"
        for reason, names in costs.unknown.items()
    ]
    if not costs.phases:
        return lines
    folder = Folder(place(plan.options.out))
    jobs = timed(Queue(computations(todo), folder).waiting, costs, folder)
    computing = sum(jobs.values())
    by = "measured on a few batches of each model here"
    workers = at_once(plan.options)
    if workers is None:
        return [f"about {duration(computing)} of computing on as many workers as the cluster has, {by}", *lines]
    wall = _wall(plan, jobs, workers, costs.stretch)
    shared = f", while other programs slow this machine down {costs.stretch:.1f} times" if costs.stretch > _BUSY else ""
    on = f"{workers} worker{'s' * (workers != 1)}"
    return [f"about {duration(wall)} on {on} ({duration(computing)} of computing), {by}{shared}", *lines]


def measured(plan: Plan, todo: Sequence[Cell], say: Callable[[str], None]) -> Costs:
    """Measures each combination of dataset, backbone, method and protocol among the cells once."""
    costs, backbones, methods = Costs(), dict[str, Trained](), dict[str, Trained]()
    kinds = [_kind(job.cells[0]) for job in _first_of_each(computations(todo), lambda job: job.work).values()]
    started, began = time.perf_counter(), time.process_time()
    for number, kind in enumerate(kinds, 1):
        if time.perf_counter() - started > _PATIENCE:
            say(f"timing {number} of {len(kinds)}: {kind.condition}")
        try:
            with as_in_a_job():
                probe = Probe(kind, plan.datasets[kind.dataset.label])
                pretrained, fitted = kind.pretrained_key, kind.fitted_key
                if pretrained not in backbones:
                    costs.pretraining[pretrained], backbones[pretrained] = probe.pretraining()
                if fitted not in methods:
                    costs.fitting[fitted], methods[fitted] = probe.fitting(backbones[pretrained])
                costs.phases[kind.key] = probe.setup + probe.phases(backbones[pretrained], methods[fitted])
        except (Exception, SystemExit) as error:  # a plugin may raise anything; the other cells have their times
            reason = explained(error, *(file.path for file in kind.plugin_files))
            costs.unknown.setdefault(reason, []).append(kind.condition)
    elapsed, computed = time.perf_counter() - started, time.process_time() - began
    costs.stretch = max(elapsed / max(computed, 1e-9), 1.0)
    return costs


def timed(jobs: Sequence[Job], costs: Costs, folder: Folder) -> dict[Job, float]:
    """The processor seconds of each job, in about the order in which a run takes the jobs.

    Stages come first, then one job of every kind as they are given, whose time the run does not know yet, then the
    others by decreasing time.
    """
    made = {job.makes for job in jobs}

    def fits(cell: Cell) -> bool:
        return not cell.fits or not (cell.fitted_key in made or folder.has_trained(FITTED, cell))

    first = _first_of_each(jobs, lambda job: job.similar)
    known, seconds = dict[tuple[object, ...], float](), dict[Job, float]()
    for job in jobs:
        key = job.work, (own := fits(job.cells[0]))
        if key not in known:
            known[key] = costs.seconds(job, own)
        seconds[job] = known[key]

    def turn(job: Job) -> tuple[int, float]:
        if not isinstance(job, Compute):
            return (0 if isinstance(job, Pretrain) else 1), 0.0
        return (2, 0.0) if first[job.similar] is job else (3, -seconds[job])

    return {job: seconds[job] for job in sorted(jobs, key=turn)}


def packed(jobs: dict[Job, float], workers: int) -> float:
    """Seconds until the last job ends, if each goes in turn to the next free worker and waits for its stages there."""
    free, ready, end = [0.0] * workers, dict[str, float](), 0.0
    for job, seconds in jobs.items():
        ended = max(heapq.heappop(free), *(ready.get(key, 0.0) for key in job.needs), 0.0) + seconds
        heapq.heappush(free, ended)
        if job.makes is not None:
            ready[job.makes] = ended
        end = max(end, ended)
    return end


def crowded(stretch: float, workers: int) -> float:
    """Wall seconds per processor second of workers that keep each other waiting on a busy machine.

    One process takes (others + 1) / cores times as long where all cores are always busy, and one of several workers
    (others + workers) / cores times. Below a stretch of 2 the cores were busy for only a part of the time.
    """
    return stretch + min(stretch - 1.0, 1.0) * (workers - 1) / usable_cores()


def duration(seconds: float) -> str:
    """A time in words, in steps that suit an estimate: ``40 s``, ``1 min 10 s``, ``2 h 5 min``."""
    whole = max(round(seconds), 1)
    if whole < 60:
        return f"{whole} s"
    more, less, units = *divmod(5 * round(whole / 5), 60), ("min", "s")
    if more >= 60:
        more, less, units = *divmod(5 * round(whole / 300), 60), ("h", "min")
    return f"{more:,} {units[0]}" + (f" {less} {units[1]}" if less else "")


def _wall(plan: Plan, jobs: dict[Job, float], workers: int, stretch: float) -> float:
    """The wall seconds of a run with its start and its report; what slows down a cluster's nodes is not known here."""
    here = plan.options.address is None
    cores = min(workers, usable_cores()) if here else workers
    reports = len({(cell.dataset, cell.backbone, cell.protocol) for cell in plan.cells})
    computing = (crowded(stretch, cores) if here else 1.0) * packed(jobs, cores)
    return stretch * (_START + _REPORT * reports) + computing


def _first_of_each(jobs: Sequence[Job], kind: Callable[[Job], tuple[str, ...]]) -> dict[tuple[str, ...], Job]:
    """The first job of each kind, by what its kind has in common."""
    found: dict[tuple[str, ...], Job] = {}
    for job in jobs:
        found.setdefault(kind(job), job)
    return found


def _kind(cell: Cell) -> Cell:
    """The cell with seed 0, which stands for all seeds."""
    return replace(cell, seed=0)
