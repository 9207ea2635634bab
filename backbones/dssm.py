"""DSSM (Huang et al., CIKM 2013, DOI 10.1145/2505515.2505665): one tower for the request, one for the item.

    y_u = MLP_u([users; context]),  y_i = MLP_i([v_I; items]),  logit = gamma cos(y_u, y_i)

AVAEW's online test has a DSSM in its pre-ranking stage (section 3.2). The vectors are normalised and the item's is
multiplied by gamma, so that their inner product is the logit.

Departs from the paper, which hashes words and ranks documents by a softmax over gamma cos: here the towers read
field embeddings and a click is predicted by a sigmoid. Hidden layers have batch normalisation, ReLU and dropout in
place of tanh, as the MLPs of the other backbones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldbench.plugin import (
    Batch,
    Choice,
    LogUniform,
    Range,
    Rows,
    Schema,
    Share,
    Space,
    SplitMLP,
    TwoTower,
    Uniform,
    Width,
    blocks,
)


@dataclass(frozen=True)
class Config:
    """The width of the vectors and the smoothing factor are this benchmark's; the rest as in the other backbones."""

    dim: Width = 16  # embedding size of every field
    hidden: tuple[Width, ...] = (16,)  # units of each tower's hidden layers
    vector: Width = 16  # width of the towers' outputs
    gamma: Annotated[float, Range(0.1, 100)] = 10.0  # the smoothing factor that multiplies the cosine
    dropout: Share = 0.2  # in both towers


space: Space = {
    "hidden": Choice(((16,), (16, 16), (64, 64))),
    "vector": Choice((8, 16, 32)),
    "gamma": LogUniform(1.0, 30.0),
    "dropout": Uniform(0.0, 0.5),
}


class Context(NamedTuple):
    """What does not depend on the item ID embedding."""

    user: Tensor  # (batch, vector) the request's vector
    hidden: Tensor  # (batch, hidden) the item fields' share of the item tower's first layer


class DSSM(TwoTower):
    """gamma times the cosine of the request's and the item's vectors."""

    title = "DSSM"

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        self.gamma = config.gamma
        sizes = config.hidden, config.vector, config.dropout
        self.user_tower = nn.Sequential(
            nn.Linear(self.users.width + self.context.width, config.hidden[0]), *blocks(*sizes)
        )
        self.item_tower = SplitMLP(self.dim, self.items.width, *sizes)

    def user_vector(self, users: Rows, context: Rows) -> Tensor:
        """(requests, ...) users and contexts -> (requests, vector) of length 1."""
        fields = torch.cat([self.users(users), self.context(context)], 1).flatten(1)
        return functional.normalize(self.user_tower(fields), dim=-1)

    def item_vector(self, items: Rows, embeddings: Tensor) -> Tensor:
        """(items, ...) items and (items, dim) ID embeddings -> (items, vector) of length gamma."""
        return self.gamma * functional.normalize(self.item_tower(embeddings, self._side(items)), dim=-1)

    def encode(self, batch: Batch) -> Context:
        """Computes the request's vector and the item tower's first layer, without the share of v_I."""
        return Context(self.user_vector(batch.users, batch.context), batch.spread(self._side(batch.items)))

    def score(self, item_embedding: Tensor, context: Context) -> Tensor:
        """(batch, dim) item ID embeddings -> (batch,) logits."""
        items = functional.normalize(self.item_tower(item_embedding, context.hidden), dim=-1)
        return self.gamma * (context.user * items).sum(-1)

    def _side(self, items: Rows) -> Tensor:
        """(items, ...) -> (items, hidden) the item fields' share of the item tower's first layer."""
        return self.item_tower.rest(self.items(items).flatten(1))
