"""Adaptive Factorization Network (Cheng et al., AAAI 2020, arXiv:1909.03276): crosses of a learned order, then an MLP.

    y_j = exp(sum_i w_ij ln |e_i|)  (equation 5),  logit = MLP([y_1; ...; y_N]),  e = [v_I; others]

Logarithms and exponents are element-wise over the embedding's dimensions, and both are followed by batch
normalisation, with one scale per field and per neuron. The sum over the other fields is computed once.

Departs from the paper in its size, 1,500 neurons there, and in that absolute values replace embeddings that are kept
positive: ``floor`` is the least of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

from torch import Tensor, nn

from coldbench.plugin import Backbone, Batch, Choice, Range, Schema, Share, Space, Uniform, Width, blocks


@dataclass(frozen=True)
class Config:
    """The sizes of the embeddings and the MLP are those of the other backbones."""

    dim: Width = 16  # embedding size of every field
    neurons: Width = 32  # N, the logarithmic neurons
    floor: Annotated[float, Range(1e-12, 1)] = 1e-7  # the least absolute value whose logarithm is taken
    hidden: tuple[Width, ...] = (16, 16)  # units of the MLP's layers
    dropout: Share = 0.2  # in the MLP


space: Space = {
    "neurons": Choice((16, 32, 64)),
    "hidden": Choice(((16, 16), (64, 64))),
    "dropout": Uniform(0.0, 0.5),
}


class Context(NamedTuple):
    """What does not depend on the item ID embedding."""

    powers: Tensor  # (batch, dim, neurons) sum of w_ij ln |e_i| over the other fields


class AFN(Backbone):
    """An MLP on products of powers of the embeddings."""

    title = "AFN"
    group = "since"

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        self.floor = config.floor
        self.item_norm, self.rest_norm = nn.BatchNorm1d(1), nn.BatchNorm1d(self.fields)
        self.item_orders = nn.Linear(1, config.neurons, bias=False)  # w_Ij
        self.rest_orders = nn.Linear(self.fields, config.neurons)  # w_ij
        self.norm = nn.BatchNorm1d(config.neurons)
        first = nn.Linear(config.neurons * self.dim, config.hidden[0])
        self.mlp = nn.Sequential(first, *blocks(config.hidden, 1, config.dropout))

    def draw(self) -> None:
        """Draws the orders from N(0, 0.1) and leaves the scales at 1; from U(-0.01, 0.01) nothing is learned."""
        for norm in (self.item_norm, self.rest_norm, self.norm):
            norm.reset_parameters()
        for orders in (self.item_orders.weight, self.rest_orders.weight):
            nn.init.normal_(orders, std=0.1)

    def encode(self, batch: Batch) -> Context:
        """Sums the logarithms of the other fields."""
        logs = self.rest_norm(self._logarithm(self.others(batch).transpose(1, 2).flatten(0, 1)))
        return Context(self.rest_orders(logs).unflatten(0, (len(batch), -1)))

    def score(self, item_embedding: Tensor, context: Context) -> Tensor:
        """(batch, dim) item ID embeddings -> (batch,) logits."""
        logs = self.item_norm(self._logarithm(item_embedding.reshape(-1, 1)))
        crosses = self.norm((context.powers.flatten(0, 1) + self.item_orders(logs)).exp())  # (batch dim, neurons)
        return self.mlp(crosses.view(len(item_embedding), -1)).squeeze(-1)

    def _logarithm(self, embeddings: Tensor) -> Tensor:
        return embeddings.abs().clamp(min=self.floor).log()
