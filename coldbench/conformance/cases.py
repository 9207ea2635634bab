"""Cells that are small enough to be tried in seconds; what several checks share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from coldbench.core.config import resolve
from coldbench.data.dataset import Dataset
from coldbench.model.phase import Settings
from coldbench.plugins import registry
from coldbench.plugins.file import explained
from coldbench.plugins.registry import BACKBONES, DATASETS, METHODS, Kind
from coldbench.protocol.phases import Outcome, Paper
from coldbench.run.cell import Cell, Spec

TINY = {"users": 150, "items": 120, "interactions": 6000, "n": 60, "k": 5}  # of the embedded dataset
ON = ("fm", "deepfm")  # the backbones that a method is tried on: without and with batch statistics
WITH = "base"  # the method that a backbone or a dataset is tried with


def make_cell(backbone: str, method: str, dataset: Spec | None = None, seed: int = 0, **config: object) -> Cell:
    """A cell that is small enough for a check; ``config`` is the method's."""
    data = dataset or spec_of(DATASETS, "synthetic", **TINY)
    fingerprint = load(data).fingerprint
    specs = spec_of(BACKBONES, backbone), spec_of(METHODS, method, **config)
    return Cell(data, fingerprint, *specs, seed, Spec("paper", Paper()), Settings(batch_size=256), "cpu")


@cache
def load(dataset: Spec | None = None) -> Dataset:
    """The data that checks run on; the embedded one unless another is given."""
    spec = dataset or spec_of(DATASETS, "synthetic", **TINY)
    return registry.get(DATASETS, spec.name)().load(spec.config)


def spec_of(kind: Kind, name: str, **values: object) -> Spec:
    """A plugin by name, with its defaults but for some values."""
    return Spec(name, resolve(name, registry.get(kind, name).Config, values))


def run(cell: Cell) -> list[Outcome]:
    """Pretrains a cell's backbone and takes its method through all phases."""
    dataset = load(cell.dataset)
    return cell.warm_up(dataset, cell.pretrain(dataset))[0]


def extremes(kind: Kind, name: str) -> Iterator[tuple[str, Any]]:
    """Each field of a space with its two ends, or the first and last of its choices."""
    owner = registry.get(kind, name)
    for field, where in owner.space.items():
        ends = where.extremes()
        yield from ((field, value) for value in dict.fromkeys((ends[0], ends[-1])))


def failures(cell: Cell, when: str) -> Iterator[str]:
    """A fault where a cell raises, as it does when its logits are not finite."""
    try:
        run(cell)
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        yield f"{when} it raised {explained(error, *(file.path for file in registry.in_use()))}"
