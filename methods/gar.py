"""GAR (Chen et al., SIGIR 2022, DOI 10.1145/3477495.3531897): a generative adversarial framework for cold items.

A generator G(V_S) plays against a recommender-side critic r(u, v), the inner product of two towers. Over clicked
rows, with v_gen = G(V_S) and v_neg another item of the batch, the critic minimises
-log sigmoid(r(u, v_real) - (1 - beta) r(u, v_gen) - beta r(u, v_neg)) and the generator
-(1 - alpha) log sigmoid(r(u, v_gen) - r(u, v_real)) + alpha |v_gen - v_real|_1.

Departs from the paper, whose task is ranking by the recommender in the game: here a frozen CTR backbone predicts, u
consists of its user and context embeddings, and the critic serves the game alone. Then nothing in the game tells the
generator how the backbone scores v_gen, so the backbone's CTR loss is added to the generator's with the weight
``ctr``; 0 leaves the game alone. Moreover alpha is 0.5, not the paper's 0.05, with which the game drags v_gen to where
the frozen backbone was never trained. Both were chosen on MovieLens-1M after the paper's values had ended below the
baseline there: the variants in results/reproduction/ml-1m show by how much. ``adapt`` continues the game on each
phase's rows and replaces the cold items' embeddings, as CVAR does.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldbench.plugin import (
    Backbone,
    Batch,
    Choice,
    Count,
    FrozenBatch,
    LogUniform,
    Method,
    MethodConfig,
    Phase,
    Rate,
    Rows,
    Schema,
    Share,
    SideInformation,
    Space,
    Uniform,
    Weight,
    Width,
    after_fit,
    ctr_loss,
    frozen_turns,
    initialise,
    step,
)


@dataclass(frozen=True)
class Config(MethodConfig):
    """Hyper-parameters; beta and the towers have the paper's values."""

    alpha: Share = 0.5  # weight of the similarity |v_gen - v_real|_1, relative to the adversarial term
    beta: Share = 0.1  # share of the sampled negative in the critic's loss, relative to the generated item
    ctr: Weight = 1.0  # weight of the frozen backbone's CTR loss with v_gen, in the generator's loss
    towers: tuple[Width, ...] = (200, 200)  # units of the generator's and the critic's layers, with tanh
    side_item_id: bool = True  # the item's ID is part of its side information, in the generator's own table
    epochs: Count = 1  # passes over base, in fit
    learning_rate: Rate = 1e-3  # of the generator and of the critic
    adapt_epochs: Count = after_fit(2)  # passes over each phase's rows
    repeats: Count = 1  # steps of each player on each batch


space: Space = {
    "alpha": Uniform(0.0, 1.0),
    "beta": Uniform(0.0, 1.0),
    "learning_rate": LogUniform(3e-4, 3e-2),
    "repeats": Choice((1, 3, 10)),
}


_CRITIC, _GENERATOR = "critic", "generator"


class Tower(nn.Sequential):
    """Layers with tanh, the last one linear: (rows, first width) -> (rows, last width)."""

    def __init__(self, *widths: int) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.Tanh()]
        super().__init__(*layers[:-1])


class GAR(Method):
    """Generates cold items' embeddings that a critic mistakes for warm ones."""

    title = "GAR"
    group = "paper"

    def __init__(self, config: Config, schema: Schema, backbone: Backbone) -> None:
        super().__init__(config, schema, backbone)
        self.side = SideInformation(schema, self.dim, config.side_item_id)
        initialise(self.side)
        self.generator = Tower(self.side.width, *config.towers, self.dim)
        self.user_tower = Tower(backbone.users.width + backbone.context.width, *config.towers)
        self.item_tower = Tower(self.dim, *config.towers)

    @property
    def adapt_steps(self) -> int:
        """Steps of the critic and the generator per batch of a phase."""
        return 2 * self.config.adapt_epochs * self.config.repeats

    def fit(self, backbone: Backbone, base: Phase) -> None:
        """Plays the game on the old items."""
        self.play(backbone, base, self.config.epochs)

    def embed(self, backbone: Backbone, items: Rows) -> Tensor:
        """G(V_S) without gradients, (items, dim)."""
        with torch.no_grad():
            return self.generate(items)

    def adapt(self, backbone: Backbone, phase: Phase) -> Tensor:
        """Continues the game on the phase's rows, then replaces every cold item's embedding by G(V_S)."""
        self.play(backbone, phase, self.config.adapt_epochs)
        return self.embed(backbone, phase.cold)

    def generate(self, items: Rows) -> Tensor:
        """G(V_S), the generator's output for the side information, (items, dim)."""
        return self.generator(self.side(items))

    def play(self, backbone: Backbone, phase: Phase, epochs: int) -> None:
        """Alternates one critic step and one generator step, ``repeats`` times per batch."""
        rate = self.config.learning_rate
        critic = phase.adam([*self.user_tower.parameters(), *self.item_tower.parameters()], rate)
        generator = phase.adam([*self.side.parameters(), *self.generator.parameters()], rate)
        before: FrozenBatch | None = None
        for frozen, player in frozen_turns(backbone, phase, epochs, self.config.repeats, (_CRITIC, _GENERATOR)):
            if frozen is not before:  # both players take a step on a batch, unless steps are limited
                embedded, before = user(backbone, frozen.batch), frozen
            if player == _CRITIC:
                step(critic, self.critic_loss(frozen.batch, embedded, frozen.real))
            else:
                step(generator, self.generator_loss(backbone, frozen, embedded))

    def critic_loss(self, batch: Batch, embedded: Tensor, real: Tensor) -> Tensor:
        """The critic's loss, a mean over clicked rows; v_neg is the item of the preceding clicked row."""
        clicked = batch.clicked
        users = self.user_tower(embedded.index_select(0, clicked))
        items = batch.spread(self.item_tower(real), clicked)
        with torch.no_grad():
            generated = self.generate(batch.items)
        made = batch.spread(self.item_tower(generated), clicked)
        beta = self.config.beta
        negative = (1 - beta) * made + beta * items.roll(1, 0)
        return functional.softplus((users * (negative - items)).sum(-1)).mean()

    def generator_loss(self, backbone: Backbone, frozen: FrozenBatch, embedded: Tensor) -> Tensor:
        """The generator's loss: the game and the similarity over clicked rows, plus the CTR loss over all rows."""
        batch, context, real = frozen
        clicked = batch.clicked
        with torch.no_grad():
            users = self.user_tower(embedded.index_select(0, clicked))
        made = self.generate(batch.items)
        gain = batch.spread(self.item_tower(made) - self.item_tower(real), clicked)
        fooled = functional.softplus(-(users * gain).sum(-1)).mean()
        apart = batch.spread((made - real).abs().sum(-1), clicked).mean()
        game = (1 - self.config.alpha) * fooled + self.config.alpha * apart
        if not self.config.ctr:
            return game
        return game + self.config.ctr * ctr_loss(backbone.score(batch.spread(made), context), batch)


def user(backbone: Backbone, batch: Batch) -> Tensor:
    """u, the frozen backbone's concatenated user and context embeddings, (batch, width)."""
    with torch.no_grad():
        return torch.cat([backbone.users(batch.users), backbone.context(batch.context)], 1).flatten(1)
