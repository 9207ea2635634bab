"""Inner-product neural network (Qu et al. 2016, arXiv:1611.00144).

An MLP gets the embeddings and all their pairwise inner products, without numeric fields. The first layer and
the products are split into the parts that involve the item and the rest.

Departs from AVAEW's text, which gives every MLP two layers: its tables agree with one (``hidden=16x16`` is the
text's setting; see results/reproduction/ml-1m/variants).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

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

    others: Tensor  # (batch, fields, dim) the other fields' embeddings
    hidden: Tensor  # (batch, hidden) the other fields' share of the MLP's first layer


class IPNN(Backbone):
    """An MLP on the embeddings and their inner products."""

    title = "IPNN"
    group = "paper"

    numeric = False
    pairs: Tensor

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        first, second = torch.triu_indices(self.fields, self.fields, offset=1)
        self.register_buffer("pairs", first * self.fields + second, persistent=False)
        rest = self.fields * self.dim + len(first)
        self.mlp = MLP(self.dim + self.fields, rest, config.hidden, config.dropout)

    def encode(self, batch: Batch) -> Context:
        """Computes the products among the other fields and the first layer on them."""
        others = self.others(batch)
        products = torch.bmm(others, others.transpose(1, 2)).flatten(1).index_select(1, self.pairs)
        return Context(others, self.mlp.rest(torch.cat([others.flatten(1), products], 1)))

    def score(self, item_embedding: Tensor, context: Context) -> Tensor:
        """(batch, dim) item ID embeddings -> (batch,) logits."""
        products = torch.bmm(context.others, item_embedding.unsqueeze(-1)).squeeze(-1)
        return self.mlp(torch.cat([item_embedding, products], 1), context.hidden)
