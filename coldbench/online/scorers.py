"""Pre-rankers: a method on its two-tower model, and the permanent arms."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from coldbench.core.counter import uniform
from coldbench.data.world import Truth
from coldbench.model.view import View
from coldbench.online.served import Served

RANDOM, ORACLE, BONUS, SIDE = "random", "oracle", "bonus", "side"
PERMANENT = (RANDOM, ORACLE, BONUS, SIDE)  # arms that every world can have, whatever the methods


class Scorer(Protocol):
    """Scores all items for some requests."""

    def morning(self, view: View) -> None:
        """Prepares the day with what is known since the night before."""

    def scores(self, users: np.ndarray, profiles: np.ndarray, day: int, matched: Tensor) -> Tensor:
        """The scores of a day's requests.

        Args:
            users: (requests,) the simulated users.
            profiles: (requests,) their users in the dataset.
            day: The day, from the first day of burn-in.
            matched: (requests, items) bool, the items that matching passed on; the scores of others are not used.

        Returns:
            (requests, items) scores, log-odds where they claim to be.
        """


class ByModel:
    """The scores of a model, plus a constant for items that arrived during the test.

    Args:
        served: The model.
        fresh: (items,) bool, the items that arrive during the test.
        bonus: The constant.
    """

    def __init__(self, served: Served, fresh: np.ndarray, bonus: float = 0.0) -> None:
        self._served = served
        self._bonus = torch.from_numpy(np.where(fresh, np.float32(bonus), np.float32(0.0)))

    def morning(self, view: View) -> None:
        """Computes the items' vectors."""
        self._view = view
        self._items = self._served.item_vectors(view).T if self._served.by_vectors else None

    def scores(self, users: np.ndarray, profiles: np.ndarray, day: int, matched: Tensor) -> Tensor:
        """One product of matrices, or the matched pairs where the method scores by pairs."""
        if self._items is not None:
            return self._served.user_vectors(self._view, profiles) @ self._items + self._bonus
        rows, items = matched.nonzero(as_tuple=True)
        scores = torch.zeros(matched.shape)
        scores[rows, items] = self._served.pairs(self._view, profiles[rows.numpy()], items.numpy())
        return scores + self._bonus


class ByTruth:
    """The world's own log-odds: the oracle, or the part that side information tells."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth

    def morning(self, view: View) -> None:
        """Nothing: the truth does not change."""

    def scores(self, users: np.ndarray, profiles: np.ndarray, day: int, matched: Tensor) -> Tensor:
        """The log-odds of all items."""
        return torch.from_numpy(self._truth.table(profiles))


class ByChance:
    """Uniform scores, drawn by counter."""

    def __init__(self, seed: int, items: int) -> None:
        self._seed, self._items = seed, np.arange(items)

    def morning(self, view: View) -> None:
        """Nothing: chance does not learn."""

    def scores(self, users: np.ndarray, profiles: np.ndarray, day: int, matched: Tensor) -> Tensor:
        """A uniform number per user, item and day."""
        drawn = uniform(self._seed, "chance", users[:, None], self._items, day)
        return torch.from_numpy(drawn.astype(np.float32))
