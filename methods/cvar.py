"""CVAR (Zhao et al., SIGIR 2022, arXiv:2205.13795): a conditional variational autoencoder of item ID embeddings.

L = L_CTR + alpha L_R + beta L_WD, in AVAEW's notation: L_R = |v_I - D(z)|^2 (its equation 4), L_WD is the squared
2-Wasserstein distance between N(mu, sigma) and N(mu_p, sigma_p) (6), and L_CTR is the CTR loss of the frozen backbone
with D(z_p) in v_I's place (7). The decoder is conditioned on the item's frequency.

Departs from the paper: beta weighs the mean over the batch. The authors' code weighs the sum over 2048 rows
by 1e-4, which equals 0.2048 for the mean. ``adapt=false`` is the published variant "init".
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from coldbench.plugin import (
    Backbone,
    Choice,
    Count,
    FrozenBatch,
    Generating,
    LogUniform,
    MethodConfig,
    Rate,
    Rows,
    Schema,
    Space,
    VariationalGenerator,
    Weight,
    after_fit,
)


@dataclass(frozen=True)
class Config(MethodConfig):
    """Hyper-parameters; the defaults are the authors'."""

    alpha: Weight = 1.0  # weight of the reconstruction L_R
    beta: Weight = 0.2048  # weight of the Wasserstein distance L_WD
    noise: Weight = 1e-4  # s in z = mu + s sigma eps
    side_item_id: bool = True  # the item's ID is part of its side information, in the generator's own table
    normal_tables: bool = True  # the tables of side information start from N(0, 1), as in the authors' code
    padding: bool = True  # multi-valued fields of side information sum their empty places too, as in the authors' code
    epochs: Count = 1  # passes over base, in fit
    learning_rate: Rate = 1e-3  # of the generator
    adapt: bool = after_fit(True)  # continue training on each phase's rows, then replace the cold items' embeddings
    adapt_epochs: Count = after_fit(2)  # passes over each phase's rows
    repeats: Count = 10  # steps on each batch


space: Space = {
    "alpha": LogUniform(1e-2, 1e2),
    "beta": LogUniform(1e-3, 1e1),
    "learning_rate": LogUniform(3e-4, 3e-2),
    "repeats": Choice((1, 3, 10)),
}


class CVAR(Generating):
    """Generates cold items' embeddings from side information, at the start and again after each phase."""

    title = "CVAR"
    group = "paper"
    quick = {"repeats": 2}

    def __init__(self, config: Config, schema: Schema, backbone: Backbone) -> None:
        super().__init__(config, schema, backbone)
        self.generator = VariationalGenerator(
            schema, self.dim, config.noise, config.side_item_id, True, config.normal_tables, config.padding
        )

    def generate(self, items: Rows) -> Tensor:
        """D(z_p) without noise, (items, dim)."""
        return self.generator.warm(items)

    def loss(self, backbone: Backbone, frozen: FrozenBatch) -> Tensor:
        """The generator's loss L, ()."""
        return self.generator.loss(backbone, frozen, self.config.alpha, self.config.beta)[0]
