"""``Tally``: what a run counts, by user, by day, by stage and by new item."""

from __future__ import annotations

import numpy as np

from coldbench.data.world import Ground
from coldbench.online.assumptions import Assumptions
from coldbench.online.behaviour import Outcomes
from coldbench.online.designs import Group
from coldbench.online.funnel import STAGES, Passed
from coldbench.online.wishes import least_suited

COUNTS = (  # by user
    "impressions",
    "new_impressions",
    "new_suited",
    "views",
    "new_views",
    "old_views",
    "long_deep",
    "short_deep",
)
CALIBRATION = ("predicted", "viewed", "impressions")  # of new items, from pre-ranking scores read as log-odds


class Tally:
    """The counts of one run.

    Args:
        ground: The world.
        own: The settings.
        groups: The groups of users.
        users: The number of users.
        days: The days of the test.
    """

    def __init__(self, ground: Ground, own: Assumptions, groups: list[Group], users: int, days: int) -> None:
        self._ground, self._own, self._least = ground, own, least_suited(ground)
        arms, all_days = len(groups), own.burn_in + days
        self.before = np.zeros((users, len(COUNTS)), np.int32)
        self.test = np.zeros((users, len(COUNTS)), np.int32)
        self.daily = np.zeros((arms, all_days, len(COUNTS)), np.int64)
        self.stages = np.zeros((arms, all_days, len(STAGES), 2), np.int64)
        self.recall = np.zeros((arms, 2), np.int64)
        self.calibration = np.zeros((arms, len(CALIBRATION)))
        self._fresh: list[tuple[np.ndarray, ...]] = []

    def add(self, number: int, users: np.ndarray, day: int, passed: Passed, came: Outcomes) -> None:
        """Counts what came of a day's requests of a group.

        Args:
            number: The group's number.
            users: (requests,) the users.
            day: The day from the first day of burn-in.
            passed: What came through the funnel.
            came: The outcomes of the pages.
        """
        burn_in = self._own.burn_in
        items = np.maximum(passed.pages, 0)
        new = came.seen & (self._ground.arrival[items] >= 0)
        long = self._ground.seconds[items] >= self._own.long_seconds
        parts = (
            came.seen,
            new,
            self._suited(users, items, new),
            came.viewed,
            came.viewed & new,
            came.viewed & ~new,
            came.deep & long,
            came.deep & ~long,
        )
        counts = np.stack([part.sum(1) for part in parts], 1)
        (self.before if day < burn_in else self.test)[users] += counts.astype(np.int32)
        self.daily[number, day] += counts.sum(0)
        self.stages[number, day] += passed.counts
        self.recall[number] += passed.recall
        rows, _ = np.nonzero(new)
        chance = 1 / (1 + np.exp(-passed.scores[new].astype(np.float64)))
        self.calibration[number] += (chance.sum(), came.viewed[new].sum(), len(rows))
        if len(rows):
            at = np.full(len(rows), day - burn_in, np.int8)
            self._fresh.append((users[rows].astype(np.int32), items[new].astype(np.int32), at))

    def _suited(self, users: np.ndarray, items: np.ndarray, new: np.ndarray) -> np.ndarray:
        """(requests, page) bool, the impressions of new items that are among those that their user wants most."""
        rows, places = np.nonzero(new)
        who = self._ground.profile[users[rows]]
        suited = np.zeros(new.shape, dtype=bool)
        suited[rows, places] = self._ground.truth.pairs(who, items[rows, places]) >= self._least[who]
        return suited

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that was counted, by name; ``fresh_*`` are the impressions of new items, one per row."""
        parts = zip(*self._fresh, strict=True) if self._fresh else ([np.zeros(0, np.int32)],) * 3
        fresh = dict(zip(("fresh_user", "fresh_item", "fresh_day"), map(np.concatenate, parts), strict=True))
        own = ("before", "test", "daily", "stages", "recall", "calibration")
        return {name: getattr(self, name) for name in own} | fresh
