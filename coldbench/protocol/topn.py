"""Top-N over the whole catalogue: which items a model would recommend, and whether users clicked on them later.

docs/topn.md says what the views mean, and why there is no warm one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from coldbench.core.seeds import derive
from coldbench.core.space import Count
from coldbench.data.dataset import Dataset
from coldbench.model.backbone import Backbone
from coldbench.model.batching import Batch
from coldbench.model.embedding import lookup
from coldbench.model.method import Method
from coldbench.model.rows import Interactions
from coldbench.model.view import View
from coldbench.protocol.ranking import gini, ndcg, recall, top
from coldbench.protocol.split import WarmUpSplit

_PAIRS = 65_536  # pairs of a user and an item that are scored at once
_SCORES = 2**22  # scores that are kept at once
_USERS = 64  # users per batch of pairs


@dataclass(frozen=True)
class TopNSettings:
    """How top-N is measured."""

    users: Count = 1_000  # users with test rows, drawn by the seed; fewer users are all taken
    k: Count = 20  # length of a list


class TopN:
    """The users, catalogue and relevant items of one split, the same for all methods and phases.

    The catalogue consists of the old and the new items. Discarded items are in no part of the split, so that nothing
    trains their embeddings. Of a user's catalogue, the items that the user clicked in base or in any warm-up phase are
    left out, in every phase alike. Relevant are the remaining items that the user clicked in test rows; all are new.

    Attributes:
        items: (catalogue,) int64 item numbers, in ascending order.
        cold: (catalogue,) bool, whether each is new.
        rows: (users,) the first test row of each user, in whose context the user is scored.
    """

    def __init__(self, settings: TopNSettings, dataset: Dataset, split: WarmUpSplit, *seed: object) -> None:
        self.settings = settings
        self.dataset = dataset
        self.items = np.sort(np.concatenate([split.old_items, split.new_items])).astype(np.int64)
        self.cold = np.isin(self.items, split.new_items)
        test = split.test[np.argsort(dataset.time[split.test], kind="stable")]
        users, first = np.unique(dataset.user[test], return_index=True)
        if len(users) > settings.users:
            random = np.random.default_rng(derive(*seed, "topn"))
            drawn = np.sort(random.choice(len(users), settings.users, replace=False))
            users, first = users[drawn], first[drawn]
        self.rows = test[first]
        known = _clicked(dataset, users, np.concatenate([split.base, *split.warm.values()]))
        self._known = [np.searchsorted(self.items, items) for items in known]
        later = [np.searchsorted(self.items, items) for items in _clicked(dataset, users, test)]
        self._relevant = [np.setdiff1d(*both) for both in zip(later, self._known, strict=True)]

    def measure(self, view: View, backbone: Backbone, method: Method) -> dict[str, float]:
        """The metrics by name, computed with running statistics and without dropout.

        Args:
            view: What the phase may know.
            backbone: The backbone, which stays in evaluation mode.
            method: The method.
        """
        backbone.eval()
        method.eval()
        k = self.settings.k
        values: dict[str, list[float]] = {name: [] for name in ("recall", "ndcg", "cold_recall", "cold_ndcg")}
        exposed = np.zeros(len(self.items), np.int64)
        for user, scores in enumerate(self._scores(view, backbone, method)):
            scores[self._known[user]] = -np.inf
            listed, relevant = top(scores, k), self._relevant[user]
            exposed[listed] += 1
            among_cold = top(np.where(self.cold, scores, -np.inf), k)
            for view_name, items in (("", listed), ("cold_", among_cold)):
                values[f"{view_name}recall"].append(recall(items, relevant))
                values[f"{view_name}ndcg"].append(ndcg(items, relevant, k))
        method.train()
        return {
            **{name: _mean(np.array(each)) for name, each in values.items()},
            "cold_share": float(exposed[self.cold].sum() / max(exposed.sum(), 1)),
            "cold_coverage": float((exposed[self.cold] > 0).mean()),
            "gini": gini(exposed),
        }

    def _scores(self, view: View, backbone: Backbone, method: Method) -> Iterator[np.ndarray]:
        """Yields the (catalogue,) scores of each user, from blocks of users and items."""
        log = view.interactions(self.dataset, self.rows)
        log = log._replace(click=torch.zeros_like(log.click))  # no hook sees a label
        items = view.tensor(self.items.astype(self.dataset.item.dtype))
        table = backbone.item_table.weight
        users = max(1, min(_USERS, _SCORES // len(self.items)))
        with torch.no_grad():
            for start in range(0, len(self.rows), users):
                block = log.at(slice(start, start + users))
                size = max(1, _PAIRS // len(block.user))
                parts = []
                for some in items.split(size):
                    batch = Batch(view, _pairs(block, some))
                    logits = method.logits(backbone, batch, lookup(table, batch.item))
                    parts.append(logits.view(len(block.user), len(some)).cpu().numpy())
                yield from np.concatenate(parts, 1)


def _pairs(users: Interactions, items: torch.Tensor) -> Interactions:
    """Every one of (users,) rows with every one of (items,) items in the item's place, user by user."""
    every = Interactions(*(column.repeat_interleave(len(items), 0) for column in users))
    return every._replace(item=items.repeat(len(users.user)))


def _clicked(dataset: Dataset, users: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
    """The items that each of the (users,) sorted users clicked in some rows, each once, in ascending order."""
    place = np.full(dataset.schema.users, -1)
    place[users] = np.arange(len(users))
    rows = rows[(dataset.click[rows] > 0) & (place[dataset.user[rows]] >= 0)]
    items = dataset.schema.items
    user, item = np.divmod(np.unique(place[dataset.user[rows]] * items + dataset.item[rows]), items)
    return np.split(item, np.searchsorted(user, np.arange(1, len(users))))


def _mean(values: np.ndarray) -> float:
    """The mean of the defined values; NaN if there are none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
