"""The parts that backbones and generators are built from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from coldbench.data.schema import Side
from coldbench.model.batching import Rows

LAZY_ROWS = 30_000  # tables with more rows get sparse gradients: a step then costs what it touches, not the table
INITIAL = 0.01  # every parameter starts from U(-0.01, 0.01), as in the code that gave AVAEW's tables


def initialise(module: nn.Module) -> None:
    """Draws every parameter of a module from U(-0.01, 0.01), batch-norm scales included; padding stays zero."""
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -INITIAL, INITIAL)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, FieldEmbedding):
                part.table[0] = 0.0


class FieldEmbedding(nn.Module):
    """Embeds the fields of one side: (rows) -> (rows, fields, dim).

    The token fields share one table, so that a side costs one look-up and one gradient. A
    multi-valued field is the sum over its values. A numeric field x is x times a learned vector (Rendle 2010).

    Args:
        side: Its fields.
        dim: The size of an embedding.
        numeric: Whether the numeric fields are embedded as well.
        padding: Whether each place that a multi-valued field leaves empty adds a learned vector of that field's, as
            where the padding's embedding is summed along with the words'.
    """

    def __init__(self, side: Side, dim: int, numeric: bool = True, padding: bool = False) -> None:
        super().__init__()
        self.tokens = len(side.tokens)
        self.padded = any(field.kind == "multi" for field in side.tokens)
        self.fields = self.tokens + (len(side.numeric) if numeric else 0)
        self.width = self.fields * dim
        self.table = nn.Parameter(torch.empty(side.vocabulary, dim))
        self.padding = nn.Parameter(torch.empty(self.tokens, dim)) if padding and self.padded else None
        self.slopes = nn.Parameter(torch.empty(len(side.numeric) if numeric else 0, dim))

    def forward(self, rows: Rows) -> Tensor:
        """Embeds rows of the side; fields in the order tokens, numeric."""
        if not self.padded:  # one value a field: nothing to sum
            embedded = lookup(self.table, rows.ids)
        else:
            by_word = (None, None) if len(self.table) > LAZY_ROWS else rows.bags_by_word
            embedded = _SumOfBags.apply(self.table, *rows.bags, *by_word).view(len(rows.ids), self.tokens, -1)
        if self.padding is not None:
            embedded = torch.addcmul(embedded, rows.empty.unsqueeze(-1), self.padding)
        if len(self.slopes):
            embedded = torch.cat([embedded, rows.numeric.unsqueeze(-1) * self.slopes], 1)
        return embedded


def lookup(table: Tensor, index: Tensor) -> Tensor:
    """Rows of a table: (any) ids -> (any, dim)."""
    return _Lookup.apply(table, index)


class _Lookup(torch.autograd.Function):
    """An embedding with a faster gradient than torch's own: one ``index_add_``, or sparse for large tables."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.shape = table.shape
        return functional.embedding(index, table)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        return _table_gradient(ctx.shape, index.flatten().long(), gradient.reshape(-1, ctx.shape[1])), None


class _SumOfBags(torch.autograd.Function):
    """The sum of each bag's rows of a table, (bags, dim); see ``Bags``."""

    @staticmethod
    def forward(
        ctx: Any,
        table: Tensor,
        words: Tensor,
        bag: Tensor,
        starts: Tensor,
        by_word: Tensor | None,
        firsts: Tensor | None,
    ) -> Tensor:
        ctx.save_for_backward(words, bag, by_word, firsts)
        ctx.shape = table.shape
        return functional.embedding_bag(words, table, starts, mode="sum")

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        words, bag, by_word, firsts = ctx.saved_tensors
        if by_word is None:
            table = _table_gradient(ctx.shape, words, gradient.index_select(0, bag))
        else:
            table = functional.embedding_bag(by_word, gradient, firsts, mode="sum")
        return table, None, None, None, None, None


def _table_gradient(shape: torch.Size, index: Tensor, gradient: Tensor) -> Tensor:
    """The gradient of a table from that of its looked-up rows, (rows, dim)."""
    if shape[0] > LAZY_ROWS:
        return torch.sparse_coo_tensor(index.unsqueeze(0), gradient, shape, check_invariants=False)
    return gradient.new_zeros(shape).index_add_(0, index, gradient)


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
