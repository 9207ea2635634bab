"""kNN on content, a control (Schein et al., SIGIR 2002, DOI 10.1145/564376.564421: recommending new items by content).

v = the mean ID embedding of the k old items whose content is nearest by cosine. The content of an item has one part
for the frozen backbone's embeddings of its categorical and multi-valued fields together, and one part for each vector
field as it is. All parts have length 1, so that the cosine is the mean of the parts' cosines; a vector that is missing
is zero and tells nothing.

Departs from the paper, which fits a probabilistic model of content and clicks: nothing is trained here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from coldbench.plugin import Backbone, Choice, Method, MethodConfig, Phase, Rows, Space, Width, nearest


@dataclass(frozen=True)
class Config(MethodConfig):
    """What can be set."""

    k: Width = 10  # neighbours of an item


space: Space = {"k": Choice((3, 10, 30, 100))}


class ContentNeighbours(Method):
    """Starts cold items from the old items with the most similar content."""

    title = "kNN content"
    group = "controls"

    def fit(self, backbone: Backbone, base: Phase) -> None:
        """Keeps the old items, (old,), and their content, (old, width)."""
        self.old = base.by_item.items
        self.old_content = self.content(backbone, base.view.items(self.old))

    def embed(self, backbone: Backbone, items: Rows) -> Tensor:
        """The mean of the neighbours' embeddings, (items, dim)."""
        near = nearest(items.number, self.content(backbone, items), self.old, self.old_content, self.config.k)
        return backbone.item_table(self.old)[near.place].mean(1)

    def content(self, backbone: Backbone, items: Rows) -> Tensor:
        """(items, width) what an item is compared by."""
        parts = [backbone.items(items)[:, : backbone.items.tokens].flatten(1).detach()]
        if items.vectors is not None:
            parts += items.vectors.float().split([field.width for field in self.schema.side("item").vectors], 1)
        return torch.cat([functional.normalize(part, dim=1) for part in parts], 1)
