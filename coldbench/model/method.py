"""The ``Method`` base: the warm-up interface; its defaults are the plain baseline."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from coldbench.core.space import Space
from coldbench.data.schema import Schema
from coldbench.model.backbone import Backbone
from coldbench.model.batching import Batch, Rows
from coldbench.model.phase import Phase


class Method(nn.Module):
    """A way of giving cold items an ID embedding.

    The protocol calls the hooks in the order they stand here. Every hook gets the backbone; only
    ``pretrain_logits`` gets one that is being trained. A hook may change the method's own
    parameters, never the backbone's: what it returns is what the protocol writes.

    Attributes:
        Config: A frozen dataclass of hyper-parameters, with the paper's defaults.
        space: Where to search for them.
        config: This instance's values.
        schema: The fields of the dataset.
        dim: The size of an item ID embedding.

    Args:
        config: An instance of ``Config``.
        schema: The fields of the dataset.
        backbone: The one to work on, for the sizes of its embeddings; it is not kept.
    """

    Config: ClassVar[type]
    space: ClassVar[Space] = {}

    def __init__(self, config: Any, schema: Schema, backbone: Backbone) -> None:
        super().__init__()
        self.config = config
        self.schema = schema
        self.dim = backbone.dim

    @property
    def adapt_steps(self) -> int:
        """Optimiser steps that ``adapt`` takes for each batch of a phase; its share where steps are matched."""
        return 0

    def pretrain_logits(self, backbone: Backbone, batch: Batch) -> Tensor:
        """What pretraining optimises: (batch,) logits."""
        return backbone(batch)

    def fit(self, backbone: Backbone, base: Phase) -> None:
        """Learns from the old items, the backbone frozen."""

    def embed(self, backbone: Backbone, items: Rows) -> Tensor:
        """The embeddings that cold items start from, (items, dim)."""
        return backbone.item_table(items.number)

    def adapt(self, backbone: Backbone, phase: Phase) -> Tensor | None:
        """What the method does with a phase's data, after the item ID embeddings were trained on it.

        Returns:
            (cold, dim) embeddings that replace those of ``phase.cold``, or None to leave them.
        """
        return None
