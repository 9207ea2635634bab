"""``Models``: trains the models of a run on the log from before the test, each once."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from coldbench.core.seeds import derive
from coldbench.data.world import Ground
from coldbench.model.backbone import Backbone
from coldbench.model.method import Method
from coldbench.model.settings import Settings
from coldbench.online.served import Served
from coldbench.plugins.registry import class_of
from coldbench.plugins.spec import Spec
from coldbench.protocol.phases import WarmUp
from coldbench.protocol.rules import Strict
from coldbench.protocol.split import WarmUpSplit
from coldbench.protocol.stages import seed_parts


class Models:
    """The models of a world under one seed.

    Args:
        ground: The world; the models see its dataset alone.
        settings: The training settings that all methods share.
        steps: Pretraining repeats its epochs until it has taken at least so many steps, the same for every model.
        device: ``cpu`` or ``cuda``.
        seed: The seed of the world.
    """

    def __init__(self, ground: Ground, settings: Settings, steps: int, device: str, seed: int) -> None:
        self._ground, self._device, self._seed = ground, device, seed
        epochs = -(-steps * settings.batch_size // ground.dataset.rows)
        self._settings = replace(settings, pretrain_epochs=max(settings.pretrain_epochs, epochs))
        self._plain: dict[str, dict[str, Any]] = {}  # states of backbones that no method changes
        self._trained: dict[tuple[str, str], tuple[WarmUp, Backbone, Method]] = {}

    def served(self, backbone: Spec, method: Spec) -> Served:
        """A backbone pretrained on the log from before the test, with a method fitted on it; each call gives a copy."""
        key = backbone.full, method.full
        if key not in self._trained:
            self._trained[key] = self._train(backbone, method)
        bench, trained, fitted = self._trained[key]
        model, way = copy.deepcopy((trained, fitted))  # together, as a method may hold its backbone
        return Served(bench, model, way)

    def _train(self, backbone: Spec, method: Spec) -> tuple[WarmUp, Backbone, Method]:
        ground, parts = self._ground, seed_parts(self._seed, self._ground.dataset.name, backbone.label)
        every, none = np.arange(ground.dataset.rows), np.arange(0)
        old, new = np.flatnonzero(ground.arrival < 0), np.flatnonzero(ground.arrival >= 0)
        split = WarmUpSplit(every, {}, none, old, new, none)
        bench = WarmUp(Strict(), ground.dataset, split, self._settings, torch.device(self._device), *parts)
        model: Backbone = class_of(backbone)(backbone.config, ground.dataset.schema).to(self._device)
        torch.manual_seed(derive(*parts, "method"))
        owner: type[Method] = class_of(method)
        way = owner(method.config, ground.dataset.schema, model).to(self._device)
        plain = owner.pretrain_loss is Method.pretrain_loss and not owner.pretrained
        if plain and backbone.label in self._plain:
            model.load_state_dict(self._plain[backbone.label])
        else:
            bench.pretrain(model, way)
            if plain:
                self._plain[backbone.label] = copy.deepcopy(model.state_dict())
        bench.fit(model, way)
        return bench, model, way
