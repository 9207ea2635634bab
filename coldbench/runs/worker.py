"""The worker's side of Ray Tune: runs one job after another, in its own process or in a fresh one."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import ray
from ray import tune
from ray.exceptions import RayError, WorkerCrashedError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from coldbench.plugins.file import explained
from coldbench.runs.arithmetic import prepare
from coldbench.runs.jobs import Job, Report, Workshop
from coldbench.runs.limits import limited

FAILED, DIED = "failed", "died"  # keys of a report: why a job failed; whether its own process died
Limits = tuple[float | None, float | None]  # seconds and GiB that one job may take


class Worker(tune.Trainable):
    """Runs the jobs that it is given. Each step is one report of a job; the last report has ``done``.

    Jobs of coldbench's own plugins share a worker's process. A job with a plugin file runs in a separate process that
    ends with it, because a plugin may change its process in ways that alter other cells' results or make them fail.
    """

    def setup(self, config: dict[str, Any], shop: Any = None, limits: Limits = (None, None)) -> None:
        """Prepares the worker and takes its first job; Tune calls this once per worker.

        Args:
            config: The first job.
            shop: A list with one reference to the ``Workshop``; inside a list, Ray does not dereference it.
            limits: Seconds and GiB that each job may take.
        """
        prepare()
        self._shop, self._limits = shop[0], limits
        self._reports: Iterator[Report] | None = None
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes another job, dropping the one before; Tune calls this for each further job."""
        self.cleanup()
        self._payload, self._alone = new_config["job"], new_config["alone"]
        return True

    def step(self) -> dict[str, Any]:
        """Runs the job until its next report, and returns that report."""
        try:
            if self._reports is None:
                if self._alone:
                    self._reports = in_fresh_process(self._payload, self._shop, self._limits)
                else:
                    self._reports = reports(self._payload, ray.get(self._shop), self._limits)
            report = next(self._reports, None)
        except WorkerCrashedError:
            return {DIED: True, tune.result.DONE: True}
        return {tune.result.DONE: True} if report is None else {**report, tune.result.DONE: FAILED in report}

    def cleanup(self) -> None:
        """Closes a job that was stopped before its end."""
        if self._reports is not None:
            self._reports.close()  # type: ignore[attr-defined]
            self._reports = None

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Saves nothing, because an interrupted job is run again from its start."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Restores nothing, because nothing is saved."""


def reports(payload: bytes, shop: Workshop, limits: Limits) -> Iterator[Report]:
    """Runs a job and yields its reports; an exception becomes the last report."""
    paths: list[str] = []
    with ExitStack() as stack:
        try:
            job: Job = pickle.loads(payload)  # imports the plugin files that it needs
            paths = [file.path for file in job.plugin_files]
            stack.enter_context(limited(*limits))
            yield from job.run(shop)
        except (Exception, SystemExit) as error:  # a plugin may raise anything; the other jobs go on
            yield {FAILED: explained(error, *paths)}


def in_fresh_process(payload: bytes, shop: Any, limits: Limits) -> Iterator[Report]:
    """Runs a job in a process of this node that is used for nothing else.

    Raises:
        WorkerCrashedError: The process died during the job.
    """
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    stream: Any = _alone.options(scheduling_strategy=here).remote(payload, shop, limits)
    try:
        for report in stream:
            yield ray.get(report)
    except WorkerCrashedError:
        raise
    except RayError as error:
        if isinstance(error.__cause__, WorkerCrashedError):
            raise error.__cause__ from None
        raise
    finally:
        ray.cancel(stream, force=True)


@ray.remote(max_calls=1, max_retries=0, num_cpus=0, num_returns="streaming")
def _alone(payload: bytes, shop: Workshop, limits: Limits) -> Iterator[Report]:
    prepare()
    yield from reports(payload, shop, limits)
