"""``Subject``: the plugin under test, and the small cells that test it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from coldbench.data.dataset import Dataset
from coldbench.model.settings import Settings
from coldbench.plugins.file import explained
from coldbench.plugins.kinds import BACKBONES, BY_NAME, DATASETS, METHODS, Kind
from coldbench.plugins.registry import Registry, class_of
from coldbench.plugins.spec import Spec
from coldbench.protocol.phases import Outcome
from coldbench.protocol.rules import Paper
from coldbench.run.cell import Cell

TINY = {"users": 150, "items": 120, "interactions": 6000, "n": 60, "k": 5}  # settings of the embedded dataset
ON = ("fm", "deepfm")  # the backbones that methods are tested on: without and with batch statistics
WITH = "base"  # the method that backbones and datasets are tested with


@dataclass(frozen=True)
class Subject:
    """The plugin under test, by kind and name.

    Attributes:
        kind: ``method``, ``backbone`` or ``dataset``.
        name: The plugin's key.
        registry: The registry that contains the plugin.
    """

    kind: str
    name: str
    registry: Registry = field(default_factory=Registry)

    @property
    def owner(self) -> type[Any]:
        """The plugin's class."""
        return self.registry.get(BY_NAME[self.kind], self.name)

    def cell(
        self,
        backbone: str | None = None,
        method: str | None = None,
        dataset: Spec | None = None,
        seed: int = 0,
        **config: object,
    ) -> Cell:
        """Builds a small cell for a check, with the plugin in its place; ``config`` sets fields of the method.

        The other fields of a method under test are those of its ``quick``, or else the defaults.
        """
        config = {**(self.owner.quick if self.kind == METHODS.name else {}), **config}
        return make_cell(
            backbone or self._own(BACKBONES, ON[0]),
            method or self._own(METHODS, WITH),
            dataset,
            seed,
            self.registry,
            **config,
        )

    def spec(self, **values: object) -> Spec:
        """Returns the plugin with its default configuration, except for the given values."""
        return self.registry.spec(BY_NAME[self.kind], self.name, values)

    def extremes(self) -> Iterator[tuple[str, Any]]:
        """Yields each field of the plugin's space with its two ends, or its first and last choice."""
        for name, where in self.owner.space.items():
            ends = where.extremes()
            yield from ((name, value) for value in dict.fromkeys((ends[0], ends[-1])))

    def failures(self, cell: Cell, when: str) -> Iterator[str]:
        """Runs a cell and yields a fault if it raises, which it does if its logits are not finite."""
        try:
            run(cell)
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            yield f"{when} it raised {explained(error, *self.paths)}"

    @property
    def paths(self) -> list[str]:
        """The paths of the plugin files, for messages."""
        return [file.path for file in self.registry.files.values()]

    def _own(self, kind: Kind, other: str) -> str:
        return self.name if self.kind == kind.name else other


def make_cell(
    backbone: str,
    method: str,
    dataset: Spec | None = None,
    seed: int = 0,
    registry: Registry | None = None,
    **config: object,
) -> Cell:
    """Builds a small cell, on the embedded data by default; ``config`` sets fields of the method."""
    found = registry or Registry()
    data = dataset or found.spec(DATASETS, "synthetic", TINY)
    specs = found.spec(BACKBONES, backbone, {}), found.spec(METHODS, method, config)
    protocol = Spec("protocol", "paper", Paper())
    return Cell(data, load(data).fingerprint, *specs, seed, protocol, Settings(batch_size=256), "cpu")


@cache
def load(dataset: Spec | None = None) -> Dataset:
    """Loads the data that checks run on; the embedded dataset by default."""
    spec = dataset or Registry().spec(DATASETS, "synthetic", TINY)
    data: Dataset = class_of(spec)().load(spec.config)
    return data


def run(cell: Cell) -> list[Outcome]:
    """Runs all stages of a cell and returns one outcome per phase."""
    return cell.on(load(cell.dataset)).run()
