"""xDeepFM (Lian et al., KDD 2018, DOI 10.1145/3219819.3220023): a compressed interaction network (CIN) beside an MLP.

    X^k_h = sum_ij W^k_hij X^{k-1}_i * X^0_j  (equation 6),  p^k_h = sum_d X^k_hd  (equation 7)
    logit = w . [p^1; ...; p^K] + linear(numeric) + MLP(X^0),  X^0 = [v_I; others]

Products are element-wise over the embedding's dimensions, and layers have no activation, which the paper found best.
The first layer is a quadratic form of v_I with coefficients that do not depend on it. The last one only counts as
sum_i X^{K-1}_i . sum_j M_ij X^0_j with M_ij = sum_h w_h W^K_hij. With two layers ``score`` never visits a field.

Departs from the paper in the linear part, which has the numeric fields alone: an item's first-order weight would be an
item-specific parameter besides v_I. The layers are smaller than the paper's 200 units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from coldbench.plugin import MLP, Backbone, Batch, Choice, Schema, Share, Space, Uniform, Width


@dataclass(frozen=True)
class Config:
    """The sizes of the embeddings and the MLP are those of the other backbones, and the CIN is of the same size."""

    dim: Width = 16  # embedding size of every field
    cin: tuple[Width, ...] = (16, 16)  # feature maps of the CIN's layers, H_k
    hidden: tuple[Width, ...] = (16, 16)  # units of the MLP's layers
    dropout: Share = 0.2  # in the MLP


space: Space = {
    "cin": Choice(((16,), (16, 16), (32, 32), (16, 16, 16))),
    "hidden": Choice(((16, 16), (64, 64))),
    "dropout": Uniform(0.0, 0.5),
}


class Context(NamedTuple):
    """What does not depend on the item ID embedding."""

    others: Tensor  # (batch, fields, dim) the other fields' embeddings
    constant: Tensor  # (batch, maps, dim) sum of W_hij o_i * o_j, in the first of two or more layers
    slope: Tensor  # (batch, maps, dim) sum of (W_hIj + W_hjI) o_j, the factor of v_I there
    last: Tensor  # (batch, maps, dim) sum of M_ij o_j over the other fields
    logit: Tensor  # (batch,) the linear part
    hidden: Tensor  # (batch, hidden) the other fields' share of the MLP's first layer


class XDeepFM(Backbone):
    """The sum of the logits of a CIN, of an MLP and of the numeric fields."""

    title = "xDeepFM"
    group = "since"

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        fields = 1 + self.fields
        sizes = zip(config.cin, [fields, *config.cin], strict=False)
        self.cin = nn.ParameterList(torch.empty(maps, inputs, fields) for maps, inputs in sizes)  # W^k
        self.weights = nn.ParameterList(torch.empty(maps) for maps in config.cin)  # w, by layer
        self.linear = nn.Linear(self.numerics, 1)
        self.mlp = MLP(self.dim, self.fields * self.dim, config.hidden, config.dropout)

    def encode(self, batch: Batch) -> Context:
        """Computes the other fields' shares of the CIN's first and last layer and of the MLP's first layer."""
        others = self.others(batch)
        return Context(
            others,
            *self._first(others),
            torch.matmul(self._last[:, 1:], others),
            self.linear(self.numeric_values(batch)).squeeze(-1),
            self.mlp.rest(others.flatten(1)),
        )

    def score(self, item_embedding: Tensor, context: Context) -> Tensor:
        """(batch, dim) item ID embeddings -> (batch,) logits."""
        item = item_embedding.unsqueeze(1)
        logit = context.logit + self.mlp(item_embedding, context.hidden)
        layer = torch.cat([item, context.others], 1)  # X^{k-1}
        for number, (weight, out) in enumerate(zip(self.cin[:-1], self.weights[:-1], strict=True)):
            if number == 0:
                layer = context.constant + item * (context.slope + item * weight[:, :1, 0])
            else:
                layer = self._middle(layer, weight, item, context.others)
            logit = logit + layer.sum(-1) @ out
        return logit + (layer * (context.last + item * self._last[:, :1])).sum((1, 2))

    @property
    def _last(self) -> Tensor:
        """(maps of the layer before, fields) M."""
        return torch.tensordot(self.weights[-1], self.cin[-1], 1)

    def _first(self, others: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, fields, dim) -> (batch, maps, dim) constants and slopes of the first of two or more layers."""
        if len(self.cin) == 1:
            nothing = others[:, :0]
            return nothing, nothing
        weight, fields = self.cin[0], others.transpose(0, 1).contiguous()  # (fields, batch, dim): one product for all
        slope = torch.tensordot(weight[:, 0, 1:] + weight[:, 1:, 0], fields, 1)
        pairs = torch.cat([field * fields[number:] for number, field in enumerate(fields)])  # (pairs, batch, dim)
        both = (weight[:, 1:, 1:] + weight[:, 1:, 1:].transpose(1, 2)) / (1 + torch.eye(self.fields).to(weight))
        first, second = torch.triu_indices(self.fields, self.fields, device=weight.device)
        return torch.tensordot(both[:, first, second], pairs, 1).transpose(0, 1), slope.transpose(0, 1)

    def _middle(self, layer: Tensor, weight: Tensor, item: Tensor, others: Tensor) -> Tensor:
        """(batch, maps before, dim) -> (batch, maps, dim), field by field so that memory stays small."""
        following = torch.matmul(weight[:, :, 0], layer * item)
        for field in range(self.fields):
            following = following + torch.matmul(weight[:, :, field + 1], layer * others[:, field : field + 1])
        return following
