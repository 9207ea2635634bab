"""The plain baseline: the protocol and nothing else (AVAEW 2023, arXiv:2302.14395, tables 1 and 2, "base").

A cold item starts from the embedding it had when pretraining ended, which no interaction trained.
"""

from __future__ import annotations

from dataclasses import dataclass

from coldbench.plugin import Method, MethodConfig, Space


@dataclass(frozen=True)
class Config(MethodConfig):
    """What every method has, and nothing else."""


space: Space = {}


class Base(Method):
    """Every hook's default."""
