"""Adam with counted steps and lazy updates of large tables, which lead to the same values as dense updates."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.optim.adam import adam

from coldbench.model.budget import Budget

_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8
_POINTS = 16_384  # on the curve that gives the values of rows that no batch has touched yet


class Moments(NamedTuple):
    """A parameter, or copies of some of its rows, with Adam's two moments and its step count."""

    value: Tensor
    first: Tensor
    second: Tensor
    steps: Tensor

    @classmethod
    def of(cls, parameter: Tensor) -> Moments:
        """Creates the state of a parameter before its first step."""
        first, second = torch.zeros_like(parameter), torch.zeros_like(parameter)
        return cls(parameter, first, second, torch.zeros((), device=parameter.device))

    @property
    def gradient(self) -> Tensor:
        """The gradient that ``backward`` computed."""
        return cast(Tensor, self.value.grad)


class Adam:
    """Adam (Kingma and Ba 2014, arXiv:1412.6980) with L2 weight decay; large tables are updated lazily.

    As in ``torch.optim.Adam``, a parameter's state begins at the first step for which it has a gradient, and a step
    without a gradient leaves the parameter unchanged. If the gradient is sparse (see ``embedding.lookup``), a step
    moves only the rows that the batch touched; ``settle`` moves the others to where dense steps would have moved them.

    Args:
        budget: Counts the steps; once it is spent, ``step`` does nothing.
        parameters: The parameters to optimise.
        learning_rate: Approximately the largest change of an element per step.
        weight_decay: L2 penalty, added to the gradient.
    """

    def __init__(self, budget: Budget, parameters: list[Tensor], learning_rate: float, weight_decay: float) -> None:
        self.budget = budget
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.parameters = [parameter for parameter in parameters if parameter.numel()]
        self._states: dict[int, Moments | LazyTable] = {}  # by index in parameters

    def zero_grad(self) -> None:
        """Clears all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Takes one step down the gradients, unless the budget is spent."""
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
        """Updates the rows of large tables that the last batches did not touch."""
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
        adam(  # the function behind torch.optim.Adam, whose class adds 0.4 of its time
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
    """The state of a large table, of which a step moves only the rows that the batch touched.

    Dense steps would move the other rows as well. Only weight decay moves a row that no batch has touched, so its value
    after t steps depends on its first value alone: it is read from a curve of ``_POINTS`` values that takes part in
    every step. A row that was touched before coasts on its first moment, in closed form.

    Both moments of a row are stored together, so that they are fetched from memory at once. Those of a row that no
    batch has touched are not set; once ``settle`` has moved such a row, its first value is kept in their place.

    Args:
        table: (rows, dim) the parameter.
        learning_rate: The learning rate of ``Adam``.
        weight_decay: The weight decay of ``Adam``.
    """

    def __init__(self, table: Tensor, learning_rate: float, weight_decay: float) -> None:
        self.table = table
        self.rate = learning_rate
        self.moments = table.new_empty(len(table), 2 * table.shape[1])
        self.steps = torch.zeros((), device=table.device)
        self.taken = 0
        self.settled_at = 0  # the number of steps taken when the whole table was last up to date; 0: never
        self.touched_at = torch.zeros(len(table), dtype=torch.int32, device=table.device)  # 0: never
        self.curve = DecayCurve(table) if weight_decay else None
        self._seen_at = torch.empty(len(table), dtype=torch.int32, device=table.device)
        self._rows = self._seen_at[:0]
        self._part: Moments | None = None

    def parts(self) -> list[Moments]:
        """The rows that the sparse gradient touches, updated and with their gradients, followed by the decay curve."""
        gradient = cast(Tensor, self.table.grad)
        index, values = gradient._indices()[0], gradient._values()
        self._rows, place = distinct_rows(index, self._seen_at)
        value, first, second = self._current(self._rows)
        value.grad = values.new_zeros(value.shape).index_add_(0, place, values)
        self._part = Moments(value, first, second, self.steps)
        return [self._part] if self.curve is None else [self._part, self.curve.state]

    def put_back(self) -> None:
        """Writes the rows that ``parts`` returned back into the table, after the step."""
        part = cast(Moments, self._part)
        self.taken += 1
        self._write(self._rows, part.value, part.first, part.second)
        self.touched_at.index_fill_(0, self._rows, self.taken)

    def settle(self) -> None:
        """Moves every row to where dense steps would have moved it so far."""
        if self.settled_at == self.taken:
            return
        old = (self.touched_at > 0).logical_and_(self.touched_at < self.taken).nonzero().squeeze(1)
        for rows in old.split(_POINTS):
            self._write(rows, *self._current(rows))
        self.touched_at.index_fill_(0, old, self.taken)
        if self.curve is not None:
            self._decay(self.curve)
        self.settled_at = self.taken

    def _decay(self, curve: DecayCurve) -> None:
        """Moves the rows that no batch has touched, and keeps their first values where their moments will be."""
        places = self.moments[:, : self.table.shape[1]]
        for rows in (self.touched_at == 0).nonzero().squeeze(1).split(_POINTS):
            begun = (places if self.settled_at else self.table).index_select(0, rows)
            self.table.index_copy_(0, rows, curve.value(begun))
            if not self.settled_at:
                places.index_copy_(0, rows, begun)

    def _write(self, rows: Tensor, value: Tensor, first: Tensor, second: Tensor) -> None:
        self.table.index_copy_(0, rows, value)
        self.moments.index_copy_(0, rows, torch.cat([first, second], 1))

    def _current(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(rows, dim) each: the values and both moments of some rows after all steps taken so far."""
        value, moments, at = (part.index_select(0, rows) for part in (self.table, self.moments, self.touched_at))
        new = (at == 0).nonzero().squeeze(1)
        begun = (moments[:, : value.shape[1]] if self.settled_at else value).index_select(0, new)
        first, second = (part.contiguous() for part in moments.index_fill_(0, new, 0).chunk(2, 1))
        if not self.taken:
            return value, first, second
        value, first, second = self._coasted(value, first, second, at)
        if self.curve is not None and len(new):
            for whole, part in zip((value, first, second), self.curve.read(begun), strict=True):
                whole.index_copy_(0, new, part)
        return value, first, second

    def _coasted(self, value: Tensor, first: Tensor, second: Tensor, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Applies the dense steps without a gradient that rows have missed since they were last touched.

        Without a gradient the moments shrink by the factors beta1 and beta2 per step. The value moves by the learning
        rate times first / sqrt(second), a geometric series in beta1 / sqrt(beta2); bias corrections are those of the
        last touch.
        """
        passed = (self.taken - at).unsqueeze(1).to(value.dtype)  # (rows, 1) steps since the last touch
        since = at.clamp(min=1).unsqueeze(1).to(value.dtype)
        ratio = _BETA1 / _BETA2**0.5
        series = ratio * (1 - ratio**passed) / (1 - ratio)
        mean = first / (1 - _BETA1**since)
        deviation = (second / (1 - _BETA2**since)).sqrt_().add_(_EPS)
        value = value - self.rate * series * mean / deviation
        return value, first * _BETA1**passed, second * _BETA2**passed


class DecayCurve:
    """The path of values that Adam moves by weight decay alone, for ``_POINTS`` first values at once.

    Args:
        table: The table whose values are read from the curve; the largest absolute value is the curve's end.
    """

    def __init__(self, table: Tensor) -> None:
        low, high = table.detach().aminmax()
        self.end = max(-float(low), float(high), 1e-30)
        grid = torch.linspace(0, 1, _POINTS, dtype=table.dtype, device=table.device).square() * self.end
        self.state = Moments.of(grid)  # the grid is denser towards 0, where the curve bends
        self.state.value.grad = torch.zeros_like(grid)

    def value(self, begun: Tensor) -> Tensor:
        """(any) values before the first step -> their current values, (any)."""
        return _between(self.state.value, *self._place(begun)) * begun.sign()

    def read(self, begun: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(any) values before the first step -> their current values and both moments, (any) each."""
        place, sign = self._place(begun), begun.sign()
        value, first, second = (
            _between(points, *place) for points in (self.state.value, self.state.first, self.state.second)
        )
        return value * sign, first * sign, second

    def _place(self, begun: Tensor) -> tuple[Tensor, Tensor]:
        """Where values lie on the grid: the point below each, and the share of the way to the next point."""
        place = (begun.abs() / self.end).sqrt_().mul_(_POINTS - 1).clamp_(max=_POINTS - 1.001)
        low = place.long()
        return low, place - low


def _between(points: Tensor, low: Tensor, share: Tensor) -> Tensor:
    """Interpolates between neighbouring points; ``index_select`` takes a quarter of the time of ``points[low]``."""
    flat = low.view(-1)
    below, above = (points.index_select(0, place).view_as(low) for place in (flat, flat + 1))
    return torch.lerp(below, above, share)


def distinct_rows(index: Tensor, seen_at: Tensor) -> tuple[Tensor, Tensor]:
    """Finds the distinct rows in ``index`` and each entry's position among them, in 1/4 of ``torch.unique``'s time.

    Args:
        index: (n,) int64 rows of a table.
        seen_at: (rows of the table,) int32 scratch memory for a position of each row in ``index``.
    """
    here = torch.arange(len(index), dtype=torch.int32, device=index.device)
    seen_at.scatter_(0, index, here)  # one of the row's positions
    chosen = seen_at.index_select(0, index)
    distinct = chosen.eq(here)
    return index.masked_select(distinct), distinct.cumsum(0).index_select(0, chosen).sub_(1)
