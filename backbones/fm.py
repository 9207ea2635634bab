"""Factorization Machine (Rendle 2010, DOI 10.1109/ICDM.2010.127).

Departs from the paper: v_I is the only item-specific parameter, so tokens have no first-order terms. In multi-valued
fields the empty places take their role: the code that produced AVAEW's tables sums the padding's embedding along with
the words', 16 times in an average row of MovieLens-1M, and every pair with it acts as a first-order term. Without it
(``padding=false``) the plain baseline is far below those tables (see results/reproduction/ml-1m). The other
backbones' MLPs have biases for that and leave the padding out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from coldbench.plugin import Backbone, Batch, Choice, FactorizationMachine, Schema, Space, Width


@dataclass(frozen=True)
class Config:
    """AVAEW's settings for its tables, section 3.1."""

    dim: Width = 16  # embedding size of every field
    padding: bool = True  # multi-valued fields sum their empty places too, as in the code that produced the tables


space: Space = {"dim": Choice((8, 16, 32))}


class Context(NamedTuple):
    """Partial sums over all fields but the item ID."""

    total: Tensor  # (batch, dim) sum of the other fields' embeddings
    logit: Tensor  # (batch,) the other fields' pairwise and linear terms


class FM(Backbone):
    """Pairwise products of all field embeddings, plus a linear term on numeric fields."""

    title = "FM"
    group = "paper"

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        self.machine = FactorizationMachine(self.numerics)

    def encode(self, batch: Batch) -> Context:
        """Computes the terms without v_I, whose pairwise products are its product with the others' sum."""
        return Context(*self.machine(self.others(batch), self.numeric_values(batch)))

    def score(self, item_embedding: Tensor, context: Context) -> Tensor:
        """(batch, dim) item ID embeddings -> (batch,) logits."""
        return (item_embedding * context.total).sum(-1) + context.logit
