"""Valid ranges and search spaces of hyper-parameters, without Ray.

A ``Config`` field says what it may be with an annotation (``alpha: Weight = 1.0``);
a plugin's ``space`` says where a search should look (``{"alpha": LogUniform(1e-2, 10)}``).
"""

from __future__ import annotations

import contextlib
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
        return f"at least {self.low:g}" if math.isinf(self.high) else f"between {self.low:g} and {self.high:g}"


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

    def at(self, share: float) -> float:
        """The value at a share of the way from low to high, to four digits, so that it can be written down."""
        return float(f"{self.low + share * (self.high - self.low):.4g}")

    def share(self, value: float) -> float:
        """How far from low to high a value lies, in [0, 1]."""
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class LogUniform(Uniform):
    """Positive real numbers in [low, high], every order of magnitude as likely."""

    def at(self, share: float) -> float:
        """The value at a share of the way on a logarithmic scale, to four digits."""
        return float(f"{self.low * (self.high / self.low) ** share:.4g}")

    def share(self, value: float) -> float:
        """How far from low to high a value lies on a logarithmic scale, in [0, 1]."""
        return math.log(value / self.low) / math.log(self.high / self.low)


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    values: Sequence[Any]

    def extremes(self) -> tuple[Any, ...]:
        """All values: none of them is between two others."""
        return tuple(self.values)

    def at(self, share: float) -> Any:
        """The value at a share of the way through them."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def share(self, value: Any) -> float:
        """The middle of a value's part of [0, 1]."""
        return (list(self.values).index(value) + 0.5) / len(self.values)


Space = dict[str, Uniform | Choice]


def parse(text: str) -> Uniform | Choice:
    """``uniform(0, 1)``, ``loguniform(1e-2, 10)`` or ``choice(1, 3, 10)``; a choice's values stay texts.

    Raises:
        ValueError: It is none of these, or its ends are no numbers in order.
    """
    name, bracket, rest = text.strip().partition("(")
    parts = [part.strip() for part in rest.removesuffix(")").split(",") if part.strip()]
    if bracket and rest.endswith(")") and parts:
        if name == "choice":
            return Choice(tuple(parts))
        if name in ("uniform", "loguniform") and len(parts) == 2:
            with contextlib.suppress(ValueError):
                low, high = float(parts[0]), float(parts[1])
                if math.isfinite(high - low) and low < high and (name == "uniform" or low > 0):
                    return (Uniform if name == "uniform" else LogUniform)(low, high)
    raise ValueError("it should be uniform(LOW,HIGH), loguniform(LOW,HIGH) or choice(A,B,...)")
