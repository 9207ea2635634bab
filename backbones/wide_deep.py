"""Wide & Deep (Cheng et al. 2016, arXiv:1606.07792), in the form that the benchmark's protocol specifies.

Departs from the paper: the wide part is linear in the numeric fields only; crossed categorical
features would be item-specific parameters besides v_I.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from coldbench.plugin import MLP, Backbone, Batch, Choice, Schema, Share, Space, Uniform, Width


@dataclass(frozen=True)
class Config:
    """AVAEW's settings for its tables, section 3.1; dropout as in the code that produced the tables."""

    dim: Width = 16  # embedding size of every field
    hidden: tuple[Width, ...] = (16, 16)  # units of the MLP's layers
    dropout: Share = 0.2  # in the MLP


space: Space = {"dim": Choice((8, 16, 32)), "hidden": Choice(((16, 16), (64, 64))), "dropout": Uniform(0.0, 0.5)}


class Context(NamedTuple):
    """Partial sums over all fields but the item ID."""

    logit: Tensor  # (batch,) the wide part's logit
    hidden: Tensor  # (batch, hidden) the other fields' share of the MLP's first layer


class WideDeep(Backbone):
    """An MLP on the token fields' embeddings plus a linear term on the numeric fields."""

    title = "Wide & Deep"
    group = "paper"

    numeric = False

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        self.wide = nn.Linear(self.numerics, 1)
        self.mlp = MLP(self.dim, self.fields * self.dim, config.hidden, config.dropout)

    def encode(self, batch: Batch) -> Context:
        """Computes the wide part's logit and the MLP's first layer, without the item's part."""
        wide = self.wide(self.numeric_values(batch)).squeeze(-1)
        return Context(wide, self.mlp.rest(self.others(batch).flatten(1)))

    def score(self, item_embedding: Tensor, context: Context) -> Tensor:
        """(batch, dim) item ID embeddings -> (batch,) logits."""
        return context.logit + self.mlp(item_embedding, context.hidden)
