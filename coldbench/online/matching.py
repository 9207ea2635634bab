"""The matching stage: the nearest items, favourite categories, what is trending, and a quota of fresh items."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from coldbench.core.counter import uniform
from coldbench.core.seeds import derive
from coldbench.data.world import Ground
from coldbench.model.view import View
from coldbench.online.assumptions import Assumptions
from coldbench.online.log import Log
from coldbench.online.served import Served

_USERS = 4096  # per product of matrices
_PRIOR = 10.0  # rows at the mean view rate that every item starts with


class Taste:
    """What matching knows of each user from before the test; it stays the same during the test, in every arm.

    Attributes:
        near: (users of the dataset, near) int32, the nearest items that were there before the test.
        favourites: (users of the dataset, categories) int64, each user's categories with the most views.

    Args:
        ground: The world.
        own: The settings.
        warm: The warm two-tower model.
        view: What is known before the test.
    """

    def __init__(self, ground: Ground, own: Assumptions, warm: Served, view: View) -> None:
        data, users = ground.dataset, ground.dataset.schema.users
        old = np.flatnonzero(ground.arrival < 0)
        vectors = warm.item_vectors(view)[old].T
        count = min(own.near, len(old))
        self.near = np.empty((users, count), np.int32)
        for start in range(0, users, _USERS):
            some = np.arange(start, min(start + _USERS, users), dtype=np.int32)
            best = (warm.user_vectors(view, some) @ vectors).topk(count, sorted=False).indices
            self.near[some] = old[best.numpy()]
        kinds = int(ground.category.max()) + 1
        liked = data.click > 0
        pair = data.user[liked].astype(np.int64) * kinds + ground.category[data.item[liked]]
        views = np.bincount(pair, minlength=users * kinds).reshape(users, kinds).astype(np.float32)
        views += views.sum(0) / max(views.sum(), 1)  # users without views have everybody's favourites
        self.favourites = np.argsort(-views, 1, kind="stable")[:, : own.categories].copy()


class Matching:
    """The items that matching passes on to the requests of a day.

    Args:
        ground: The world.
        own: The settings.
        taste: What is known of the users.
        log: What the platform has logged.
        there: (items,) bool, the items that have arrived and may be shown in this arm.
        day: The day, from the first day of burn-in.
        seed: The seed of the world.
    """

    def __init__(
        self, ground: Ground, own: Assumptions, taste: Taste, log: Log, there: np.ndarray, day: int, seed: int
    ) -> None:
        self._taste, self._day, self._seed = taste, day, seed
        items = len(there)
        rate = (log.views + _PRIOR * log.views.sum() / log.exposures.sum()) / (log.exposures + _PRIOR)
        pools = torch.zeros(int(ground.category.max()) + 1, items + 1, dtype=torch.bool)
        for kind in range(len(pools)):
            some = np.flatnonzero(there & (ground.category == kind))
            pools[kind, some[np.argsort(-rate[some], kind="stable")[: own.of_category]]] = True
        self._pools = pools
        trending = np.argsort(-np.where(there, log.latest, -1), kind="stable")[: own.trending]
        self._everybody = torch.zeros(items + 1, dtype=torch.bool)
        self._everybody[trending[there[trending]]] = True
        fresh = np.random.default_rng(derive(seed, "turns", day)).permutation(
            np.flatnonzero(there & (ground.arrival >= 0))
        )
        self._turns = torch.zeros(max(len(fresh), 1), items + 1, dtype=torch.bool)
        for turn in range(len(fresh)):
            self._turns[turn, fresh[(turn + np.arange(min(own.quota, len(fresh)))) % len(fresh)]] = True

    def of(self, users: np.ndarray, profiles: np.ndarray, shown: np.ndarray) -> Tensor:
        """The items of some requests.

        Args:
            users: (requests,) the simulated users.
            profiles: (requests,) their users in the dataset.
            shown: (requests, any) the items that each was shown before and is not shown again; -1 for none.

        Returns:
            (requests, items) bool.
        """
        turn = uniform(self._seed, "turn", users, self._day) * len(self._turns)
        mask = self._turns[torch.from_numpy(turn.astype(np.int64))] | self._everybody
        for favourite in self._taste.favourites[profiles].T:
            mask |= self._pools[torch.from_numpy(favourite)]
        mask.scatter_(1, torch.from_numpy(self._taste.near[profiles].astype(np.int64)), True)
        mask.scatter_(1, torch.from_numpy(shown.astype(np.int64) % mask.shape[1]), False)  # -1: the column of nothing
        return mask[:, :-1]
