from __future__ import annotations

import dataclasses
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from coldbench.conformance import subject
from coldbench.data.dataset import Dataset
from coldbench.model.batching import Batch, shuffled
from coldbench.model.phase import Phase
from coldbench.model.settings import Settings
from coldbench.model.view import View
from coldbench.plugins.spec import Spec
from coldbench.protocol.phases import WarmUp
from coldbench.protocol.rules import Paper, Rules
from coldbench.protocol.split import WarmUpSplit, warm_up_split
from coldbench.runs import arithmetic
from coldbench.runs.cell import Cell
from coldbench.runs.folder import Folder
from coldbench.runs.jobs import Compute, Workshop
from coldbench.runs.record import Record


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COLDBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COLDBENCH_DATA", raising=False)


@pytest.fixture(scope="session", autouse=True)
def _as_in_a_job():
    arithmetic.prepare()


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return subject.load()


@pytest.fixture(scope="session")
def split(dataset) -> WarmUpSplit:
    return warm_up_split(dataset)


@pytest.fixture(scope="session")
def make_cell():
    """A cell on the tiny dataset, small enough for a test."""

    def make(
        backbone: str = "fm", method: str = "base", seed: int = 0, rules: Rules | None = None, **config: object
    ) -> Cell:
        cell = subject.make_cell(backbone, method, seed=seed, **config)
        return (
            cell
            if rules is None
            else dataclasses.replace(cell, protocol=Spec("protocol", type(rules).__name__.lower(), rules))
        )

    return make


@pytest.fixture(scope="session")
def make_phase(dataset, split):
    """A phase of the tiny dataset under protocol paper."""

    def make(name: str = "base", limit: int | None = None, **settings: object) -> Phase:
        warm_up = WarmUp(Paper(), dataset, split, Settings(**settings), torch.device("cpu"), 0)
        return warm_up.phase(name, split.base if name == "base" else split.warm[name], limit)

    return make


@pytest.fixture(scope="session")
def first_batch(dataset, split):
    """The first rows of base, in order."""

    def make(rows: int) -> Batch:
        view = View(dataset, split.base, torch.device("cpu"))
        return next(shuffled(view, view.interactions(dataset, split.base), rows, random=None))[0]

    return make


@pytest.fixture(scope="session")
def save_cell(dataset):
    """Computes a cell and writes it into a run's folder."""

    def save(folder: Folder, cell: Cell, data: Dataset = dataset) -> Record | None:
        list(Compute((cell,)).run(Workshop({cell.dataset.label: data}, folder)))
        return folder.record(cell)

    return save


@pytest.fixture(scope="session")
def saved_run(tmp_path_factory, make_cell, save_cell) -> Folder:
    """A run's folder with base and dropoutnet on fm, four seeds; not to be written to."""
    folder = Folder(tmp_path_factory.mktemp("run"))
    folder.prepare()
    for method in ("base", "dropoutnet"):
        for seed in range(4):
            save_cell(folder, make_cell(method=method, seed=seed))
    return folder
