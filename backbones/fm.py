"""Factorization Machine (Rendle 2010, DOI 10.1109/ICDM.2010.127).

Departs from the paper: v_I is all that is item-specific, so tokens have no first-order terms. Where there are
multi-valued fields, their empty places do that work: the code that gave AVAEW's tables sums the padding's embedding
along with the words', 16 times in an average row of MovieLens-1M, and every pair with it acts as a first-order term.
Without (``padding=false``) the plain baseline is far below those tables (see results/reproduction/ml-1m). The other
backbones' MLPs have biases for that, and leave the padding out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from coldbench.plugin import Backbone, Batch, Choice, FactorizationMachine, Schema, Space, Width


@dataclass(frozen=True)
class Config:
    """Table settings of AVAEW, section 3.1."""

    dim: Width = 16  # embedding size of every field
    padding: bool = True  # a multi-valued field sums its empty places too, as in the code that gave the tables


space: Space = {"dim": Choice((8, 16, 32))}


class Context(NamedTuple):
    """Partial sums over all fields but the item ID."""

    total: Tensor  # (batch, dim) sum of the other fields' embeddings
    logit: Tensor  # (batch,) their pairwise and linear terms


class FM(Backbone):
    """Pairwise products of all field embeddings, plus a linear term on numeric fields."""

    title = "FM"

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        self.machine = FactorizationMachine(self.numerics)

    def encode(self, batch: Batch) -> Context:
        """The pairwise term splits: what v_I adds to it is its product with the others' sum."""
        return Context(*self.machine(self.others(batch), self.numeric_values(batch)))

    def score(self, item_embedding: Tensor, context: Context) -> Tensor:
        """(batch, dim) -> (batch,) logits."""
        return (item_embedding * context.total).sum(-1) + context.logit
