"""DropoutNet (Volkovs, Yu, Poutanen, NeurIPS 2017, "DropoutNet: Addressing Cold Start in Recommender Systems").

In pretraining, v_I is sometimes replaced by the mean of all item ID embeddings, so that the model learns
to predict without it. No gradient flows through the mean.

Departs from the paper: v_I is dropped for whole batches, as in the code that produced AVAEW's tables; ``per_row``
drops it for single rows, as the paper does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from coldbench.plugin import Backbone, Batch, Method, MethodConfig, Share, Space, Uniform, ctr_loss, lookup


@dataclass(frozen=True)
class Config(MethodConfig):
    """Hyper-parameters of the dropout."""

    rate: Share = 0.1  # probability of dropping v_I (section 4.1, the dropout of preference inputs)
    per_row: bool = False  # drop v_I for single rows, as in the paper, instead of whole batches


space: Space = {"rate": Uniform(0.0, 0.9)}


class DropoutNet(Method):
    """Drops v_I in pretraining; otherwise it is the plain baseline."""

    title = "DropoutNet"
    group = "paper"

    def pretrain_loss(self, backbone: Backbone, batch: Batch) -> Tensor:
        """The CTR loss, with v_I replaced by the mean embedding at probability ``rate``."""
        item = lookup(backbone.item_table.weight, batch.item)
        rows = len(batch) if self.config.per_row else 1
        dropped = torch.rand(rows, 1) < self.config.rate
        if dropped.any():
            mean = backbone.item_table.weight.detach().mean(0)
            item = torch.where(dropped.to(item.device), mean, item)
        return ctr_loss(backbone.score(item, backbone.encode(batch)), batch)
