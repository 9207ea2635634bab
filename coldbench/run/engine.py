"""A queue's tasks as the trials of one Ray Tune experiment."""

from __future__ import annotations

import io
import pickle
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import Any

import torch

from coldbench.plugins import registry
from coldbench.plugins.file import PluginFile, explained
from coldbench.run.limits import limited
from coldbench.run.queue import Queue, Task

THREADS = 1  # of torch, in every cell: the same bits however many cells run at once
Ended = Callable[[Task, str | None, float], None]  # a task that ended, the reason if it failed, its seconds
Died = Callable[[Task, float], None]  # a task whose worker died, and the seconds that it had run


def compute(
    queue: Queue,
    ended: Ended,
    died: Died,
    resources: dict[str, float],
    limits: tuple[float | None, float | None],
    at_once: int | None,
    **shared: Any,
) -> None:
    """Runs all tasks of a queue.

    Args:
        queue: Where they come from.
        ended: Called here with each task that ended.
        died: Called here with each task whose worker died.
        resources: What a task takes.
        limits: Seconds and GiB that a task may take.
        at_once: How many tasks may run at once; None for as many as there are resources for.
        **shared: Put into the object store once, read by workers without a copy.
    """
    from ray import tune
    from ray.tune.search import Searcher

    def trial(config: dict[str, Any], plugins: Sequence[PluginFile], **shared: Any) -> None:
        torch.set_num_threads(THREADS)
        try:
            registry.use(plugins)
            task = pickle.loads(config["task"])
            with limited(*limits):
                task.run(**shared)
        except (Exception, SystemExit) as error:  # a plugin may raise anything; the other cells go on
            tune.report({"failed": explained(error, *(file.path for file in plugins))})
        else:
            tune.report({"failed": None})

    class Listener(tune.Callback):
        def __init__(self, ended: Ended, died: Died) -> None:
            self.ended, self.died = ended, died
            self.started: dict[str, float] = {}
            self.reasons: dict[str, str | None] = {}

        def __getstate__(self) -> dict[str, Any]:
            return {}  # Tune keeps a copy of its callbacks on disk; this one only lives here

        def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            self.started[trial.trial_id] = time.monotonic()

        def on_trial_result(
            self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
        ) -> None:
            # not told of before its worker is free: Tune would ask Ray for another's place, and take that back at once,
            # in the middle of which Ray loses the place for good (ray-project/ray#64693)
            self.reasons[trial.trial_id] = result["failed"]

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            self.ended(pickle.loads(trial.config["task"]), self.reasons.pop(trial.trial_id), self._seconds(trial))

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            if trial.trial_id in self.reasons:  # its worker died after it had ended
                self.on_trial_complete(iteration, trials, trial)
            else:
                self.died(pickle.loads(trial.config["task"]), self._seconds(trial))

        def _seconds(self, trial: Any) -> float:
            now = time.monotonic()  # it may not even have started: its worker was kept from another, and is lost
            return now - self.started.get(trial.trial_id, now)

    class Tasks(Searcher):
        def suggest(self, trial_id: str) -> Any:
            if queue.finished:
                return Searcher.FINISHED
            task = queue.next()
            return {"task": pickle.dumps(task)} if task else None  # a worker can read it once it knows the plugins

        def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
            pass  # the listener sees it

        def save(self, checkpoint_path: str) -> None:
            pass  # the run's folder is what a run goes on from

        restore = save

    with tempfile.TemporaryDirectory(prefix="coldbench-") as scratch:
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(trial, plugins=registry.in_use(), **shared), resources),
            tune_config=tune.TuneConfig(
                search_alg=Tasks(),
                num_samples=-1,
                max_concurrent_trials=at_once,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(storage_path=scratch, name="cells", verbose=0, callbacks=[Listener(ended, died)]),
        )
        with redirect_stdout(io.StringIO()):  # Tune announces every experiment there
            tuner.fit()
