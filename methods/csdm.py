"""CSDM (Zhu, Wang, Wu, AAAI 2025, arXiv:2504.06270): supervised diffusion from side information to the ID embedding.

With z_0 the encoded ID embedding and h the encoded side information, the forward process fades one into the other:
q(z_t | z_0, h) = N(sqrt(a_t) z_0 + sqrt(c_t) h, (1 - a_t) I) (supplement, equation 1). A U-Net e predicts the noise,
so that z_0^ = (z_t - sqrt(c_t) h - sqrt(1 - a_t) e) / sqrt(a_t), and a step back over a sub-sequence of the steps is
z_s = sqrt(a_s) z_0^ + sqrt(c_s) h + sqrt(1 - a_s) e (equations 2 and 3 with sigma 0). The decoder makes v from z_0 and
the item's ``count``. The loss is L_CTR of the frozen backbone with v, plus rho L_diff, the mean squared error of e.

Departs from the paper, whose main text could not be read, where the public code decides: sqrt(c_t) is
sum_{s <= t} sqrt(a_t beta_s / a_s), divided by its value at T; the reverse process starts at h, at the last step of
the sub-sequence; side information is dropped at rate 0.5 in the noisy sample. The settings of MovieLens-1M are not
published: T, the stride, beta and rho are those of the code's command for Taobao, and the steps per batch are the ten
that the code takes where its command does not say 2, since with 2 the generator is far from trained (docs/fidelity.md).
In that code no gradient reaches the U-Net, which stays as it was drawn (``frozen_unet``), and dropout stays on while
embeddings are made, so that an item's embedding differs from call to call; here the U-Net is trained by default, and
nothing is dropped in ``embed``.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldbench.plugin import (
    Backbone,
    Choice,
    Count,
    CountDecoder,
    Dropout,
    FrozenBatch,
    Generating,
    LogUniform,
    MethodConfig,
    Rate,
    Rows,
    Schema,
    Share,
    SideInformation,
    Space,
    Weight,
    after_fit,
    ctr_loss,
    initialise,
)


@dataclass(frozen=True)
class Config(MethodConfig):
    """Hyper-parameters; the defaults are those of the public code, most of them of its command for Taobao."""

    diffusion_steps: Count = 100  # T
    stride: Count = 10  # steps of the forward process per step back
    beta_first: Share = 1e-5  # variance that the first step adds
    beta_last: Share = 1e-5  # variance that the last step adds; linear in between
    rho: Weight = 1.0  # weight of L_diff
    dropout: Share = 0.5  # of side information in the noisy sample, and of the U-Net's input
    frozen_unet: bool = False  # the U-Net stays as it was drawn, as in the public code
    side_item_id: bool = True  # the item's ID is part of its side information, in the generator's own table
    epochs: Count = 1  # passes over base, in fit
    learning_rate: Rate = 1e-3  # of the generator
    adapt: bool = after_fit(True)  # continue training on each phase's rows, then replace the cold items' embeddings
    adapt_epochs: Count = after_fit(2)  # passes over each phase's rows
    repeats: Count = 10  # steps on each batch


space: Space = {
    "rho": LogUniform(1e-3, 1e1),
    "beta_last": LogUniform(1e-5, 2e-2),
    "learning_rate": LogUniform(3e-4, 3e-2),
    "repeats": Choice((1, 3, 10)),
}


def schedule(config: Config) -> tuple[Tensor, Tensor]:
    """a_t and sqrt(c_t), (T + 1,) each, from step 0, where nothing is faded, to step T."""
    beta = torch.linspace(config.beta_first, config.beta_last, config.diffusion_steps, dtype=torch.float64)
    kept = (1 - beta).cumprod(0)
    faded = kept.sqrt() * (beta / kept).sqrt().cumsum(0)
    return tuple(  # type: ignore[return-value]
        functional.pad(part, (1, 0), value=start).float() for part, start in ((kept, 1.0), (faded / faded[-1], 0.0))
    )


class UNet(nn.Module):
    """e(z_t, t): predicts the noise in a latent."""

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.time = nn.Linear(2 * dim, 2 * dim)
        widths = [3 * dim, dim, dim, dim]
        layers = [part for pair in itertools.pairwise(widths) for part in (nn.Linear(*pair), nn.Tanh())]
        self.layers = nn.Sequential(*layers, nn.Linear(dim, dim))
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_normal_(parameter)

    def forward(self, latent: Tensor, time: Tensor) -> Tensor:
        """(items, dim) latents at their (items,) steps, or all at one (1,) step -> (items, dim) noise."""
        half = self.time.in_features // 2
        angles = time.unsqueeze(1) * 10_000 ** (-torch.arange(half, device=time.device) / half)
        when = self.time(torch.cat([angles.sin(), angles.cos()], 1))
        return self.layers(torch.cat([self.dropout(latent), when.expand(len(latent), -1)], 1))


class CSDM(Generating):
    """Diffuses side information back into an ID embedding, at the start and again after each phase."""

    title = "CSDM"
    group = "since"
    quick = {"repeats": 1}
    kept: Tensor  # a_t
    faded: Tensor  # sqrt(c_t)

    def __init__(self, config: Config, schema: Schema, backbone: Backbone) -> None:
        super().__init__(config, schema, backbone)
        self.side = SideInformation(schema, self.dim, config.side_item_id, padding=True)
        self.item_encoder = nn.Linear(self.dim, self.dim)
        self.side_encoder = nn.Linear(self.side.width, self.dim)
        self.decoder = CountDecoder(schema, self.dim)
        initialise(self)
        self.side.start_normal()
        self.unet = UNet(self.dim, config.dropout).requires_grad_(not config.frozen_unet)
        kept, faded = schedule(config)
        self.register_buffer("kept", kept)
        self.register_buffer("faded", faded)

    def generate(self, items: Rows) -> Tensor:
        """The decoded end of the reverse process from h, (items, dim)."""
        return self.decoder(self.reverse(self.side_encoder(self.side(items))), items)

    def reverse(self, side: Tensor) -> Tensor:
        """(items, dim) h -> z_0, over the sub-sequence of the steps."""
        latent = side
        steps = [0, *range(1, self.config.diffusion_steps + 1, self.config.stride)]
        for before, now in reversed(list(itertools.pairwise(steps))):
            noise = self.unet(latent, side.new_full((1,), now))
            spread = (1 - self.kept[now]).sqrt()
            clean = (latent - self.faded[now] * side - spread * noise) / self.kept[now].sqrt()
            latent = self.kept[before].sqrt() * clean + self.faded[before] * side
            latent = latent + (1 - self.kept[before]).sqrt() * noise
        return latent

    def loss(self, backbone: Backbone, frozen: FrozenBatch) -> Tensor:
        """L_CTR + rho L_diff, ()."""
        batch, context, real = frozen
        side = self.side_encoder(self.side(batch.items))
        made = self.decoder(self.reverse(side), batch.items)
        ctr = ctr_loss(backbone.score(batch.spread(made), context), batch)
        time = torch.randint(1, len(self.kept), (len(side),), device=side.device)
        return ctr + self.config.rho * batch.mean(self.noise_error(real, side, time))

    def noise_error(self, real: Tensor, side: Tensor, time: Tensor) -> Tensor:
        """L_diff per item, (items,): the mean squared error of the noise predicted at the given steps.

        Args:
            real: (items, dim) v_I.
            side: (items, dim) h.
            time: (items,) int64 steps between 1 and T.
        """
        noise = torch.randn_like(side)
        kept, faded = self.kept[time].unsqueeze(1), self.faded[time].unsqueeze(1)
        dropped = functional.dropout(side, self.config.dropout, self.training)
        noisy = kept.sqrt() * self.item_encoder(real) + faded * dropped + (1 - kept).sqrt() * noise
        return (self.unet(noisy, time.to(side)) - noise).square().mean(1)
