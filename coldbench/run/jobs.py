"""What workers do: train a stage that several cells share, or take a cell through its phases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from coldbench.data.dataset import Dataset
from coldbench.plugins.file import PluginFile
from coldbench.protocol.stages import Stages, Trained
from coldbench.run.cell import Cell
from coldbench.run.folder import FITTED, PRETRAINED, Folder
from coldbench.run.record import stage_of

Report = dict[str, Any]  # plain values that a job tells the process that handed it out
SCORE = "score"  # in a report: what jobs of one group are compared by; higher is better


@dataclass(frozen=True)
class Halving:
    """How jobs of a group that score poorly are stopped early, by ASHA.

    Attributes:
        points: Reports of a job that is not stopped.
        grace: Reports before it may be stopped.
    """

    points: int
    grace: int


@dataclass(frozen=True)
class Workshop:
    """What a job works with.

    Attributes:
        datasets: By label; shared memory in a worker.
        folder: Where results are left, and found.
    """

    datasets: Mapping[str, Dataset]
    folder: Folder

    def stages(self, cell: Cell) -> Stages:
        """A cell's stages on its data."""
        return cell.on(self.datasets[cell.dataset.label])

    def pretrained(self, cell: Cell, stages: Stages) -> tuple[Trained, bool]:
        """A cell's pretrained backbone, and whether it was there; it is trained and left for others otherwise."""
        trained = self.folder.trained(PRETRAINED, cell)
        if trained is not None:
            return trained, True
        trained = stages.pretrain()
        self.folder.save_trained(PRETRAINED, cell, trained)
        return trained, False

    def fitted(self, cell: Cell, stages: Stages, pretrained: Trained) -> tuple[Trained, bool]:
        """A cell's fitted method, and whether it was there; it is fitted and left for others otherwise."""
        trained = self.folder.trained(FITTED, cell) if cell.fits else None
        if trained is not None:
            return trained, True
        trained = stages.fit(pretrained)
        if cell.fits:
            self.folder.save_trained(FITTED, cell, trained)
        return trained, False


@dataclass(frozen=True)
class Job:
    """A piece of work for one worker.

    Attributes:
        cells: Those that it is for; one of them stands for a stage that others share.
        doing: What messages call it while it is done.
        done: What messages call it when it is done.
    """

    cells: tuple[Cell, ...]
    doing: ClassVar[str] = "computing"
    done: ClassVar[str] = "computed"

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.cells[0])

    @property
    def makes(self) -> str | None:
        """The key of the shared stage that it makes, or None."""
        return None

    @property
    def needs(self) -> frozenset[str]:
        """The keys of the shared stages that it starts from."""
        keys = {cell.pretrained_key for cell in self.cells}
        return frozenset(keys | {cell.fitted_key for cell in self.cells if cell.fits})

    @property
    def work(self) -> tuple[str, ...]:
        """What jobs have in common that take about as long."""
        cell = self.cells[0]
        return type(self).__name__, cell.dataset.label, cell.backbone.label, cell.protocol.label, cell.method.label

    @property
    def group(self) -> str | None:
        """Jobs of one group are compared with each other while they run, and may be stopped; None for never."""
        return None

    @property
    def plugin_files(self) -> tuple[PluginFile, ...]:
        """The plugin files that it needs."""
        return tuple(dict.fromkeys(file for cell in self.cells for file in cell.plugin_files))

    def run(self, shop: Workshop) -> Iterator[Report]:
        """Does it in a worker, and reports on the way."""
        raise NotImplementedError


@dataclass(frozen=True)
class Pretrain(Job):
    """Trains a backbone on base."""

    doing, done = "pretraining", "pretrained"

    @property
    def name(self) -> str:
        """What messages call it."""
        (cell,) = self.cells
        variant = f" for {cell.method.label}" if cell.changes_pretraining else ""
        return f"{cell.dataset.label} / {cell.backbone.label} / seed {cell.seed}{variant}"

    @property
    def makes(self) -> str:
        """The backbone's key."""
        return self.cells[0].pretrained_key

    @property
    def needs(self) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    def run(self, shop: Workshop) -> Iterator[Report]:
        """Leaves the backbone in the folder, unless it is there."""
        shop.pretrained(self.cells[0], shop.stages(self.cells[0]))
        yield from ()


@dataclass(frozen=True)
class Fit(Job):
    """Fits a method that several cells start from."""

    doing, done = "fitting", "fitted"

    @property
    def name(self) -> str:
        """What messages call it."""
        (cell,) = self.cells
        return f"{cell.dataset.label} / {cell.backbone.label} / {cell.method.name} / seed {cell.seed}"

    @property
    def makes(self) -> str:
        """The fitted method's key."""
        return self.cells[0].fitted_key

    @property
    def needs(self) -> frozenset[str]:
        """The backbone."""
        return frozenset({self.cells[0].pretrained_key})

    def run(self, shop: Workshop) -> Iterator[Report]:
        """Leaves the fitted method in the folder, unless it is there."""
        (cell,) = self.cells
        stages = shop.stages(cell)
        shop.fitted(cell, stages, shop.pretrained(cell, stages)[0])
        yield from ()


@dataclass(frozen=True)
class Compute(Job):
    """Takes one cell through all its phases."""

    def run(self, shop: Workshop) -> Iterator[Report]:
        """Leaves the cell's record in the folder, unless another run was first."""
        (cell,) = self.cells
        if shop.folder.record(cell) is None:
            stages = shop.stages(cell)
            pretrained, was_there = shop.pretrained(cell, stages)
            fitted, shared = shop.fitted(cell, stages, pretrained)
            outcomes = list(stages.phases(pretrained, fitted))
            about = {
                "pretraining": stage_of(
                    pretrained, cell.pretrained_key, shop.folder.trained_file(PRETRAINED, cell), was_there
                ),
                "fitting": stage_of(
                    fitted, cell.fitted_key, shop.folder.trained_file(FITTED, cell) if cell.fits else None, shared
                ),
            }
            shop.folder.save(cell, stages.dataset, outcomes, stages.split, about)
        yield from ()
