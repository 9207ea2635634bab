"""Neighbours, a control (the graph of GME, SIGIR 2021, arXiv:2105.08909, without attention and without training).

v = sum_j w_j v_j over the k old items that share the most values of side information with the item, w_j in proportion
to the number of shared values. An item that shares nothing with any old item gets the mean old embedding.

Departs from the paper: the weights are counts, not learned attention, and the item itself is not among its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from coldbench.plugin import Backbone, Choice, Method, MethodConfig, Phase, Rows, Space, Width, sharing


@dataclass(frozen=True)
class Config(MethodConfig):
    """What can be set."""

    k: Width = 10  # neighbours of an item, as in GME's public code


space: Space = {"k": Choice((3, 10, 30, 100))}


class Neighbours(Method):
    """Starts cold items from the old items that share side information with them."""

    title = "Neighbours"
    group = "controls"

    def fit(self, backbone: Backbone, base: Phase) -> None:
        """Keeps the old items, (old,), and their ids, (old, columns)."""
        items = base.view.items(base.by_item.items)
        self.old, self.old_ids = items.number, items.ids

    def embed(self, backbone: Backbone, items: Rows) -> Tensor:
        """The weighted mean of the neighbours' embeddings, (items, dim)."""
        old = backbone.item_table(self.old)
        near = sharing(items, self.old, self.old_ids, self.config.k)
        weight = near.score.clamp(min=0)  # -inf stands for no neighbour
        total = weight.sum(1, keepdim=True)
        mean = (weight.unsqueeze(-1) * old[near.place]).sum(1) / total.clamp(min=1)
        return torch.where(total > 0, mean, old.mean(0))
