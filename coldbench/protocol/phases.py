"""The phases of a warm-up: pretrain -> fit -> cold -> warm-a -> warm-b -> warm-c. They stand nowhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from coldbench.core.seeds import derive
from coldbench.core.space import Count
from coldbench.data.dataset import Dataset
from coldbench.model.backbone import Backbone
from coldbench.model.batching import Batch, View, shuffled
from coldbench.model.layers import initialise, lookup
from coldbench.model.method import Method
from coldbench.model.phase import Phase, Settings, ctr_loss, descend
from coldbench.protocol.gap import OldItems
from coldbench.protocol.metrics import all_metrics
from coldbench.protocol.split import WarmUpSplit


@dataclass(frozen=True)
class Paper:
    """The published protocol: item counts, words and scalings come from the whole log."""

    strict: ClassVar[bool] = False


@dataclass(frozen=True)
class Strict:
    """The same without the leaks: counts, words and scalings come from what has been seen up to each phase."""

    strict: ClassVar[bool] = True


@dataclass(frozen=True)
class Matched(Strict):
    """Strict, and every method takes the same number of optimiser steps on each warm-up phase's rows."""

    budget: Count = 1  # steps a phase, in epochs of the plain baseline


PROTOCOLS: dict[str, type[Paper | Strict]] = {"paper": Paper, "strict": Strict, "matched": Matched}
Rules = Paper | Strict
COLD = "cold"
_EVALUATION_ROWS = 65_536  # rows scored at once


@dataclass(frozen=True)
class Outcome:
    """One point of evaluation.

    Attributes:
        phase: ``cold``, or the warm-up phase that was just trained on.
        metrics: By name, on the test rows.
        steps: Optimiser steps taken on the phase's rows; for ``cold``, on base by ``fit``.
        seconds: Time the phase took, evaluation included.
        logits: (test,) float32, in the order of the split's test rows.
        embeddings: (cold, dim) float32, the cold items' ID embeddings, in the order of the split's new items.
        gap: How far these are from the old items' embeddings, by name (``gap.py``).
    """

    phase: str
    metrics: dict[str, float]
    steps: int
    seconds: float
    logits: np.ndarray
    embeddings: np.ndarray
    gap: dict[str, float]


class Protocol:
    """One dataset's phases under one protocol and seed.

    Args:
        rules: An instance of one of ``PROTOCOLS``.
        dataset: The whole log.
        split: Its parts.
        settings: What all methods share.
        device: Where to train.
        seed: What the random streams derive from; shared by all methods of a comparison.
    """

    def __init__(
        self,
        rules: Rules,
        dataset: Dataset,
        split: WarmUpSplit,
        settings: Settings,
        device: torch.device,
        *seed: object,
    ) -> None:
        self.rules = rules
        self.dataset = dataset
        self.split = split
        self.settings = settings
        self.seed = seed
        self.view = View(dataset, split.base if rules.strict else split.known, device, rules.strict)
        self.cold = self.view.tensor(split.new_items)

    def pretrain(self, backbone: Backbone, method: Method) -> int:
        """Trains all of a backbone on base, from its initial values; returns the steps taken."""
        torch.manual_seed(derive(*self.seed, "pretrain"))
        initialise(backbone)
        backbone.requires_grad_(True).train()
        base = self._phase("base", self.split.base)
        descend(
            base,
            backbone.parameters(),
            lambda batch: ctr_loss(method.pretrain_logits(backbone, batch), batch),
            self.settings.pretrain_epochs,
        )
        return base.steps

    def warm_up(self, backbone: Backbone, method: Method) -> Iterator[Outcome]:
        """Fits a method on a pretrained backbone and takes its cold items through the phases.

        The backbone stays in training mode while item embeddings or a method are trained: its weights are
        frozen, its batch statistics are not (as in the code that gave the tables).
        """
        started = time.perf_counter()
        backbone.frozen().train()
        torch.manual_seed(derive(*self.seed, "fit"))
        old = OldItems(self._embeddings(backbone, self.view.tensor(self.split.old_items)), derive(*self.seed, "gap"))
        base = self._phase("base", self.split.base)
        method.fit(backbone, base)
        self._place(backbone, method.embed(backbone, base.cold))
        yield self._outcome(COLD, backbone, old, base.steps, started)
        del base
        seen = [self.split.base]
        for name, rows in self.split.warm.items():
            started = time.perf_counter()
            torch.manual_seed(derive(*self.seed, name))
            if self.rules.strict:
                seen.append(rows)
                self.view = View(self.dataset, np.concatenate(seen), self.view.device, strict=True)
            phase = self._phase(name, rows)
            backbone.train()
            self._warm(backbone, method, phase)
            yield self._outcome(name, backbone, old, phase.steps, started)

    def _warm(self, backbone: Backbone, method: Method, phase: Phase) -> None:
        """Trains the cold items' embeddings on a phase, then lets the method adapt.

        Where steps are matched, both share them as they would without: ``adapt`` gets its part of them, rounded
        down, the item embeddings the rest. A part of no steps leaves out an ``adapt`` that would take some.
        """
        adapts = True
        if isinstance(self.rules, Matched):
            steps = self.rules.budget * phase.epoch
            part = steps * method.adapt_steps // (self.settings.phase_epochs + method.adapt_steps)
            adapts = part > 0 or method.adapt_steps == 0
            phase.allow(steps - part)
            self._train_items(backbone, phase)
            phase.allow(part)
        else:
            self._train_items(backbone, phase)
        replaced = method.adapt(backbone, phase) if adapts else None
        if replaced is not None:
            self._place(backbone, replaced)

    def _phase(self, name: str, rows: np.ndarray) -> Phase:
        return Phase(name, self.view, rows, self.split.new_items, self.settings, *self.seed)

    def _place(self, backbone: Backbone, embeddings: Tensor) -> None:
        shape, expected = tuple(getattr(embeddings, "shape", ())), (len(self.cold), backbone.dim)
        if shape != expected:  # a smaller one would be spread over the rows without a word
            given = f"shape {shape}" if shape else f"a {type(embeddings).__name__}"
            raise ValueError(f"the method gave {given} as the cold items' embeddings; it should be shape {expected}")
        with torch.no_grad():
            backbone.item_table.weight[self.cold] = embeddings

    def _train_items(self, backbone: Backbone, phase: Phase) -> None:
        """Trains the cold items' embeddings alone; every other row stays as it is."""
        place = torch.zeros(len(backbone.item_table.weight), dtype=torch.int32, device=self.cold.device)
        place[self.cold] = torch.arange(len(self.cold), dtype=torch.int32, device=self.cold.device)
        rows = nn.Parameter(backbone.item_table.weight[self.cold])

        def loss(batch: Batch) -> Tensor:
            item = lookup(rows, place[batch.item])
            return ctr_loss(backbone.score(item, backbone.frozen_context(batch)), batch)

        descend(phase, [rows], loss, self.settings.phase_epochs)
        self._place(backbone, rows.detach())

    def _embeddings(self, backbone: Backbone, items: Tensor) -> np.ndarray:
        return backbone.item_table.weight.detach()[items].cpu().numpy()

    def _outcome(self, phase: str, backbone: Backbone, old: OldItems, steps: int, started: float) -> Outcome:
        logits = self.predict(backbone)
        rows = self.split.test
        data = self.dataset
        wrong = int((~np.isfinite(logits)).sum())
        if wrong:
            raise FloatingPointError(f"{wrong:,} of {len(rows):,} test logits are not finite after phase {phase}")
        metrics = all_metrics(data.click[rows], logits, data.user[rows], data.item[rows])
        cold = self._embeddings(backbone, self.cold)
        gap = old.gap(cold)
        return Outcome(phase, metrics, steps, time.perf_counter() - started, logits, cold, gap)

    def predict(self, backbone: Backbone) -> np.ndarray:
        """(test,) logits of the test rows, with running statistics and no dropout."""
        backbone.eval()
        log = self.view.interactions(self.split.test)
        with torch.no_grad():
            parts = [backbone(batch) for batch in shuffled(self.view, log, _EVALUATION_ROWS, random=None)]
        return torch.cat(parts).cpu().numpy()
