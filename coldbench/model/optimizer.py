"""Adam with its steps counted, and lazy updates of large tables that end where dense ones would."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.optim.adam import adam

from coldbench.model.budget import Budget

_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8
_POINTS = 16_384  # of the curve that rows which no batch has touched yet lie on


class Moments(NamedTuple):
    """A parameter, or copies of some of its rows, with Adam's two moments and its step count."""

    value: Tensor
    first: Tensor
    second: Tensor
    steps: Tensor

    @classmethod
    def of(cls, parameter: Tensor) -> Moments:
        """A parameter before its first step."""
        first, second = torch.zeros_like(parameter), torch.zeros_like(parameter)
        return cls(parameter, first, second, torch.zeros((), device=parameter.device))

    @property
    def gradient(self) -> Tensor:
        """What ``backward`` left."""
        return cast(Tensor, self.value.grad)


class Adam:
    """Adam (Kingma and Ba 2014, arXiv:1412.6980) with L2 weight decay; large tables are updated lazily.

    A parameter takes part from the first step on at which it has a gradient; at a step at which it has none it stays
    as it is, as in ``torch.optim.Adam``. Of a parameter with a sparse gradient (see ``embedding.lookup``) a step moves
    only the rows that the batch touched; ``settle`` moves the others to where dense steps would have moved them.

    Args:
        budget: Where its steps are counted; it takes none that is not left there.
        parameters: What it moves.
        learning_rate: About the most that a step moves an element by.
        weight_decay: L2, added to the gradient.
    """

    def __init__(self, budget: Budget, parameters: list[Tensor], learning_rate: float, weight_decay: float) -> None:
        self.budget = budget
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.parameters = [parameter for parameter in parameters if parameter.numel()]
        self._states: dict[int, Moments | LazyTable] = {}  # by place in parameters

    def zero_grad(self) -> None:
        """Forgets all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """One step down the gradients, if one is left in the budget."""
        if self.budget.spent:
            return
        states = [self._state(place) for place, each in enumerate(self.parameters) if each.grad is not None]
        parts = [part for state in states for part in (state.parts() if isinstance(state, LazyTable) else [state])]
        self._move(parts)
        for state in states:
            if isinstance(state, LazyTable):
                state.put_back()
        self.budget.count()

    @torch.no_grad()
    def settle(self) -> None:
        """Brings the rows of large tables that the last batches did not touch up to date."""
        for state in self._states.values():
            if isinstance(state, LazyTable):
                state.settle()

    def _state(self, place: int) -> Moments | LazyTable:
        parameter = self.parameters[place]
        if place not in self._states:
            lazy = cast(Tensor, parameter.grad).is_sparse
            rates = self.learning_rate, self.weight_decay
            self._states[place] = LazyTable(parameter, *rates) if lazy else Moments.of(parameter)
        return self._states[place]

    def _move(self, parts: list[Moments]) -> None:
        adam(  # the function under torch.optim.Adam, whose class adds 0.4 of its time
            [part.value for part in parts],
            [part.gradient for part in parts],
            [part.first for part in parts],
            [part.second for part in parts],
            [],
            [part.steps for part in parts],
            fused=True,
            amsgrad=False,
            beta1=_BETA1,
            beta2=_BETA2,
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            eps=_EPS,
            maximize=False,
        )


class LazyTable:
    """A large table, of which a step moves the rows that the batch touched.

    Dense steps would move the others as well. A row that no batch has touched is driven by its weight decay alone, so
    that where it is after t steps depends on its first value alone: it is read off a curve of ``_POINTS`` values that
    takes part in every step. A row that was touched before coasts on its first moment, in closed form.

    Both moments of a row lie side by side, so that they are fetched from memory at once.

    Args:
        table: (rows, dim).
        learning_rate: As of ``Adam``.
        weight_decay: As of ``Adam``.
    """

    def __init__(self, table: Tensor, learning_rate: float, weight_decay: float) -> None:
        self.table = table
        self.rate, self.decay = learning_rate, weight_decay
        self.moments = table.new_zeros(len(table), 2 * table.shape[1])
        self.steps = torch.zeros((), device=table.device)
        self.taken = 0
        self.touched_at = torch.zeros(len(table), dtype=torch.int32, device=table.device)  # 0: never
        self.curve = DecayCurve(table) if weight_decay else None
        self._first_values: Tensor | None = None  # of the table, once ``settle`` has written over some of them
        self._seen_at = torch.empty(len(table), dtype=torch.int32, device=table.device)
        self._rows = self._seen_at[:0]
        self._part: Moments | None = None

    def parts(self) -> list[Moments]:
        """The rows that the sparse gradient touches, up to date, with their part of it; and the curve."""
        gradient = cast(Tensor, self.table.grad)
        index, values = gradient._indices()[0], gradient._values()
        self._rows, place = distinct_rows(index, self._seen_at)
        value, first, second = self._current(self._rows)
        value.grad = values.new_zeros(value.shape).index_add_(0, place, values)
        self._part = Moments(value, first, second, self.steps)
        return [self._part] if self.curve is None else [self._part, self.curve.state]

    def put_back(self) -> None:
        """Writes what ``parts`` gave into the table, after the step."""
        part = cast(Moments, self._part)
        self.taken += 1
        self._write(self._rows, part.value, part.first, part.second)
        self.touched_at.index_fill_(0, self._rows, self.taken)

    def settle(self) -> None:
        """Moves every row to where the steps taken so far would have moved it densely."""
        old = (self.touched_at > 0).logical_and_(self.touched_at < self.taken).nonzero().squeeze(1)
        for rows in old.split(_POINTS):
            self._write(rows, *self._current(rows))
        self.touched_at.index_fill_(0, old, self.taken)
        if self.curve is not None and (self.touched_at == 0).any():
            if self._first_values is None:
                self._first_values = self.table.detach().clone()
            for rows in (self.touched_at == 0).nonzero().squeeze(1).split(_POINTS):
                self.table.index_copy_(0, rows, self.curve.read(self._first_values.index_select(0, rows))[0])

    def _write(self, rows: Tensor, value: Tensor, first: Tensor, second: Tensor) -> None:
        self.table.index_copy_(0, rows, value)
        self.moments.index_copy_(0, rows, torch.cat([first, second], 1))

    def _current(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Value and moments of some rows after all steps taken so far, (rows, dim) each."""
        value = self.table.index_select(0, rows)
        first, second = (part.contiguous() for part in self.moments.index_select(0, rows).chunk(2, 1))
        if not self.taken:
            return value, first, second
        at = self.touched_at.index_select(0, rows)
        value, first, second = self._coasted(value, first, second, at)
        new = (at == 0).nonzero().squeeze(1)
        if self.curve is not None and len(new):
            begun = (self.table if self._first_values is None else self._first_values).index_select(0, rows[new])
            for whole, part in zip((value, first, second), self.curve.read(begun), strict=True):
                whole.index_copy_(0, new, part)
        return value, first, second

    def _coasted(self, value: Tensor, first: Tensor, second: Tensor, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rows that were last touched at some steps, after as many dense steps without a gradient.

        Without one the moments fall by beta1 and beta2 per step. The value moves by the learning rate times
        first / sqrt(second), a geometric series in beta1 / sqrt(beta2); bias corrections are those of the last touch.
        """
        passed = (self.taken - at).unsqueeze(1).to(value.dtype)  # (rows, 1) steps since
        since = at.clamp(min=1).unsqueeze(1).to(value.dtype)
        ratio = _BETA1 / _BETA2**0.5
        series = ratio * (1 - ratio**passed) / (1 - ratio)
        mean = first / (1 - _BETA1**since)
        deviation = (second / (1 - _BETA2**since)).sqrt_().add_(_EPS)
        value = value - self.rate * series * mean / deviation
        return value, first * _BETA1**passed, second * _BETA2**passed


class DecayCurve:
    """Where Adam takes a value that has no gradient but its weight decay, for ``_POINTS`` values at once.

    Args:
        table: Whose values are to be read off it; their largest size is its end.
    """

    def __init__(self, table: Tensor) -> None:
        self.end = max(float(table.detach().abs().max()), 1e-30)
        grid = torch.linspace(0, 1, _POINTS, dtype=table.dtype, device=table.device).square() * self.end
        self.state = Moments.of(grid)  # denser towards 0, where the curve bends
        self.state.value.grad = torch.zeros_like(grid)

    def read(self, begun: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Value and moments now of (any) values as they were before the first step."""
        place = (begun.abs() / self.end).sqrt_().mul_(_POINTS - 1).clamp_(max=_POINTS - 1.001)
        low = place.long()
        share = place - low
        value, first, second = (
            torch.lerp(points[low], points[low + 1], share)
            for points in (self.state.value, self.state.first, self.state.second)
        )
        sign = begun.sign()
        return value * sign, first * sign, second


def distinct_rows(index: Tensor, seen_at: Tensor) -> tuple[Tensor, Tensor]:
    """Distinct rows of a table, and the place among them of each in ``index``; a quarter of ``torch.unique``'s time.

    Args:
        index: (n,) int64 rows.
        seen_at: (rows of the table,) int32 scratch: where in ``index`` each of them is.
    """
    here = torch.arange(len(index), dtype=torch.int32, device=index.device)
    seen_at.scatter_(0, index, here)  # one of a row's places
    chosen = seen_at.index_select(0, index)
    distinct = chosen.eq(here)
    return index.masked_select(distinct), distinct.cumsum(0).index_select(0, chosen).sub_(1)
