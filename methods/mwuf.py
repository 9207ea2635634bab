"""MWUF (Zhu et al., SIGIR 2021, arXiv:2105.04790): meta warm-up by a scaling and a shifting network.

A new item's embedding, ``new``, starts as the mean item ID embedding; v = scale(V_S) * new + shift(U), where U is the
mean embedding of the users who have interacted with the item so far. On base, the cold loss with the new-item table
updates the table, and the warm loss with v updates the two networks (algorithm 1). For an item without users, U is
the embedding of the mean user.

Departs from the paper where ``through`` is off: then a phase trains v itself, keeps what it learned, and replaces its
shift by that of the users seen by then. With it on, a phase trains the new-item table through scale and shift, as the
paper does. Off is the default, since it is nearer to the published table on MovieLens-1M: by .0017 against .0032 AUC in
the mean over DeepFM and IPNN (results/reproduction/ml-1m/hooked). Public code looks the users' table up with item ids
and the other way round; here users are users.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from coldbench.plugin import (
    Backbone,
    Choice,
    Count,
    LogUniform,
    Method,
    MethodConfig,
    Phase,
    Rate,
    Rows,
    Schema,
    Space,
    Width,
    after_fit,
    ctr_loss,
    lookup,
    step,
    two_layers,
)

_ROWS = 65_536  # interactions per look-up of their users


@dataclass(frozen=True)
class Config(MethodConfig):
    """Hyper-parameters; the defaults are the paper's values."""

    hidden: Width = 16  # units of the hidden layer of both networks
    learning_rate: Rate = 1e-3  # of both networks and of the new-item table, on base
    epochs: Count = 1  # passes over base
    through: bool = after_fit(False)  # train the new-item table through scale and shift, as the paper does


space: Space = {"hidden": Choice((16, 64)), "learning_rate": LogUniform(3e-4, 3e-2), "epochs": Choice((1, 2))}


class MWUF(Method):
    """Warms up the mean embedding with what is known of the item and of its users.

    Attributes:
        user_sum: (items, width) the sum of the embeddings of each item's users so far.
        user_count: (items, 1) the number of these users.
        start: (dim,) the mean ID embedding of the old items.
    """

    title = "MWUF"
    group = "paper"

    def __init__(self, config: Config, schema: Schema, backbone: Backbone) -> None:
        super().__init__(config, schema, backbone)
        self.scale = two_layers(backbone.items.width, config.hidden, self.dim)
        self.shift = two_layers(backbone.users.width, config.hidden, self.dim)

    def fit(self, backbone: Backbone, base: Phase) -> None:
        """Runs algorithm 1: a step on the cold loss, then one on the warm loss, on each batch."""
        self.user_sum = backbone.item_table.weight.new_zeros(self.schema.items, backbone.users.width)
        self.user_count = self.user_sum.new_zeros(self.schema.items, 1)
        self.see(backbone, base)
        self.start = backbone.item_table(base.by_item.items).mean(0)
        new = nn.Parameter(self.start.repeat(self.schema.items, 1))
        cold = base.adam([new], self.config.learning_rate)
        networks = base.adam([*self.scale.parameters(), *self.shift.parameters()], self.config.learning_rate)
        for batch in base.batches(self.config.epochs):
            context = backbone.frozen_context(batch)
            step(cold, ctr_loss(backbone.score(lookup(new, batch.item), context), batch))
            warm = self.warmed(backbone, batch.items, new.detach()[batch.items.number])
            step(networks, ctr_loss(backbone.score(batch.spread(warm), context), batch))

    def embed(self, backbone: Backbone, items: Rows) -> Tensor:
        """(items, dim) the mean item ID embedding, scaled and shifted per item."""
        with torch.no_grad():
            return self.warmed(backbone, items, self.start)

    def warm(self, backbone: Backbone, phase: Phase) -> Tensor | None:
        """Trains the new-item table through both networks if ``through`` is on, else v itself."""
        if not self.config.through:
            return super().warm(backbone, phase)
        self.see(backbone, phase)
        with torch.no_grad():
            scale = self.scale(backbone.items(phase.cold).flatten(1))
            shift = self.shift(self.mean_users(phase.cold.number))
        before = getattr(self, "new", self.start.expand(len(scale), -1))
        new = nn.Parameter(before.clone())
        place = torch.zeros(self.schema.items, dtype=torch.int64, device=new.device)
        place[phase.cold.number] = torch.arange(len(new), device=new.device)
        optimizer = phase.adam([new], self.config.item_lr)
        for batch in phase.batches(self.config.item_epochs):
            warm = (scale * new + shift)[place[batch.item]]
            step(optimizer, ctr_loss(self.logits(backbone, batch, warm), batch))
        self.new = new.detach()
        return scale * self.new + shift

    def adapt(self, backbone: Backbone, phase: Phase) -> Tensor:
        """Replaces the shift by that of the users seen so far; returns (cold, dim) embeddings."""
        with torch.no_grad():
            trained = backbone.item_table(phase.cold.number) - self.shift(self.mean_users(phase.cold.number))
            self.see(backbone, phase)
            return trained + self.shift(self.mean_users(phase.cold.number))

    def warmed(self, backbone: Backbone, items: Rows, new: Tensor) -> Tensor:
        """(items, dim) v = scale(V_S) * new + shift(U)."""
        return self.scale(backbone.items(items).flatten(1)) * new + self.shift(self.mean_users(items.number))

    def see(self, backbone: Backbone, phase: Phase) -> None:
        """Adds the users of a phase's rows to their items' means."""
        for start in range(0, len(phase), _ROWS):
            log = phase.log.at(slice(start, start + _ROWS))
            with torch.no_grad():
                users = backbone.users(phase.view.users(log.user)).flatten(1)
            self.user_sum.index_add_(0, log.item, users)
            self.user_count.index_add_(0, log.item, torch.ones_like(users[:, :1]))
        self.mean_user = self.user_sum.sum(0) / self.user_count.sum()

    def mean_users(self, items: Tensor) -> Tensor:
        """(items,) items -> (items, width) mean embedding of each one's users; the mean user if it has none."""
        seen = self.user_count[items]
        return torch.where(seen > 0, self.user_sum[items] / seen.clamp(min=1), self.mean_user)
