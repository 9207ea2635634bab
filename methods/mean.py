"""Mean, a control (MWUF 2021, arXiv:2105.04790, section 3.2: the initial embedding of new items).

Every cold item starts from the mean ID embedding of the old items; after that it is the plain baseline. What a method
gains over this control is what it knows of the single item.

Departs from the paper: nothing scales or shifts the mean.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from coldbench.plugin import Backbone, Method, MethodConfig, Phase, Rows, Space


@dataclass(frozen=True)
class Config(MethodConfig):
    """The hyper-parameters that all methods share, and no others."""


space: Space = {}


class Mean(Method):
    """Starts cold items from the mean old item."""

    title = "Mean"
    group = "controls"

    def fit(self, backbone: Backbone, base: Phase) -> None:
        """The mean ID embedding of the old items, each of which counts once, (dim,)."""
        self.start = backbone.item_table(base.by_item.items).mean(0)

    def embed(self, backbone: Backbone, items: Rows) -> Tensor:
        """The mean for each item, (items, dim)."""
        return self.start.repeat(len(items.number), 1)
