"""Layers and small networks, the building blocks of backbones and generators."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldbench.model.embedding import FieldEmbedding

INITIAL = 0.01  # parameters start from U(-0.01, 0.01), as in the code that produced AVAEW's tables


def initialise(module: nn.Module) -> None:
    """Draws all parameters of a module from U(-0.01, 0.01), including batch-norm scales; padding stays zero.

    A module with a method ``draw`` then draws what has to start from other values.
    """
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -INITIAL, INITIAL)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, FieldEmbedding):
                part.table[0] = 0.0
            draw = getattr(part, "draw", None)
            if draw is not None:
                draw()


def two_layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Builds the small network that warm-up methods use: Linear, ReLU, Linear."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


class Dropout(nn.Module):
    """Dropout with 16 random bits per element, which on the CPU takes a third of the time of torch's own.

    The rate is exact to 1 / 65,536.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, values: Tensor) -> Tensor:
        """(any) values -> (any): in training mode, zeroes each with probability ``rate`` and scales up the rest."""
        if not self.training or values.is_cuda or self.rate == 1:
            return functional.dropout(values, self.rate, self.training)
        bits = torch.empty(-(-values.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        draw = bits.view(torch.int16)[: values.numel()].view(values.shape)  # uniform over [-32768, 32768)
        kept = draw.ge_(round(65_536 * self.rate) - 32_768).to(values.dtype)
        return values * kept.mul_(1 / (1 - self.rate))


def blocks(widths: Sequence[int], outputs: int | None, dropout: float) -> nn.Sequential:
    """Builds blocks of BatchNorm, ReLU, Dropout and Linear: (rows, widths[0]) -> (rows, outputs).

    Args:
        widths: The units of the hidden layers; the input is the first one before its normalisation.
        outputs: The units of the last Linear; None to end with the last hidden layer.
        dropout: The rate of dropout after each ReLU.
    """
    layers: list[nn.Module] = []
    for width, following in zip(widths, [*widths[1:], outputs], strict=True):
        layers += [nn.BatchNorm1d(width), nn.ReLU()]
        layers += [Dropout(dropout)] if dropout else []
        layers += [nn.Linear(width, following)] if following is not None else []
    return nn.Sequential(*layers)


class SplitMLP(nn.Module):
    """Blocks of Linear, BatchNorm, ReLU and Dropout, followed by a Linear to ``outputs`` units, if any.

    The product of the first layer is split: ``rest`` multiplies what does not depend on the item ID embedding,
    once per batch, and ``forward`` adds the item's part.
    """

    def __init__(self, item: int, rest: int, hidden: Sequence[int], outputs: int | None, dropout: float) -> None:
        super().__init__()
        self.first_item = nn.Linear(item, hidden[0], bias=False)
        self.first_rest = nn.Linear(rest, hidden[0])
        self.blocks = blocks(hidden, outputs, dropout)

    def rest(self, rest: Tensor) -> Tensor:
        """(batch, rest) inputs -> (batch, hidden) partial sums of the first layer, without the item's part."""
        return self.first_rest(rest)

    def forward(self, item: Tensor, partial: Tensor) -> Tensor:
        """(batch, item) inputs and the partial sums of ``rest`` -> (batch, outputs)."""
        return self.blocks(self.first_item(item) + partial)


class MLP(SplitMLP):
    """A ``SplitMLP`` to one logit per row."""

    def __init__(self, item: int, rest: int, hidden: Sequence[int], dropout: float) -> None:
        super().__init__(item, rest, hidden, 1, dropout)

    def forward(self, item: Tensor, partial: Tensor) -> Tensor:
        """(batch, item) inputs and the partial sums of ``rest`` -> (batch,) logits."""
        return super().forward(item, partial).squeeze(-1)


class FactorizationMachine(nn.Module):
    """Pairwise products of field embeddings plus a linear term on numeric fields (Rendle 2010).

    The item's pairwise products sum to the inner product of its embedding and ``total``.

    Args:
        numerics: The number of numeric fields.
    """

    def __init__(self, numerics: int) -> None:
        super().__init__()
        self.linear = nn.Linear(numerics, 1)

    def forward(self, embeddings: Tensor, numeric: Tensor) -> tuple[Tensor, Tensor]:
        """Computes the sums over all fields except the item ID.

        Args:
            embeddings: (batch, fields, dim) embeddings of these fields.
            numeric: (batch, numerics) values of the numeric fields.

        Returns:
            ``total``, the sum of the embeddings, (batch, dim), and the logit, (batch,):
            0.5 (sum^2 - sum of squares) by Rendle's lemma 3.1, plus the linear term.
        """
        total = embeddings.sum(1)
        pairs = 0.5 * (total.square().sum(-1) - embeddings.square().sum((1, 2)))
        return total, pairs + self.linear(numeric).squeeze(-1)
