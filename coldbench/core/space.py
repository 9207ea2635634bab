"""Valid ranges and search spaces of hyper-parameters, independent of Ray.

An annotation on a ``Config`` field states its valid range (``alpha: Weight = 1.0``);
a plugin's ``space`` states where tuning searches (``{"alpha": LogUniform(1e-2, 10)}``).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True)
class Range:
    """The closed interval of valid values of a numeric ``Config`` field."""

    low: float = -math.inf
    high: float = math.inf

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high and math.isfinite(value)

    def __str__(self) -> str:
        return f"at least {self.low:g}" if math.isinf(self.high) else f"between {self.low:g} and {self.high:g}"


Weight = Annotated[float, Range(0)]  # the weight of a loss term
Share = Annotated[float, Range(0, 1)]  # a probability or a proportion
Count = Annotated[int, Range(1, 1_000_000)]  # a number of steps, epochs or units
Width = Annotated[int, Range(1, 4096)]  # units of a layer, dimensions of an embedding
Rate = Annotated[float, Range(1e-12, 10)]  # a learning rate


@dataclass(frozen=True)
class Uniform:
    """Real numbers in [low, high], all equally likely."""

    low: float
    high: float

    def extremes(self) -> tuple[float, float]:
        """Both ends of the interval, where a plugin is most likely to break."""
        return self.low, self.high

    def at(self, share: float) -> float:
        """The value at a share in [0, 1] of the way from low to high, rounded to four digits for readability."""
        return float(f"{self.low + share * (self.high - self.low):.4g}")

    def share(self, value: float) -> float:
        """A value's position between low and high, in [0, 1]."""
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class LogUniform(Uniform):
    """Positive real numbers in [low, high], all orders of magnitude equally likely."""

    def at(self, share: float) -> float:
        """The value at a share in [0, 1] of the way from low to high on a logarithmic scale, rounded to four digits."""
        return float(f"{self.low * (self.high / self.low) ** share:.4g}")

    def share(self, value: float) -> float:
        """A value's position between low and high on a logarithmic scale, in [0, 1]."""
        return math.log(value / self.low) / math.log(self.high / self.low)


@dataclass(frozen=True)
class Choice:
    """One value from a short list."""

    values: Sequence[Any]

    def extremes(self) -> tuple[Any, ...]:
        """All values, since a list has no ends."""
        return tuple(self.values)

    def at(self, share: float) -> Any:
        """The value at a share in [0, 1] of the way through the list."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def share(self, value: Any) -> float:
        """A value's position in the list, in [0, 1]: the middle of its part of that interval."""
        return (list(self.values).index(value) + 0.5) / len(self.values)


Space = dict[str, Uniform | Choice]


def parse(text: str) -> Uniform | Choice:
    """Parses ``uniform(0, 1)``, ``loguniform(1e-2, 10)`` or ``choice(1, 3, 10)``; a choice's values stay texts.

    Raises:
        ValueError: If the text has another form, or its ends are not two finite numbers in ascending order.
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
