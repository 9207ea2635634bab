"""What a protocol decides: what may be known in each phase, and how many optimiser steps a phase allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from coldbench.core.space import Count
from coldbench.protocol.split import WarmUpSplit


@dataclass(frozen=True)
class Rules:
    """Base of the protocols.

    Attributes:
        knowledge: A name for what ``known`` gives; protocols with the same one share what was trained on base.
        strict: Whether words and ranges come from the known rows' users and items alone.
    """

    knowledge: ClassVar[str]
    strict: ClassVar[bool]

    def known(self, split: WarmUpSplit, phases: int) -> np.ndarray | slice:
        """The rows that counts and scalings may come from after some warm-up phases have begun."""
        raise NotImplementedError

    def limit(self, batches: int) -> int | None:
        """The optimiser steps of a warm-up phase of so many batches; None for as many as a method asks for."""
        return None


@dataclass(frozen=True)
class Paper(Rules):
    """The published protocol: item counts, words and scalings come from the whole log, test rows included."""

    knowledge: ClassVar[str] = "whole log"
    strict: ClassVar[bool] = False

    def known(self, split: WarmUpSplit, phases: int) -> np.ndarray | slice:
        """Everything, from the beginning."""
        return split.known


@dataclass(frozen=True)
class Strict(Rules):
    """Counts, words and scalings come from base and from the phases that have begun, and from no test row.

    docs/protocols.md says what this does not remove: base itself is not cut at a moment in time.
    """

    knowledge: ClassVar[str] = "rows so far"
    strict: ClassVar[bool] = True

    def known(self, split: WarmUpSplit, phases: int) -> np.ndarray | slice:
        """Base, and the rows of the phases that have begun."""
        warm = list(split.warm.values())[:phases]
        return np.concatenate([split.base, *warm]) if warm else split.base


@dataclass(frozen=True)
class Matched(Strict):
    """Strict, and every method takes the same number of optimiser steps on each warm-up phase's batches, in turn."""

    budget: Count = 1  # steps a phase, in epochs of the plain baseline

    def limit(self, batches: int) -> int | None:
        """``budget`` steps per batch."""
        return self.budget * batches


PROTOCOLS: dict[str, type[Rules]] = {"paper": Paper, "strict": Strict, "matched": Matched}
