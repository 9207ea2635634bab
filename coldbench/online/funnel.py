"""The funnel: matching, pre-ranking, ranking and re-ranking, for all requests of an arm on a day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from coldbench.data.world import Ground
from coldbench.model.view import View
from coldbench.online.assumptions import Assumptions
from coldbench.online.matching import Matching
from coldbench.online.page import spread
from coldbench.online.scorers import Scorer
from coldbench.online.served import Served

STAGES = ("matching", "pre-ranking", "ranking", "page")
_REQUESTS = 2048  # at once
_PROBED, _WANTED = (
    64,
    50,
)  # requests of each block whose best items by the truth are looked for in matching; their number


@dataclass(frozen=True)
class Passed:
    """What came through the funnel.

    Attributes:
        pages: (requests, page) int32 items; -1 where a page is shorter.
        scores: (requests, page) float32, the pre-ranking score of each.
        counts: (stages, 2) int64, the items of all requests after each stage: those that are new, and all.
        recall: (2,) int64, of the new items among users' most wanted items, those that matching passed on, and all.
    """

    pages: np.ndarray
    scores: np.ndarray
    counts: np.ndarray
    recall: np.ndarray


@dataclass(frozen=True)
class Funnel:
    """The funnel of one arm on one day.

    Attributes:
        ground: The world.
        own: The settings.
        matching: The first stage.
        scorer: Pre-ranking.
        ranker: Ranking.
        view: What the platform knows.
        there: (items,) bool, the items that may be shown.
        day: The day, from the first day of burn-in.
    """

    ground: Ground
    own: Assumptions
    matching: Matching
    scorer: Scorer
    ranker: Served
    view: View
    there: np.ndarray
    day: int

    def passed(self, users: np.ndarray, shown: np.ndarray) -> Passed:
        """Takes the requests of some users through all stages.

        Args:
            users: (requests,) the simulated users.
            shown: (requests, any) the items that each was shown before; -1 for none.
        """
        starts = range(0, len(users), _REQUESTS)
        parts = [self._block(users[at : at + _REQUESTS], shown[at : at + _REQUESTS]) for at in starts]
        if not parts:
            none = np.zeros((0, self.own.page))
            return Passed(none.astype(np.int32), none.astype(np.float32), np.zeros((4, 2), int), np.zeros(2, int))
        pages, scores, counts, recall = zip(*parts, strict=True)
        return Passed(np.concatenate(pages), np.concatenate(scores), sum(counts), sum(recall))  # type: ignore[arg-type]

    @torch.no_grad()
    def _block(self, users: np.ndarray, shown: np.ndarray) -> tuple[np.ndarray, ...]:
        profiles = self.ground.profile[users]
        matched = self.matching.of(users, profiles, shown)
        scores = self.scorer.scores(users, profiles, self.day, matched).masked_fill(~matched, -torch.inf)
        best, items = scores.topk(min(self.own.preranked, scores.shape[1]), sorted=True)
        first = items.masked_fill(best == -torch.inf, -1).numpy()
        second = self._ranked(profiles, first)
        kinds = self.ground.category[np.maximum(second, 0)]
        pages = spread(second, kinds, self.own.page, self.own.alike).astype(np.int32)
        counts = np.stack([self._counts(matched), *(self._among(part) for part in (first, second, pages))])
        at = torch.from_numpy(np.maximum(pages, 0).astype(np.int64))
        return pages, scores.gather(1, at).numpy(), counts, self._recall(profiles, shown, matched)

    def _ranked(self, profiles: np.ndarray, items: np.ndarray) -> np.ndarray:
        """(requests, preranked) items -> (requests, ranked), from best to worst by the ranker."""
        there = items >= 0
        scores = np.full(items.shape, -np.inf, np.float32)
        who = np.broadcast_to(profiles[:, None], items.shape)[there]
        scores[there] = self.ranker.pairs(self.view, who, items[there]).numpy()
        order = torch.from_numpy(scores).topk(min(self.own.ranked, items.shape[1]), sorted=True).indices.numpy()
        return np.take_along_axis(items, order, 1)

    def _counts(self, matched: Tensor) -> np.ndarray:
        per_item = matched.sum(0).numpy()
        return np.array([per_item[self.ground.arrival >= 0].sum(), per_item.sum()])

    def _among(self, items: np.ndarray) -> np.ndarray:
        there = items >= 0
        return np.array([(self.ground.arrival[items[there]] >= 0).sum(), there.sum()])

    def _recall(self, profiles: np.ndarray, shown: np.ndarray, matched: Tensor) -> np.ndarray:
        """How many of the new items that some users want most came through matching."""
        odds = np.where(self.there, self.ground.truth.table(profiles[:_PROBED]), -np.inf)
        rows, places = np.nonzero(shown[:_PROBED] >= 0)
        odds[rows, shown[rows, places]] = -np.inf
        most = np.argpartition(-odds, min(_WANTED, odds.shape[1] - 1), 1)[:, :_WANTED]
        new = (self.ground.arrival[most] >= 0) & np.isfinite(np.take_along_axis(odds, most, 1))
        passed = np.take_along_axis(matched[:_PROBED].numpy(), most, 1)
        return np.array([(new & passed).sum(), new.sum()])
