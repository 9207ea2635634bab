"""Meta-Embedding (Pan et al., SIGIR 2019, arXiv:1904.11547): learning to learn initial item ID embeddings.

A generator h(V_S) is trained as a meta-learner on the old items. With v = h(V_S), loss_a is taken on one batch of an
item's rows; a gradient step on the embedding gives v' = v - a grad_v loss_a (equation 7); loss_b is taken with v' on
another batch of the same items (8). Training minimises gamma loss_a + (1 - gamma) loss_b (9), differentiating through
the step. Cold items start from h(V_S).

Departs from the paper: many items share a batch, as in the code that gave AVAEW's tables, so the inner loss is a mean
over the batch and not over one item's rows: an item's step is then about a thousandth of the paper's. ``per_item``
takes the paper's, which on MovieLens-1M changes no digit shown (results/reproduction/ml-1m/hooked).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from coldbench.plugin import (
    Backbone,
    Batch,
    Choice,
    Count,
    LogUniform,
    Method,
    MethodConfig,
    Phase,
    Rate,
    Rows,
    Schema,
    Share,
    Space,
    Uniform,
    Width,
    paired_batches,
    step,
    two_batch_loss,
    two_layers,
)


@dataclass(frozen=True)
class Config(MethodConfig):
    """Hyper-parameters; the defaults are the paper's values."""

    inner_lr: Rate = 1e-3  # a, the learning rate of the step on the embedding, equation 7
    gamma: Share = 0.1  # weight of loss_a, equation 9
    hidden: Width = 16  # units of the generator's hidden layer
    per_item: bool = False  # the inner loss is a mean over one item's rows, as in the paper, not over the batch
    learning_rate: Rate = 1e-3  # of the generator
    passes: Count = 1  # passes, each over one pair of parts; the next pass uses the next pair


space: Space = {
    "inner_lr": LogUniform(1e-4, 1.0),
    "gamma": Uniform(0.0, 1.0),
    "learning_rate": LogUniform(3e-4, 3e-2),
    "passes": Choice((1, 2, 4)),
}


class MetaEmbedding(Method):
    """Generates the initial embeddings of cold items; after that it is the plain baseline."""

    title = "Meta-E"
    group = "paper"

    def __init__(self, config: Config, schema: Schema, backbone: Backbone) -> None:
        super().__init__(config, schema, backbone)
        self.generator = two_layers(backbone.items.width, config.hidden, self.dim)

    def fit(self, backbone: Backbone, base: Phase) -> None:
        """Meta-trains the generator on pairs of batches with the same items."""
        optimizer = base.adam(self.generator.parameters(), self.config.learning_rate)
        for first, second in paired_batches(base, self.config.passes):
            step(optimizer, self.loss(backbone, first, second))

    def embed(self, backbone: Backbone, items: Rows) -> Tensor:
        """h(V_S) without gradients, (items, dim)."""
        with torch.no_grad():
            return self.generate(backbone, items)

    def generate(self, backbone: Backbone, items: Rows) -> Tensor:
        """h(V_S), from the frozen backbone's embeddings of the side information, (items, dim)."""
        return self.generator(backbone.items(items).flatten(1))

    def loss(self, backbone: Backbone, first: Batch, second: Batch) -> Tensor:
        """The loss of equation 9, (); the two batches contain the same items in the same order."""
        embedding = self.generate(backbone, first.items)
        config = self.config
        return two_batch_loss(backbone, (first, second), embedding, config.inner_lr, config.gamma, config.per_item)
