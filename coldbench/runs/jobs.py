"""Jobs for workers: train a stage that several cells share, or take one cell through its phases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from coldbench.data.dataset import Dataset
from coldbench.plugins.file import PluginFile
from coldbench.protocol.stages import Stages, Trained
from coldbench.runs.cell import Cell
from coldbench.runs.folder import FITTED, PRETRAINED, Folder
from coldbench.runs.record import stage_of

Report = dict[str, Any]  # plain values that a job sends to the driver process
SCORE = "score"  # key of a report: the score by which jobs of one group are compared; higher is better


@dataclass(frozen=True)
class Halving:
    """When ASHA may stop the poorly scoring jobs of a group.

    Attributes:
        points: The number of reports of a job that runs to its end.
        grace: The number of reports before a job may be stopped.
    """

    points: int
    grace: int


@dataclass(frozen=True)
class Workshop:
    """The data and the run folder that a job works with.

    Attributes:
        datasets: Datasets by label, in shared memory inside a worker.
        folder: The run folder that results and shared stages are written to and read from.
    """

    datasets: Mapping[str, Dataset]
    folder: Folder

    def stages(self, cell: Cell) -> Stages:
        """Binds a cell's stages to its dataset."""
        return cell.on(self.datasets[cell.dataset.label])

    def pretrained(self, cell: Cell, stages: Stages) -> tuple[Trained, bool]:
        """Loads a cell's pretrained backbone, or trains and saves it; also returns whether it was loaded."""
        trained = self.folder.trained(PRETRAINED, cell)
        if trained is not None:
            return trained, True
        trained = stages.pretrain()
        self.folder.save_trained(PRETRAINED, cell, trained)
        return trained, False

    def fitted(self, cell: Cell, stages: Stages, pretrained: Trained) -> tuple[Trained, bool]:
        """Loads a cell's fitted method, or fits and saves it; also returns whether it was loaded."""
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
        cells: The cells that the job is for; for a shared stage, one of the cells that share it.
        doing: The verb for the job in messages while it runs, such as ``computing``.
        done: The verb for the job in messages once it has ended, such as ``computed``.
    """

    cells: tuple[Cell, ...]
    doing: ClassVar[str] = "computing"
    done: ClassVar[str] = "computed"

    @property
    def name(self) -> str:
        """The job's name in messages."""
        return str(self.cells[0])

    @property
    def makes(self) -> str | None:
        """The key of the shared stage that the job makes, or None."""
        return None

    @cached_property
    def needs(self) -> frozenset[str]:
        """The keys of the shared stages that the job starts from."""
        keys = {cell.pretrained_key for cell in self.cells}
        return frozenset(keys | {cell.fitted_key for cell in self.cells if cell.fits})

    @cached_property
    def work(self) -> tuple[str, ...]:
        """A key shared by jobs that take about the same time."""
        cell = self.cells[0]
        return type(self).__name__, cell.dataset.label, cell.backbone.label, cell.protocol.label, cell.method.label

    @property
    def similar(self) -> tuple[str, ...]:
        """A key shared by jobs whose time is a guess at this one's, where no job with the same ``work`` was timed."""
        return self.work

    @property
    def group(self) -> str | None:
        """The group within which running jobs are compared and may be stopped early; None if they never are."""
        return None

    @property
    def plugin_files(self) -> tuple[PluginFile, ...]:
        """The plugin files that the job needs."""
        return tuple(dict.fromkeys(file for cell in self.cells for file in cell.plugin_files))

    def run(self, shop: Workshop) -> Iterator[Report]:
        """Runs the job in a worker, yielding reports on the way."""
        raise NotImplementedError


@dataclass(frozen=True)
class Pretrain(Job):
    """Trains a backbone on base."""

    doing, done = "pretraining", "pretrained"

    @property
    def name(self) -> str:
        """The job's name in messages."""
        (cell,) = self.cells
        variant = f" for {cell.method.label}" if cell.changes_pretraining else ""
        return f"{cell.dataset.label} / {cell.backbone.label} / seed {cell.seed}{variant}"

    @property
    def makes(self) -> str:
        """The key of the pretrained backbone."""
        return self.cells[0].pretrained_key

    @cached_property
    def needs(self) -> frozenset[str]:
        """No stage: pretraining comes first."""
        return frozenset()

    def run(self, shop: Workshop) -> Iterator[Report]:
        """Saves the pretrained backbone in the run folder, unless it is there already."""
        shop.pretrained(self.cells[0], shop.stages(self.cells[0]))
        yield from ()


@dataclass(frozen=True)
class Fit(Job):
    """Fits a method once for several cells."""

    doing, done = "fitting", "fitted"

    @property
    def name(self) -> str:
        """The job's name in messages."""
        (cell,) = self.cells
        return f"{cell.dataset.label} / {cell.backbone.label} / {cell.method.name} / seed {cell.seed}"

    @property
    def makes(self) -> str:
        """The key of the fitted method."""
        return self.cells[0].fitted_key

    @cached_property
    def needs(self) -> frozenset[str]:
        """The key of the pretrained backbone."""
        return frozenset({self.cells[0].pretrained_key})

    def run(self, shop: Workshop) -> Iterator[Report]:
        """Saves the fitted method in the run folder, unless it is there already."""
        (cell,) = self.cells
        stages = shop.stages(cell)
        shop.fitted(cell, stages, shop.pretrained(cell, stages)[0])
        yield from ()


@dataclass(frozen=True)
class Compute(Job):
    """Takes one cell through all its phases."""

    @property
    def similar(self) -> tuple[str, ...]:
        """A key shared by the cells of a method on all backbones."""
        kind, dataset, _, *rest = self.work
        return kind, dataset, *rest

    def run(self, shop: Workshop) -> Iterator[Report]:
        """Saves the cell's record in the run folder, unless another run has done so already."""
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
