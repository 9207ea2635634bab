"""Generators of item ID embeddings from side information: the parts that several methods share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.linalg import vecdot

from coldbench.data.schema import COUNT, Schema
from coldbench.model.backbone import Backbone
from coldbench.model.batching import Batch
from coldbench.model.embedding import FieldEmbedding, lookup
from coldbench.model.layers import initialise
from coldbench.model.phase import Phase, ctr_loss
from coldbench.model.rows import Rows


class FrozenBatch(NamedTuple):
    """A batch with what a frozen backbone makes of it, computed once however many steps are taken on it."""

    batch: Batch
    context: Any  # of its rows, as ``Backbone.encode`` gives it
    real: Tensor  # (distinct, dim) v_I of its distinct items


def frozen_turns(
    backbone: Backbone, phase: Phase, epochs: int, repeats: int, players: Sequence[object] = (None,)
) -> Iterator[tuple[FrozenBatch, object]]:
    """``Phase.turns`` for generators of embeddings on a frozen backbone."""
    frozen: FrozenBatch | None = None
    for batch, player in phase.turns(epochs, repeats, players):
        if frozen is None or frozen.batch is not batch:
            frozen = FrozenBatch(batch, backbone.frozen_context(batch), backbone.item_table(batch.items.number))
        yield frozen, player


class SideInformation(nn.Module):
    """A generator's own embedding tables of V_S: item rows -> (rows, width).

    Args:
        schema: The fields of the dataset.
        dim: The size of each field's embedding.
        item_id: Whether the item's ID is one of the fields. It is a table apart from the backbone's.
        padding: Whether places that a multi-valued field leaves empty count (see ``FieldEmbedding``).
    """

    def __init__(self, schema: Schema, dim: int, item_id: bool, padding: bool = False) -> None:
        super().__init__()
        self.fields = FieldEmbedding(schema.side("item"), dim, padding=padding)
        self.item = nn.Embedding(schema.items, dim) if item_id else None
        self.width = (self.fields.fields + item_id) * dim

    def start_normal(self) -> None:
        """Draws the tables from N(0, 1), as torch does for an embedding; the padding's row stays zero."""
        tables = [self.fields.table, self.fields.padding, None if self.item is None else self.item.weight]
        for table in tables:
            if table is not None:
                nn.init.normal_(table)
        with torch.no_grad():
            self.fields.table[0] = 0.0

    def forward(self, items: Rows) -> Tensor:
        """The embeddings of all fields, side by side, (rows, width)."""
        fields = self.fields(items).flatten(1)
        return fields if self.item is None else torch.cat([fields, lookup(self.item.weight, items.number)], 1)


class Gaussian(NamedTuple):
    """A diagonal normal distribution per row: mean and standard deviation, (rows, dim) each."""

    mean: Tensor
    deviation: Tensor

    def sample(self, scale: float) -> Tensor:
        """Mean + scale * deviation * eps, eps from N(0, 1)."""
        return torch.addcmul(self.mean, self.deviation, torch.randn_like(self.mean), value=scale)

    def unbind(self) -> tuple[Gaussian, Gaussian]:
        """The two of a stack, (2, rows, dim)."""
        means, deviations = self.mean.unbind(), self.deviation.unbind()
        return Gaussian(means[0], deviations[0]), Gaussian(means[1], deviations[1])


def gaussian(raw: Tensor) -> Gaussian:
    """(..., 2 * dim) means and log variances side by side -> the distribution."""
    mean, log_variance = raw.chunk(2, -1)
    return Gaussian(mean, (0.5 * log_variance).exp())


def wasserstein(first: Gaussian, second: Gaussian) -> Tensor:
    """Squared 2-Wasserstein distance of diagonal normals, per row (AVAEW, equation 6).

    It is |mean - mean'|^2 + |deviation - deviation'|^2.
    """
    means, deviations = first.mean - second.mean, first.deviation - second.deviation
    return vecdot(means, means) + vecdot(deviations, deviations)


class Generated(NamedTuple):
    """What one pass through a generator gives, per item."""

    encoded: Gaussian  # N(mu, sigma) of v_I, equation 3
    prior: Gaussian  # N(mu_p, sigma_p) of V_S, equation 5
    reconstructed: Tensor  # (items, dim), D(z) of equation 3
    warm: Tensor  # (items, dim), D(z_p) of equation 5


class VariationalGenerator(nn.Module):
    """Encoder of v_I, prior encoder of V_S and their decoder (CVAR; AVAEW, equations 3 and 5).

    Args:
        schema: The fields of the dataset.
        dim: The size of an item ID embedding, and of the latent z.
        noise: s in z = mu + s sigma eps.
        side_item_id: Whether the item's ID is part of V_S.
        on_count: Whether the decoder also gets the item's ``count``.
        normal_tables: Whether the embedding tables of V_S start from N(0, 1), and not from U(-0.01, 0.01) as the rest.
        padding: Whether empty places of multi-valued fields count.
    """

    def __init__(
        self,
        schema: Schema,
        dim: int,
        noise: float,
        side_item_id: bool,
        on_count: bool,
        normal_tables: bool = True,
        padding: bool = True,
    ) -> None:
        super().__init__()
        self.noise = noise
        numeric = [field.name for field in schema.side("item").numeric]
        self.count = numeric.index(COUNT) if on_count and COUNT in numeric else None
        self.side = SideInformation(schema, dim, side_item_id, padding)
        self.encoder = nn.Linear(dim, 2 * dim)  # to mu and log sigma^2
        self.prior_encoder = nn.Linear(self.side.width, 2 * dim)  # to mu_p and log sigma_p^2
        self.decoder = nn.Linear(dim + (self.count is not None), dim)
        initialise(self)
        if normal_tables:
            self.side.start_normal()

    def encoded(self, embedding: Tensor) -> Gaussian:
        """g_I: (items, dim) item ID embeddings -> their latent distribution (equation 3)."""
        return gaussian(self.encoder(embedding))

    def prior(self, items: Rows) -> Gaussian:
        """g_S: side information -> the prior latent distribution (equation 5)."""
        return gaussian(self.prior_encoder(self.side(items)))

    def decode(self, latent: Tensor, items: Rows) -> Tensor:
        """g_D: (..., items, dim) latents -> (..., items, dim) item ID embeddings."""
        if self.count is None:
            return self.decoder(latent)
        count = items.numeric[:, self.count : self.count + 1]
        return self.decoder(torch.cat([latent, count.expand(*latent.shape[:-1], 1)], -1))

    def warm(self, items: Rows) -> Tensor:
        """Warm-up embeddings D(mu_p) from side information alone, (items, dim); the mean, so that no noise is left."""
        return self.decode(self.prior(items).mean, items)

    def forward(self, items: Rows, embedding: Tensor) -> Generated:
        """Both ways through the decoder at once, for items and their (items, dim) ID embeddings."""
        both = gaussian(torch.stack([self.encoder(embedding), self.prior_encoder(self.side(items))]))
        reconstructed, warm = self.decode(both.sample(self.noise), items).unbind()
        return Generated(*both.unbind(), reconstructed, warm)

    def loss(self, backbone: Backbone, frozen: FrozenBatch, alpha: float, beta: float) -> tuple[Tensor, Tensor]:
        """L_CTR + alpha L_R + beta L_WD, the variational part of AVAEW's equation 11; each a mean over rows.

        Args:
            backbone: The frozen backbone.
            frozen: The rows, their context in the backbone and v_I of their items.
            alpha: Weight of the reconstruction, equation 4.
            beta: Weight of the Wasserstein distance, equation 6.

        Returns:
            The loss, and the warm-up embeddings D(z_p) that it was taken at, (distinct, dim).
        """
        batch, context, real = frozen
        made = self(batch.items, real)
        ctr = ctr_loss(backbone.score(batch.spread(made.warm), context), batch)
        apart = real - made.reconstructed
        reconstruction, distance = vecdot(apart, apart), wasserstein(made.encoded, made.prior)
        return ctr + batch.mean(alpha * reconstruction + beta * distance), made.warm
