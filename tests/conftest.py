from __future__ import annotations

import dataclasses
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from coldbench.conformance import cases
from coldbench.data.dataset import Dataset
from coldbench.plugins import registry
from coldbench.protocol.phases import Rules
from coldbench.protocol.split import WarmUpSplit, warm_up_split
from coldbench.run.cell import Cell, Spec
from coldbench.run.folder import Folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COLDBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COLDBENCH_DATA", raising=False)


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return cases.load()


@pytest.fixture(scope="session")
def split(dataset) -> WarmUpSplit:
    return warm_up_split(dataset)


@pytest.fixture(scope="session")
def make_cell():
    """A cell on the tiny dataset, small enough for a test."""

    def make(
        backbone: str = "fm", method: str = "base", seed: int = 0, rules: Rules | None = None, **config: object
    ) -> Cell:
        cell = cases.make_cell(backbone, method, seed=seed, **config)
        return cell if rules is None else dataclasses.replace(cell, protocol=Spec(type(rules).__name__.lower(), rules))

    return make


@pytest.fixture(autouse=True)
def _no_plugin_files():
    yield
    registry.use([])


@pytest.fixture(scope="session")
def saved_run(tmp_path_factory, make_cell, dataset) -> Folder:
    """A run's folder with base and dropoutnet on fm, four seeds; not to be written to."""
    folder = Folder(tmp_path_factory.mktemp("run"))
    folder.prepare()
    for method in ("base", "dropoutnet"):
        for seed in range(4):
            cell = make_cell(method=method, seed=seed)
            pretrained = cell.pretrain(dataset)
            outcomes, split = cell.warm_up(dataset, pretrained)
            folder.save(cell, dataset, pretrained, outcomes, split)
    return folder
