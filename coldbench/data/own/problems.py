"""Mistakes in a user's own files: where each one is, and what would be right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from coldbench.core.errors import one_line

_SHOWN = 5  # rows listed for one kind of problem in one column


@dataclass(frozen=True)
class Problem:
    """One problem, in one line.

    Attributes:
        file: The file's name.
        what: What is wrong, and what would be right.
        column: The column's name; empty if the problem concerns no single column.
        row: The row, counted from 1 without the header; 0 if the problem concerns no single row.
    """

    file: str
    what: str
    column: str = ""
    row: int = 0

    def __str__(self) -> str:
        column = f", column {self.column:.60}" if self.column else ""
        return one_line(f"{self.file}{column}{f', row {self.row:,}' if self.row else ''}: {self.what}")


class Problems(list[Problem]):
    """The list of all mistakes found so far."""

    def rows(self, file: str, column: str, wrong: np.ndarray, what: Callable[[int], str]) -> None:
        """Adds one problem for each of the first few wrong rows, and one with the number of the others.

        Args:
            file: The file's name.
            column: The column's name.
            wrong: (rows,) bool, True where a row is wrong.
            what: A function from a row's place, counted from 0, to a description of its mistake.
        """
        places = np.flatnonzero(wrong)
        self.extend(Problem(file, what(int(place)), column, int(place) + 1) for place in places[:_SHOWN])
        if len(places) > _SHOWN:
            self.append(Problem(file, f"and {len(places) - _SHOWN:,} more rows like these", column))
