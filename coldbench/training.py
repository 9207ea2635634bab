"""``Phase``: the data of one phase and the steps taken on it; the one epoch loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from coldbench.batching import Batch, Interactions, Rows, View, shuffled
from coldbench.seeds import derive
from coldbench.space import Count, Rate, Weight


@dataclass(frozen=True)
class Settings:
    """What all methods share (AVAEW, section 3.1; weight decay from the code that gave the tables)."""

    learning_rate: Rate = 1e-3  # of Adam
    weight_decay: Weight = 1e-6  # L2, inside Adam
    batch_size: Count = 2048  # rows
    pretrain_epochs: Count = 1  # on base, all parameters
    phase_epochs: Count = 1  # of the item ID embeddings on each warm-up phase


class Phase:
    """The rows that a hook may learn from, batched, shuffled and with their optimiser steps counted.

    Args:
        name: ``base``, ``warm-a``, ``warm-b`` or ``warm-c``.
        view: What may be known in this phase.
        rows: Row numbers of the log, (rows,).
        cold: The cold items, (cold,).
        settings: What all methods share.
        seed: Of the batch order; pass by pass another order, the same for every method.
    """

    def __init__(
        self, name: str, view: View, rows: np.ndarray, cold: np.ndarray, settings: Settings, *seed: object
    ) -> None:
        self.name = name
        self.view = view
        self.log: Interactions = view.interactions(rows)
        self.time = view.dataset.time[rows]
        self.cold: Rows = view.items(view.tensor(cold))
        self.settings = settings
        self.steps = 0
        self._seed = (*seed, "order", name)
        self._passes = 0

    def __len__(self) -> int:
        return len(self.log.item)

    def batches(self, epochs: int = 1) -> Iterator[Batch]:
        """Shuffled batches of the protocol's size, ``epochs`` times over."""
        for _ in range(epochs):
            random = np.random.default_rng(derive(*self._seed, self._passes))
            self._passes += 1
            yield from shuffled(self.view, self.log, self.settings.batch_size, random)

    def at(self, rows: Tensor) -> Batch:
        """A batch of some of the phase's rows, by their places in the phase."""
        return Batch(self.view, self.log.at(rows))

    def adam(self, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        """A fresh Adam with the protocol's settings; its steps count as steps on this phase."""
        optimizer = torch.optim.Adam(
            list(parameters), lr=self.settings.learning_rate, weight_decay=self.settings.weight_decay, fused=True
        )
        optimizer.register_step_post_hook(self._count)
        return optimizer

    def _count(self, *_: object) -> None:
        self.steps += 1


def ctr_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Binary cross-entropy, mean over the batch (AVAEW, equation 1)."""
    return functional.binary_cross_entropy_with_logits(logits, batch.click)


def descend(phase: Phase, parameters: Iterable[Tensor], loss: Callable[[Batch], Tensor], epochs: int = 1) -> None:
    """Minimises a loss: one Adam step per batch, ``epochs`` times over the phase."""
    optimizer = phase.adam(parameters)
    for batch in phase.batches(epochs):
        step(optimizer, loss(batch))


def step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step down a loss, for the optimiser's parameters only."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
