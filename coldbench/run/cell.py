"""``Cell``: one (dataset, backbone, method, seed) under a protocol, with the keys that identify it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from coldbench.core.config import as_dict, before_warm, digest, identity, resolve, text
from coldbench.core.errors import unknown
from coldbench.data.dataset import Dataset
from coldbench.model.method import Method
from coldbench.model.settings import Settings
from coldbench.plugins.description import described
from coldbench.plugins.file import PluginFile
from coldbench.plugins.registry import class_of
from coldbench.plugins.spec import Spec
from coldbench.protocol.splits import Frequency
from coldbench.protocol.stages import Recipe, Stages, seed_parts
from coldbench.protocol.topn import TopNSettings
from coldbench.run.code import code_digest
from coldbench.run.provenance import versions

PUBLISHED = Spec("split", "frequency", Frequency())
_LIBRARIES = ("torch", "numpy")  # libraries whose version may change the bits of a result


@dataclass(frozen=True)
class Choosing:
    """The choice of a cell's hyper-parameters by ``coldbench tune``.

    Attributes:
        how: How they were chosen, for the report.
        before: The cell with the values that it had before.
    """

    how: str
    before: Cell


@dataclass(frozen=True)
class Cell:
    """One cell of a grid.

    Attributes:
        dataset: The dataset.
        fingerprint: The fingerprint of the dataset's content.
        backbone: The backbone.
        method: The method.
        seed: The replication's seed.
        protocol: The protocol.
        settings: The settings that all methods share.
        device: ``cpu`` or ``cuda``.
        validation: Whether the cell uses pseudo-cold items, to choose hyper-parameters, instead of the new items.
        choosing: How ``coldbench tune`` chose the hyper-parameters; None if they are as given. A cell with chosen
            values is a row of its own in tables, even if they are the defaults.
        split: The split.
        shots: The evaluation points (``shots.phase_names``).
        topn: How top-N is measured; None if it is not. It changes no other result, so the key does not cover it.
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
    choosing: Choosing | None = None
    split: Spec = PUBLISHED
    shots: tuple[int, ...] = ()
    topn: TopNSettings | None = None

    @cached_property
    def key(self) -> str:
        """SHA-256 of everything that affects the result."""
        protocol = [self.protocol.name, as_dict(self.protocol.config)]
        method = [self.method.name, as_dict(self.method.config)]
        chosen = ["tuned"] if self.choosing else []
        return digest(["cell", self._shared, protocol, self.shots, method, self.code, *chosen])

    @cached_property
    def fitted_key(self) -> str:
        """SHA-256 of everything that affects the fitted method; cells that differ only after ``fit`` share it."""
        method = [self.method.name, before_warm(self.method.config)]
        return digest(["fitted", self._shared, method, self.code])

    @cached_property
    def pretrained_key(self) -> str:
        """SHA-256 of everything that affects the pretrained backbone.

        It is shared by all methods that do not change pretraining, by all protocols with the same ``knowledge``, and by
        all evaluation points.
        """
        if not self.changes_pretraining:
            return digest(["pretrained", self._shared, None, self._code(with_method=False)])
        return digest(["pretrained", self._shared, [self.method.name, before_warm(self.method.config)], self.code])

    @property
    def changes_pretraining(self) -> bool:
        """Whether the method needs a pretrained backbone of its own."""
        owner = self._method
        return owner.pretrain_loss is not Method.pretrain_loss or bool(owner.pretrained)

    @property
    def fits(self) -> bool:
        """Whether the method has a ``fit`` whose result is worth keeping."""
        return self._method.fit is not Method.fit

    @property
    def untuned(self) -> Cell:
        """The cell with the hyper-parameters that it had before ``coldbench tune`` chose others."""
        return self.choosing.before if self.choosing else self

    def having(self, values: Mapping[str, Any]) -> Cell:
        """The cell with other hyper-parameters.

        Args:
            values: By ``NAME.FIELD``; NAME is the method or the backbone.

        Raises:
            InputError: A name or field is unknown, or a value is wrong.
        """
        cell = self
        for target, value in values.items():
            name, _, field = target.partition(".")
            if name not in (cell.method.name, cell.backbone.name):
                raise unknown("name", name, (cell.method.name, cell.backbone.name))
            part = "method" if name == cell.method.name else "backbone"
            spec = getattr(cell, part)
            config = resolve(name, type(spec.config), {**as_dict(spec.config), field: value})
            cell = replace(cell, **{part: replace(spec, config=config)})
        return cell

    @property
    def labels(self) -> dict[str, str]:
        """The labels of its dataset, backbone and method."""
        return {part: getattr(self, part).label for part in ("dataset", "backbone", "method")}

    @property
    def stem(self) -> str:
        """The name of the cell's files, without their endings."""
        return f"{self.dataset.name}-{self.backbone.name}-{self.method.name}-s{self.seed}-{self.key[:16]}"

    @property
    def condition(self) -> str:
        """The name of what a search tunes for: the cell without its seed."""
        return " / ".join([*self.labels.values(), self.protocol.full, *filter(None, [self.division])])

    @property
    def name(self) -> str:
        """The cell's name in messages; it includes the protocol and the split unless they are the published ones."""
        about = {"labels": self.labels, "seed": self.seed, "protocol": self.protocol.label}
        return cell_name(about | self._divided)

    def __str__(self) -> str:
        return self.name

    def describe(self) -> dict[str, Any]:
        """The part of a record that describes what was run."""
        return {
            "dataset": self.dataset.name,
            "backbone": self.backbone.name,
            "method": self.method.name,
            "seed": self.seed,
            "protocol": self.protocol.label,
            "shots": self._divided["shots"],
            "labels": self.labels,
            "fingerprint": self.fingerprint,
            "config": {part: as_dict(getattr(self, part).config) for part in ("dataset", "backbone", "method")}
            | {
                "protocol": {"name": self.protocol.name, **as_dict(self.protocol.config)},
                **self._divided["config"],
                "settings": as_dict(self.settings),
            }
            | self.further,
            "plugins": {
                part: described(class_of(getattr(self, part)), getattr(self, part).name)
                for part in ("dataset", "backbone", "method")
            },
            "tuned": self.choosing.how if self.choosing else None,
            **({"untuned": self.untuned.labels} if self.choosing else {}),
        }

    @property
    def further(self) -> dict[str, Any]:
        """The settings of the metrics that are measured on request, as a record's ``config`` holds them."""
        return {} if self.topn is None else {"topn": as_dict(self.topn)}

    @cached_property
    def recipe(self) -> Recipe:
        """Everything that determines the result, except the data."""
        return Recipe(
            class_of(self.backbone),
            self.backbone.config,
            self._method,
            self.method.config,
            self.protocol.config,
            self.settings,
            self.device,
            self.validation,
            seed_parts(self.seed, self.dataset.name, self.backbone.label),
            self.split.config,
            self.shots,
            self.topn,
        )

    def on(self, dataset: Dataset) -> Stages:
        """Binds the cell's stages to its dataset."""
        return self.recipe.on(dataset)

    @property
    def plugin_files(self) -> tuple[PluginFile, ...]:
        """The plugin files that the cell needs; empty for most cells."""
        return tuple(spec.file for spec in (self.dataset, self.backbone, self.method) if spec.file is not None)

    @cached_property
    def code(self) -> str:
        """SHA-256 of all code that computes the cell."""
        return self._code(with_method=True)

    @cached_property
    def _method(self) -> type[Method]:
        return class_of(self.method)

    @property
    def division(self) -> str:
        """What of the split and the evaluation points is not as published, in words (``division``)."""
        return division(self._divided)

    @property
    def _divided(self) -> dict[str, Any]:
        """The part of a record that describes how the data is divided."""
        split = {"name": self.split.name, **as_dict(self.split.config)}
        return {"config": {"split": split}, "shots": list(self.shots)}

    @cached_property
    def _shared(self) -> list[Any]:
        parts = [(spec.name, identity(spec.config)) for spec in (self.dataset, self.backbone)]
        split = [self.split.name, as_dict(self.split.config)]
        protocol = [self.protocol.config.knowledge, split, self.validation]
        libraries = [versions()[name] for name in _LIBRARIES]
        return [parts, self.fingerprint, self.seed, protocol, as_dict(self.settings), self.device, libraries]

    def _code(self, with_method: bool) -> str:
        specs = [self.backbone, *([self.method] if with_method else [])]
        specs += [self.dataset] if self.dataset.file is not None else []  # the fingerprint covers the others' code
        return code_digest(*(class_of(spec).__module__ for spec in specs))


def cell_name(about: dict[str, Any]) -> str:
    """A cell's name in messages, from its ``describe`` or its record."""
    labels = about["labels"]
    parts = [labels["dataset"], labels["backbone"], labels["method"], f"seed {about['seed']}"]
    parts += [about["protocol"]] if about["protocol"] != "paper" else []
    return " / ".join([*parts, *filter(None, [division(about)])])


def division(about: dict[str, Any]) -> str:
    """What of a cell's split and evaluation points is not as published: ``release[at=0.8], shots 0, 1, 5``, or nothing.

    Args:
        about: A cell's ``describe`` or its record.
    """
    return ", ".join(filter(None, [split_label(about), shots_label(about)]))


def split_label(about: dict[str, Any]) -> str:
    """The label of the split in a cell's ``describe`` or its record; empty for the published one."""
    values = about["config"].get("split", {"name": PUBLISHED.name})  # records of older versions name none
    fields = ",".join(f"{field}={text(value)}" for field, value in values.items() if field != "name")
    return f"{values['name']}[{fields}]" if values["name"] != PUBLISHED.name else ""


def shots_label(about: dict[str, Any]) -> str:
    """The evaluation points in a cell's ``describe`` or its record; empty for the published ones."""
    shots = about.get("shots")
    return f"shots {', '.join(map(str, shots))}" if shots else ""
