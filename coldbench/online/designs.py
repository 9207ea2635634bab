"""The designs of a test: who is in which arm, which log its models learn from, and which new items it may show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coldbench.core.counter import uniform
from coldbench.online.names import AB, CODIVERTED, GLOBAL


@dataclass(frozen=True)
class Group:
    """One group of users in a run.

    Attributes:
        arm: The label of its arm.
        users: (users,) int64, the users, sorted.
        items: (items,) bool, the items that it may be shown.
        platform: The number of the platform, with a log and a ranker, that it belongs to.
    """

    arm: str
    users: np.ndarray
    items: np.ndarray
    platform: int


def groups(design: str, control: str, arm: str, users: int, arrival: np.ndarray, seed: int) -> list[Group]:
    """The groups of a run: one in design ``global``, otherwise the control and the arm with half of the users each.

    Args:
        design: One of ``DESIGNS``.
        control: The label of the control.
        arm: The label of the arm.
        users: The number of users.
        arrival: (items,) the day on which each item arrives; negative for items that were there before.
        seed: The seed of the world.
    """
    every = np.ones(len(arrival), dtype=bool)
    if design == GLOBAL:
        return [Group(arm, np.arange(users), every, 0)]
    second = halves(users, seed, "users")
    new = arrival >= 0
    own = [every, every]
    if design == CODIVERTED:
        other = np.zeros(len(arrival), dtype=bool)
        other[new] = halves(int(new.sum()), seed, "items")
        own = [~(new & other), ~(new & ~other)]
    platforms = (0, 0) if design == AB else (0, 1)
    return [
        Group(label, np.flatnonzero(second == (number == 1)), own[number], platforms[number])
        for number, label in enumerate((control, arm))
    ]


def halves(count: int, seed: int, purpose: str) -> np.ndarray:
    """(count,) bool, a random half, the same in every design of a world."""
    chosen = np.zeros(count, dtype=bool)
    chosen[np.argsort(uniform(seed, f"split {purpose}", np.arange(count)), kind="stable")[: count // 2]] = True
    return chosen
