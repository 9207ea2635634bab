"""The ``Method`` base: the warm-up interface; its defaults are the plain baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from coldbench.core.config import adopt, after_fit
from coldbench.core.space import Choice, Count, LogUniform, Rate, Space
from coldbench.data.schema import Schema
from coldbench.model.backbone import Backbone
from coldbench.model.batching import Batch
from coldbench.model.embedding import lookup
from coldbench.model.phase import Phase, ctr_loss, step
from coldbench.model.rows import Rows


@dataclass(frozen=True)
class MethodConfig:
    """What every method has; its own ``Config`` extends this.

    A field made by ``after_fit`` is read by no hook before ``warm``: cells that differ in such fields alone share what
    ``fit`` learned.
    """

    item_lr: Rate = after_fit(1e-3)  # learning rate of the cold items' embeddings in a warm-up phase
    item_epochs: Count = after_fit(1)  # passes of the cold items' embeddings over a phase's rows


ITEM_SPACE: Space = {"item_lr": LogUniform(3e-4, 3e-2), "item_epochs": Choice((1, 3, 10))}


class Method(nn.Module):
    """A way of giving cold items an ID embedding.

    The protocol calls the hooks in the order they stand here, and ``logits`` wherever items are scored. Every hook gets
    the backbone; only ``pretrain_loss`` gets one that is being trained. A hook may change the method's own parameters,
    never the backbone's, but for the cold items' rows of its item table, and those by ``Backbone.place`` or by what it
    returns.

    What ``fit`` learns is kept in parameters, buffers, tensors or plain numbers that are attributes of the method or of
    its modules: it is written down with them, and cells that differ only in what happens later start from it.

    Attributes:
        Config: A frozen dataclass of hyper-parameters that extends ``MethodConfig``, with the paper's defaults.
        space: Where to search for them; ``ITEM_SPACE`` is added to it.
        title: What tables call the method; its key where it is empty.
        pretrained: Names of the method's modules that pretraining trains along with the backbone, and keeps.
        config: This instance's values.
        schema: The fields of the dataset.
        dim: The width of a row of the backbone's item table.

    Args:
        config: An instance of ``Config``.
        schema: The fields of the dataset.
        backbone: The one to work on, for the sizes of its embeddings; it is not kept.
    """

    Config: ClassVar[type]
    space: ClassVar[Space] = {}
    title: ClassVar[str] = ""
    pretrained: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        adopt(cls)
        cls.space = {**cls.space, **{name: part for name, part in ITEM_SPACE.items() if name not in cls.space}}

    def __init__(self, config: Any, schema: Schema, backbone: Backbone) -> None:
        super().__init__()
        self.config = config
        self.schema = schema
        self.dim = backbone.item_width

    @property
    def adapt_steps(self) -> int:
        """Optimiser steps that ``adapt`` takes for each batch of a phase; its share where steps are matched."""
        return 0

    def pretrain_loss(self, backbone: Backbone, batch: Batch) -> Tensor:
        """What pretraining minimises, () from a batch of base."""
        return ctr_loss(backbone(batch), batch)

    def fit(self, backbone: Backbone, base: Phase) -> None:
        """Learns from the old items, the backbone frozen."""

    def embed(self, backbone: Backbone, items: Rows) -> Tensor:
        """The embeddings that cold items start from, (items, dim); called twice it gives the same."""
        return backbone.item_table(items.number)

    def warm(self, backbone: Backbone, phase: Phase) -> Tensor | None:
        """Everything that a warm-up phase does with the cold items.

        By default their embeddings are trained (``train_items``), then the method may ``adapt``. Where the phase limits
        its steps both share them as they would without a limit: ``adapt`` gets its part of them, rounded down, and is
        left out where that is nothing.

        Returns:
            (cold, dim) embeddings of ``phase.cold``, or None to leave those in the item table.
        """
        budget = phase.budget
        for_items, for_adapt = budget.shares(self.config.item_epochs, self.adapt_steps)
        with budget.at_most(for_items):
            backbone.place(phase.cold.number, self.train_items(backbone, phase))
        if for_adapt == 0 and self.adapt_steps:
            return None
        with budget.at_most(for_adapt):
            return self.adapt(backbone, phase)

    def train_items(self, backbone: Backbone, phase: Phase) -> Tensor:
        """Trains the cold items' embeddings alone, from those in the item table, by ``item_lr`` and ``item_epochs``.

        Returns:
            (cold, dim) embeddings; the item table stays as it is.
        """
        rows = nn.Parameter(backbone.item_table.weight[phase.cold.number])
        place = places(phase.cold.number, len(backbone.item_table.weight))
        optimizer = phase.adam([rows], self.config.item_lr)
        for batch in phase.batches(self.config.item_epochs):
            step(optimizer, ctr_loss(self.logits(backbone, batch, lookup(rows, place[batch.item])), batch))
        return rows.detach()

    def adapt(self, backbone: Backbone, phase: Phase) -> Tensor | None:
        """What the method does with a phase's rows after the cold items' embeddings were trained on them.

        Returns:
            (cold, dim) embeddings that replace those of ``phase.cold``, or None to leave them.
        """
        return None

    def logits(self, backbone: Backbone, batch: Batch, items: Tensor) -> Tensor:
        """The scores that are trained and evaluated from ``fit`` on, (batch,).

        Args:
            backbone: Frozen.
            batch: The rows.
            items: (batch, dim) the item embedding of each row.
        """
        return backbone.score(items, backbone.encode(batch))


def places(items: Tensor, size: int) -> Tensor:
    """(size,) int32: the place of each item in (items,) ids, and 0 for the others."""
    place = torch.zeros(size, dtype=torch.int32, device=items.device)
    place[items] = torch.arange(len(items), dtype=torch.int32, device=items.device)
    return place
