"""``Platform``: a log and the models that learn from it every night."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from coldbench.data.world import Ground
from coldbench.model.view import View
from coldbench.online.assumptions import Assumptions
from coldbench.online.behaviour import Outcomes
from coldbench.online.log import Log
from coldbench.online.night import Night
from coldbench.online.served import Served


class Platform:
    """A log, its ranker and its pre-rankers.

    Attributes:
        log: The log.
        view: What is known since the last night.
        ranker: The ranker, the same method in every arm.
        pre_rankers: The pre-ranking models that learn from this log.

    Args:
        ground: The world.
        own: The settings.
        ranker: The ranker.
        pre_rankers: The pre-ranking models.
        device: ``cpu`` or ``cuda``.
        seed: The seed of the world.
    """

    def __init__(
        self,
        ground: Ground,
        own: Assumptions,
        ranker: Served,
        pre_rankers: list[Served],
        device: str,
        seed: int,
    ) -> None:
        self._ground, self._own, self._device, self._seed = ground, own, torch.device(device), seed
        self.ranker, self.pre_rankers = ranker, pre_rankers
        self.log = Log(ground.dataset)
        self.view = self._look()
        self._today: list[tuple[np.ndarray, ...]] = []

    def begin(self, tested: Sequence[Served | None]) -> None:
        """Gives the items that will arrive their first embeddings, in every model, before the first day of the test.

        Args:
            tested: The pre-ranking models that serve during the test; the others are done, and are trained no more.
        """
        self.pre_rankers = [model for model in self.pre_rankers if model in tested]
        new = np.flatnonzero(self._ground.arrival >= 0)
        for model in (self.ranker, *self.pre_rankers):
            model.start(self.view, new)

    def add(self, users: np.ndarray, pages: np.ndarray, came: Outcomes) -> None:
        """Logs what came onto a screen.

        Args:
            users: (requests,) users of the dataset.
            pages: (requests, page) the items.
            came: The outcomes of the pages.
        """
        who = np.broadcast_to(users[:, None], pages.shape)[came.seen]
        self._today.append((who, pages[came.seen], came.viewed[came.seen]))

    def night(self, day: int) -> None:
        """Trains all models on the day's rows."""
        rows = self.log.add(*map(np.concatenate, zip(*self._today, strict=True)))
        self._today = []
        self.view = self._look()
        arrival = self._ground.arrival
        own, new = self._own, np.flatnonzero(arrival >= 0)
        kept = new[arrival[new] > day - own.cold_days]
        cold = kept[arrival[kept] <= day]
        budget = own.night_steps, own.warm_steps
        night = Night(day, self.log.dataset, self.view, rows, new, cold, kept, *budget, self._seed)
        for model in (self.ranker, *self.pre_rankers):
            model.learn(night)

    def _look(self) -> View:
        return View(self.log.dataset, slice(None), self._device, strict=True)
