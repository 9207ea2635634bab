"""The networks that backbones and generators are built from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldbench.model.embedding import FieldEmbedding

INITIAL = 0.01  # every parameter starts from U(-0.01, 0.01), as in the code that gave AVAEW's tables


def initialise(module: nn.Module) -> None:
    """Draws every parameter of a module from U(-0.01, 0.01), batch-norm scales included; padding stays zero."""
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -INITIAL, INITIAL)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, FieldEmbedding):
                part.table[0] = 0.0


def two_layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """The small network that warm-up methods use: Linear, ReLU, Linear."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


class Dropout(nn.Module):
    """Dropout with 16 random bits an element: on the CPU a third of the time of torch's own.

    The rate is exact to 1 / 65,536.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, values: Tensor) -> Tensor:
        """Zeroes elements of (any) values with probability ``rate``, in training mode, and scales up the rest."""
        if not self.training or values.is_cuda or self.rate == 1:
            return functional.dropout(values, self.rate, self.training)
        bits = torch.empty(-(-values.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        draw = bits.view(torch.int16)[: values.numel()].view(values.shape)  # uniform over [-32768, 32768)
        kept = draw.ge_(round(65_536 * self.rate) - 32_768).to(values.dtype)
        return values * kept.mul_(1 / (1 - self.rate))


class MLP(nn.Module):
    """Blocks of Linear, BatchNorm, ReLU, Dropout and a last Linear to one logit.

    Its first product is split: ``rest`` multiplies what does not depend on the item ID embedding,
    once per batch, and ``forward`` adds the item's part.
    """

    def __init__(self, item: int, rest: int, hidden: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.first_item = nn.Linear(item, hidden[0], bias=False)
        self.first_rest = nn.Linear(rest, hidden[0])
        blocks: list[nn.Module] = []
        for width, following in zip(hidden, [*hidden[1:], 1], strict=True):
            blocks += [nn.BatchNorm1d(width), nn.ReLU()]
            blocks += [Dropout(dropout)] if dropout else []
            blocks += [nn.Linear(width, following)]
        self.blocks = nn.Sequential(*blocks)

    def rest(self, rest: Tensor) -> Tensor:
        """(batch, rest) -> (batch, hidden), the share of the first layer without the item."""
        return self.first_rest(rest)

    def forward(self, item: Tensor, partial: Tensor) -> Tensor:
        """(batch, item) inputs and the partial sums of ``rest`` -> (batch,) logits."""
        return self.blocks(self.first_item(item) + partial).squeeze(-1)


class FactorizationMachine(nn.Module):
    """Pairwise products of field embeddings and a linear term on numeric fields (Rendle 2010).

    What the item takes part in is its product with ``total``.

    Args:
        numerics: The number of numeric fields.
    """

    def __init__(self, numerics: int) -> None:
        super().__init__()
        self.linear = nn.Linear(numerics, 1)

    def forward(self, embeddings: Tensor, numeric: Tensor) -> tuple[Tensor, Tensor]:
        """Sums over all fields but the item ID.

        Args:
            embeddings: (batch, fields, dim).
            numeric: (batch, numerics).

        Returns:
            ``total``, the sum of the embeddings, (batch, dim), and the logit, (batch,):
            0.5 (sum^2 - sum of squares) by Rendle's lemma 3.1, and the linear term.
        """
        total = embeddings.sum(1)
        pairs = 0.5 * (total.square().sum(-1) - embeddings.square().sum((1, 2)))
        return total, pairs + self.linear(numeric).squeeze(-1)
