"""Ids and values in published files: numbers ids in sorted order, and checks values row by row."""

from __future__ import annotations

import numpy as np
import pandas as pd

from coldbench.core.errors import InputError

_LARGEST_ID = 10_000_000  # above the ids of most published datasets; a larger one is damage and would cost memory


def renumbered(where: str, ids: np.ndarray, largest: int = _LARGEST_ID) -> tuple[np.ndarray, np.ndarray]:
    """Returns the distinct ids in sorted order, and each row's place among them, (rows,) int32.

    Raises:
        InputError: An id is negative or larger than ``largest``.
    """
    _in_range(where, ids, largest)
    if not len(ids) or int(ids.max()) > _LARGEST_ID:  # too sparse for an array with one flag per number
        place, words = pd.factorize(ids, sort=True)
        return words, place.astype(np.int32)
    seen = np.zeros(int(ids.max()) + 1, bool)
    seen[ids] = True
    place = np.cumsum(seen, dtype=np.int32) - np.int32(1)
    return np.flatnonzero(seen), place[ids]


def _in_range(where: str, ids: np.ndarray, largest: int = _LARGEST_ID) -> None:
    conform(where, ids, (ids >= 0) & (ids <= largest), f"an id between 0 and {largest:,}")


def distinct(where: str, ids: np.ndarray, largest: int = _LARGEST_ID) -> None:
    """Checks that no id occurs twice.

    Raises:
        InputError: An id occurs twice, is negative or is larger than ``largest``.
    """
    _in_range(where, ids, largest)
    order = np.argsort(ids, kind="stable")
    again = np.flatnonzero(ids[order][1:] == ids[order][:-1])
    if len(again):
        row = int(order[again + 1].min())
        raise InputError(f"{where}, row {row + 1}: the id {ids[row]} comes a second time")


def known(where: str, ids: np.ndarray, words: np.ndarray, index: np.ndarray, other: str) -> None:
    """Checks that another file has a row for every id in the log.

    Args:
        where: The log's file and column, for the message.
        ids: The distinct ids of the other file.
        words: The distinct ids of the log.
        index: (rows,) place of each log row's id in ``words``.
        other: The other file's name.

    Raises:
        InputError: The other file lacks an id of the log.
    """
    lacking = ~np.isin(words, ids)
    if lacking.any():
        row = int(np.argmax(lacking[index]))
        raise InputError(f"{where}, row {row + 1}: {other} lacks the id {words[index[row]]}")


def conform(where: str, values: np.ndarray, right: np.ndarray, what: str) -> None:
    """Checks that all values are right.

    Raises:
        InputError: A value is wrong; the message names the first, and ``what`` it should be.
    """
    if not right.all():
        row = int(np.argmin(right))
        raise InputError(f"{where}, row {row + 1}: {values[row]} should be {what}")
