"""``Budget``: counts the optimiser steps of a phase and may limit them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Budget:
    """Counts the optimiser steps of a phase and knows their limit, if there is one.

    Args:
        limit: The maximum number of steps; None for no limit.
        on_step: Called after each step with the number of steps taken.
    """

    def __init__(self, limit: int | None = None, on_step: Callable[[int], None] = lambda _: None) -> None:
        self.taken = 0
        self._end = limit
        self._on_step = on_step

    @property
    def limited(self) -> bool:
        """Whether the number of steps is limited."""
        return self._end is not None

    @property
    def spent(self) -> bool:
        """Whether the limit is reached."""
        return self._end is not None and self.taken >= self._end

    def count(self) -> None:
        """Counts one step."""
        self.taken += 1
        self._on_step(self.taken)

    def shares(self, *weights: int) -> tuple[int | None, ...]:
        """Divides the remaining steps in proportion to weights.

        Args:
            *weights: One weight per share, at least one of them above 0.

        Returns:
            Steps per share: all shares but the first are rounded down, and the first gets the rest. If there is no
            limit, each share is None.
        """
        if self._end is None:
            return (None,) * len(weights)
        left = self._end - self.taken
        rounded = [left * weight // sum(weights) for weight in weights[1:]]
        return (left - sum(rounded), *rounded)

    @contextmanager
    def at_most(self, steps: int | None) -> Iterator[None]:
        """Allows at most ``steps`` further steps inside a ``with`` block; None changes nothing."""
        end = self._end
        if steps is not None:
            self._end = self.taken + steps if end is None else min(self.taken + steps, end)
        try:
            yield
        finally:
            self._end = end
