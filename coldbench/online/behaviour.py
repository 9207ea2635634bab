"""Potential outcomes: what a user who is shown an item at a position on a day would do."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from coldbench.core.counter import normal, uniform
from coldbench.data.world import Ground
from coldbench.online.assumptions import Assumptions


class Outcomes(NamedTuple):
    """What came of pages, (requests, page) each.

    Attributes:
        seen: Whether the item came onto the screen.
        viewed: Whether it was seen and wanted.
        seconds: The seconds that it was watched for, 0 where it was not viewed.
        deep: Whether the view was deep.
    """

    seen: np.ndarray
    viewed: np.ndarray
    seconds: np.ndarray
    deep: np.ndarray


class Behaviour:
    """The behaviour of a world's users, drawn by counter.

    The same user, item and day answer alike in every arm, design, order and process, so that two runs share their
    random numbers (common random numbers) and any part of a run can be replayed.

    Args:
        ground: The world.
        assumptions: The settings of the users' behaviour.
        seed: The seed of the world.
    """

    def __init__(self, ground: Ground, assumptions: Assumptions, seed: int) -> None:
        self.ground = ground
        self.assumptions = assumptions
        self.seed = seed

    def comes(self, users: np.ndarray, day: int) -> np.ndarray:
        """(users,) -> (users,) bool, whether each makes a request on a day."""
        return uniform(self.seed, "comes", users, self._day(day)) < self.assumptions.visits

    def of(self, users: np.ndarray, items: np.ndarray, day: int) -> Outcomes:
        """The outcomes of pages.

        Args:
            users: (requests,) the user of each request.
            items: (requests, page) the items from the top of the page; -1 where a page is shorter.
            day: The day of the test; days before it are negative.
        """
        own, there, at = self.assumptions, items >= 0, self._day(day)
        items = np.maximum(items, 0)
        stays = uniform(self.seed, "stays", users, at)[:, None]
        seen = there & (stays < own.patience ** np.arange(items.shape[1]))
        who = np.broadcast_to(users[:, None], items.shape)[seen]
        what = items[seen]
        odds = self.ground.truth.pairs(self.ground.profile[who], what)
        wanted = uniform(self.seed, "wanted", who, what, at) < 1 / (1 + np.exp(-odds.astype(np.float64)))
        length = self.ground.seconds[what]
        share = own.finish + own.liking * odds + normal(self.seed, "watched", who, what, at)
        share = wanted / (1 + np.exp(-share))
        deep = wanted & ((share * length > own.deep_seconds) | (share > own.deep_share))
        return Outcomes(seen, *(_spread(seen, part) for part in (wanted, share * length, deep)))

    def _day(self, day: int) -> int:
        return day + self.assumptions.burn_in


def _spread(seen: np.ndarray, values: np.ndarray) -> np.ndarray:
    whole = np.zeros(seen.shape, values.dtype)
    whole[seen] = values
    return whole
