"""AutoInt (Song et al., CIKM 2019, DOI 10.1145/3357384.3357925): fields attend to each other in several layers.

    a_ij = softmax_j(W_q e_i . W_k e_j),  e'_i = ReLU([sum_j a_ij W_v e_j, by head] + W_r e_i)  (equations 5 to 8)
    logit = w . [e_1; ...; e_M] + b after the last layer  (equation 9)

In the first layer v_I is one key among many: the attention of another field i is its attention without v_I, weighted by
1 - p, plus p W_v v_I with p = sigmoid(W_q e_i . W_k v_I - logsumexp_j(W_q e_i . W_k e_j)). All but p is computed once.

Departs from the paper in the width of a layer, which is that of an embedding, split among the heads: 8 units a head at
the default, where the paper has 32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldbench.plugin import Backbone, Batch, Choice, Count, InputError, Schema, Space, Width


@dataclass(frozen=True)
class Config:
    """The paper's number of layers and heads."""

    dim: Width = 16  # embedding size of every field, and width of every layer
    layers: Count = 3  # interacting layers
    heads: Count = 2  # attention heads, which divide dim

    def __post_init__(self) -> None:
        if self.dim % self.heads:
            raise InputError(f"autoint.heads is {self.heads}; it should divide dim, {self.dim}")


space: Space = {"layers": Choice((1, 2, 3)), "heads": Choice((1, 2, 4))}


class Context(NamedTuple):
    """The first layer's results for the other fields, as if there were no item ID."""

    parts: Tensor  # (batch, 3 heads, fields, units) queries, keys and values
    mean: Tensor  # (batch, heads, fields, units) attention over the other fields
    total: Tensor  # (batch, heads, fields) log of the sum of the exponents of its scores
    residual: Tensor  # (batch, fields, dim) W_r e


class AutoInt(Backbone):
    """A linear layer on all fields after layers of self-attention."""

    title = "AutoInt"
    group = "since"

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        self.heads = config.heads
        # W_q, W_k, W_v and W_r of each layer, side by side
        self.layers = nn.ParameterList(torch.empty(4 * self.dim, self.dim) for _ in range(config.layers))
        self.last = nn.Linear((1 + self.fields) * self.dim, 1)

    def draw(self) -> None:
        """Draws the layers' matrices from Xavier's uniform distribution; from U(-0.01, 0.01) nothing is learned."""
        for layer in self.layers:
            for matrix in layer.chunk(4):
                nn.init.xavier_uniform_(matrix)

    def encode(self, batch: Batch) -> Context:
        """Computes the first layer among the other fields."""
        parts, residual = self._projected(self.others(batch), 0)
        query, key, value = parts.chunk(3)
        scores = query @ key.transpose(-1, -2)
        mean, total = scores.softmax(-1) @ value, scores.logsumexp(-1)
        return Context(parts.transpose(0, 1), mean.transpose(0, 1), total.transpose(0, 1), residual)

    def score(self, item_embedding: Tensor, context: Context) -> Tensor:
        """(batch, dim) item ID embeddings -> (batch,) logits."""
        item, item_residual = self._projected(item_embedding.unsqueeze(1), 0)
        query, key, value = item.chunk(3)
        parts, mean, total = (part.transpose(0, 1) for part in context[:3])
        queries, keys, values = parts.chunk(3)
        chosen = ((queries * key).sum(-1) - total).sigmoid().unsqueeze(-1)  # p
        others = torch.lerp(mean, value.expand_as(mean), chosen)
        own = _attended(query, torch.cat([key, keys], 2), torch.cat([value, values], 2))
        embeddings = _joined(torch.cat([own, others], 2), torch.cat([item_residual, context.residual], 1))
        for layer in range(1, len(self.layers)):
            parts, residual = self._projected(embeddings, layer)
            embeddings = _joined(_attended(*parts.chunk(3)), residual)
        return self.last(embeddings.flatten(1)).squeeze(-1)

    def _projected(self, embeddings: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """(batch, fields, dim) -> queries, keys, values, (3 heads, batch, fields, units), and W_r e."""
        width = 3 * self.dim
        parts = functional.linear(embeddings, self.layers[layer][:width]).unflatten(-1, (3 * self.heads, -1))
        return parts.permute(2, 0, 1, 3).contiguous(), functional.linear(embeddings, self.layers[layer][width:])


def _attended(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """(heads, batch, fields, units) each -> attention over the keys' fields, in the shape of the queries."""
    return (query @ key.transpose(-1, -2)).softmax(-1) @ value


def _joined(attended: Tensor, residual: Tensor) -> Tensor:
    """(heads, batch, fields, units) and (batch, fields, dim) -> (batch, fields, dim)."""
    return (attended.permute(1, 2, 0, 3).flatten(2) + residual).relu()
