"""AVAEW (Zhang et al. 2023, arXiv:2302.14395): an adversarial variational autoencoder of item ID embeddings.

It joins CVAR's generator (equations 3 to 7) and a classifier G that tells v_I from the warm-up embedding D(z_p).
L_D (8) trains G; the generator minimises L_CTR + alpha L_R + beta L_WD + xi L_GD + xi' L'_GD (11), where L_GD (9) and
L'_GD (10) compare the features of G's last hidden layer, as means and pair by pair. One generator step alternates
with three classifier steps.

Departs from the paper: the decoder also receives the item's ``count`` (``on_count``), as in the code that produced
the tables; beta weighs a mean over the batch (see ``cvar``); the squared distances of features in (9) and (10)
are means over the features, not sums, so that xi does not depend on the classifier's width. On MovieLens-1M with
DeepFM, sums with the same xi cost 0.01 AUC at warm-a (results/reproduction/ml-1m).

On MovieLens-1M, alpha 0.03589, beta 0.04473, xi 0.623 and xi' 0.9508 reach the published numbers. ``coldbench tune``
found them on pseudo-cold items; ``coldbench run --config`` takes them from results/reproduction/ml-1m/tuned/best.toml.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.linalg import vecdot
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
    Space,
    VariationalGenerator,
    Weight,
    Width,
    after_fit,
    frozen_turns,
    initialise,
    step,
)


@dataclass(frozen=True)
class Config(MethodConfig):
    """Hyper-parameters; equation 11 has alpha to xi_prime, with defaults from the code that produced the tables."""

    alpha: Weight = 1.0  # weight of the reconstruction L_R, equation 4
    beta: Weight = 0.2048  # weight of the Wasserstein distance L_WD, equation 6
    xi: Weight = 0.1  # weight of the group mean feature matching L_GD, equation 9
    xi_prime: Weight = 0.1  # weight of the pairwise feature matching L'_GD, equation 10
    noise: Weight = 1e-4  # s in z = mu + s sigma eps
    side_item_id: bool = True  # the item's ID is part of its side information, in the generator's own table
    on_count: bool = True  # the decoder also receives the item's count
    normal_tables: bool = True  # the tables of side information start from N(0, 1), as in the public code
    padding: bool = True  # multi-valued fields of side information sum their empty places too, as in the public code
    features: Width = 32  # units of the classifier's hidden layer
    epochs: Count = 1  # passes over base, in fit
    learning_rate: Rate = 1e-3  # of the generator and of the classifier
    adapt_epochs: Count = after_fit(2)  # passes over each phase's rows
    repeats: Count = 10  # generator steps on each batch
    classifier_steps: Count = 3  # classifier steps after each generator step


space: Space = {
    "alpha": LogUniform(1e-2, 1e2),
    "beta": LogUniform(1e-3, 1e1),
    "xi": LogUniform(1e-3, 1e1),
    "xi_prime": LogUniform(1e-3, 1e1),
    "learning_rate": LogUniform(3e-4, 3e-2),
    "repeats": Choice((1, 3, 10)),
}


_GENERATOR, _CLASSIFIER = "generator", "classifier"


class Classifier(nn.Module):
    """G, which tells real item ID embeddings from generated ones."""

    def __init__(self, dim: int, features: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(dim, features)
        self.last = nn.Linear(features, 1)
        initialise(self)

    def features(self, embedding: Tensor) -> Tensor:
        """f_G: (..., dim) embeddings -> (..., features) of the last hidden layer."""
        return self.hidden(embedding).relu()

    def forward(self, embedding: Tensor) -> Tensor:
        """(..., dim) embeddings -> (...) logits of being real."""
        return self.last(self.features(embedding)).squeeze(-1)


class AVAEW(Method):
    """Generates cold items' embeddings that a classifier cannot tell from warm ones."""

    title = "AVAEW"
    group = "paper"
    quick = {"repeats": 2}

    def __init__(self, config: Config, schema: Schema, backbone: Backbone) -> None:
        super().__init__(config, schema, backbone)
        self.generator = VariationalGenerator(
            schema, self.dim, config.noise, config.side_item_id, config.on_count, config.normal_tables, config.padding
        )
        self.classifier = Classifier(self.dim, config.features)

    @property
    def adapt_steps(self) -> int:
        """Steps of the generator and the classifier per batch of a phase."""
        return self.config.adapt_epochs * self.config.repeats * (1 + self.config.classifier_steps)

    def fit(self, backbone: Backbone, base: Phase) -> None:
        """Trains the generator and the classifier on the old items."""
        self.train_generator(backbone, base, self.config.epochs)

    def embed(self, backbone: Backbone, items: Rows) -> Tensor:
        """D(z_p) without noise, (items, dim)."""
        with torch.no_grad():
            return self.generator.warm(items)

    def adapt(self, backbone: Backbone, phase: Phase) -> Tensor:
        """Trains both networks on the phase's rows, then replaces every cold item's embedding by D(z_p)."""
        self.train_generator(backbone, phase, self.config.adapt_epochs)
        return self.embed(backbone, phase.cold)

    def train_generator(self, backbone: Backbone, phase: Phase, epochs: int) -> None:
        """Alternates one generator step and ``classifier_steps`` classifier steps, ``repeats`` times per batch."""
        generator = phase.adam(self.generator.parameters(), self.config.learning_rate)
        classifier = phase.adam(self.classifier.parameters(), self.config.learning_rate)
        players = (_GENERATOR, *[_CLASSIFIER] * self.config.classifier_steps)
        both: Tensor | None = None  # v_I and D(z_p) of the generator's last batch, (2, distinct, dim)
        of: Batch | None = None
        for frozen, player in frozen_turns(backbone, phase, epochs, self.config.repeats, players):
            if player == _GENERATOR:
                loss, warm = self.generator_loss(backbone, frozen)
                step(generator, loss)
                both, of = torch.stack([frozen.real, warm.detach()]), frozen.batch
                continue
            if both is None or frozen.batch is not of:  # with limited steps, each has another batch
                both, of = torch.stack([frozen.real, self.embed(backbone, frozen.batch.items)]), frozen.batch
            step(classifier, self.classifier_loss(frozen.batch, both))

    def generator_loss(self, backbone: Backbone, frozen: FrozenBatch) -> tuple[Tensor, Tensor]:
        """L_w (equation 11), and the (distinct, dim) warm-up embeddings at which it was computed."""
        config = self.config
        batch = frozen.batch
        loss, warm = self.generator.loss(backbone, frozen, config.alpha, config.beta)
        apart = self.classifier.features(frozen.real) - self.classifier.features(warm)
        group = batch.mean(apart).square().mean()
        pairs = batch.mean(vecdot(apart, apart)) / config.features
        return loss + config.xi * group + config.xi_prime * pairs, warm

    def classifier_loss(self, batch: Batch, both: Tensor) -> Tensor:
        """L_D (equation 8) for v_I and D(z_p), stacked as (2, distinct, dim)."""
        real, warm = self.classifier(both).unbind()
        return batch.mean(functional.softplus(-real) + functional.softplus(warm))
