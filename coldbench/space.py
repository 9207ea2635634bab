"""Valid ranges and search spaces of hyper-parameters, without Ray.

A ``Config`` field says what it may be with an annotation (``alpha: Weight = 1.0``);
a plugin's ``space`` says where a search should look (``{"alpha": LogUniform(1e-2, 10)}``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True)
class Range:
    """The closed interval a numeric ``Config`` field may lie in."""

    low: float = -math.inf
    high: float = math.inf

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high and math.isfinite(value)

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"at least {self.low:g}"
        return f"between {self.low:g} and {self.high:g}"


Weight = Annotated[float, Range(0)]  # the weight of a loss term
Share = Annotated[float, Range(0, 1)]  # a probability or a share of something
Count = Annotated[int, Range(1, 1_000_000)]  # a number of steps, epochs, units
Width = Annotated[int, Range(1, 4096)]  # units of a layer, dimensions of an embedding
Rate = Annotated[float, Range(1e-12, 10)]  # a learning rate


@dataclass(frozen=True)
class Uniform:
    """Real numbers in [low, high], every one as likely."""

    low: float
    high: float

    def extremes(self) -> tuple[float, float]:
        """The two ends, where a plugin is most likely to break."""
        return self.low, self.high


@dataclass(frozen=True)
class LogUniform(Uniform):
    """Positive real numbers in [low, high], every order of magnitude as likely."""


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    values: Sequence[Any]

    def extremes(self) -> tuple[Any, ...]:
        """All values: none of them is between two others."""
        return tuple(self.values)


Space = dict[str, Uniform | Choice]
