"""``Cell``: one (dataset, backbone, method, seed) under a protocol; what identifies it and how it is computed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from coldbench.core.config import as_dict, digest, identity, label
from coldbench.core.seeds import derive
from coldbench.data.dataset import Dataset
from coldbench.model.backbone import Backbone
from coldbench.model.method import Method
from coldbench.model.phase import Settings
from coldbench.plugins import registry
from coldbench.protocol.phases import Outcome, Protocol
from coldbench.protocol.split import WarmUpSplit, pseudo_cold_split, warm_up_split
from coldbench.run.provenance import code_digest, versions


@dataclass(frozen=True)
class Spec:
    """A plugin by name, with its resolved ``Config``."""

    name: str
    config: Any

    @property
    def label(self) -> str:
        """What tables call it: the name, and what of its configuration is not the default."""
        return label(self.name, self.config)


@dataclass(frozen=True)
class Pretrained:
    """A backbone after pretraining.

    Attributes:
        state: Parameters and buffers by name.
        steps: Optimiser steps it took.
        seconds: Time it took.
    """

    state: dict[str, np.ndarray]
    steps: int
    seconds: float


@dataclass(frozen=True)
class Cell:
    """One cell of a grid.

    Attributes:
        dataset: The dataset.
        fingerprint: Of its content.
        backbone: The backbone.
        method: The method.
        seed: The replication's seed.
        protocol: The protocol.
        settings: What all methods share.
        device: ``cpu`` or ``cuda``.
        validation: Whether it is computed on pseudo-cold items, to choose hyper-parameters, instead of the new ones.
        tuned: How its hyper-parameters were chosen, if ``coldbench tune`` did; no part of its identity.
    """

    dataset: Spec
    fingerprint: str
    backbone: Spec
    method: Spec
    seed: int
    protocol: Spec
    settings: Settings
    device: str
    validation: bool = False
    tuned: str | None = None

    @cached_property
    def key(self) -> str:
        """SHA-256 over the content of everything that affects the result."""
        protocol = [self.protocol.name, as_dict(self.protocol.config)]
        method = [self.method.name, as_dict(self.method.config)]
        return digest([self._shared(), protocol, method, self.code])

    @cached_property
    def pretrained_key(self) -> str:
        """The same for the pretrained backbone, shared by all methods that do not change pretraining.

        Protocols that let pretraining know the same share it as well.
        """
        variant = [self.method.name, as_dict(self.method.config)] if self.changes_pretraining else None
        return digest([self._shared(), variant, self._code(with_method=self.changes_pretraining)])

    @property
    def changes_pretraining(self) -> bool:
        """Whether the method needs a pretrained backbone of its own."""
        return self._method.pretrain_logits is not Method.pretrain_logits

    @property
    def stem(self) -> str:
        """The name of the cell's files."""
        return f"{self.dataset.name}-{self.backbone.name}-{self.method.name}-s{self.seed}-{self.key[:16]}"

    def __str__(self) -> str:
        parts = [self.dataset.label, self.backbone.label, self.method.label, f"seed {self.seed}"]
        if self.protocol.label != "paper":
            parts.append(self.protocol.label)
        return " / ".join(parts)

    def describe(self) -> dict[str, Any]:
        """The part of a record that says what was run."""
        return {
            "dataset": self.dataset.name,
            "backbone": self.backbone.name,
            "method": self.method.name,
            "seed": self.seed,
            "protocol": self.protocol.label,
            "labels": {part: getattr(self, part).label for part in ("dataset", "backbone", "method")},
            "fingerprint": self.fingerprint,
            "config": {part: as_dict(getattr(self, part).config) for part in ("dataset", "backbone", "method")}
            | {
                "protocol": {"name": self.protocol.name, **as_dict(self.protocol.config)},
                "settings": as_dict(self.settings),
            },
            "tuned": self.tuned,
            "key": self.key,
        }

    def pretrain(self, dataset: Dataset) -> Pretrained:
        """Trains the cell's backbone on base."""
        started = time.perf_counter()
        protocol, _ = self.make_protocol(dataset)
        backbone = self.new_backbone(dataset)
        steps = protocol.pretrain(backbone, self.new_method(dataset, backbone))
        state = {name: value.cpu().numpy() for name, value in backbone.state_dict().items()}
        return Pretrained(state, steps, time.perf_counter() - started)

    def warm_up(self, dataset: Dataset, pretrained: Pretrained) -> tuple[list[Outcome], WarmUpSplit]:
        """Takes the method through all phases; returns their outcomes and the split that they were computed on."""
        outcomes, split = self.phases(dataset, pretrained)
        return list(outcomes), split

    def phases(self, dataset: Dataset, pretrained: Pretrained) -> tuple[Iterator[Outcome], WarmUpSplit]:
        """The same, one outcome after the other, as they are asked for; the pretrained backbone is left as it is."""
        protocol, split = self.make_protocol(dataset)
        backbone = self.new_backbone(dataset)
        backbone.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in pretrained.state.items()})
        return protocol.warm_up(backbone, self.new_method(dataset, backbone)), split

    @cached_property
    def _method(self) -> type[Method]:
        return registry.get(registry.METHODS, self.method.name)

    @cached_property
    def _backbone(self) -> type[Backbone]:
        return registry.get(registry.BACKBONES, self.backbone.name)

    @property
    def _replication(self) -> tuple[object, ...]:
        """What seeds derive from: never the method, so that methods are paired."""
        return self.seed, self.dataset.name, self.backbone.label

    def make_split(self, dataset: Dataset) -> WarmUpSplit:
        """The parts of its data that it is computed on."""
        return pseudo_cold_split(dataset, *self._replication) if self.validation else warm_up_split(dataset)

    def make_protocol(self, dataset: Dataset) -> tuple[Protocol, WarmUpSplit]:
        """The phases of this cell on its data, and the data's split."""
        split = self.make_split(dataset)
        device = torch.device(self.device)
        return Protocol(self.protocol.config, dataset, split, self.settings, device, *self._replication), split

    def new_backbone(self, dataset: Dataset) -> Backbone:
        """The cell's backbone, not initialised."""
        return self._backbone(self.backbone.config, dataset.schema).to(self.device)

    def new_method(self, dataset: Dataset, backbone: Backbone) -> Method:
        """The cell's method, initialised from the cell's seed."""
        torch.manual_seed(derive(*self._replication, "method"))
        return self._method(self.method.config, dataset.schema, backbone).to(self.device)

    def _shared(self) -> list[Any]:
        parts = [(spec.name, identity(spec.config)) for spec in (self.dataset, self.backbone)]
        protocol = [self.protocol.config.strict, self.validation]
        return [parts, self.fingerprint, self.seed, protocol, as_dict(self.settings), self.device, versions()["torch"]]

    @cached_property
    def code(self) -> str:
        """SHA-256 over the source of everything that computes the cell."""
        return self._code(with_method=True)

    def _code(self, with_method: bool) -> str:
        plugins = [self._backbone.__module__, *([self._method.__module__] if with_method else [])]
        source = registry.get(registry.DATASETS, self.dataset.name).__module__
        outside = [source] if registry.is_outside(source) else []  # of the others the fingerprint tells
        return code_digest(*plugins, *outside)
