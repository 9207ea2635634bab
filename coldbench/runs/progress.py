"""Progress of a running grid: one line per finished cell, above a live bar if stderr is a terminal."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from coldbench.runs.cell import cell_name
from coldbench.runs.record import Record


class Watch:
    """Reports a grid's cells as they finish.

    Args:
        cells: The number of cells of the run.
        done: The number of cells that were finished before the run started.
    """

    def __init__(self, cells: int, done: int) -> None:
        self.cells = cells
        self.done = done
        self._pace_from()
        self._console = Console(stderr=True, highlight=False)
        self._live: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Watch:
        if sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._live = Progress(*columns, TextColumn("{task.fields[left]}"), console=self._console)
            self._live.start()
            self._task = self._live.add_task("cells", total=self.cells, completed=self.done, left="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """Prints a line that stays above the bar."""
        self._console.print(text, markup=False, soft_wrap=True)

    def stage(self, text: str) -> None:
        """Reports that a shared stage is ready.

        Stages come before the cells that start from them, so that the time until now says nothing about cells.
        """
        self.say(text)
        self._pace_from()

    def finished(self, record: Record) -> None:
        """Reports a finished cell with its AUCs."""
        aucs = "  ".join(
            f"{phase['phase']} {phase['auc']:.4f}" for phase in record["phases"] if phase["auc"] is not None
        )
        self.ended(f"{cell_name(record)}: {aucs}")

    def ended(self, text: str) -> None:
        """Reports that one more of the run's pieces is finished."""
        self.done += 1
        left = self._left()
        if self._live is not None and self._task is not None:
            self._live.update(self._task, completed=self.done, left=left)
            self.say(text)
        else:
            self.say(f"[{self.done}/{self.cells}] {text}  {left}")

    def failed(self, name: str, reason: str) -> None:
        """Reports a failed cell with the reason."""
        self.say(f"failed: {name}: {reason}")

    def _pace_from(self) -> None:
        """Measures the pace of cells from now on."""
        self._before, self._started = self.done, time.monotonic()

    def _left(self) -> str:
        """The estimated time left, from the pace of cells since the last stage was made."""
        pace = (time.monotonic() - self._started) / max(self.done - self._before, 1)
        seconds = round(pace * (self.cells - self.done))
        return f"{str(timedelta(seconds=seconds)).removeprefix('0:')} left" if seconds else "done"
