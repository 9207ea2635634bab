"""Embedding tables, their look-ups and their dense or sparse gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from coldbench.data.schema import Side
from coldbench.model.rows import Rows
from coldbench.model.settings import Settings

_lazy_rows: ContextVar[int] = ContextVar("lazy_rows", default=Settings.lazy_rows)


@contextmanager
def lazy_above(rows: int) -> Iterator[None]:
    """Inside the ``with`` block, tables with more rows get sparse gradients, which ``Adam`` applies lazily."""
    token = _lazy_rows.set(rows)
    try:
        yield
    finally:
        _lazy_rows.reset(token)


def is_lazy(table: Tensor) -> bool:
    """Whether a table currently gets a sparse gradient (see ``lazy_above``)."""
    return len(table) > _lazy_rows.get()


class FieldEmbedding(nn.Module):
    """Embeds the fields of one side: (rows) -> (rows, fields, dim).

    The token fields share one table, so that a side costs one look-up and one gradient. A multi-valued field is
    embedded as the sum over its values, a numeric field x as x times a learned vector (Rendle 2010), and a vector by
    one linear map without a bias, so that zeros (no vector) stay zeros.

    Args:
        side: The fields of the side.
        dim: The size of an embedding.
        numeric: Whether the numeric fields are embedded as well.
        padding: Whether each empty place of a multi-valued field adds a learned vector of that field, as in code
            that sums the padding's embedding along with those of the words.
    """

    def __init__(self, side: Side, dim: int, numeric: bool = True, padding: bool = False) -> None:
        super().__init__()
        self.tokens = len(side.tokens)
        self.padded = any(field.kind == "multi" for field in side.tokens)
        self.fields = self.tokens + (len(side.numeric) if numeric else 0) + len(side.vectors)
        self.width = self.fields * dim
        self.table = nn.Parameter(torch.empty(side.vocabulary, dim))
        self.padding = nn.Parameter(torch.empty(self.tokens, dim)) if padding and self.padded else None
        self.slopes = nn.Parameter(torch.empty(len(side.numeric) if numeric else 0, dim))
        self.maps = nn.ParameterList(torch.empty(field.width, dim) for field in side.vectors)

    def forward(self, rows: Rows) -> Tensor:
        """(rows) -> (rows, fields, dim) embeddings: the token fields first, then the numeric ones, then the vectors."""
        if not self.padded:  # one value per field: nothing to sum
            embedded = lookup(self.table, rows.ids)
        else:
            by_word = (None, None) if is_lazy(self.table) else rows.bags_by_word
            embedded = _SumOfBags.apply(self.table, *rows.bags, *by_word).view(len(rows.ids), self.tokens, -1)
        if self.padding is not None:
            embedded = torch.addcmul(embedded, rows.empty.unsqueeze(-1), self.padding)
        if len(self.slopes):
            embedded = torch.cat([embedded, rows.numeric.unsqueeze(-1) * self.slopes], 1)
        if rows.vectors is not None:
            parts = rows.vectors.float().split([len(linear) for linear in self.maps], 1)
            mapped = [part @ linear for part, linear in zip(parts, self.maps, strict=True)]
            embedded = torch.cat([embedded, torch.stack(mapped, 1)], 1)
        return embedded


def lookup(table: Tensor, index: Tensor) -> Tensor:
    """(any) ids -> (any, dim) rows of a table."""
    return _Lookup.apply(table, index)


class _Lookup(torch.autograd.Function):
    """An embedding look-up with a faster gradient than torch's: one ``index_add_``, or sparse for large tables."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.shape, ctx.lazy = table.shape, is_lazy(table)
        return functional.embedding(index, table)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        looked_up = gradient.reshape(-1, ctx.shape[1])
        return _table_gradient(ctx.shape, ctx.lazy, index.flatten().long(), looked_up), None


class _SumOfBags(torch.autograd.Function):
    """(bags, dim) the sum of the table's rows in each bag; see ``Bags``."""

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
        ctx.shape, ctx.lazy = table.shape, is_lazy(table)
        return functional.embedding_bag(words, table, starts, mode="sum")

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        words, bag, by_word, firsts = ctx.saved_tensors
        if by_word is None:
            table = _table_gradient(ctx.shape, ctx.lazy, words, gradient.index_select(0, bag))
        else:
            table = functional.embedding_bag(by_word, gradient, firsts, mode="sum")
        return table, None, None, None, None, None


def _table_gradient(shape: torch.Size, lazy: bool, index: Tensor, gradient: Tensor) -> Tensor:
    """(rows, dim) the gradient of a table, from the gradients of its looked-up rows."""
    if lazy:
        return torch.sparse_coo_tensor(index.unsqueeze(0), gradient, shape, check_invariants=False)
    return gradient.new_zeros(shape).index_add_(0, index, gradient)
