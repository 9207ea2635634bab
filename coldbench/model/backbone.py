"""The base classes ``Backbone``, which separates the item ID embedding's part from all else, and ``TwoTower``."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from coldbench.core.config import adopt
from coldbench.core.space import Space
from coldbench.data.schema import Schema
from coldbench.model.batching import Batch
from coldbench.model.embedding import FieldEmbedding, lookup
from coldbench.model.rows import Rows


class Backbone(nn.Module):
    """Base class of CTR models y = f(v_I, V_S, U) (AVAEW, equation 2).

    The item ID embedding v_I is the only item-specific parameter. Subclasses define ``encode`` and ``score``.
    The context that ``encode`` passes to ``score`` is any tuple of tensors, (batch, ...) each.

    Attributes:
        Config: A frozen dataclass with at least ``dim``. Its field ``padding``, if there is one, says whether empty
            places of multi-valued fields count (see ``embedding.FieldEmbedding``); without it they do not.
        space: The search space of the fields of ``Config``.
        title: The backbone's name in tables; if empty, tables show its key.
        group: The name that stands for this backbone and others on the command line; subclasses do not inherit it.
        numeric: Whether the numeric fields are embedded along with the others.
        dim: The size of each field's embedding.
        item_width: The width of the item table: ``dim``, unless the backbone stores more per item.
        item_table: The item ID embeddings, (items, item_width).

    Args:
        config: An instance of ``Config``.
        schema: The fields of the dataset.
        item_width: The width of the item table; None for ``dim``.
    """

    Config: ClassVar[type]
    space: ClassVar[Space] = {}
    title: ClassVar[str] = ""
    group: ClassVar[str] = ""
    numeric: ClassVar[bool] = True

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        adopt(cls)

    def __init__(self, config: Any, schema: Schema, item_width: int | None = None) -> None:
        super().__init__()
        self.dim: int = config.dim
        self.item_width = self.dim if item_width is None else item_width
        self.item_table = nn.Embedding(schema.items, self.item_width)
        padding = getattr(config, "padding", False)
        self.users, self.items, self.context = (
            FieldEmbedding(schema.side(side), self.dim, self.numeric, padding) for side in ("user", "item", "context")
        )
        self.fields = self.users.fields + self.items.fields + self.context.fields  # all fields but v_I
        self.numerics = len(schema.side("user").numeric + schema.side("item").numeric + schema.side("context").numeric)

    def encode(self, batch: Batch) -> Any:
        """Computes everything that does not depend on the item ID embedding: (batch, ...) partial sums."""
        raise NotImplementedError

    def score(self, item_embedding: Tensor, context: Any) -> Tensor:
        """(batch, item_width) item ID embeddings and the context of ``encode`` -> (batch,) logits."""
        raise NotImplementedError

    def forward(self, batch: Batch) -> Tensor:
        """(batch,) logits with the item ID embeddings of the backbone's own table."""
        return self.score(lookup(self.item_table.weight, batch.item), self.encode(batch))

    def frozen_context(self, batch: Batch) -> Any:
        """Calls ``encode`` without gradients; while the backbone is frozen, all steps on a batch share the result."""
        with torch.no_grad():
            return self.encode(batch)

    def others(self, batch: Batch) -> Tensor:
        """(batch, fields, dim) embeddings of all fields except the item ID."""
        parts = [self.users(batch.users), batch.spread(self.items(batch.items)), self.context(batch.context)]
        return torch.cat(parts, 1)

    def numeric_values(self, batch: Batch) -> Tensor:
        """(batch, numerics) values of all numeric fields."""
        return torch.cat([batch.users.numeric, batch.spread(batch.items.numeric), batch.context.numeric], 1)

    def frozen(self) -> Backbone:
        """Turns off the gradients of all parameters and returns the backbone."""
        return self.requires_grad_(False)

    def place(self, items: Tensor, embeddings: Tensor) -> None:
        """Writes embeddings into rows of the item table.

        Args:
            items: (items,) int64 row numbers.
            embeddings: (items, item_width) new values.

        Raises:
            ValueError: If the embeddings have another shape or hold no values.
        """
        shape, expected = tuple(getattr(embeddings, "shape", ())), (len(items), self.item_width)
        if shape != expected:  # torch would silently broadcast a smaller shape
            given = f"shape {shape}" if shape else f"a {type(embeddings).__name__}"
            raise ValueError(f"the method gave {given} as the cold items' embeddings; it should be shape {expected}")
        if embeddings.is_meta:
            raise ValueError("the method gave embeddings on the device 'meta', which hold no values")
        with torch.no_grad():
            self.item_table.weight[items] = embeddings.to(self.item_table.weight)


class TwoTower(Backbone):
    """Base class of backbones whose logit is the inner product of a vector of the request and one of the item.

    The scores of all requests for all items are then one matrix product: ``user_vector(...) @ item_vector(...).T``.
    Both vectors are exact in evaluation mode; in training mode batch statistics depend on the rows that are given.
    """

    def user_vector(self, users: Rows, context: Rows) -> Tensor:
        """(requests, ...) fields of the users and of the requests' contexts -> (requests, width) vectors."""
        raise NotImplementedError

    def item_vector(self, items: Rows, embeddings: Tensor) -> Tensor:
        """(items, ...) fields of the items and their (items, item_width) ID embeddings -> (items, width) vectors."""
        raise NotImplementedError
