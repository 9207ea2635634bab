"""Parts that several methods share: generators of item ID embeddings from side information."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.linalg import vecdot

from coldbench.data.schema import Schema
from coldbench.model.backbone import Backbone
from coldbench.model.batching import Batch
from coldbench.model.decoder import CountDecoder, dense
from coldbench.model.embedding import FieldEmbedding, lookup
from coldbench.model.layers import initialise
from coldbench.model.phase import Phase, ctr_loss
from coldbench.model.rows import Rows


class FrozenBatch(NamedTuple):
    """A batch with a frozen backbone's outputs for it, which are computed once for all steps on the batch."""

    batch: Batch
    context: Any  # the context of its rows, from ``Backbone.encode``
    real: Tensor  # (distinct, dim) v_I of its distinct items, trained


def frozen_turns(
    backbone: Backbone, phase: Phase, epochs: int, repeats: int, players: Sequence[object] = (None,)
) -> Iterator[tuple[FrozenBatch, object]]:
    """Yields a ``FrozenBatch`` and the player that takes the next step on it, in the order of ``Phase.turns``."""
    frozen: FrozenBatch | None = None
    for batch, player in phase.turns(epochs, repeats, players):
        if frozen is None or frozen.batch is not batch:
            frozen = FrozenBatch(batch, backbone.frozen_context(batch), backbone.item_table(batch.items.number))
        yield frozen, player


class SideInformation(nn.Module):
    """A generator's own embedding tables for the side information V_S: item rows -> (rows, width).

    Args:
        schema: The fields of the dataset.
        dim: The size of each field's embedding.
        item_id: Whether the item's ID is one of the fields. Its table is separate from the backbone's.
        padding: Whether empty places of multi-valued fields count (see ``FieldEmbedding``).
    """

    def __init__(self, schema: Schema, dim: int, item_id: bool, padding: bool = False) -> None:
        super().__init__()
        self.fields = FieldEmbedding(schema.side("item"), dim, padding=padding)
        self.item = nn.Embedding(schema.items, dim) if item_id else None
        self.width = (self.fields.fields + item_id) * dim

    def start_normal(self) -> None:
        """Draws the tables from N(0, 1), torch's default for embeddings; the padding's row stays zero.

        The vectors' maps are drawn alike: as vectors have length 1, they start at the scale of a word's embedding.
        """
        tables = [self.fields.table, self.fields.padding, None if self.item is None else self.item.weight]
        for table in (*tables, *self.fields.maps):
            if table is not None:
                nn.init.normal_(table)
        with torch.no_grad():
            self.fields.table[0] = 0.0

    def forward(self, items: Rows) -> Tensor:
        """Item rows -> (rows, width) concatenated embeddings of all fields."""
        fields = self.fields(items).flatten(1)
        return fields if self.item is None else torch.cat([fields, lookup(self.item.weight, items.number)], 1)


class Gaussian(NamedTuple):
    """One diagonal normal distribution per row: mean and standard deviation, (rows, dim) each."""

    mean: Tensor
    deviation: Tensor

    def sample(self, scale: float) -> Tensor:
        """(rows, dim) mean + scale * deviation * eps, with eps from N(0, 1)."""
        return torch.addcmul(self.mean, self.deviation, torch.randn_like(self.mean), value=scale)

    def unbind(self) -> tuple[Gaussian, Gaussian]:
        """Splits a stack of two, (2, rows, dim), into its two distributions, (rows, dim) each."""
        means, deviations = self.mean.unbind(), self.deviation.unbind()
        return Gaussian(means[0], deviations[0]), Gaussian(means[1], deviations[1])


def gaussian(raw: Tensor) -> Gaussian:
    """(..., 2 * dim) concatenated means and log variances -> the distribution."""
    mean, log_variance = raw.chunk(2, -1)
    return Gaussian(mean, (0.5 * log_variance).exp())


def wasserstein(first: Gaussian, second: Gaussian) -> Tensor:
    """(rows,) squared 2-Wasserstein distance between diagonal normals (AVAEW, equation 6).

    The distance is |mean - mean'|^2 + |deviation - deviation'|^2.
    """
    means, deviations = first.mean - second.mean, first.deviation - second.deviation
    return vecdot(means, means) + vecdot(deviations, deviations)


class Generated(NamedTuple):
    """The outputs of one pass through a ``VariationalGenerator``, per item."""

    encoded: Gaussian  # N(mu, sigma) of v_I, equation 3
    prior: Gaussian  # N(mu_p, sigma_p) of V_S, equation 5
    reconstructed: Tensor  # (items, dim), D(z) of equation 3
    warm: Tensor  # (items, dim), D(z_p) of equation 5


class VariationalGenerator(nn.Module):
    """An encoder of v_I, a prior encoder of V_S and one decoder for both (CVAR; AVAEW, equations 3 and 5).

    Args:
        schema: The fields of the dataset.
        dim: The size of an item ID embedding and of the latent z.
        noise: s in z = mu + s sigma eps.
        side_item_id: Whether the item's ID is part of V_S.
        on_count: Whether the decoder also receives the item's ``count``.
        normal_tables: Whether the tables of V_S start from N(0, 1) rather than, like the rest, U(-0.01, 0.01).
        padding: Whether empty places of multi-valued fields count.
        hidden: Units of a hidden layer in each encoder and in the decoder; 0 for linear ones.
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
        hidden: int = 0,
    ) -> None:
        super().__init__()
        self.noise = noise
        self.side = SideInformation(schema, dim, side_item_id, padding)
        self.encoder = dense(dim, hidden, 2 * dim)  # to mu and log sigma^2
        self.prior_encoder = dense(self.side.width, hidden, 2 * dim)  # to mu_p and log sigma_p^2
        self.decoder = CountDecoder(schema, dim, hidden, on_count)
        initialise(self)
        if normal_tables:
            self.side.start_normal()

    def encoded(self, embedding: Tensor) -> Gaussian:
        """g_I: (items, dim) item ID embeddings -> their latent distributions (equation 3)."""
        return gaussian(self.encoder(embedding))

    def prior(self, items: Rows) -> Gaussian:
        """g_S: side information of items -> their prior latent distributions (equation 5)."""
        return gaussian(self.prior_encoder(self.side(items)))

    def decode(self, latent: Tensor, items: Rows) -> Tensor:
        """g_D: (..., items, dim) latents -> (..., items, dim) item ID embeddings."""
        return self.decoder(latent, items)

    def warm(self, items: Rows) -> Tensor:
        """(items, dim) warm-up embeddings D(mu_p) from side information alone; the mean, so that they have no noise."""
        return self.decode(self.prior(items).mean, items)

    def forward(self, items: Rows, embedding: Tensor) -> Generated:
        """Decodes latents of the encoder and of the prior, for items and their (items, dim) ID embeddings."""
        both = gaussian(torch.stack([self.encoder(embedding), self.prior_encoder(self.side(items))]))
        reconstructed, warm = self.decode(both.sample(self.noise), items).unbind()
        return Generated(*both.unbind(), reconstructed, warm)

    def loss(self, backbone: Backbone, frozen: FrozenBatch, alpha: float, beta: float) -> tuple[Tensor, Tensor]:
        """L_CTR + alpha L_R + beta L_WD, the variational part of AVAEW's equation 11; each term is a mean over rows.

        Args:
            backbone: The frozen backbone.
            frozen: The rows, their context in the backbone and v_I of their items.
            alpha: Weight of the reconstruction L_R, equation 4.
            beta: Weight of the Wasserstein distance L_WD, equation 6.

        Returns:
            The loss, and the warm-up embeddings D(z_p) at which it was computed, (distinct, dim).
        """
        batch, context, real = frozen
        made = self(batch.items, real)
        ctr = ctr_loss(backbone.score(batch.spread(made.warm), context), batch)
        apart = real - made.reconstructed
        reconstruction, distance = vecdot(apart, apart), wasserstein(made.encoded, made.prior)
        return ctr + batch.mean(alpha * reconstruction + beta * distance), made.warm
