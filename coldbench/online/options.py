"""The options of ``coldbench simulate``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from coldbench.core.errors import InputError, unknown
from coldbench.core.space import Range
from coldbench.online.names import DESIGNS
from coldbench.runs.flags import COUNT, NAMES, PATH, TEXT
from coldbench.runs.options import Options, check_how, flag

_LEAST_USERS = 20


@dataclass(frozen=True)
class SimulateOptions(Options):
    """What to simulate, and how; ``coldbench simulate --help`` explains every option."""

    without: ClassVar[frozenset[str]] = frozenset(
        {"backbones", "datasets", "protocol", "budget", "metrics", "split", "shots", "track", "tuned"}
    )
    methods: tuple[str, ...] = flag(
        ("base", "avaew"), NAMES, "Names, variants as cvar[adapt=false], or all.", "base,avaew"
    )
    control: str = flag("base", TEXT, "The method that the others are tested against.", "base")
    world: tuple[str, ...] = flag(("planted",), NAMES, "Worlds, such as planted[own=0.6].", "planted")
    design: tuple[str, ...] = flag(tuple(DESIGNS), NAMES, "Some of global, ab, diverted, codiverted.", "all four")
    backbone: str = flag("dssm", TEXT, "The two-tower backbone of pre-ranking.", "dssm")
    ranker: str = flag("deepfm", TEXT, "The backbone of ranking.", "deepfm")
    users: int = flag(5_000, COUNT, "Users per arm.", "5000", limit=Range(_LEAST_USERS, 5_000_000))
    days: int = flag(8, COUNT, "Days of the test.", "8", limit=Range(1, 365))
    power: tuple[str, ...] = flag(
        (), NAMES, "Effects in percent: how often would the test find them?", "those of the paper"
    )
    out: str = flag("results/simulate", PATH, "The simulation's folder.", "results/simulate")

    def effects(self) -> tuple[float, ...]:
        """Reads the effects in percent whose power the report gives.

        Raises:
            InputError: One is not a positive number.
        """
        try:
            found = tuple(float(text) for text in self.power)
        except ValueError:
            found = (-1.0,)
        if not all(0 < effect < 1000 for effect in found):
            raise InputError(f"--power {','.join(self.power)!r} should be positive numbers in percent, such as 0.5,1,2")
        return found

    def check(self) -> None:
        """Checks the options that do not name a plugin.

        Raises:
            InputError: One is wrong.
        """
        check_how(self)
        self.effects()
        for design in self.design:
            if design not in DESIGNS:
                raise unknown("design", design, DESIGNS)
