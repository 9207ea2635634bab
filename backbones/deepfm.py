"""DeepFM (Guo et al. 2017, arXiv:1703.04247): an FM plus an MLP on the same embeddings.

Departs from the paper as ``fm`` does: only the empty places of multi-valued fields act as tokens' first-order terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from coldbench.plugin import (
    MLP,
    Backbone,
    Batch,
    Choice,
    FactorizationMachine,
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
    padding: bool = True  # multi-valued fields sum their empty places too, as in the code that produced the tables
    hidden: tuple[Width, ...] = (16, 16)  # units of the MLP's layers
    dropout: Share = 0.2  # in the MLP


space: Space = {"dim": Choice((8, 16, 32)), "hidden": Choice(((16, 16), (64, 64))), "dropout": Uniform(0.0, 0.5)}


class Context(NamedTuple):
    """Partial sums over all fields but the item ID."""

    total: Tensor  # (batch, dim) sum of the other fields' embeddings
    logit: Tensor  # (batch,) the other fields' pairwise and linear terms
    hidden: Tensor  # (batch, hidden) the other fields' share of the MLP's first layer


class DeepFM(Backbone):
    """The sum of the FM's and the MLP's logits."""

    title = "DeepFM"
    group = "paper"

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        self.machine = FactorizationMachine(self.numerics)
        self.mlp = MLP(self.dim, self.fields * self.dim, config.hidden, config.dropout)

    def encode(self, batch: Batch) -> Context:
        """Computes the FM's partial sums and the MLP's first layer, without the item's part."""
        others = self.others(batch)
        total, logit = self.machine(others, self.numeric_values(batch))
        return Context(total, logit, self.mlp.rest(others.flatten(1)))

    def score(self, item_embedding: Tensor, context: Context) -> Tensor:
        """(batch, dim) item ID embeddings -> (batch,) logits."""
        pairs = (item_embedding * context.total).sum(-1)
        return pairs + context.logit + self.mlp(item_embedding, context.hidden)
