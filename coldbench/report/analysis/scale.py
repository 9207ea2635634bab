"""The axis of a hyper-parameter: the places of its values in the searched range, and its ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from matplotlib.ticker import MaxNLocator

from coldbench.core.config import text
from coldbench.core.space import Choice, LogUniform, Uniform

BEYOND = 0.06  # past the end of an axis: a value outside what was searched, as the defaults may be
_TICKS = 5
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Scale:
    """An axis from 0 to 1 over a range, logarithmic where it is searched so, or over choices side by side.

    Attributes:
        where: The searched range or choice; a choice's values are texts.
    """

    where: Uniform | Choice

    @classmethod
    def over(cls, where: Uniform | Choice, values: Iterable[Any]) -> Scale:
        """The scale of a range or choice, with those of the values that no choice offers behind the others."""
        if isinstance(where, Choice):
            return cls(Choice(tuple(dict.fromkeys(map(text, [*where.values, *values])))))
        return cls(where)

    @property
    def categorical(self) -> bool:
        """Whether nothing lies between two values."""
        return isinstance(self.where, Choice)

    def place(self, value: Any) -> float:
        """The place of a value: in [0, 1], or just past an end."""
        if isinstance(self.where, Choice):
            return self.where.share(text(value))
        if isinstance(self.where, LogUniform) and value <= 0:
            return -BEYOND
        return min(max(self.where.share(value), -BEYOND), 1 + BEYOND)

    def spread(self, value: Any, number: int) -> float:
        """The place of a trial's value; trials with the same choice are spread sideways by their number."""
        if not isinstance(self.where, Choice):
            return self.place(value)
        return self.place(value) + 0.55 * (number * _GOLDEN % 1 - 0.5) / len(self.where.values)

    def ticks(self) -> list[tuple[float, str]]:
        """Places on the axis and their labels."""
        if isinstance(self.where, Choice):
            return [(self.place(value), value) for value in self.where.values]
        low, high = self.where.low, self.where.high
        if isinstance(self.where, LogUniform):
            powers = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
            marks = [10.0**power for power in powers[:: -(-len(powers) // _TICKS) or 1]]
            marks = marks if len(marks) > 1 else [low, self.where.at(0.5), high]
        else:
            found = MaxNLocator(_TICKS - 1, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
            marks = [float(mark) for mark in found if low <= mark <= high]
        return [(self.place(mark), f"{mark:.4g}") for mark in marks]

    def __str__(self) -> str:
        if isinstance(self.where, Choice):
            return f"one of {', '.join(map(str, self.where.values))}"
        ends = f"{self.where.low:g} to {self.where.high:g}"
        return f"{ends}, logarithmic" if isinstance(self.where, LogUniform) else ends
