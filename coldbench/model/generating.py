"""``Generating``: the base class of methods whose generator makes the cold items' embeddings again after each phase."""

from __future__ import annotations

import torch
from torch import Tensor

from coldbench.model.backbone import Backbone
from coldbench.model.generator import FrozenBatch, frozen_turns
from coldbench.model.method import Method
from coldbench.model.phase import Phase, step
from coldbench.model.rows import Rows


class Generating(Method):
    """Base class of methods with one generator, which one optimiser trains.

    Subclasses define ``generate`` and ``loss``. Their ``Config`` has ``epochs``, ``learning_rate``, ``repeats``, and
    the ``after_fit`` fields ``adapt`` and ``adapt_epochs``.
    """

    def generate(self, items: Rows) -> Tensor:
        """(items, dim) embeddings of items from their side information, without noise."""
        raise NotImplementedError

    def loss(self, backbone: Backbone, frozen: FrozenBatch) -> Tensor:
        """The loss that the generator minimises, ()."""
        raise NotImplementedError

    @property
    def adapt_steps(self) -> int:
        """Steps of the generator per batch of a phase."""
        return self.config.adapt * self.config.adapt_epochs * self.config.repeats

    def fit(self, backbone: Backbone, base: Phase) -> None:
        """Trains the generator on the old items."""
        self.train_generator(backbone, base, self.config.epochs)

    def embed(self, backbone: Backbone, items: Rows) -> Tensor:
        """The generated embeddings without gradients and without dropout, (items, dim)."""
        self.eval()
        with torch.no_grad():
            made = self.generate(items)
        self.train()
        return made

    def adapt(self, backbone: Backbone, phase: Phase) -> Tensor | None:
        """Trains the generator on the phase's rows, then replaces every cold item's embedding by a generated one."""
        if not self.config.adapt:
            return None
        self.train_generator(backbone, phase, self.config.adapt_epochs)
        return self.embed(backbone, phase.cold)

    def train_generator(self, backbone: Backbone, phase: Phase, epochs: int) -> None:
        """Takes ``repeats`` steps on each batch; the backbone's context is computed once per batch."""
        learned = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer = phase.adam(learned, self.config.learning_rate)
        for frozen, _ in frozen_turns(backbone, phase, epochs, self.config.repeats):
            step(optimizer, self.loss(backbone, frozen))
