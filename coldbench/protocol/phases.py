"""The only loop over the phases of a warm-up: pretrain -> fit -> cold -> the warm-up phases of the split."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from coldbench.core.seeds import derive
from coldbench.data.dataset import Dataset
from coldbench.model.backbone import Backbone
from coldbench.model.batching import shuffled, starts
from coldbench.model.embedding import lazy_above, lookup
from coldbench.model.layers import initialise
from coldbench.model.method import Method
from coldbench.model.phase import Phase, descend
from coldbench.model.settings import Settings
from coldbench.model.view import View
from coldbench.protocol.gap import OldItems
from coldbench.protocol.metrics import all_metrics
from coldbench.protocol.rules import Rules
from coldbench.protocol.shots import COLD
from coldbench.protocol.split import WarmUpSplit
from coldbench.protocol.topn import TopN, TopNSettings

_EVALUATION_ROWS = 4096  # rows per batch when scoring: what is computed for them stays in a processor's cache


@dataclass(frozen=True)
class Outcome:
    """The results of one evaluation on the test rows.

    Attributes:
        phase: ``cold``, or the warm-up phase that has just ended.
        metrics: Values by name, on the test rows; with ``topn``, on top-N lists too.
        steps: Optimiser steps taken on the phase's rows; for ``cold``, the steps of ``fit`` on base.
        rows_seen: Rows in all these steps together.
        distinct_rows_seen: Rows in at least one of these steps.
        seconds: Wall time of the phase, including the evaluation.
        cpu_seconds: Processor time of the training alone.
        logits: (test,) float32, in the order of the split's test rows.
        embeddings: (cold, item_width) float32, the cold items' embeddings, in the order of the split's new items.
        gap: Distances of these from the old items' embeddings, by name (``gap.py``).
        shots: Interactions of each new item before the evaluation.
    """

    phase: str
    metrics: dict[str, float]
    steps: int
    rows_seen: int
    distinct_rows_seen: int
    seconds: float
    cpu_seconds: float
    logits: np.ndarray
    embeddings: np.ndarray
    gap: dict[str, float]
    shots: int = 0


class WarmUp:
    """Runs the phases of one dataset under one protocol and seed.

    Args:
        rules: The protocol.
        dataset: The whole log.
        split: The parts of the log.
        settings: The training settings that all methods share.
        device: The device to train on.
        *seed: The parts that random streams derive from; the same for all methods of a comparison.
        topn: How top-N is measured after each phase; None if it is not.
    """

    def __init__(
        self,
        rules: Rules,
        dataset: Dataset,
        split: WarmUpSplit,
        settings: Settings,
        device: torch.device,
        *seed: object,
        topn: TopNSettings | None = None,
    ) -> None:
        self.rules = rules
        self.dataset = dataset
        self.split = split
        self.settings = settings
        self.device = device
        self.seed = seed
        self.topn = topn
        self.view = self._view(0)
        self.cold = self.view.tensor(split.new_items)

    def pretrain(self, backbone: Backbone, method: Method) -> Phase:
        """Initialises a backbone and trains all of it on base; returns the phase with the steps taken."""
        self._seed_torch("pretrain")
        initialise(backbone)
        backbone.requires_grad_(True).train()
        base = self.phase("base", self.split.base)
        own = [parameter for name in method.pretrained for parameter in getattr(method, name).parameters()]
        optimizer = base.adam([*backbone.parameters(), *own])
        with lazy_above(self.settings.lazy_rows):
            descend(base, optimizer, lambda batch: method.pretrain_loss(backbone, batch), self.settings.pretrain_epochs)
        base.close()
        return base

    def fit(self, backbone: Backbone, method: Method) -> Phase:
        """Fits a method on a pretrained backbone; returns the phase with the steps taken.

        From here on the backbone's weights are frozen, but it stays in training mode while item embeddings or a method
        are trained: its batch statistics are not frozen (as in the code that produced AVAEW's tables).
        """
        backbone.frozen().train()
        self._seed_torch("fit")
        base = self.phase("base", self.split.base)
        with lazy_above(self.settings.lazy_rows):
            method.fit(backbone, base)
        base.close()
        return base

    def phases(self, backbone: Backbone, method: Method) -> Iterator[Outcome]:
        """Takes the cold items through all phases with a fitted method, and yields one outcome per phase."""
        backbone.frozen().train()
        self._seed_torch("embed")
        started, began = time.perf_counter(), time.process_time()
        old = OldItems(_embeddings(backbone, self.view.tensor(self.split.old_items)), derive(*self.seed, "gap"))
        backbone.place(self.cold, method.embed(backbone, self.view.items(self.cold)))
        nothing = self.phase(COLD, self.split.base[:0])
        yield self._outcome(nothing, backbone, method, old, started, time.process_time() - began)
        settings = replace(self.settings, batch_size=self.split.warm_batch_size(self.settings.batch_size))
        shots = 0
        for number, (name, rows) in enumerate(self.split.warm.items(), 1):
            started, began = time.perf_counter(), time.process_time()
            self._seed_torch(name)
            if self.rules.strict:
                self.view = self._view(number)
            phase = self.phase(name, rows, self.rules.limit(len(starts(len(rows), settings.batch_size))), settings)
            backbone.train()
            with lazy_above(self.settings.lazy_rows):
                replaced = method.warm(backbone, phase)
            phase.close()
            if replaced is not None:
                backbone.place(self.cold, replaced)
            shots += len(rows) // len(self.cold)
            outcome = self._outcome(phase, backbone, method, old, started, time.process_time() - began)
            yield replace(outcome, shots=shots)

    def phase(self, name: str, rows: np.ndarray, limit: int | None = None, settings: Settings | None = None) -> Phase:
        """Creates a phase over some rows of the log, by default with the settings of base."""
        log, cold = self.view.interactions(self.dataset, rows), self.view.items(self.cold)
        return Phase(name, self.view, log, self.dataset.time[rows], cold, settings or self.settings, limit, *self.seed)

    def predict(self, backbone: Backbone, method: Method) -> np.ndarray:
        """(test,) logits of the test rows, computed with running statistics and without dropout."""
        backbone.eval()
        method.eval()
        log = self.view.interactions(self.dataset, self.split.test)
        table = backbone.item_table.weight
        with torch.no_grad():
            batches = (batch for batch, _ in shuffled(self.view, log, _EVALUATION_ROWS, random=None))
            parts = [method.logits(backbone, batch, lookup(table, batch.item)) for batch in batches]
        method.train()
        return torch.cat(parts).cpu().numpy()

    @cached_property
    def _lists(self) -> TopN | None:
        return None if self.topn is None else TopN(self.topn, self.dataset, self.split, *self.seed)

    def _view(self, phases: int) -> View:
        known = self.rules.known(self.split, phases)
        return View(self.dataset, known, self.device, self.rules.strict)

    def _seed_torch(self, purpose: str) -> None:
        torch.manual_seed(derive(*self.seed, purpose))

    def _outcome(
        self, phase: Phase, backbone: Backbone, method: Method, old: OldItems, started: float, cpu_seconds: float
    ) -> Outcome:
        logits = self.predict(backbone, method)
        rows, data = self.split.test, self.dataset
        wrong = int((~np.isfinite(logits)).sum())
        if wrong:
            raise FloatingPointError(f"{wrong:,} of {len(rows):,} test logits are not finite after phase {phase.name}")
        cold = _embeddings(backbone, self.cold)
        lists = {} if self._lists is None else self._lists.measure(self.view, backbone, method)
        return Outcome(
            phase=phase.name,
            metrics=all_metrics(data.click[rows], logits, data.user[rows], data.item[rows]) | lists,
            steps=phase.steps,
            rows_seen=phase.rows_seen,
            distinct_rows_seen=phase.distinct_rows_seen,
            seconds=time.perf_counter() - started,
            cpu_seconds=cpu_seconds,
            logits=logits,
            embeddings=cold,
            gap=old.gap(cold),
        )


def _embeddings(backbone: Backbone, items: Tensor) -> np.ndarray:
    return backbone.item_table.weight.detach()[items].cpu().numpy()
