"""Generator, a control (the CTR part of CVAR, SIGIR 2022, arXiv:2205.13795): side information to embedding, no more.

v = D(E(V_S)): two linear maps, of which the second also receives the item's ``count``, trained by the CTR loss of the
frozen backbone with v in v_I's place (AVAEW 2023, arXiv:2302.14395, equation 7). There is no encoder of v_I, no
reconstruction, no distance between distributions, no adversary and no diffusion: what a method with these gains over
this control is what they are worth.

Departs from the paper: it is ``cvar`` with alpha = beta = 0, without noise and without the parts that these weights
switch off.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from coldbench.plugin import (
    Backbone,
    Choice,
    Count,
    CountDecoder,
    FrozenBatch,
    Generating,
    LogUniform,
    MethodConfig,
    Rate,
    Rows,
    Schema,
    SideInformation,
    Space,
    after_fit,
    ctr_loss,
    initialise,
)


@dataclass(frozen=True)
class Config(MethodConfig):
    """Hyper-parameters; the defaults are those of ``cvar``."""

    side_item_id: bool = True  # the item's ID is part of its side information, in the generator's own table
    epochs: Count = 1  # passes over base, in fit
    learning_rate: Rate = 1e-3  # of the generator
    adapt: bool = after_fit(True)  # continue training on each phase's rows, then replace the cold items' embeddings
    adapt_epochs: Count = after_fit(2)  # passes over each phase's rows
    repeats: Count = 10  # steps on each batch


space: Space = {"learning_rate": LogUniform(1e-4, 1e-2), "repeats": Choice((1, 3, 10))}


class Generator(Generating):
    """Maps side information to an embedding, by the CTR loss alone."""

    title = "Generator"
    group = "controls"
    quick = {"repeats": 1}

    def __init__(self, config: Config, schema: Schema, backbone: Backbone) -> None:
        super().__init__(config, schema, backbone)
        self.side = SideInformation(schema, self.dim, config.side_item_id, padding=True)
        self.encoder = nn.Linear(self.side.width, self.dim)
        self.decoder = CountDecoder(schema, self.dim)
        initialise(self)
        self.side.start_normal()

    def generate(self, items: Rows) -> Tensor:
        """D(E(V_S)), (items, dim)."""
        return self.decoder(self.encoder(self.side(items)), items)

    def loss(self, backbone: Backbone, frozen: FrozenBatch) -> Tensor:
        """The CTR loss with generated embeddings, ()."""
        made = self.generate(frozen.batch.items)
        return ctr_loss(backbone.score(frozen.batch.spread(made), frozen.context), frozen.batch)
