from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from coldbench import registry
from coldbench.cell import Cell, Spec
from coldbench.config import resolve
from coldbench.data.dataset import Dataset
from coldbench.protocol import Paper, Rules
from coldbench.split import WarmUpSplit, warm_up_split
from coldbench.training import Settings

TINY = {"users": 150, "items": 120, "interactions": 6000, "n": 60, "k": 5}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COLDBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COLDBENCH_DATA", raising=False)


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def spec(kind: registry.Kind, name: str, **values: object) -> Spec:
    return Spec(name, resolve(name, registry.get(kind, name).Config, values))


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    source = registry.get(registry.DATASETS, "synthetic")()
    return source.load(spec(registry.DATASETS, "synthetic", **TINY).config)


@pytest.fixture(scope="session")
def split(dataset) -> WarmUpSplit:
    return warm_up_split(dataset)


@pytest.fixture(scope="session")
def make_cell(dataset):
    """A cell on the tiny dataset, small enough for a test."""

    def make(
        backbone: str = "fm", method: str = "base", seed: int = 0, rules: Rules | None = None, **config: object
    ) -> Cell:
        return Cell(
            dataset=spec(registry.DATASETS, "synthetic", **TINY),
            fingerprint=dataset.fingerprint,
            backbone=spec(registry.BACKBONES, backbone),
            method=spec(registry.METHODS, method, **config),
            seed=seed,
            protocol=Spec(type(rules or Paper()).__name__.lower(), rules or Paper()),
            settings=Settings(batch_size=256),
            device="cpu",
        )

    return make
