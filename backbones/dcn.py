"""Deep & Cross Network (Wang et al. 2017, arXiv:1708.05123): cross layers in parallel with an MLP.

A cross layer x_{l+1} = x_0 (w_l . x_l) + b_l + x_l keeps x_l in the form c_l x_0 + d_l, where c_l is one
number per row and d_l = b_0 + ... + b_{l-1} is the same for every row. The cross layers therefore need only the
products of x_0 = [v_I; others] with the weights, and the others' share of these products is a partial sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from coldbench.plugin import (
    MLP,
    Backbone,
    Batch,
    Choice,
    Count,
    Schema,
    Share,
    Space,
    Uniform,
    Width,
)


@dataclass(frozen=True)
class Config:
    """AVAEW's settings for its tables, section 3.1; dropout as in the code that produced the tables."""

    dim: Width = 16  # embedding size of every field
    layers: Count = 3  # number of cross layers
    hidden: tuple[Width, ...] = (16, 16)  # units of the MLP's layers
    dropout: Share = 0.2  # in the MLP


space: Space = {"layers": Choice((1, 2, 3, 4)), "hidden": Choice(((16, 16), (64, 64))), "dropout": Uniform(0.0, 0.5)}


class Context(NamedTuple):
    """Partial sums over all fields but the item ID."""

    products: Tensor  # (batch, layers + 1) products with the weights of the cross layers and the last linear
    hidden: Tensor  # (batch, hidden) the other fields' share of the MLP's first layer


class DCN(Backbone):
    """Cross layers and an MLP on the same embeddings, both feeding one linear layer."""

    title = "DCN"
    group = "paper"

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        width = (1 + self.fields) * self.dim
        self.cross = nn.Parameter(torch.empty(config.layers, width))  # w_l
        self.bias = nn.Parameter(torch.empty(config.layers, width))  # b_l
        self.last = nn.Parameter(torch.empty(1, width))  # the last linear layer, applied to the cross layers' result
        self.mlp = MLP(self.dim, self.fields * self.dim, config.hidden, config.dropout)

    def encode(self, batch: Batch) -> Context:
        """Multiplies the other fields by the cross weights and by the MLP's first layer."""
        others = self.others(batch).flatten(1)
        weights = torch.cat([self.cross, self.last])
        return Context(others @ weights[:, self.dim :].T, self.mlp.rest(others))

    def score(self, item_embedding: Tensor, context: Context) -> Tensor:
        """(batch, dim) item ID embeddings -> (batch,) logits."""
        weights = torch.cat([self.cross, self.last])
        products = context.products + item_embedding @ weights[:, : self.dim].T
        offsets = torch.cumsum(self.bias, 0)  # d_1, d_2, ...
        scale = torch.ones_like(products[:, 0])  # c_0
        for layer in range(len(self.cross)):
            shift = self.cross[layer] @ offsets[layer - 1] if layer else 0.0
            scale = scale * products[:, layer] + shift + scale
        crossed = scale * products[:, -1] + self.last[0] @ offsets[-1]
        return crossed + self.mlp(item_embedding, context.hidden)
