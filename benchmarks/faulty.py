"""Faulty (nobody 2026, DOI 10.0/none): the plain baseline, slowly, with a fault on demand."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from coldbench.plugin import Backbone, Method, MethodConfig, Phase, Rows, Space, Weight


@dataclass(frozen=True)
class Config(MethodConfig):
    """What goes wrong, and when."""

    fault: str = "none"  # what fit does: raise, hang, memory, exit or kill; or nan in embed
    seconds: Weight = 0.0  # seconds that fit takes


space: Space = {}


class Faulty(Method):
    """Fails as it is told."""

    def fit(self, backbone: Backbone, base: Phase) -> None:
        """Waits, then fails."""
        time.sleep(self.config.seconds)
        fault = self.config.fault
        if fault == "raise":
            raise ValueError("as it was told")
        if fault == "hang":
            while True:
                pass
        if fault == "memory":
            self.memory = torch.zeros(2**32)
        if fault == "exit":
            sys.exit(3)
        if fault == "kill":
            os.kill(os.getpid(), 9)

    def embed(self, backbone: Backbone, items: Rows) -> Tensor:
        """The plain baseline's, or none."""
        embeddings = backbone.item_table(items.number)
        return embeddings * torch.nan if self.config.fault == "nan" else embeddings
