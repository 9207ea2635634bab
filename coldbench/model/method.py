"""The base class ``Method``: the interface of warm-up methods, whose default hooks are the plain baseline."""

from __future__ import annotations

from collections.abc import Mapping
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
    """Hyper-parameters that all methods share; each method's ``Config`` extends this class.

    No hook before ``warm`` reads a field made by ``after_fit``: cells that differ only in such fields share what
    ``fit`` learned.
    """

    item_lr: Rate = after_fit(1e-3)  # learning rate of the cold items' embeddings in a warm-up phase
    item_epochs: Count = after_fit(1)  # passes of the cold items' embeddings over a phase's rows


ITEM_SPACE: Space = {"item_lr": LogUniform(3e-4, 3e-2), "item_epochs": Choice((1, 3, 10))}


class Method(nn.Module):
    """Base class of methods that give cold items an ID embedding.

    The protocol calls the hooks in the order in which this class defines them, and ``logits`` whenever items are
    scored. Every hook receives the backbone, which is frozen except in ``pretrain_loss``. A hook may change the
    method's own parameters but not the backbone's, with one exception: the cold items' rows of the item table, which
    it changes through ``Backbone.place`` or its return value.

    ``fit`` must keep what it learns in parameters, buffers, tensors or plain numbers that are attributes of the method
    or of its modules. These are stored, and cells that differ only in what happens after ``fit`` start from them.

    Attributes:
        Config: A frozen dataclass of hyper-parameters that extends ``MethodConfig``, with the paper's defaults.
        space: The search space of the hyper-parameters; ``ITEM_SPACE`` is added to it.
        title: The method's name in tables; if empty, tables show its key.
        group: The name that stands for this method and others on the command line; subclasses do not inherit it.
        pretrained: Names of the method's modules that pretraining trains and stores along with the backbone.
        quick: Hyper-parameters that the checks of ``coldbench check`` run with where the defaults would take long.
        config: The values of this instance's hyper-parameters.
        schema: The fields of the dataset.
        dim: The width of the backbone's item table.

    Args:
        config: An instance of ``Config``.
        schema: The fields of the dataset.
        backbone: The backbone to work on, for the sizes of its embeddings; the method does not keep it.
    """

    Config: ClassVar[type]
    space: ClassVar[Space] = {}
    title: ClassVar[str] = ""
    group: ClassVar[str] = ""
    pretrained: ClassVar[tuple[str, ...]] = ()
    quick: ClassVar[Mapping[str, Any]] = {}

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
        """Optimiser steps that ``adapt`` takes per batch of a phase; where steps are limited, its share of them."""
        return 0

    def pretrain_loss(self, backbone: Backbone, batch: Batch) -> Tensor:
        """The loss that pretraining minimises, () from a batch of base."""
        return ctr_loss(backbone(batch), batch)

    def fit(self, backbone: Backbone, base: Phase) -> None:
        """Learns from the old items while the backbone is frozen."""

    def embed(self, backbone: Backbone, items: Rows) -> Tensor:
        """Initial embeddings of the cold items, (items, dim); two calls return the same values."""
        return backbone.item_table(items.number)

    def warm(self, backbone: Backbone, phase: Phase) -> Tensor | None:
        """Performs all training of the cold items in a warm-up phase.

        By default their embeddings are trained (``train_items``), then the method may ``adapt``. If the phase limits
        its steps, both share them in the same proportion as without a limit: ``adapt`` gets its part, rounded down,
        and is skipped if that is zero.

        Returns:
            (cold, dim) embeddings of ``phase.cold``, or None to keep those in the item table.
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
        """Trains only the cold items' embeddings, from those in the item table, with ``item_lr`` and ``item_epochs``.

        Returns:
            (cold, dim) embeddings; the item table does not change.
        """
        rows = nn.Parameter(backbone.item_table.weight[phase.cold.number])
        place = places(phase.cold.number, len(backbone.item_table.weight))
        optimizer = phase.adam([rows], self.config.item_lr)
        for batch in phase.batches(self.config.item_epochs):
            step(optimizer, ctr_loss(self.logits(backbone, batch, lookup(rows, place[batch.item])), batch))
        return rows.detach()

    def adapt(self, backbone: Backbone, phase: Phase) -> Tensor | None:
        """Learns from a phase's rows after the cold items' embeddings were trained on them.

        Returns:
            (cold, dim) embeddings that replace those of ``phase.cold``, or None to keep them.
        """
        return None

    def logits(self, backbone: Backbone, batch: Batch, items: Tensor) -> Tensor:
        """(batch,) the scores used for training and evaluation from ``fit`` on.

        Args:
            backbone: The frozen backbone.
            batch: The rows.
            items: (batch, dim) the item embedding of each row.
        """
        return backbone.score(items, backbone.encode(batch))


def places(items: Tensor, size: int) -> Tensor:
    """(items,) ids -> (size,) int32 position of each item among the ids, 0 for items that do not occur."""
    place = torch.zeros(size, dtype=torch.int32, device=items.device)
    place[items] = torch.arange(len(items), dtype=torch.int32, device=items.device)
    return place
