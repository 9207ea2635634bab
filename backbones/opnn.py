"""Outer-product neural network (Qu et al. 2016, arXiv:1611.00144).

An MLP gets the embeddings and p_i^T W_ij p_j of each pair, with a learned W_ij; it has one hidden layer, as ``ipnn``.

Departs from the paper, which sums all embeddings before it takes the outer product; the code that produced AVAEW's
tables keeps the pairs apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from coldbench.plugin import MLP, Backbone, Batch, Choice, Schema, Share, Space, Uniform, Width


@dataclass(frozen=True)
class Config:
    """One hidden layer, as in the code that produced AVAEW's tables; its section 3.1 says two."""

    dim: Width = 16  # embedding size of every field
    hidden: tuple[Width, ...] = (16,)  # units of the MLP's layers
    dropout: Share = 0.0  # in the MLP


space: Space = {"dim": Choice((8, 16, 32)), "hidden": Choice(((16,), (16, 16), (64, 64))), "dropout": Uniform(0.0, 0.5)}


class Context(NamedTuple):
    """The inputs of ``score`` that do not depend on the item ID embedding."""

    turned: Tensor  # (batch, fields, dim) W_0j p_j for the pairs with the item
    hidden: Tensor  # (batch, hidden) the other fields' share of the MLP's first layer


class OPNN(Backbone):
    """An MLP on the embeddings and their weighted products."""

    title = "OPNN"
    group = "paper"

    numeric = False
    first: Tensor
    second: Tensor

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        first, second = torch.triu_indices(self.fields, self.fields, offset=1)
        self.register_buffer("first", first, persistent=False)
        self.register_buffer("second", second, persistent=False)
        self.item_kernel = nn.Parameter(torch.empty(self.fields, self.dim, self.dim))  # W_0j
        self.kernel = nn.Parameter(torch.empty(len(first), self.dim, self.dim))  # W_ij
        self.mlp = MLP(self.dim + self.fields, self.fields * self.dim + len(first), config.hidden, config.dropout)

    def encode(self, batch: Batch) -> Context:
        """Computes the products among the other fields, the first layer on them, and W_0j p_j."""
        others = self.others(batch)
        fields = others.transpose(0, 1)  # (fields, batch, dim)
        turned = torch.bmm(fields.index_select(0, self.second), self.kernel.transpose(1, 2))
        products = (fields.index_select(0, self.first) * turned).sum(-1).T  # (batch, pairs)
        hidden = self.mlp.rest(torch.cat([others.flatten(1), products], 1))
        return Context(torch.bmm(fields, self.item_kernel.transpose(1, 2)).transpose(0, 1), hidden)

    def score(self, item_embedding: Tensor, context: Context) -> Tensor:
        """(batch, dim) item ID embeddings -> (batch,) logits."""
        products = (context.turned * item_embedding.unsqueeze(1)).sum(-1)
        return self.mlp(torch.cat([item_embedding, products], 1), context.hidden)
