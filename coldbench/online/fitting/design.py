"""What the models of a truth read: a log's rows in parts, and columns of users and items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coldbench.data.dataset import Dataset

_PARTS = (0.6, 0.85)  # rows before these shares train and calibrate; the rest checks


@dataclass(frozen=True)
class Rows:
    """Rows of a log.

    Attributes:
        user: (rows,) users of the sample.
        item: (rows,) items of the sample.
        click: (rows,) float64.
    """

    user: np.ndarray
    item: np.ndarray
    click: np.ndarray

    def at(self, index: np.ndarray) -> Rows:
        """Selects rows."""
        return Rows(self.user[index], self.item[index], self.click[index])


def parts(rows: Rows, random: np.random.Generator) -> tuple[Rows, Rows, Rows]:
    """Random rows to train on, to calibrate on, and to check with."""
    order = random.permutation(len(rows.user))
    train, calibrate, check = np.split(order, [int(share * len(order)) for share in _PARTS])
    return rows.at(train), rows.at(calibrate), rows.at(check)


def sample(data: Dataset, users: int, items: int, least: int) -> tuple[np.ndarray, np.ndarray]:
    """The users and items of a log that a world is made of: the items with the most rows, and their most active users.

    Args:
        data: The log.
        users: The largest number of users.
        items: The largest number of items.
        least: Rows that an item must have.

    Returns:
        Both sorted.
    """
    counts = np.bincount(data.item, minlength=data.schema.items)
    chosen = np.argsort(-counts, kind="stable")[:items]
    chosen = np.sort(chosen[counts[chosen] >= least])
    inside = np.isin(data.item, chosen)
    active = np.bincount(data.user[inside], minlength=data.schema.users)
    people = np.argsort(-active, kind="stable")[:users]
    return np.sort(people[active[people] > 0]), chosen


def columns(data: Dataset, users: np.ndarray, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(users, fields) and (items, fields) int: the first value of each token field, without the users' ids."""
    found = []
    for side, table, index in (("user", data.users, users), ("item", data.items, items)):
        layout = data.schema.side(side)  # type: ignore[arg-type]
        firsts = [
            places.start
            for field, places in zip(layout.tokens, layout.columns, strict=True)
            if field.size < data.schema.users or side == "item"
        ]
        values = table.ids[index][:, firsts]
        codes = [np.unique(column, return_inverse=True)[1] for column in values.T]
        found.append(np.stack(codes, 1) if codes else np.zeros((len(index), 0), np.int64))
    return found[0], found[1]
