"""Evaluation points: the number of interactions of each new item after which a method is scored on the test rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from coldbench.core.errors import InputError
from coldbench.data.dataset import Dataset

COLD = "cold"
WARM_PHASES = ("warm-a", "warm-b", "warm-c")
_MOST = 1_000_000


class Parts(TypedDict):
    """The rows of the new items: those of each warm-up phase by name, and those of the test."""

    warm: dict[str, np.ndarray]
    test: np.ndarray


def parse_shots(texts: Sequence[str]) -> tuple[int, ...]:
    """Parses ``0,1,5,20`` into distinct numbers in ascending order that begin with 0; nothing into nothing.

    Raises:
        InputError: A text is not a whole number, or no number is above 0.
    """
    if not texts:
        return ()
    wrong = [text for text in texts if not (text.isascii() and text.isdigit() and int(text) <= _MOST)]
    if wrong or not any(map(int, texts)):
        shown = wrong[0] if wrong else ",".join(texts)
        raise InputError(f"--shots {shown!r} should be numbers of interactions per new item, such as 0,1,2,5,10,20")
    return tuple(sorted({0, *map(int, texts)}))


def phase_names(shots: tuple[int, ...] = ()) -> tuple[str, ...]:
    """Names of all evaluation points: cold, warm-a, warm-b and warm-c, or cold, ``1 shot``, ``2 shots`` and so on.

    Args:
        shots: The numbers of interactions, ascending from 0; empty for the published points 0, K, 2 K and 3 K.
    """
    if not shots:
        return COLD, *WARM_PHASES
    return COLD, *(f"{shot} shot{'s' * (shot > 1)}" for shot in shots[1:])


def ranked(dataset: Dataset, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Orders the chosen rows item by item in time; rows of an item at the same time keep the log's order.

    Args:
        dataset: The log.
        chosen: (rows,) bool over the whole log.

    Returns:
        The row numbers, and the rank of each within its item, from 0.
    """
    rows = np.flatnonzero(chosen)
    rows = rows[np.lexsort((dataset.time[rows], dataset.item[rows]))]
    items = dataset.item[rows]
    first = np.flatnonzero(np.r_[True, items[1:] != items[:-1]]) if len(rows) else rows
    return rows, np.arange(len(rows)) - np.repeat(first, np.diff(np.r_[first, len(rows)]))


def cut(dataset: Dataset, rows: np.ndarray, rank: np.ndarray, shots: tuple[int, ...]) -> Parts:
    """Cuts the rows of new items: a phase ends at each evaluation point, and the test begins after 3 K interactions.

    An item's rows between the last evaluation point and 3 K are in no part.

    Args:
        dataset: The log.
        rows: Row numbers, as ``ranked`` returns them.
        rank: The rank of each within its item.
        shots: The evaluation points, as in ``phase_names``.

    Raises:
        InputError: The last evaluation point is beyond 3 K.
    """
    k = dataset.k
    if shots and shots[-1] > 3 * k:
        raise InputError(
            f"--shots {shots[-1]} is more than 3 K = {3 * k}, where the test rows of {dataset.name} begin; "
            f"give at most {3 * k}, or another K"
        )
    part = np.searchsorted(np.array(shots[1:] or (k, 2 * k, 3 * k)), rank, side="right")
    warm = {name: rows[part == number] for number, name in enumerate(phase_names(shots)[1:])}
    return {"warm": warm, "test": rows[rank >= 3 * k]}
