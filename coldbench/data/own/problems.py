"""Mistakes in a user's own files: where each is, and what would be right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from coldbench.core.errors import one_line

_SHOWN = 5  # rows named for one kind of problem in one column


@dataclass(frozen=True)
class Problem:
    """One problem, in one line.

    Attributes:
        file: The file's name.
        what: What is wrong, and what would be right.
        column: The column's name, if it is one column's.
        row: The row, from 1, the header not counted; 0 where it is no one row's.
    """

    file: str
    what: str
    column: str = ""
    row: int = 0

    def __str__(self) -> str:
        column = f", column {self.column:.60}" if self.column else ""
        return one_line(f"{self.file}{column}{f', row {self.row:,}' if self.row else ''}: {self.what}")


class Problems(list[Problem]):
    """All mistakes that were found so far."""

    def rows(self, file: str, column: str, wrong: np.ndarray, what: Callable[[int], str]) -> None:
        """Adds a problem for each wrong row, the first few by name and the rest by number.

        Args:
            file: The file's name.
            column: The column's name.
            wrong: (rows,) truth.
            what: A row's place, from 0, to what is wrong with it.
        """
        places = np.flatnonzero(wrong)
        self.extend(Problem(file, what(int(place)), column, int(place) + 1) for place in places[:_SHOWN])
        if len(places) > _SHOWN:
            self.append(Problem(file, f"and {len(places) - _SHOWN:,} more rows like these", column))
