"""Factorization Machine (Rendle 2010, DOI 10.1109/ICDM.2010.127).

Departs from the paper: v_I is all that is item-specific, so the first-order terms are the products with a
constant field. The code that gave AVAEW's tables has such a field by accident: it sums the padding's embedding
along with the words', 16 times in an average row of MovieLens-1M. Here padding embeds to zero; the constant
field has a value for which the plain baseline meets the tables' base rows, and ``constant=0`` leaves it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from coldbench.backbone import Backbone
from coldbench.batching import Batch
from coldbench.data.schema import Schema
from coldbench.layers import FactorizationMachine
from coldbench.space import Choice, Space, Weight, Width


@dataclass(frozen=True)
class Config:
    """Table settings of AVAEW, section 3.1."""

    dim: Width = 16  # embedding size of every field
    constant: Weight = 32.0  # value of the constant field of the first-order terms; 0 leaves it out


space: Space = {"dim": Choice((8, 16, 32)), "constant": Choice((0.0, 1.0, 8.0, 32.0))}


class Context(NamedTuple):
    """Partial sums over all fields but the item ID."""

    total: Tensor  # (batch, dim) sum of the other fields' embeddings
    logit: Tensor  # (batch,) their pairwise and linear terms


class FM(Backbone):
    """Pairwise products of all field embeddings, plus a linear term on numeric fields."""

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        self.machine = FactorizationMachine(self.dim, self.numerics, config.constant)

    def encode(self, batch: Batch) -> Context:
        """The pairwise term splits: what v_I adds to it is its product with the others' sum."""
        return Context(*self.machine(self.others(batch), self.numeric_values(batch)))

    def score(self, item_embedding: Tensor, context: Context) -> Tensor:
        """(batch, dim) -> (batch,) logits."""
        return (item_embedding * context.total).sum(-1) + context.logit
