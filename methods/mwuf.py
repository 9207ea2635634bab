"""MWUF (Zhu et al., SIGIR 2021, arXiv:2105.04790): meta warm-up by a scaling and a shifting network.

A new item's embedding starts as the mean item ID embedding; v = scale(V_S) * new + shift(U), where U is the mean
embedding of the users who interacted with the item so far. On base, the cold loss with the new-item table updates
the table and the warm loss with v updates the two networks (algorithm 1). With no user yet, U is the mean user.

Departs from the paper: after each phase the trained embedding keeps what it learned, and its shift is replaced by
that of the users seen by then. Public code looks the users' table up with item ids and the other way round; here
users are users.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from coldbench.plugin import (
    Backbone,
    Choice,
    Count,
    Method,
    Phase,
    Rows,
    Schema,
    Space,
    Width,
    ctr_loss,
    lookup,
    step,
    two_layers,
)

_ROWS = 65_536  # interactions whose users are looked up at once


@dataclass(frozen=True)
class Config:
    """Hyper-parameters; the defaults are the paper's."""

    hidden: Width = 16  # units of the hidden layer of both networks
    epochs: Count = 1  # over base


space: Space = {"hidden": Choice((16, 64)), "epochs": Choice((1, 2))}


class MeanUsers:
    """Running mean of the embeddings of each item's users, and of all users seen; all fields side by side."""

    def __init__(self, backbone: Backbone, items: int) -> None:
        self.backbone = backbone
        weight = backbone.item_table.weight
        self.total = weight.new_zeros(items, backbone.users.width)
        self.count = weight.new_zeros(items, 1)

    def see(self, phase: Phase) -> None:
        """Adds the users of a phase's rows to their items' means."""
        for start in range(0, len(phase), _ROWS):
            log = phase.log.at(slice(start, start + _ROWS))
            with torch.no_grad():
                users = self.backbone.users(phase.view.users(log.user)).flatten(1)
            self.total.index_add_(0, log.item, users)
            self.count.index_add_(0, log.item, torch.ones_like(users[:, :1]))

    def of(self, items: Tensor) -> Tensor:
        """(items,) -> (items, width); the mean over all rows for items without a user."""
        everyone = self.total.sum(0) / self.count.sum()
        return torch.where(self.count[items] > 0, self.total[items] / self.count[items].clamp(min=1), everyone)


class MWUF(Method):
    """Warms up the mean embedding by what is known of the item and of its users."""

    def __init__(self, config: Config, schema: Schema, backbone: Backbone) -> None:
        super().__init__(config, schema, backbone)
        self.scale = two_layers(backbone.items.width, config.hidden, self.dim)
        self.shift = two_layers(backbone.users.width, config.hidden, self.dim)

    def fit(self, backbone: Backbone, base: Phase) -> None:
        """Algorithm 1: the cold loss and the warm loss in turn on each batch."""
        self.users = MeanUsers(backbone, self.schema.items)
        self.users.see(base)
        self.start = backbone.item_table(base.log.item.unique()).mean(0)  # the mean old item
        new = nn.Parameter(self.start.repeat(self.schema.items, 1))
        cold = base.adam([new])
        networks = base.adam([*self.scale.parameters(), *self.shift.parameters()])
        for batch in base.batches(self.config.epochs):
            context = backbone.frozen_context(batch)
            step(cold, ctr_loss(backbone.score(lookup(new, batch.item), context), batch))
            warm = self.warm(backbone, batch.items, new.detach()[batch.items.number])
            step(networks, ctr_loss(backbone.score(batch.spread(warm), context), batch))

    def embed(self, backbone: Backbone, items: Rows) -> Tensor:
        """The mean item, scaled and shifted: (items, dim)."""
        with torch.no_grad():
            return self.warm(backbone, items, self.start)

    def adapt(self, backbone: Backbone, phase: Phase) -> Tensor:
        """Replaces the shift by that of the users seen by now; (cold, dim)."""
        with torch.no_grad():
            trained = backbone.item_table(phase.cold.number) - self.shift(self.users.of(phase.cold.number))
            self.users.see(phase)
            return trained + self.shift(self.users.of(phase.cold.number))

    def warm(self, backbone: Backbone, items: Rows, new: Tensor) -> Tensor:
        """scale(V_S) * new + shift(U), (items, dim)."""
        return self.scale(backbone.items(items).flatten(1)) * new + self.shift(self.users.of(items.number))
