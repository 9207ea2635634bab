"""The ``Backbone`` base: what depends on the item ID embedding, split from what does not."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from coldbench.core.space import Space
from coldbench.data.schema import Schema
from coldbench.model.batching import Batch
from coldbench.model.layers import FieldEmbedding, lookup


class Backbone(nn.Module):
    """A CTR model y = f(v_I, V_S, U) (AVAEW, equation 2).

    The item ID embedding v_I is the only item-specific parameter. Subclasses define ``encode`` and
    ``score``; ``Context`` is whatever tuple of tensors, (batch, ...) each, the two agree on.

    Attributes:
        Config: A frozen dataclass with at least ``dim``. Its ``padding``, if it has one, says whether places that a
            multi-valued field leaves empty count (see ``layers.FieldEmbedding``); else they do not.
        space: Where to search for the fields of ``Config``.
        numeric: Whether the numeric fields are embedded among the others.
        item_table: The item ID embeddings, (items, dim).
    """

    Config: ClassVar[type]
    space: ClassVar[Space] = {}
    numeric: ClassVar[bool] = True

    def __init__(self, config: Any, schema: Schema) -> None:
        super().__init__()
        self.dim: int = config.dim
        self.item_table = nn.Embedding(schema.items, self.dim)
        padding = getattr(config, "padding", False)
        self.users, self.items, self.context = (
            FieldEmbedding(schema.side(side), self.dim, self.numeric, padding) for side in ("user", "item", "context")
        )
        self.fields = self.users.fields + self.items.fields + self.context.fields  # all but v_I
        self.numerics = len(schema.side("user").numeric + schema.side("item").numeric + schema.side("context").numeric)

    def encode(self, batch: Batch) -> Any:
        """Everything but the item ID embedding: (batch, ...) partial sums."""
        raise NotImplementedError

    def score(self, item_embedding: Tensor, context: Any) -> Tensor:
        """(batch, dim) item ID embeddings and their rows' context -> (batch,) logits."""
        raise NotImplementedError

    def forward(self, batch: Batch) -> Tensor:
        """(batch,) logits with the model's own item ID embeddings."""
        return self.score(lookup(self.item_table.weight, batch.item), self.encode(batch))

    def frozen_context(self, batch: Batch) -> Any:
        """``encode`` for a backbone that is not trained: computed once, used by every step on the batch."""
        with torch.no_grad():
            return self.encode(batch)

    def others(self, batch: Batch) -> Tensor:
        """The embeddings of all fields but v_I, (batch, fields, dim)."""
        parts = [self.users(batch.users), batch.spread(self.items(batch.items)), self.context(batch.context)]
        return torch.cat(parts, 1)

    def numeric_values(self, batch: Batch) -> Tensor:
        """The values of all numeric fields, (batch, numerics)."""
        return torch.cat([batch.users.numeric, batch.spread(batch.items.numeric), batch.context.numeric], 1)

    def frozen(self) -> Backbone:
        """Stops all gradients into the backbone; returns it."""
        return self.requires_grad_(False)
