"""EmerG (Wang et al., KDD 2024, arXiv:2407.10112): item-specific graphs of feature interactions.

Every item is a task with a graph A over the fields. A hypernetwork makes A from the item's features, and a graph
network scores rows along it, layer l with interactions of order l + 1 (``HyperNetwork``, ``refined``, ``GraphNetwork``
say how).
Training is on old items, as in MAML to first order: with loss_s on one part of an item's rows, A' and v' are A and the
item's ID embedding after one gradient step of size inner_lr; all parameters minimise
support loss_s + (1 - support) loss_q, with loss_q on the next part at A' and v'. In a phase only A and v of each cold
item are trained, on all of its rows at once.

Departs from the paper, of which the abstract could be read: the equations are the public code's, and ``refine`` is what
its disabled lines mean to do (scaled, sparse, symmetric graphs and their powers); ``refine=false`` has the raw graph in
all layers, as released. In the released code no gradient reaches the hypernetwork (``frozen_hypernetwork``), and the
edges of the last four fields are zero in every graph, which is left out here. A meta-step is on a batch of whole
items, not on one; Adam begins each phase anew. The network embeds all fields but numeric ones by itself, so that of the
backbone only the item table is used, in which v of cold items lies.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldbench.plugin import (
    Backbone,
    Batch,
    Count,
    FieldEmbedding,
    GraphNetwork,
    HyperNetwork,
    LogUniform,
    Method,
    MethodConfig,
    Phase,
    Rate,
    Rows,
    Schema,
    Share,
    SideName,
    Space,
    Width,
    after_fit,
    ctr_loss,
    descend,
    initialise,
    lookup,
    paired_items,
    refined,
    step,
)


@dataclass(frozen=True)
class Config(MethodConfig):
    """Hyper-parameters; the defaults are the public code's for MovieLens-1M."""

    item_lr: Rate = after_fit(1e-2)  # learning rate of a cold item's graph and ID embedding in a phase
    item_epochs: Count = after_fit(12)  # steps on all of an item's rows in a phase
    layers: Width = 3  # of the graph network
    heads: Width = 3  # of its attention
    pretrain_epochs: Count = 2  # passes over base with one graph for all items
    pretrain_lr: Rate = 5e-3  # in these passes
    rounds: Count = 9  # of meta-learning, each over one pair of parts in time
    inner_lr: Rate = 1e-2  # of the step on an item's graph and ID embedding
    meta_lr: Rate = 1e-3  # of all parameters in meta-learning
    support: Share = 0.1  # weight of loss_s
    refine: bool = True  # scale, thin out and symmetrise graphs, and take their powers
    frozen_hypernetwork: bool = False  # the hypernetwork stays as it was drawn, as in the public code


space: Space = {"inner_lr": LogUniform(1e-3, 1e-1), "meta_lr": LogUniform(1e-4, 1e-2)}


class EmerG(Method):
    """Scores by a graph network and warms up each cold item's graph along with its embedding.

    Attributes:
        place: (items,) each item's position among the cold items; -1 for the others.
        graphs: (cold, F, F) the cold items' raw graphs.
    """

    title = "EmerG"
    group = "since"
    quick = {"pretrain_epochs": 1, "rounds": 3, "item_epochs": 2}
    place: Tensor
    graphs: Tensor

    def __init__(self, config: Config, schema: Schema, backbone: Backbone) -> None:
        super().__init__(config, schema, backbone)
        sides: tuple[SideName, ...] = ("user", "item", "context")
        layouts = {side: schema.side(side) for side in sides}
        embedded = {side: len(layout.tokens) + len(layout.vectors) for side, layout in layouts.items()}
        self.tables = nn.ModuleDict(
            {side: FieldEmbedding(schema.side(side), self.dim, numeric=False) for side in sides if embedded[side]}
        )
        self.item = nn.Parameter(torch.empty(schema.items, self.dim))
        initialise(self)
        fields = 1 + sum(embedded.values())
        self.shared = nn.Parameter(torch.rand(config.layers, fields, fields))
        self.hypernetwork = HyperNetwork((1 + embedded["item"]) * self.dim, fields)
        self.network = GraphNetwork(fields, self.dim, config.layers, config.heads)
        self.register_buffer("place", torch.full((schema.items,), -1))
        self.register_buffer("graphs", torch.empty(0, fields, fields))

    def fit(self, backbone: Backbone, base: Phase) -> None:
        """Pretrains the network with one graph for all items, then meta-trains it with a graph for each."""
        config = self.config
        learned = [self.item, *self.tables.parameters(), *self.network.parameters()]
        descend(base, base.adam([*learned, self.shared], config.pretrain_lr), self.plain_loss, config.pretrain_epochs)
        with torch.no_grad():
            self.item.uniform_(-0.01, 0.01)
        learned += [] if config.frozen_hypernetwork else self.hypernetwork.parameters()
        optimizer = base.adam(learned, config.meta_lr)
        for number in range(config.rounds):
            for support, query in paired_items(base, number % 3, base.settings.batch_size):
                step(optimizer, self.meta_loss(support, query))

    def embed(self, backbone: Backbone, items: Rows) -> Tensor:
        """The cold items' ID embeddings, which nothing has trained; their graphs are made along with them."""
        self.requires_grad_(False)
        with torch.no_grad():
            own = self.item[items.number]
            self.place = torch.full_like(self.place, -1)
            self.graphs = self.raw_graphs(items, own)
            self.place[items.number] = torch.arange(len(own), device=own.device)
            return own

    def warm(self, backbone: Backbone, phase: Phase) -> Tensor:
        """Trains the graphs and embeddings of the phase's items, some whole items at a time."""
        items, starts, rows = phase.by_item
        own, place = backbone.item_table(phase.cold.number), self.place[items]
        bounds = torch.linspace(0, len(rows), phase.batch_count + 1, device=rows.device)[1:-1]
        cuts = [0, *torch.searchsorted(starts, bounds).tolist(), len(items)]
        groups = []
        for first, last in itertools.pairwise(cuts):
            if first < last:
                chosen = place[first:last]
                pair = nn.Parameter(own[chosen]), nn.Parameter(self.graphs[chosen])
                groups.append((chosen, rows[starts[first] : starts[last]], pair, phase.adam(pair, self.config.item_lr)))
        turns = itertools.cycle(groups) if phase.budget.limited else groups * self.config.item_epochs
        for _, places, pair, optimizer in turns:
            if phase.budget.spent:
                break
            batch = phase.at(places)
            step(optimizer, item_losses(self.score(batch, *pair), batch).sum())
        for chosen, _, (embedding, graph), _ in groups:
            own[chosen], self.graphs[chosen] = embedding.detach(), graph.detach()
        return own

    def logits(self, backbone: Backbone, batch: Batch, items: Tensor) -> Tensor:
        """(batch,) scores with the cold items' own graphs, and with made ones for others."""
        place = self.place[batch.items.number]
        graphs = self.raw_graphs(batch.items, self.item[batch.items.number])
        if len(self.graphs):
            graphs = torch.where((place >= 0)[:, None, None], self.graphs[place.clamp(min=0)], graphs)
        return self.rows_score(batch, items, batch.spread(self.layered(graphs)))

    def score(self, batch: Batch, own: Tensor, raw: Tensor) -> Tensor:
        """(batch,) logits from the (distinct, dim) embeddings and (distinct, F, F) graphs of the batch's items."""
        return self.rows_score(batch, batch.spread(own), batch.spread(self.layered(raw)))

    def rows_score(self, batch: Batch, own: Tensor, graphs: Tensor) -> Tensor:
        """(batch,) logits from (batch, dim) item embeddings and (batch, L, F, F) graphs."""
        return self.network(self.embedded(batch, own), graphs)

    def embedded(self, batch: Batch, own: Tensor) -> Tensor:
        """(batch, F, dim) embeddings of the rows' fields, the (batch, dim) items' own first."""
        rows = {"user": batch.users, "item": batch.items, "context": batch.context}
        parts = {side: table(rows[side]) for side, table in self.tables.items()}
        if "item" in parts:
            parts["item"] = batch.spread(parts["item"])
        return torch.cat([own.unsqueeze(1), *parts.values()], 1)

    def raw_graphs(self, items: Rows, own: Tensor) -> Tensor:
        """(items, F, F) graphs made from items' features and (items, dim) ID embeddings."""
        side = [self.tables["item"](items).flatten(1)] if "item" in self.tables else []
        return self.hypernetwork(torch.cat([own, *side], 1))

    def layered(self, raw: Tensor) -> Tensor:
        """(items, F, F) raw graphs -> (items, L, F, F), one per layer."""
        if self.config.refine:
            return refined(raw, self.config.layers)
        return raw.unsqueeze(1).expand(-1, self.config.layers, -1, -1)

    def plain_loss(self, batch: Batch) -> Tensor:
        """The CTR loss with one graph for all items, ()."""
        graphs = self.shared.expand(len(batch), -1, -1, -1)
        return ctr_loss(self.rows_score(batch, lookup(self.item, batch.item), graphs), batch)

    def meta_loss(self, support: Batch, query: Batch) -> Tensor:
        """Support loss_s + (1 - support) loss_q, (), each the mean over items of the mean over an item's rows.

        The gradient of loss_s by the network's parameters and inputs is computed once, for the step on graphs and
        embeddings and for the update of all parameters.
        """
        made_from = lookup(self.item, support.items.number)
        raw, own = self.raw_graphs(support.items, made_from), made_from.clone()  # the step takes them as independent
        rows, graphs = self.embedded(support, support.spread(own)), support.spread(self.layered(raw))
        losses_s = item_losses(self.network(rows, graphs), support)
        through = [rows, graphs, *self.network.parameters()]
        gradients = torch.autograd.grad(losses_s.sum(), through)
        moves = torch.autograd.grad((rows, graphs), (own, raw), gradients[:2], retain_graph=True)
        stepped = [value - self.config.inner_lr * move for value, move in zip((own, raw), moves, strict=True)]
        loss_q = item_losses(self.score(query, *stepped), query).mean()
        loss_s = with_gradients(losses_s.mean(), through, [gradient / len(losses_s) for gradient in gradients])
        return self.config.support * loss_s + (1 - self.config.support) * loss_q


def with_gradients(loss: Tensor, values: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    """A loss, (), whose gradients by some values are known: they get these without going back through the loss."""
    plane = sum((value * gradient).sum() for value, gradient in zip(values, gradients, strict=True))
    return plane + (loss - plane).detach()


def item_losses(logits: Tensor, batch: Batch) -> Tensor:
    """(batch,) logits -> (distinct,) the mean CTR loss over each item's rows."""
    losses = functional.binary_cross_entropy_with_logits(logits, batch.click, reduction="none")
    return batch.item_mean(losses)
