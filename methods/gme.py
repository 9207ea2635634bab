"""GME (Ouyang et al., SIGIR 2021, arXiv:2105.08909): graph meta embeddings from old items that share attributes.

An item i attends to its neighbours N(i), the k old items that share the most attribute values, and to itself:
e_ij = LeakyReLU(a . [W' p_i; W' p_j]), w_i = softmax of e_i over N(i) and i. With x the concatenated attribute
embeddings of the frozen backbone and g = gamma tanh(W x):
GME-P: v = ELU(sum_j w_ij W' p_j), p_i = g_i, p_j the neighbours' ID embeddings; GME-G: the same with p_j = g_j;
GME-A: v = gamma tanh(W ELU(sum_j w_ij W' x_j)). Training minimises Meta-Embedding's alpha loss_a + (1 - alpha) loss_b
on two batches of the same items, the second after one gradient step of size eta on v.

Departs from the paper's public code: many items share a batch, the inner loss being a mean over each item's rows;
missing neighbours take no part in the softmax; ties go to the lower item number; and what follows ``embed`` trains the
cold items' embeddings alone, not the whole table. Attributes are all categorical and multi-valued fields of the item;
on a log whose items have none, every v is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldbench.plugin import (
    Backbone,
    Batch,
    Choice,
    Count,
    InputError,
    LogUniform,
    Method,
    MethodConfig,
    Near,
    Phase,
    Rate,
    Rows,
    Schema,
    Share,
    Space,
    Uniform,
    Weight,
    Width,
    paired_batches,
    sharing,
    step,
    two_batch_loss,
)


@dataclass(frozen=True)
class Config(MethodConfig):
    """Hyper-parameters; the defaults are the public code's."""

    variant: str = "A"  # P: neighbours' ID embeddings; G: generated ones; A: their attributes
    k: Width = 10  # neighbours of an item
    eta: Rate = 1e-4  # learning rate of the step on the embedding
    alpha: Share = 0.1  # weight of loss_a
    gamma: Weight = 1.0  # scale of generated embeddings
    learning_rate: Rate = 5e-3  # of the generator
    passes: Count = 2  # passes, each over one pair of parts: (a, b), then (b, c)

    def __post_init__(self) -> None:
        """Checks the variant."""
        if self.variant not in ("P", "G", "A"):
            raise InputError(f"gme.variant is {self.variant!r}; it should be P, G or A")


space: Space = {
    "variant": Choice(("P", "G", "A")),
    "eta": LogUniform(1e-4, 1.0),
    "alpha": Uniform(0.0, 1.0),
    "learning_rate": LogUniform(3e-4, 1e-2),
    "passes": Choice((1, 2, 4)),
}


class GME(Method):
    """Generates initial embeddings of cold items from their neighbours; after that it is the plain baseline.

    Attributes:
        old: (old,) the old items, sorted.
        old_ids: (old, columns) their ids.
        old_values: (old, attributes) their attribute embeddings x.
        old_embeddings: (old, dim) their ID embeddings.
    """

    title = "GME"
    group = "since"

    def __init__(self, config: Config, schema: Schema, backbone: Backbone) -> None:
        super().__init__(config, schema, backbone)
        attributes = backbone.items.tokens * backbone.dim
        width = attributes if config.variant == "A" else self.dim
        self.generator = nn.Linear(attributes, self.dim, bias=False)  # W
        self.project = nn.Linear(width, width, bias=False)  # W'
        self.attend = nn.Linear(width, 2, bias=False)  # a: its half for p_i, then its half for p_j
        for layer in (self.generator, self.project, self.attend):
            if layer.weight.numel():
                nn.init.xavier_uniform_(layer.weight)

    def fit(self, backbone: Backbone, base: Phase) -> None:
        """Builds the graph of the old items and meta-trains the generator on pairs of batches with the same items."""
        items = base.view.items(base.by_item.items)
        self.old, self.old_ids = items.number, items.ids
        self.old_values = attributes(backbone, items)
        self.old_embeddings = backbone.item_table(self.old)
        if not self.old_values.shape[1]:
            return  # without attributes there is nothing to learn
        near = sharing(items, self.old, self.old_ids, self.config.k)
        optimizer = base.adam(self.parameters(), self.config.learning_rate)
        for pair in paired_batches(base, self.config.passes):
            own = torch.searchsorted(self.old, pair[0].items.number.long())
            step(optimizer, self.loss(backbone, pair, Near(near.place[own], near.score[own])))

    def embed(self, backbone: Backbone, items: Rows) -> Tensor:
        """V without gradients, (items, dim)."""
        with torch.no_grad():
            near = sharing(items, self.old, self.old_ids, self.config.k)
            return self.generate(attributes(backbone, items), near)

    def generate(self, own: Tensor, near: Near) -> Tensor:
        """(items, attributes) attribute embeddings and the neighbours -> v, (items, dim)."""
        variant = self.config.variant
        if variant == "A":
            node, others = own, self.old_values
        else:
            node = self.made(own)
            others = self.old_embeddings if variant == "P" else self.made(self.old_values)
        mixed = self.attention(self.project(node), self.project(others)[near.place], near.score > -torch.inf)
        return self.made(mixed) if variant == "A" else mixed

    def made(self, values: Tensor) -> Tensor:
        """G = gamma tanh(W x), (items, dim)."""
        return self.config.gamma * self.generator(values).tanh()

    def attention(self, node: Tensor, others: Tensor, known: Tensor) -> Tensor:
        """ELU(sum_j w_ij W' p_j) over each item and its known neighbours.

        Args:
            node: (items, width) W' p_i.
            others: (items, k, width) W' p_j.
            known: (items, k) whether there is such a neighbour.
        """
        nodes = torch.cat([node.unsqueeze(1), others], 1)
        weight_i, weight_j = self.attend.weight
        raw = functional.leaky_relu((node @ weight_i).unsqueeze(1) + nodes @ weight_j, 0.2)
        present = functional.pad(known, (1, 0), value=True)
        weights = raw.masked_fill(~present, -torch.inf).softmax(1)
        return functional.elu((weights.unsqueeze(-1) * nodes).sum(1))

    def loss(self, backbone: Backbone, pair: tuple[Batch, Batch], near: Near) -> Tensor:
        """The two-batch loss of a pair of batches, given the neighbours of its items, ()."""
        embedding = self.generate(attributes(backbone, pair[0].items), near)
        return two_batch_loss(backbone, pair, embedding, self.config.eta, self.config.alpha, per_item=True)


def attributes(backbone: Backbone, items: Rows) -> Tensor:
    """x: (items, attributes) the frozen backbone's embeddings of the categorical and multi-valued fields."""
    return backbone.items(items)[:, : backbone.items.tokens].flatten(1).detach()
