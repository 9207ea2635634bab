"""The cells of a run on Ray Tune: pretrained backbones first, then the methods on them."""

from __future__ import annotations

import io
import logging
import os
import socket
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from coldbench.cell import Cell, Pretrained
from coldbench.data.dataset import Dataset
from coldbench.errors import InputError
from coldbench.plan import Options, Plan
from coldbench.progress import Watch
from coldbench.records import Folder

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
    folder = Folder(Path(plan.options.out).resolve())
    folder.prepare()
    todo = [cell for cell in plan.cells if folder.record(cell) is None]
    reused = len(plan.cells) - len(todo)
    if not todo:
        return Progressed(len(plan.cells), reused, (), 0)
    with Watch(len(plan.cells), reused) as watch, _ray(plan.options):
        failures = _run(plan, folder, todo, watch)
    unfinished = sum(folder.record(cell) is None for cell in todo) - len(failures)
    return Progressed(len(plan.cells), reused, tuple(failures), unfinished)


def _run(plan: Plan, folder: Folder, todo: Sequence[Cell], watch: Watch) -> list[Failure]:
    """Two stages: a backbone is pretrained once and shared by all methods through the object store."""
    first = {cell.pretrained_key: cell for cell in reversed(todo)}
    backbones = {key: folder.pretrained(cell) for key, cell in first.items()}
    missing = [cell for key, cell in first.items() if backbones[key] is None]
    failures: dict[str, str] = {}

    def pretrained(cell: Cell, reason: str | None) -> None:
        backbone = folder.pretrained(cell) if reason is None else None
        if backbone is None:
            failures[cell.pretrained_key] = f"pretraining failed: {reason or 'its file is gone'}"
        else:
            backbones[cell.pretrained_key] = backbone
            variant = f" for {cell.method.label}" if cell.changes_pretraining else ""
            watch.pretrained(f"{cell.dataset.label} / {cell.backbone.label} / seed {cell.seed}{variant}")

    _stage(_pretrain, missing, pretrained, plan.options, datasets=plan.datasets, folder=folder)

    ready = [cell for cell in todo if backbones[cell.pretrained_key] is not None]
    failed = [Failure(cell, failures[cell.pretrained_key]) for cell in todo if cell.pretrained_key in failures]
    for failure in failed:
        watch.failed(str(failure.cell), failure.reason)

    def finished(cell: Cell, reason: str | None) -> None:
        record = folder.record(cell) if reason is None else None
        if record is None:
            failed.append(Failure(cell, reason or "its record is gone"))
            watch.failed(str(cell), failed[-1].reason)
        else:
            watch.finished(record)

    _stage(_warm_up, ready, finished, plan.options, datasets=plan.datasets, folder=folder, backbones=backbones)
    return failed


def _pretrain(cell: Cell, datasets: dict[str, Dataset], folder: Folder) -> None:
    folder.save_pretrained(cell, cell.pretrain(datasets[cell.dataset.label]))


def _warm_up(cell: Cell, datasets: dict[str, Dataset], folder: Folder, backbones: dict[str, Pretrained]) -> None:
    dataset, pretrained = datasets[cell.dataset.label], backbones[cell.pretrained_key]
    outcomes, split = cell.warm_up(dataset, pretrained)
    folder.save(cell, dataset, pretrained, outcomes, split)


def _stage(
    work: Callable[..., None],
    cells: Sequence[Cell],
    ended: Callable[[Cell, str | None], None],
    options: Options,
    **shared: Any,
) -> None:
    """Runs ``work`` on every cell as the trials of one Ray Tune experiment.

    Args:
        work: Called in a worker with the cell and what is shared.
        cells: One trial each.
        ended: Called here with each cell that ended, and the reason if it failed.
        options: Where and how wide to run.
        **shared: Put into the object store once, read by workers without a copy.
    """
    if not cells:
        return
    from ray import tune

    def trial(config: dict[str, Any], **shared: Any) -> None:
        torch.set_num_threads(THREADS)
        try:
            work(config["cell"], **shared)
        except Exception as error:  # a plugin may raise anything; the other cells go on
            reason = f"{type(error).__name__}: {error}"
            tune.report({"failed": reason, "trace": traceback.format_exc()})
        else:
            tune.report({"failed": None})

    class Listener(tune.Callback):
        def __init__(self, ended: Callable[[Cell, str | None], None]) -> None:
            self.ended = ended

        def __getstate__(self) -> dict[str, Any]:
            return {}  # Tune keeps a copy of its callbacks on disk; this one only lives here

        def on_trial_result(
            self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
        ) -> None:
            self.ended(trial.config["cell"], result["failed"])

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            self.ended(trial.config["cell"], "its worker died (out of memory?)")

    resources = {"cpu": 1.0, "gpu": 1.0 / _jobs(options) if cells[0].device == "cuda" else 0.0}
    with tempfile.TemporaryDirectory(prefix="coldbench-") as scratch:
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(trial, **shared), resources),
            param_space={"cell": tune.grid_search(list(cells))},
            tune_config=tune.TuneConfig(reuse_actors=True, trial_dirname_creator=lambda trial: trial.trial_id),
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
        InputError: The address is none, or nothing answers there.
    """
    if address == "auto":
        return
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not (colon and host and port.isdigit() and int(port) < 65_536):
        raise InputError(f"--address {address!r} should be auto or HOST:PORT")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise InputError(f"--address {address}: no Ray cluster answers there ({error})") from None


def _jobs(options: Options) -> int:
    return options.jobs or os.cpu_count() or 1
