"""Ties in time: orders rows of an item at the same time independently of the file.

The split cuts an item's rows by time, and takes tied rows in the log's order. If a file is sorted by its labels and its
times are days, that order would put an item's clicks into one phase. The user's own data is therefore reordered here.
The published datasets keep their files' order, because their published splits do.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

_SEED = 0x9E3779B97F4A7C15


def shuffled_ties(users: pd.Index, items: pd.Index, log: dict[str, np.ndarray]) -> np.ndarray:
    """Orders tied rows by a hash, and leaves all other rows in place.

    Tied rows are ordered by a hash of their ids and time, so that a file in another order gives the same log. Rows that
    agree in all of these are ordered by a hash of their places. Labels have no influence on the order.

    Args:
        users: The user ids that ``log["user"]`` indexes.
        items: The item ids that ``log["item"]`` indexes.
        log: ``user``, ``item`` and ``time``, (rows,) each.

    Returns:
        (rows,) int64: the row that belongs at each place.
    """
    time, item = log["time"], log["item"]
    order = np.lexsort((time, item))  # stable: ties by row
    again = (np.diff(item[order]) == 0) & (np.diff(time[order]) == 0)
    places = order[np.append(again, False)[: len(order)] | np.insert(again, 0, False)[: len(order)]]
    rows = np.arange(len(item))
    if len(places):
        user = _hashed(users)[log["user"][places]]
        key = _mixed(_mixed(user + _mixed(time[places].view(np.uint64))) + _hashed(items)[item[places]])
        chosen = np.lexsort((_mixed(places.astype(np.uint64)), key, time[places], item[places]))
        rows[places] = places[chosen]
    return rows


def _hashed(ids: pd.Index) -> np.ndarray:
    return pd.util.hash_array(ids.to_numpy(object if ids.dtype == "str" else None))


def _mixed(values: np.ndarray) -> np.ndarray:
    """Mixes 64 bits so that each bit of the input changes each bit of the result (DOI 10.1145/2660193.2660195)."""
    values = values + np.uint64(_SEED)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
