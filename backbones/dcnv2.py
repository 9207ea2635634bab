"""DCN-V2 (Wang et al., WWW 2021, DOI 10.1145/3442381.3450078): cross layers with matrices, in parallel with an MLP.

    x_{l+1} = x_0 * (W_l x_l + b_l) + x_l  (equation 1),  logit = w . x_L + MLP(x_0),  x_0 = [v_I; others]

Most of the first and the last cross layer does not depend on v_I. The first layer needs W_0 x_0, a sum over fields. Of
the last one only w . (x_0 * W x_{L-1}) = (W^T (w * x_0)) . x_{L-1} counts, and W^T (w * x_0) is again a sum over
fields. With two layers no product with a whole matrix is left for ``score``.

Departs from the paper in two settings: the matrices have full rank, without its mixture of experts, and the MLP is
beside the cross layers, not on top of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldbench.plugin import MLP, Backbone, Batch, Choice, Count, Schema, Share, Space, Uniform, Width


@dataclass(frozen=True)
class Config:
    """The sizes of the embeddings and the MLP are those of the other backbones."""

    dim: Width = 16  # embedding size of every field
    layers: Count = 2  # number of cross layers, L
    hidden: tuple[Width, ...] = (16, 16)  # units of the MLP's layers
    dropout: Share = 0.2  # in the MLP


space: Space = {"layers": Choice((1, 2, 3, 4)), "hidden": Choice(((16, 16), (64, 64))), "dropout": Uniform(0.0, 0.5)}


class Context(NamedTuple):
    """The other fields and their shares of sums over all fields."""

    others: Tensor  # (batch, width - dim) the other fields' embeddings
    first: Tensor  # (batch, width) their share of W_0 x_0 + b_0
    last: Tensor  # (batch, width) their share of W_{L-1}^T (w * x_0)
    logit: Tensor  # (batch,) their share of w . (x_0 * b_{L-1})
    hidden: Tensor  # (batch, hidden) their share of the MLP's first layer


class DCNv2(Backbone):
    """Cross layers with matrices and an MLP on the same embeddings; their logits are added."""

    title = "DCN-V2"
    group = "since"

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        width = (1 + self.fields) * self.dim
        self.cross = nn.Parameter(torch.empty(config.layers, width, width))  # W_l
        self.bias = nn.Parameter(torch.empty(config.layers, width))  # b_l
        self.weight = nn.Parameter(torch.empty(width))  # w
        self.mlp = MLP(self.dim, self.fields * self.dim, config.hidden, config.dropout)

    def encode(self, batch: Batch) -> Context:
        """Computes the other fields' shares of the first and the last cross layer and of the MLP's first layer."""
        others, dim = self.others(batch).flatten(1), self.dim
        weighted = others * self.weight[dim:]
        return Context(
            others,
            functional.linear(others, self.cross[0, :, dim:], self.bias[0]),
            weighted @ self.cross[-1, dim:],
            weighted @ self.bias[-1, dim:],
            self.mlp.rest(others),
        )

    def score(self, item_embedding: Tensor, context: Context) -> Tensor:
        """(batch, dim) item ID embeddings -> (batch,) logits."""
        dim = self.dim
        start = torch.cat([item_embedding, context.others], 1)  # x_0
        crossed = start  # x_l
        for layer in range(len(self.cross) - 1):
            if layer == 0:
                inner = context.first + item_embedding @ self.cross[0, :, :dim].T
            else:
                inner = functional.linear(crossed, self.cross[layer], self.bias[layer])
            crossed = torch.addcmul(crossed, start, inner)
        weighted = item_embedding * self.weight[:dim]
        turned = context.last + weighted @ self.cross[-1, :dim]
        logit = context.logit + weighted @ self.bias[-1, :dim]
        logit = logit + (crossed * (turned + self.weight)).sum(-1)
        return logit + self.mlp(item_embedding, context.hidden)
