"""The cells of a run on Ray Tune, one trial a pretrained backbone and one a cell."""

from __future__ import annotations

import io
import logging
import os
import pickle
import socket
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

import torch

from coldbench import registry, repeat
from coldbench.cell import Cell
from coldbench.data.dataset import Dataset
from coldbench.errors import InputError
from coldbench.outside import PluginFile
from coldbench.plan import Options, Plan
from coldbench.progress import Watch
from coldbench.records import Folder
from coldbench.storage import place

THREADS = 1  # of torch, in every cell: the same bits however many cells run at once


@dataclass(frozen=True)
class Failure:
    """A cell that raised, or whose worker died."""

    cell: Cell
    reason: str


@dataclass(frozen=True)
class Progressed:
    """What a run came to.

    Attributes:
        cells: How many cells the plan has.
        reused: How many of them were finished before.
        failures: Those that failed; they are never cached.
        unfinished: Those that an interruption left out.
    """

    cells: int
    reused: int
    failures: tuple[Failure, ...]
    unfinished: int


def run(plan: Plan) -> Progressed:
    """Computes the cells that the run's folder lacks.

    Raises:
        InputError: The folder cannot be written, or the Ray cluster cannot be reached.
    """
    if plan.options.address:
        _reach(plan.options.address)
    folder = Folder(place(plan.options.out))
    folder.prepare()
    todo = [cell for cell in plan.cells if folder.record(cell) is None]
    reused = len(plan.cells) - len(todo)
    if not todo:
        return Progressed(len(plan.cells), reused, (), 0)
    repeat.keep(plan, folder.path)
    with Watch(len(plan.cells), reused) as watch, _ray(plan.options):
        failures = _run(plan, folder, todo, watch)
    unfinished = sum(folder.record(cell) is None for cell in todo) - len(failures)
    return Progressed(len(plan.cells), reused, tuple(failures), unfinished)


@dataclass(frozen=True)
class Task:
    """What one trial does: pretrain a cell's backbone, or take its method through the phases."""

    cell: Cell
    pretrains: bool

    def run(self, datasets: dict[str, Dataset], folder: Folder) -> None:
        """Computes it in a worker, and leaves its result in the run's folder."""
        dataset = datasets[self.cell.dataset.label]
        if self.pretrains:
            folder.save_pretrained(self.cell, self.cell.pretrain(dataset))
            return
        pretrained = folder.pretrained(self.cell)
        if pretrained is None:
            raise FileNotFoundError(f"the pretrained backbone of {self.cell} is gone")
        outcomes, split = self.cell.warm_up(dataset, pretrained)
        folder.save(self.cell, dataset, pretrained, outcomes, split)


class Queue:
    """The tasks of a run in an order that lets a method start as soon as its backbone is there.

    Args:
        cells: What to compute.
        pretrained: Keys of the backbones that are there already.
    """

    def __init__(self, cells: Sequence[Cell], pretrained: set[str]) -> None:
        first = {cell.pretrained_key: cell for cell in reversed(cells) if cell.pretrained_key not in pretrained}
        self._backbones = [cell for cell in cells if first.get(cell.pretrained_key) is cell]
        self._waiting = {key: [cell for cell in cells if cell.pretrained_key == key] for key in first}
        self._ready = [cell for cell in cells if cell.pretrained_key in pretrained]
        self.tasks = len(cells) + len(self._backbones)

    def next(self) -> Task | None:
        """The next task, or None where all that are left wait for a backbone."""
        if self._backbones:
            return Task(self._backbones.pop(0), pretrains=True)
        return Task(self._ready.pop(0), pretrains=False) if self._ready else None

    def ended(self, backbone: Cell, succeeded: bool) -> list[Cell]:
        """Its cells wait no longer: they are next in turn, or will never run. Returns them."""
        cells = self._waiting.pop(backbone.pretrained_key)
        self._ready += cells if succeeded else []
        return cells

    @property
    def finished(self) -> bool:
        """Whether no task is left, nor any that waits for a backbone."""
        return not (self._backbones or self._ready or self._waiting)


def _run(plan: Plan, folder: Folder, todo: Sequence[Cell], watch: Watch) -> list[Failure]:
    """Computes cells, each missing backbone once."""
    queue = Queue(todo, {cell.pretrained_key for cell in todo if folder.pretrained(cell) is not None})
    failed: list[Failure] = []

    def fail(cell: Cell, reason: str) -> None:
        failed.append(Failure(cell, reason))
        watch.failed(str(cell), reason)

    def ended(task: Task, reason: str | None) -> None:
        cell = task.cell
        waiting = queue.ended(cell, reason is None) if task.pretrains else []
        if task.pretrains and reason is None:
            variant = f" for {cell.method.label}" if cell.changes_pretraining else ""
            watch.pretrained(f"{cell.dataset.label} / {cell.backbone.label} / seed {cell.seed}{variant}")
        elif task.pretrains:
            for left in waiting:
                fail(left, f"pretraining failed: {reason}")
        elif (record := folder.record(cell)) is not None and reason is None:
            watch.finished(record)
        else:
            fail(cell, reason or "its record is gone")

    gpu = 1.0 / _jobs(plan.options) if todo[0].device == "cuda" else 0.0
    _tune(queue, ended, {"cpu": 1.0, "gpu": gpu}, datasets=plan.datasets, folder=folder)
    return failed


def _tune(queue: Queue, ended: Callable[[Task, str | None], None], resources: dict[str, float], **shared: Any) -> None:
    """Runs a queue's tasks as the trials of one Ray Tune experiment.

    Args:
        queue: Where they come from.
        ended: Called here with each task that ended, and the reason if it failed.
        resources: What a task takes.
        **shared: Put into the object store once, read by workers without a copy.
    """
    from ray import tune
    from ray.tune.search import Searcher

    def trial(config: dict[str, Any], plugins: Sequence[PluginFile], **shared: Any) -> None:
        torch.set_num_threads(THREADS)
        try:
            registry.use(plugins)
            pickle.loads(config["task"]).run(**shared)
        except (Exception, SystemExit) as error:  # a plugin may raise anything; the other cells go on
            reason = f"{type(error).__name__}: {error}"
            tune.report({"failed": reason, "trace": traceback.format_exc()})
        else:
            tune.report({"failed": None})

    class Listener(tune.Callback):
        def __init__(self, ended: Callable[[Task, str | None], None]) -> None:
            self.ended = ended

        def __getstate__(self) -> dict[str, Any]:
            return {}  # Tune keeps a copy of its callbacks on disk; this one only lives here

        def on_trial_result(
            self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
        ) -> None:
            self.ended(pickle.loads(trial.config["task"]), result["failed"])

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            self.ended(pickle.loads(trial.config["task"]), "its worker died (out of memory?)")

    class Tasks(Searcher):
        def suggest(self, trial_id: str) -> Any:
            task = queue.next()
            if task is None:
                return Searcher.FINISHED if queue.finished else None
            return {"task": pickle.dumps(task)}  # a worker can read it once it knows the plugins

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
                num_samples=queue.tasks,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(storage_path=scratch, name="cells", verbose=0, callbacks=[Listener(ended)]),
        )
        with redirect_stdout(io.StringIO()):  # Tune announces every experiment there
            tuner.fit()


@contextmanager
def _ray(options: Options) -> Iterator[None]:
    """A local Ray, or a connection to a cluster, without its chatter."""
    quiet = {
        "RAY_CHDIR_TO_TRIAL_DIR": "0",
        "RAY_DEDUP_LOGS": "0",
        "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    }
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    import ray

    local: dict[str, Any] = {"num_cpus": _jobs(options), "include_dashboard": False}
    try:
        ray.init(
            address=options.address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            **({} if options.address else local),
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        if options.address is None:
            raise
        reason = str(error).splitlines()[0]
        raise InputError(f"--address {options.address}: no Ray cluster answers there ({reason})") from None
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    logging.getLogger("ray.train").setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Tries a cluster's port, because Ray itself takes minutes to give up.

    Raises:
        InputError: Nothing answers there.
    """
    if address == "auto":
        return
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, UnicodeError) as error:
        raise InputError(f"--address {address}: no Ray cluster answers there ({error})") from None


def _jobs(options: Options) -> int:
    return options.jobs or os.cpu_count() or 1
