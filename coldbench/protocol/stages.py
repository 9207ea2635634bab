"""The three stages of a cell, pretrained backbone -> fitted method -> phases, and the state passed between them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from coldbench.core.seeds import derive
from coldbench.data.dataset import Dataset
from coldbench.model.backbone import Backbone
from coldbench.model.method import Method
from coldbench.model.settings import Settings
from coldbench.protocol.phases import Outcome, WarmUp
from coldbench.protocol.rules import Rules
from coldbench.protocol.shots import COLD
from coldbench.protocol.split import WarmUpSplit
from coldbench.protocol.splits import Split
from coldbench.protocol.topn import TopNSettings

_METHOD, _BACKBONE = "method.", "backbone."
_OWN = frozenset({"training", "config", "schema", "dim", "item_width"})  # attributes that fit must not change
_PLAIN = (bool, int, float)
_PLAIN_MARK = "#"  # suffix of a plain number's name, so that it is not restored as a tensor


@dataclass(frozen=True)
class Trained:
    """The result of a stage: a pretrained backbone or a fitted method.

    Attributes:
        state: Arrays by name; names of the method's arrays begin with ``method.``.
        steps: Optimiser steps of the stage.
        seconds: Wall time of the stage.
        cpu_seconds: Processor time of the stage.
        rows_seen: Rows in all steps together.
        distinct_rows_seen: Rows in at least one step.
    """

    state: dict[str, np.ndarray]
    steps: int
    seconds: float
    cpu_seconds: float
    rows_seen: int = 0
    distinct_rows_seen: int = 0


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a cell's result, except its data.

    Attributes:
        backbone: The backbone's class.
        backbone_config: An instance of its ``Config``.
        method: The method's class.
        method_config: An instance of its ``Config``.
        rules: The protocol.
        settings: The training settings that all methods share.
        device: ``cpu`` or ``cuda``.
        validation: Whether pseudo-cold items replace the new ones, to choose hyper-parameters.
        seed: The parts that all random streams derive from; they exclude the method, so that methods are paired.
        splitting: What divides the data.
        shots: The evaluation points (``shots.phase_names``).
        topn: How top-N is measured; None if it is not.
    """

    backbone: type[Backbone]
    backbone_config: Any
    method: type[Method]
    method_config: Any
    rules: Rules
    settings: Settings
    device: str
    validation: bool
    seed: tuple[object, ...]
    splitting: Split
    shots: tuple[int, ...]
    topn: TopNSettings | None = None

    def split(self, dataset: Dataset) -> WarmUpSplit:
        """Splits the cell's data into parts."""
        if self.validation:
            return self.splitting.validation(dataset, self.shots, *self.seed)
        return self.splitting.divide(dataset, self.shots)

    def on(self, dataset: Dataset) -> Stages:
        """Creates the stages on the cell's data."""
        return Stages(self, dataset)


def seed_parts(seed: int, dataset: str, backbone: str) -> tuple[object, ...]:
    """The parts that a cell's random streams derive from; they exclude the method, so that methods are paired.

    Args:
        seed: The seed of the replication.
        dataset: The dataset's name.
        backbone: The backbone's label, which includes its variant.
    """
    return seed, dataset, backbone


class Stages:
    """The stages of one cell on its data; each starts from the result of the previous one and does not modify it."""

    def __init__(self, recipe: Recipe, dataset: Dataset) -> None:
        self.recipe = recipe
        self.dataset = dataset
        self.split = recipe.split(dataset)
        device = torch.device(recipe.device)
        self.protocol = WarmUp(
            recipe.rules, dataset, self.split, recipe.settings, device, *recipe.seed, topn=recipe.topn
        )

    def new_backbone(self) -> Backbone:
        """Creates the cell's backbone, not yet initialised."""
        return self.recipe.backbone(self.recipe.backbone_config, self.dataset.schema).to(self.recipe.device)

    def new_method(self, backbone: Backbone) -> Method:
        """Creates the cell's method, initialised from the cell's seed."""
        torch.manual_seed(derive(*self.recipe.seed, "method"))
        return self.recipe.method(self.recipe.method_config, self.dataset.schema, backbone).to(self.recipe.device)

    def pretrain(self) -> Trained:
        """Trains the backbone on base, along with the modules that the method lists in ``pretrained``."""
        started, began = time.perf_counter(), time.process_time()
        backbone = self.new_backbone()
        method = self.new_method(backbone)
        phase = self.protocol.pretrain(backbone, method)
        state = _arrays(backbone.state_dict())
        for name in method.pretrained:
            part = getattr(method, name).state_dict()
            state |= _arrays({f"{_METHOD}{name}.{key}": value for key, value in part.items()})
        return _trained(state, phase, started, began)

    def fit(self, pretrained: Trained) -> Trained:
        """Fits the method on the old items."""
        started, began = time.perf_counter(), time.process_time()
        backbone, method = self._pretrained(pretrained)
        before = dict(attributes(method))
        phase = self.protocol.fit(backbone, method)
        state = {f"{_METHOD}{name}": value for name, value in captured(method, before).items()}
        buffers = {f"{_BACKBONE}{name}": value for name, value in backbone.named_buffers()}
        return _trained(state | _arrays(buffers), phase, started, began)

    def phases(self, pretrained: Trained, fitted: Trained) -> Iterator[Outcome]:
        """Takes the cold items through the phases and yields one outcome per phase, lazily."""
        backbone, method = self._pretrained(pretrained)
        own = {n.removeprefix(_METHOD): value for n, value in fitted.state.items() if n.startswith(_METHOD)}
        restore(method, own, self.recipe.device)
        for name, buffer in backbone.named_buffers():
            if f"{_BACKBONE}{name}" in fitted.state:
                buffer.copy_(torch.from_numpy(fitted.state[f"{_BACKBONE}{name}"].copy()))
        for outcome in self.protocol.phases(backbone, method):
            yield _with_fit(outcome, fitted) if outcome.phase == COLD else outcome

    def run(self) -> list[Outcome]:
        """Runs all stages and returns one outcome per phase."""
        pretrained = self.pretrain()
        return list(self.phases(pretrained, self.fit(pretrained)))

    def _pretrained(self, pretrained: Trained) -> tuple[Backbone, Method]:
        backbone = self.new_backbone()
        state = {name: torch.from_numpy(value.copy()) for name, value in pretrained.state.items()}
        backbone.load_state_dict({name: value for name, value in state.items() if not name.startswith(_METHOD)})
        method = self.new_method(backbone)
        for name in method.pretrained:
            prefix = f"{_METHOD}{name}."
            part = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            getattr(method, name).load_state_dict(part)
        return backbone, method


def attributes(method: Method) -> Iterator[tuple[str, Any]]:
    """Yields plain attributes of a method's modules by dotted name; no parameters, buffers or modules."""
    for prefix, module in method.named_modules():
        for name, value in vars(module).items():
            if not name.startswith("_") and name not in _OWN:
                yield (f"{prefix}.{name}" if prefix else name), value


def captured(method: Method, before: dict[str, Any]) -> dict[str, np.ndarray]:
    """Collects everything that a method has learned, as arrays by dotted name.

    Args:
        method: The method after ``fit``.
        before: The method's attributes before ``fit``; those that are still the same objects are left out.

    Raises:
        TypeError: If ``fit`` set an attribute to anything but a tensor or a plain number.
    """
    found = _arrays(method.state_dict())
    for name, value in attributes(method):
        if name in before and before[name] is value:
            continue
        if isinstance(value, Tensor):
            found[name] = value.detach().cpu().numpy()
        elif isinstance(value, _PLAIN):
            found[f"{name}{_PLAIN_MARK}"] = np.array(value)
        else:
            raise TypeError(
                f"fit left a {type(value).__name__} in self.{name}; keep what it learns in parameters, buffers, "
                "tensors or numbers, so that it can be written down"
            )
    return found


def restore(method: Method, state: dict[str, np.ndarray], device: str) -> None:
    """Loads a state from ``captured`` into a new method."""
    own = method.state_dict()
    method.load_state_dict({name: torch.from_numpy(state[name].copy()) for name in own})
    modules = dict(method.named_modules())
    for name, value in state.items():
        if name not in own:
            prefix, _, attribute = name.removesuffix(_PLAIN_MARK).rpartition(".")
            plain = name.endswith(_PLAIN_MARK)
            setattr(modules[prefix], attribute, value.item() if plain else torch.from_numpy(value.copy()).to(device))


def _arrays(state: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: value.detach().cpu().numpy().copy() for name, value in state.items()}


def _with_fit(outcome: Outcome, fitted: Trained) -> Outcome:
    """Adds the cost of ``fit`` to the outcome of ``cold``, which it led to."""
    return replace(
        outcome,
        steps=fitted.steps,
        rows_seen=fitted.rows_seen,
        distinct_rows_seen=fitted.distinct_rows_seen,
        seconds=outcome.seconds + fitted.seconds,
        cpu_seconds=outcome.cpu_seconds + fitted.cpu_seconds,
    )


def _trained(state: dict[str, np.ndarray], phase: Any, started: float, began: float) -> Trained:
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - began
    return Trained(state, phase.steps, seconds, cpu_seconds, phase.rows_seen, phase.distinct_rows_seen)
