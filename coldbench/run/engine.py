"""A queue's jobs as the trials of one Ray Tune experiment. Imported only where something is computed."""

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

from coldbench.run.jobs import SCORE, Halving, Job, Report, Workshop
from coldbench.run.queue import Queue
from coldbench.run.worker import DIED, FAILED, Limits, Worker

_REDUCTION = 3  # of ASHA (Li et al. 2020, arXiv:1810.05934): the better third of the trials goes on


@dataclass(frozen=True)
class Calls:
    """What is called, in this process, as jobs end.

    Attributes:
        ended: With a job, the reason if it failed, its seconds and its reports.
        died: With a job whose worker died, and the seconds that it had run.
    """

    ended: Callable[[Job, str | None, float, list[Report]], None]
    died: Callable[[Job, float], None]


@dataclass(frozen=True)
class Capacity:
    """What jobs may take.

    Attributes:
        resources: Of each job, as Tune takes them.
        limits: Seconds and GiB of each job.
        at_once: The most jobs at once; None for as many as there are resources for.
    """

    resources: dict[str, float]
    limits: Limits
    at_once: int | None


def work_off(
    queue: Queue, calls: Calls, capacity: Capacity, shop: Workshop, halving: Mapping[str, Halving], alone: bool
) -> None:
    """Does all jobs of a queue on the Ray that this process is connected to.

    Args:
        queue: Where they come from.
        calls: What to call as they end.
        capacity: What they may take.
        shop: What they work with; put into the object store once and read by workers without a copy.
        halving: How jobs are stopped early, by their group; the others never are.
        alone: Whether each job has a process of its own, even without a plugin file.
    """
    given: dict[str, Job] = {}  # by the number that a trial carries
    shared = [ray.put(shop)]  # in a list, in which Ray leaves references alone
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
    """Asks the queue for jobs."""

    def __init__(self, queue: Queue, given: dict[str, Job], alone: bool) -> None:
        super().__init__(metric=None, mode=None)
        self._queue, self._given, self._alone = queue, given, alone

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune keeps a copy on disk; this one only lives here

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
        pass  # the listener sees it

    def save(self, checkpoint_path: str) -> None:
        pass  # the run's folder is what a run goes on from

    restore = save


class _Listener(tune.Callback):
    """Tells how jobs end.

    A job has ended when its worker is free, and not when its last report comes: between the two Tune would ask Ray for
    another worker's place and take that back at once, in the middle of which Ray loses the place for good
    (ray-project/ray#64693).
    """

    def __init__(self, calls: Calls, given: dict[str, Job]) -> None:
        self._calls, self._given = calls, given
        self._started: dict[str, float] = {}
        self._reports: dict[str, list[Report]] = {}
        self._last: dict[str, Report] = {}  # of jobs that reported their end

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune keeps a copy of its callbacks on disk; this one only lives here

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._started[trial.trial_id] = time.monotonic()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        if result.get(tune.result.DONE):
            self._last[trial.trial_id] = result
        if SCORE in result:
            self._reports.setdefault(trial.trial_id, []).append(result)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        last = self._last.pop(trial.trial_id, {})  # nothing, of one that was stopped
        job, seconds = self._given[trial.config["number"]], self._seconds(trial)
        made = self._reports.pop(trial.trial_id, [])
        if last.get(DIED):
            self._calls.died(job, seconds)
        else:
            self._calls.ended(job, last.get(FAILED), seconds, made)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        if trial.trial_id in self._last:  # its worker died after it had ended
            self.on_trial_complete(iteration, trials, trial)
        else:
            self._reports.pop(trial.trial_id, None)
            self._calls.died(self._given[trial.config["number"]], self._seconds(trial))

    def _seconds(self, trial: Any) -> float:
        now = time.monotonic()  # it may not even have started: its worker was kept from another, and is lost
        return now - self._started.get(trial.trial_id, now)


class _PerGroup(FIFOScheduler):
    """One ASHA per group of jobs; jobs without a group run to their end."""

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
