"""FinalMLP (Mao et al., AAAI 2023, arXiv:2304.00902): two MLP streams with feature gates and a bilinear fusion.

    h_s = 2 sigmoid(gate_s(x_s)) * [v_I; others]  (equations 5, 6),  o_s = MLP_s(h_s),  s = 1, 2
    logit = b + w_1 . o_1 + w_2 . o_2 + sum_k o_1k^T W_k o_2k over the heads k  (equations 9, 10)

Departs from the paper in what the gates read. The first reads the user's fields and the second the item's, without v_I:
all gates and nearly all of both first layers are then independent of v_I. They read the embeddings that the streams
read, not tables of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from coldbench.plugin import (
    Backbone,
    Batch,
    Choice,
    Count,
    InputError,
    Schema,
    Share,
    Space,
    SplitMLP,
    Uniform,
    Width,
    two_layers,
)


@dataclass(frozen=True)
class Config:
    """The streams are of the size of the other backbones' MLP; the gate's size is that of the public code's default."""

    dim: Width = 16  # embedding size of every field
    hidden: tuple[Width, ...] = (16, 16)  # units of the first stream's layers
    second: tuple[Width, ...] = (16, 16)  # units of the second stream's layers
    heads: Count = 1  # k, the heads of the fusion, which divide the last units of both streams
    gates: Width = 64  # units of the gates' hidden layer
    dropout: Share = 0.2  # in both streams

    def __post_init__(self) -> None:
        if self.hidden[-1] % self.heads or self.second[-1] % self.heads:
            raise InputError(
                f"finalmlp.heads is {self.heads}; it should divide the last units of both streams, "
                f"{self.hidden[-1]} and {self.second[-1]}"
            )


space: Space = {
    "hidden": Choice(((16, 16), (64, 64))),
    "second": Choice(((16,), (16, 16), (64, 64))),
    "heads": Choice((1, 2, 4)),
    "dropout": Uniform(0.0, 0.5),
}


class Context(NamedTuple):
    """What does not depend on the item ID embedding, for both streams."""

    gates: Tensor  # (batch, 2 dim) the gates of v_I
    hidden: Tensor  # (batch, units of both first layers) the other fields' share of the first layers


class FinalMLP(Backbone):
    """Two gated MLPs on the same embeddings, multiplied with each other."""

    title = "FinalMLP"
    group = "since"

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        one, two, self.heads = config.hidden[-1], config.second[-1], config.heads
        width = (1 + self.fields) * self.dim
        self.user_gate = two_layers(self.users.width, config.gates, width)
        self.item_gate = two_layers(self.items.width, config.gates, width)
        self.first = SplitMLP(self.dim, self.fields * self.dim, config.hidden, None, config.dropout)
        self.second = SplitMLP(self.dim, self.fields * self.dim, config.second, None, config.dropout)
        self.linear = nn.Linear(one + two, 1)  # w_1, w_2 and b
        self.fusion = nn.Parameter(torch.empty(self.heads, one // self.heads, two // self.heads))  # W_k

    def encode(self, batch: Batch) -> Context:
        """Computes both gates, and the first layer of both streams on the gated other fields."""
        users, items, context = self.users(batch.users), self.items(batch.items), self.context(batch.context)
        others = torch.cat([users, batch.spread(items), context], 1).flatten(1)
        one = 2 * self.user_gate(users.flatten(1)).sigmoid()
        two = batch.spread(2 * self.item_gate(items.flatten(1)).sigmoid())
        hidden = [stream.rest(gate[:, self.dim :] * others) for stream, gate in ((self.first, one), (self.second, two))]
        return Context(torch.cat([one[:, : self.dim], two[:, : self.dim]], 1), torch.cat(hidden, 1))

    def score(self, item_embedding: Tensor, context: Context) -> Tensor:
        """(batch, dim) item ID embeddings -> (batch,) logits."""
        split = self.first.first_rest.out_features
        one = self.first(context.gates[:, : self.dim] * item_embedding, context.hidden[:, :split])
        two = self.second(context.gates[:, self.dim :] * item_embedding, context.hidden[:, split:])
        turned = torch.einsum("bkd,kde->bke", one.unflatten(1, (self.heads, -1)), self.fusion)
        return self.linear(torch.cat([one, two], 1)).squeeze(-1) + (turned.flatten(1) * two).sum(-1)
