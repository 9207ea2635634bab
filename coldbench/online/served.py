"""``Served``: a model in production, a backbone with a method, which scores by day and is trained by night."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor

from coldbench.core.seeds import derive
from coldbench.model.backbone import Backbone, TwoTower
from coldbench.model.batching import Batch, starts
from coldbench.model.embedding import lazy_above, lookup
from coldbench.model.method import Method
from coldbench.model.phase import Phase, step
from coldbench.model.rows import Interactions
from coldbench.model.view import View
from coldbench.online.night import Night
from coldbench.protocol.phases import WarmUp

_ROWS = 65_536  # pairs per batch when scoring
_LEAST_ROWS = 2  # of a night's training: batch normalisation has no variance in one row


class Served:
    """A model in production.

    Attributes:
        backbone: The backbone, trained on the log from before the test.
        method: The method, fitted on the same log.

    Args:
        bench: Trains on the log from before the test.
        backbone: The trained backbone.
        method: The fitted method.
    """

    def __init__(self, bench: WarmUp, backbone: Backbone, method: Method) -> None:
        self.backbone, self.method = backbone, method
        self._bench = bench

    @property
    def by_vectors(self) -> bool:
        """Whether a score is the inner product of two vectors; a method may score by pairs instead."""
        return isinstance(self.backbone, TwoTower) and type(self.method).logits is Method.logits

    def start(self, view: View, items: np.ndarray) -> None:
        """Gives all items that will arrive the embeddings that the method starts them from.

        A method may keep something of each item from ``embed`` on, so ``embed`` is called once, as in the protocols.
        """
        torch.manual_seed(derive(*self._bench.seed, "embed"))
        self.backbone.frozen().train()
        number = view.tensor(items)
        self.backbone.place(number, self.method.embed(self.backbone, view.items(number)))

    def learn(self, night: Night) -> None:
        """Takes the night's steps on the day's log, then lets the method warm up the items that are still cold.

        The steps on the log move everything but the cold items' embeddings, which belong to the method. The phase that
        the method gets names every item of the test as cold, the same in each night, but holds only rows of those that
        still are, and only what the method gives these is taken over. The running
        statistics of batch normalisation are those of the log, not of the cold items' rows alone.
        """
        self._train(night)
        cold = night.cold_rows
        if len(cold) < _LEAST_ROWS or not night.warm_steps:
            return
        torch.manual_seed(derive(*self._bench.seed, "warm", night.day))
        statistics = [buffer.clone() for buffer in self.backbone.buffers()]
        self.backbone.frozen().train()
        phase = self._phase(night, "warm", cold, night.warm_steps)
        held = self.backbone.item_table.weight[phase.cold.number].clone()
        with lazy_above(self._bench.settings.lazy_rows):
            replaced = self.method.warm(self.backbone, phase)
        phase.close()
        if replaced is not None:
            self.backbone.place(phase.cold.number, replaced)
        idle = ~torch.isin(phase.cold.number, phase.log.item)  # they have no rows tonight, and keep what they have
        self.backbone.place(phase.cold.number[idle], held[idle])
        with torch.no_grad():
            for buffer, before in zip(self.backbone.buffers(), statistics, strict=True):
                buffer.copy_(before)

    def _train(self, night: Night) -> None:
        if not night.steps or len(night.rows) < _LEAST_ROWS:
            return
        torch.manual_seed(derive(*self._bench.seed, "night", night.day))
        cold = night.view.tensor(night.kept)
        held = self.backbone.item_table.weight[cold].clone()
        size = self._bench.settings.batch_size
        rows = night.sample(size)
        phase = self._phase(night, "night", rows, min(night.steps, len(starts(len(rows), size))))
        self.backbone.requires_grad_(True).train()
        own = [value for name in self.method.pretrained for value in getattr(self.method, name).parameters()]
        optimizer = phase.adam([*self.backbone.parameters(), *own])
        with lazy_above(self._bench.settings.lazy_rows):
            for batch in phase.batches():
                step(optimizer, self.method.pretrain_loss(self.backbone, batch))
        phase.close()
        self.backbone.frozen().place(cold, held)

    def _phase(self, night: Night, name: str, rows: np.ndarray, steps: int) -> Phase:
        data, view = night.dataset, night.view
        cold = view.items(view.tensor(night.new))
        log = view.interactions(data, rows)
        seed = (*self._bench.seed, night.day)
        return Phase(name, view, log, data.time[rows], cold, self._bench.settings, steps, *seed)

    @torch.no_grad()
    def pairs(self, view: View, users: np.ndarray, items: np.ndarray) -> Tensor:
        """(rows,) users of the dataset and (rows,) items -> (rows,) logits, without context."""
        self.backbone.eval()
        self.method.eval()
        user, item = (view.tensor(part.astype(np.int32)) for part in (users, items))
        parts = []
        for start in range(0, len(users), _ROWS):
            some = slice(start, start + _ROWS)
            rows = len(user[some])
            none = torch.zeros(rows, 0, dtype=torch.int32), torch.zeros(rows, 0)
            batch = Batch(view, Interactions(user[some], item[some], torch.zeros(rows), *none))
            parts.append(self.method.logits(self.backbone, batch, lookup(self.backbone.item_table.weight, item[some])))
        self.method.train()
        return torch.cat(parts)

    @torch.no_grad()
    def user_vectors(self, view: View, users: np.ndarray) -> Tensor:
        """(users,) users of the dataset -> (users, width) vectors."""
        backbone = cast(TwoTower, self.backbone.eval())
        rows = len(users)
        context = view.contexts(torch.zeros(rows, 0, dtype=torch.int32), torch.zeros(rows, 0))
        return backbone.user_vector(view.users(view.tensor(users)), context)

    @torch.no_grad()
    def item_vectors(self, view: View) -> Tensor:
        """(items, width) the vectors of all items."""
        backbone = cast(TwoTower, self.backbone.eval())
        every = torch.arange(len(backbone.item_table.weight))
        return backbone.item_vector(view.items(every), backbone.item_table.weight)
