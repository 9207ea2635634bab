"""A search: runs the trials of its studies as jobs, and resumes from the run folder."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from rich.console import Console

from coldbench.core.storage import Place, place
from coldbench.protocol.shots import COLD
from coldbench.runs import runfile
from coldbench.runs.folder import Folder
from coldbench.runs.jobs import SCORE, Halving, Job, Report, Workshop
from coldbench.runs.options import Options
from coldbench.runs.queue import Queue
from coldbench.runs.session import Desk, Session
from coldbench.runs.trackers.board import Board
from coldbench.tuning.samplers import Proposals, Values, proposals
from coldbench.tuning.studies import METRICS, Study, TuneOptions, studies
from coldbench.tuning.tracked import trial_entry
from coldbench.tuning.trials import Results, Trial, Trials

CPU_SECONDS = "cpu_seconds"  # key of a trial's report: its processor time in phases so far
_GRACE = 2  # points of evaluation before a trial may be stopped: cold and the first warm-up phase


@dataclass(frozen=True)
class TrialJob(Job):
    """One trial: validation cells, one per seed, with a running mean score after each evaluation point.

    Attributes:
        study: The study's name.
        metric: One of ``METRICS``.
        values: The value of each ``NAME.FIELD``, as JSON.
    """

    study: str = ""
    metric: str = ""
    values: str = "{}"

    @property
    def name(self) -> str:
        """The trial's name in messages."""
        return f"{self.study} at {self.values}"

    @cached_property
    def work(self) -> tuple[str, ...]:
        """A key shared by the trials of a study, which take about the same time."""
        return ("trial", self.study)

    @cached_property
    def needs(self) -> frozenset[str]:
        """The stages of the first seed, and the backbones that other trials start from as well.

        The other seeds' stages are made when the trial comes to them, since most trials are stopped before.
        """
        first, *others = self.cells
        keys = {first.pretrained_key, *(cell.pretrained_key for cell in others if not cell.changes_pretraining)}
        return frozenset(keys | ({first.fitted_key} if first.fits else set()))

    @property
    def group(self) -> str:
        """The study, within which trials are compared."""
        return self.study

    def run(self, shop: Workshop) -> Iterator[Report]:
        """Yields, after each phase, its name and the mean score of the warm-up phases so far; higher is better.

        The processor time beside it leaves out pretraining and ``fit``, which a trial makes only if no other has yet.
        """
        name, sign = METRICS[self.metric]
        spent = 0.0
        warm: list[float] = []
        for cell in self.cells:
            stages = shop.stages(cell)
            pretrained, _ = shop.pretrained(cell, stages)
            fitted, _ = shop.fitted(cell, stages, pretrained)
            began = time.process_time() - spent
            for outcome in stages.phases(pretrained, fitted):
                value = sign * outcome.metrics[name]
                if outcome.phase != COLD:
                    warm.append(value)
                score = sum(warm) / len(warm) if warm else value
                spent = time.process_time() - began
                yield {"phase": outcome.phase, SCORE: score, CPU_SECONDS: spent}


class Search:
    """A study with its proposals and its trials so far."""

    def __init__(self, study: Study, how: TuneOptions, trials: Trials) -> None:
        cell = study.cells[0]
        seed = (cell.dataset.name, cell.backbone.name, how.search)
        self.study = study
        self._trials = trials
        self._proposals: Proposals
        self._proposals, samples = proposals(
            how.search, study.space, how.samples, study.full({}), *seed, method=cell.method.name
        )
        known = trials.of(study)
        for trial in known:
            self._proposals.know(trial.values, trial.score)
        self.left = max(samples - len(known), 0)
        self._number = 1 + max((trial.number for trial in known), default=-1)

    def job(self) -> TrialJob:
        """The next trial."""
        self.left -= 1
        values = self._proposals.ask()
        study = self.study
        return TrialJob(study.at(values), study.name, study.metric, json.dumps(values))

    def keep(self, job: TrialJob, reports: Sequence[Report], reason: str | None, seconds: float) -> Trial:
        """Saves a trial that ended, and tells its score to the proposals."""
        scores = [report[SCORE] for report in reports]
        cpu_seconds = reports[-1].get(CPU_SECONDS) if reports else None
        values: Values = json.loads(job.values)
        state = "failed" if reason else "finished" if len(scores) == self.study.points else "stopped"
        about = scores, state, seconds, reason, cpu_seconds
        trial = Trial(self.study.name, self._number, self.study.full(values), *about)
        self._number += state != "failed"
        self._trials.save(self.study, trial)
        self._proposals.tell(values, trial.score)
        return trial


class Searches(Desk):
    """All searches of one command: the source of their trials, and the desk that handles the ends of trials."""

    def __init__(self, searches: Sequence[Search], track: Sequence[str], out: Place) -> None:
        self._by_name = {search.study.name: search for search in searches}
        self.failures: dict[str, str] = {}
        self._turn = 0
        self._console = Console(stderr=True, highlight=False)
        self._out = out
        self.board = Board(() if self.empty else track, out, self.say)

    def next(self, waiting: Sequence[Job]) -> TrialJob | None:
        """The next trial, taken from the studies in turn; a study with a trial waiting for a stage is skipped."""
        busy = {job.group for job in waiting}
        names = list(self._by_name)
        for _ in names:
            name = names[self._turn % len(names)]
            self._turn += 1
            if self._by_name[name].left and name not in busy:
                return self._by_name[name].job()
        return None

    @property
    def empty(self) -> bool:
        """Whether no study has a trial left."""
        return not any(search.left for search in self._by_name.values())

    def succeeded(self, job: Job, seconds: float, reports: list[Report]) -> str | None:
        """Saves and reports a trial that finished or was stopped."""
        if isinstance(job, TrialJob):
            self._keep(job, None, seconds, reports)
        else:
            self.say(f"{job.done} {job.name}")
        return None

    def failed(self, job: Job, reason: str, seconds: float, reports: list[Report]) -> None:
        """Saves and reports a trial that failed."""
        if isinstance(job, TrialJob):
            self.failures[job.name] = reason
            self._keep(job, reason, seconds, reports)

    def say(self, text: str) -> None:
        """Prints a line."""
        self._console.print(text, markup=False, soft_wrap=True)

    def _keep(self, job: TrialJob, reason: str | None, seconds: float, reports: list[Report]) -> None:
        search = self._by_name[job.study]
        trial = search.keep(job, reports, reason, seconds)
        self.board.log(lambda: trial_entry(search.study, trial, self._out))
        score = f"{trial.scores[-1]:.4f}" if trial.scores else ""
        text = ", ".join(f"{target.partition('.')[2]} {value}" for target, value in trial.values.items())
        self.say(f"{job.study}: {trial.state} {score} {reason or ''} {text}")


@dataclass(frozen=True)
class Searched:
    """The outcome of a search.

    Attributes:
        results: Each study with all its trials that finished or were stopped.
        failures: The reasons why trials failed, by trial name.
        unfinished: The number of trials left over by an interruption.
        stopped: Whether the search was stopped while trials were running.
    """

    results: Results
    failures: dict[str, str]
    unfinished: int
    stopped: bool


def search(options: Options, how: TuneOptions) -> Searched:
    """Runs the trials that are missing from the run folder.

    Raises:
        InputError: An option is wrong, a dataset is not available, or the folder cannot be written.
    """
    plan, asked = studies(options, how)
    folder = Folder(place(options.out))
    trials = Trials(folder.path)
    searches = [Search(study, how, trials) for study in asked]
    halving = {study.name: Halving(study.points, _GRACE) for study in asked if how.scheduler == "asha"}
    session = Session(options, plan.cells[0].device, plan.datasets, folder, halving)
    session.open()
    desk = Searches(searches, options.track, folder.path)
    stopped = False
    if not desk.empty:
        runfile.keep(plan, folder.path, runfile.TUNE, {"search": dataclasses.asdict(how)})
        with desk.board:
            stopped = session.work(Queue([], folder, desk), desk)
        with suppress(OSError):  # a full disk; the failures themselves report it
            folder.save_failures(desk.failures)
    results = [(study, trials.of(study)) for study in asked]
    return Searched(results, desk.failures, sum(search.left for search in searches), stopped)
