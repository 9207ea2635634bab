"""``World``: the base class of simulated worlds, and ``Ground``, everything that is true in one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from coldbench.core.config import adopt
from coldbench.data.dataset import Dataset

Learned = Mapping[str, np.ndarray]  # what a world learned from a real log, as arrays by name


class Truth:
    """The log-odds that a user wants an item; the base class of all forms of it."""

    def pairs(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """(rows,) users of the dataset and (rows,) items -> (rows,) float32 log-odds."""
        raise NotImplementedError

    def table(self, users: np.ndarray) -> np.ndarray:
        """(users,) users of the dataset -> (users, items) float32 log-odds for every item."""
        raise NotImplementedError


@dataclass(frozen=True)
class Factors(Truth):
    """Log-odds as inner products.

    Attributes:
        users_: (users, width) float32.
        items_: (items, width) float32.
    """

    users_: np.ndarray
    items_: np.ndarray

    def pairs(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """(rows,) users and items -> (rows,) log-odds."""
        return np.einsum("rt,rt->r", self.users_[users], self.items_[items])

    def table(self, users: np.ndarray) -> np.ndarray:
        """(users,) -> (users, items) log-odds."""
        return self.users_[users] @ self.items_.T


@dataclass(frozen=True)
class Tabled(Truth):
    """Log-odds as a table.

    Attributes:
        values: (users, items) float32.
    """

    values: np.ndarray

    def pairs(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """(rows,) users and items -> (rows,) log-odds."""
        return self.values[users, items]

    def table(self, users: np.ndarray) -> np.ndarray:
        """(users,) -> (users, items) log-odds."""
        return self.values[users]


@dataclass(frozen=True)
class Ground:
    """Everything that is true in a world under one seed. The platform knows only the dataset, and what it logs.

    Attributes:
        dataset: The users, the items and the log from before the test, which has no row of an item that arrives later.
        profile: (users,) int32, the dataset's user behind each simulated user; several may share one.
        arrival: (items,) int32, the day of the test on which each item arrives; -1 for items that were there before.
        seconds: (items,) float32, the length of each video.
        category: (items,) int32, by which matching and the spread of a page go.
        truth: The log-odds that a user wants an item.
        side: The part of it that side information tells; None if the world does not know it.
        card: Sentences and numbers on how well the truth resembles its source, for every report.
    """

    dataset: Dataset
    profile: np.ndarray
    arrival: np.ndarray
    seconds: np.ndarray
    category: np.ndarray
    truth: Truth
    side: Truth | None = None
    card: tuple[tuple[str, str], ...] = field(default=())


class World:
    """Base class of worlds, which differ in who comes, what arrives and what is wanted.

    Attributes:
        Config: A frozen dataclass with the world's settings.
        title: The world's name in tables; if empty, tables show its key.
        sided: Whether it knows which part of the truth side information tells (``Ground.side``).
    """

    Config: ClassVar[type]
    title: ClassVar[str] = ""
    sided: ClassVar[bool] = False

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        adopt(cls)

    def source(self, config: Any) -> str | None:
        """The name of the dataset that the world is made from; None if it needs none."""
        return None

    def learn(self, config: Any, log: Dataset | None) -> Learned:
        """Learns what all seeds share from a real log, such as a fitted truth; the result is stored."""
        return {}

    def make(self, config: Any, log: Dataset | None, learned: Learned, users: int, days: int, seed: int) -> Ground:
        """Makes the world.

        Args:
            config: An instance of ``Config``.
            log: The dataset that ``source`` names.
            learned: The result of ``learn``.
            users: The number of simulated users.
            days: The length of the test; arrivals lie in [-1, days).
            seed: The seed of the world.
        """
        raise NotImplementedError
