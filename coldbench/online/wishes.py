"""What suits whom: the least log-odds of the items that a user wants most, which only the world knows."""

from __future__ import annotations

import numpy as np

from coldbench.data.world import Ground

BEST = 0.1  # share of all items that suit a user
_USERS = 2048  # at once


def least_suited(ground: Ground) -> np.ndarray:
    """(users of the dataset,) float32, the log-odds from which on an item is in the ``BEST`` share for its user.

    All items of the world count, those that have not arrived among them. Users whom nobody simulates have infinity.
    """
    least = np.full(ground.dataset.schema.users, np.inf, np.float32)
    people = np.unique(ground.profile)
    items = ground.dataset.schema.items
    place = items - max(round(BEST * items), 1)
    for start in range(0, len(people), _USERS):
        some = people[start : start + _USERS]
        ordered = np.partition(ground.truth.table(some), (place - 1, place), 1)
        least[some] = ordered[:, place - 1 : place + 1].mean(1)  # between two items, as log-odds of pairs are rounded
    return least
