"""The protocols: each decides what may be known in a phase and how many optimiser steps a phase allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from coldbench.core.space import Count
from coldbench.protocol.split import WarmUpSplit


@dataclass(frozen=True)
class Rules:
    """Base class of the protocols.

    Attributes:
        knowledge: A name for the rows that ``known`` returns; with equal names, protocols share training on base.
        strict: Whether words and ranges come only from the users and items of the known rows.
    """

    knowledge: ClassVar[str]
    strict: ClassVar[bool]

    def known(self, split: WarmUpSplit, phases: int) -> np.ndarray | slice:
        """The rows that counts and scalings may use once the first ``phases`` warm-up phases have begun."""
        raise NotImplementedError

    def limit(self, batches: int) -> int | None:
        """The maximum number of optimiser steps of a warm-up phase with ``batches`` batches; None for no limit."""
        return None


@dataclass(frozen=True)
class Paper(Rules):
    """The published protocol: item counts, words and scalings come from the whole log, test rows included."""

    knowledge: ClassVar[str] = "whole log"
    strict: ClassVar[bool] = False

    def known(self, split: WarmUpSplit, phases: int) -> np.ndarray | slice:
        """All rows that the split lets the protocol use, from the beginning."""
        return split.known


@dataclass(frozen=True)
class Strict(Rules):
    """Counts, words and scalings come from base and the phases that have begun, and never from test rows.

    docs/protocols.md says which leaks this does not remove: base itself is not cut at a point in time.
    """

    knowledge: ClassVar[str] = "rows so far"
    strict: ClassVar[bool] = True

    def known(self, split: WarmUpSplit, phases: int) -> np.ndarray | slice:
        """Base, and the rows of the phases that have begun."""
        warm = list(split.warm.values())[:phases]
        return np.concatenate([split.base, *warm]) if warm else split.base


@dataclass(frozen=True)
class Matched(Strict):
    """The strict protocol with the same number of optimiser steps for all methods, on each phase's batches in turn."""

    budget: Count = 1  # steps per phase, in epochs of the plain baseline

    def limit(self, batches: int) -> int | None:
        """Allows ``budget`` steps per batch."""
        return self.budget * batches


PROTOCOLS: dict[str, type[Rules]] = {"paper": Paper, "strict": Strict, "matched": Matched}
