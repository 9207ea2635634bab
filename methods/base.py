"""The plain baseline: the protocol and nothing else (AVAEW 2023, arXiv:2302.14395, tables 1 and 2, "base").

A cold item starts from the embedding that it had at the end of pretraining, which no interaction has trained.
"""

from __future__ import annotations

from dataclasses import dataclass

from coldbench.plugin import Method, MethodConfig, Space


@dataclass(frozen=True)
class Config(MethodConfig):
    """The hyper-parameters that all methods share, and no others."""


space: Space = {}


class Base(Method):
    """The baseline, which keeps the default of every hook."""

    group = "paper"
