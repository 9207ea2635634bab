"""What the benchmarks are made on: the data, the models, and a warm-up with what was trained for it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch

from coldbench.core.config import resolve
from coldbench.core.errors import InputError
from coldbench.data.dataset import Dataset
from coldbench.model.backbone import Backbone
from coldbench.model.layers import initialise
from coldbench.model.method import Method
from coldbench.model.phase import Phase
from coldbench.model.settings import Settings
from coldbench.plugins.kinds import BACKBONES, DATASETS, METHODS
from coldbench.plugins.registry import Registry
from coldbench.protocol.phases import WarmUp
from coldbench.protocol.rules import Paper
from coldbench.protocol.split import WarmUpSplit, warm_up_split

BATCH = 2048  # rows
# sizes like MovieLens-1M's, for machines that lack the file
LIKE_ML_1M = {"users": 6040, "items": 3706, "interactions": 1_000_209, "tags": 4400}


@dataclass
class Bench:
    """A warm-up with a backbone and a method that have their defaults.

    Attributes:
        warm_up: Protocol paper on some data.
        backbone: Initialised.
        method: Built for the backbone.
    """

    warm_up: WarmUp
    backbone: Backbone
    method: Method

    def pretrain(self, rows: np.ndarray) -> None:
        """Trains the backbone for an epoch over some rows."""
        self.warm_up.split = dataclasses.replace(self.warm_up.split, base=rows)
        self.warm_up.pretrain(self.backbone, self.method)

    def fit(self) -> None:
        """Fits the method."""
        self.warm_up.fit(self.backbone, self.method)

    def warm(self) -> None:
        """Takes the cold items through all phases, with their evaluation."""
        for _ in self.warm_up.phases(self.backbone, self.method):
            pass

    def fit_and_warm(self) -> None:
        """Fits the method, then takes the cold items through all phases."""
        self.fit()
        self.warm()

    def base(self, rows: int | None = None) -> Phase:
        """The phase of base, or of its first rows."""
        return self.warm_up.phase("base", self.warm_up.split.base[:rows])


def bench(log: Dataset, backbone: str, method: str, split: WarmUpSplit | None = None) -> Bench:
    """A warm-up on some data, its backbone initialised and not trained.

    Args:
        log: The data.
        backbone: Its name.
        method: Its name.
        split: The parts of the data; by default those of the data's own N and K.
    """
    owner, plugin = Registry().get(BACKBONES, backbone), Registry().get(METHODS, method)
    model = owner(owner.Config(), log.schema)
    initialise(model)
    settings, device = Settings(batch_size=BATCH), torch.device("cpu")
    warm_up = WarmUp(Paper(), log, split or warm_up_split(log), settings, device, 0, "bench")
    return Bench(warm_up, model, plugin(plugin.Config(), log.schema, model))


def data() -> Dataset:
    """MovieLens-1M where it is at hand, else synthetic data of its shape."""
    source = Registry().get(DATASETS, "ml-1m")()
    try:
        return source.load(source.Config())
    except InputError:
        return synthetic(**LIKE_ML_1M)


def synthetic(**values: int) -> Dataset:
    """Synthetic data of some size."""
    owner = Registry().get(DATASETS, "synthetic")
    return owner().load(resolve("synthetic", owner.Config, values))
