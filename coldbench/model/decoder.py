"""``CountDecoder``: from a latent and the item's frequency to an item ID embedding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from coldbench.data.schema import COUNT, Schema
from coldbench.model.rows import Rows


class CountDecoder(nn.Module):
    """Decodes latents, and the item's ``count`` where asked: (..., rows, dim) -> (..., rows, dim).

    Args:
        schema: The fields of the dataset.
        dim: The size of a latent and of an item ID embedding.
        hidden: Units of a hidden layer with LeakyReLU; 0 for one linear layer.
        on_count: Whether the decoder receives the item's ``count``, if the dataset has it.
    """

    def __init__(self, schema: Schema, dim: int, hidden: int = 0, on_count: bool = True) -> None:
        super().__init__()
        numeric = [field.name for field in schema.side("item").numeric]
        self.count = numeric.index(COUNT) if on_count and COUNT in numeric else None
        self.layers = dense(dim + (self.count is not None), hidden, dim)

    def forward(self, latent: Tensor, items: Rows) -> Tensor:
        """(..., items, dim) latents -> (..., items, dim) item ID embeddings."""
        if self.count is None:
            return self.layers(latent)
        count = items.numeric[:, self.count : self.count + 1]
        return self.layers(torch.cat([latent, count.expand(*latent.shape[:-1], 1)], -1))


def dense(inputs: int, hidden: int, outputs: int) -> nn.Module:
    """Builds Linear, LeakyReLU, Linear; one Linear if there are no hidden units."""
    if not hidden:
        return nn.Linear(inputs, outputs)
    return nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(), nn.Linear(hidden, outputs))
