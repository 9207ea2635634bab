"""Runs the jobs of a queue as the trials of one Ray Tune experiment. Imported only if something is to be computed."""

from __future__ import annotations

import io
import pickle
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from coldbench.runs.jobs import SCORE, Halving, Job, Report, Workshop
from coldbench.runs.queue import Queue
from coldbench.runs.worker import DIED, FAILED, Limits, Worker

_REDUCTION = 3  # ASHA (Li et al. 2020, arXiv:1810.05934) continues the best third of the trials


@dataclass(frozen=True)
class Calls:
    """Callbacks in the driver process for jobs that report or end.

    Attributes:
        ended: Called with a job, the reason if it failed, its seconds and its reports.
        died: Called with a job whose worker died, and the seconds that it had run.
        reported: Called with a job that goes on, and its latest report.
    """

    ended: Callable[[Job, str | None, float, list[Report]], None]
    died: Callable[[Job, float], None]
    reported: Callable[[Job, Report], None]


@dataclass(frozen=True)
class Capacity:
    """The resources and limits of jobs.

    Attributes:
        resources: The resources that each job reserves, as Tune expects them.
        limits: Seconds and GiB that each job may take.
        at_once: The largest number of jobs at once; None for as many as the resources allow.
    """

    resources: dict[str, float]
    limits: Limits
    at_once: int | None


def work_off(
    queue: Queue, calls: Calls, capacity: Capacity, shop: Workshop, halving: Mapping[str, Halving], alone: bool
) -> None:
    """Runs all jobs of a queue on the Ray that this process is connected to.

    Args:
        queue: The source of the jobs.
        calls: The callbacks for jobs that end.
        capacity: The resources and limits of the jobs.
        shop: The data and folder of the jobs; put into the object store once, and read by workers without copying.
        halving: Early stopping by group of jobs; jobs of other groups are never stopped.
        alone: Whether each job runs in a process of its own, even without a plugin file.
    """
    given: dict[str, Job] = {}  # jobs by the number in the trial's configuration
    shared = [ray.put(shop)]  # in a list, because Ray does not dereference inside one
    with tempfile.TemporaryDirectory(prefix="coldbench-") as scratch:
        trainable = tune.with_parameters(Worker, shop=shared, limits=capacity.limits)
        tuner = tune.Tuner(
            tune.with_resources(trainable, capacity.resources),
            tune_config=tune.TuneConfig(
                search_alg=_Jobs(queue, given, alone),
                scheduler=_PerGroup(halving),
                num_samples=-1,
                max_concurrent_trials=capacity.at_once,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                storage_path=scratch, name="jobs", verbose=0, callbacks=[_Listener(calls, given)]
            ),
        )
        with redirect_stdout(io.StringIO()):  # Tune announces every experiment there
            tuner.fit()


class _Jobs(Searcher):
    """A Tune searcher that takes its trials from the queue."""

    def __init__(self, queue: Queue, given: dict[str, Job], alone: bool) -> None:
        super().__init__(metric=None, mode=None)
        self._queue, self._given, self._alone = queue, given, alone

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles a copy to disk; only the object in this process is used

    def suggest(self, trial_id: str) -> Any:
        if self._queue.finished:
            return Searcher.FINISHED
        job = self._queue.next()
        if job is None:
            return None
        number = str(len(self._given))
        self._given[number] = job
        alone = self._alone or bool(job.plugin_files)
        return {"number": number, "group": job.group, "job": pickle.dumps(job), "alone": alone}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        pass  # the listener handles this

    def save(self, checkpoint_path: str) -> None:
        pass  # a run resumes from its folder, not from Tune's state

    restore = save


class _Listener(tune.Callback):
    """Passes the ends of jobs to the callbacks.

    A job counts as ended when its worker is free, not when its last report arrives. Between the two, Tune would request
    another worker's slot from Ray and cancel the request at once, and Ray may then lose the slot for good
    (ray-project/ray#64693).
    """

    def __init__(self, calls: Calls, given: dict[str, Job]) -> None:
        self._calls, self._given = calls, given
        self._started: dict[str, float] = {}
        self._reports: dict[str, list[Report]] = {}
        self._last: dict[str, Report] = {}  # last reports of jobs that reported their end

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its callbacks to disk; only the object in this process is used

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._started[trial.trial_id] = time.monotonic()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        if result.get(tune.result.DONE):
            self._last[trial.trial_id] = result
        else:
            self._calls.reported(self._given[trial.config["number"]], result)
        if SCORE in result:
            self._reports.setdefault(trial.trial_id, []).append(result)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        last = self._last.pop(trial.trial_id, {})  # empty for a job that was stopped
        job, seconds = self._given[trial.config["number"]], self._seconds(trial)
        made = self._reports.pop(trial.trial_id, [])
        if last.get(DIED):
            self._calls.died(job, seconds)
        else:
            self._calls.ended(job, last.get(FAILED), seconds, made)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        if trial.trial_id in self._last:  # the worker died after the job had ended
            self.on_trial_complete(iteration, trials, trial)
        else:
            self._reports.pop(trial.trial_id, None)
            self._calls.died(self._given[trial.config["number"]], self._seconds(trial))

    def _seconds(self, trial: Any) -> float:
        now = time.monotonic()  # the job may not have started: a reused worker can die first
        return now - self._started.get(trial.trial_id, now)


class _PerGroup(FIFOScheduler):
    """Runs one ASHA scheduler per group of jobs; jobs without a group run to their end."""

    def __init__(self, halving: Mapping[str, Halving]) -> None:
        super().__init__()
        self._by_group = {
            group: ASHAScheduler(
                metric=SCORE, mode="max", max_t=how.points, grace_period=how.grace, reduction_factor=_REDUCTION
            )
            for group, how in halving.items()
        }

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def _of(self, trial: Any) -> ASHAScheduler | None:
        return self._by_group.get(trial.config["group"])

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        scheduler = self._of(trial)
        if scheduler is not None:
            scheduler.on_trial_add(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        scheduler = self._of(trial)
        if scheduler is None or SCORE not in result:
            return TrialScheduler.CONTINUE
        return str(scheduler.on_trial_result(tune_controller, trial, result))

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        scheduler = self._of(trial)
        if scheduler is not None and SCORE in result:
            scheduler.on_trial_complete(tune_controller, trial, result)
