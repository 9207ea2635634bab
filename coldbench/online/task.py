"""``Task``: one run of the simulated test, with the key that identifies it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from coldbench.core.config import as_dict, digest, identity
from coldbench.data.dataset import Dataset
from coldbench.data.world import Ground, Learned
from coldbench.online.experiment import Setting
from coldbench.plugins.file import PluginFile
from coldbench.plugins.registry import class_of
from coldbench.plugins.spec import Spec
from coldbench.runs.code import code_digest
from coldbench.runs.provenance import versions

_CODE = "coldbench.online.experiment"  # runs a task; the other modules are found through its imports
_LIBRARIES = ("torch", "numpy")


@dataclass(frozen=True)
class Task:
    """A world under one seed, with a design and an arm.

    Attributes:
        world: The world.
        source: The dataset that the world is made from; None if it needs none.
        fingerprint: The fingerprint of that dataset; empty if there is none.
        setting: What is run in the world.
    """

    world: Spec
    source: Spec | None
    fingerprint: str
    setting: Setting

    @cached_property
    def key(self) -> str:
        """SHA-256 of everything that affects the result."""
        own = self.setting
        arm = own.label if isinstance(own.arm, str) else [own.arm.name, as_dict(own.arm.config)]
        parts = [(spec.name, as_dict(spec.config)) for spec in (own.control, own.backbone, own.ranker)]
        sizes = [own.users, own.days, own.seed, own.device, as_dict(own.own), as_dict(own.training)]
        return digest([self.learned_key, own.design, arm, parts, sizes, self.code])

    @cached_property
    def learned_key(self) -> str:
        """SHA-256 of everything that affects what the world learns from its dataset."""
        source = None if self.source is None else (self.source.name, identity(self.source.config))
        libraries = [versions()[name] for name in _LIBRARIES]
        world = self.world.name, as_dict(self.world.config), code_digest(class_of(self.world).__module__)
        return digest(["world", world, source, self.fingerprint, libraries])

    @cached_property
    def prepared_key(self) -> str:
        """SHA-256 of everything that affects the world under the task's seed and its trained models."""
        own = self.setting
        training = as_dict(own.training), own.own.pretrain_steps, own.device
        return digest([self.learned_key, own.users, own.days, own.seed, training])

    @cached_property
    def code(self) -> str:
        """The digest of the code that computes the task."""
        return code_digest(_CODE, *(class_of(spec).__module__ for spec in self.specs))

    @property
    def specs(self) -> tuple[Spec, ...]:
        """Every plugin of the task."""
        own = self.setting
        arm = () if isinstance(own.arm, str) else (own.arm,)
        return (self.world, own.control, *arm, own.backbone, own.ranker)

    @property
    def plugin_files(self) -> tuple[PluginFile, ...]:
        """The plugin files that the task needs."""
        return tuple(dict.fromkeys(spec.file for spec in self.specs if spec.file is not None))

    @property
    def stem(self) -> str:
        """The name of the task's files, without their endings."""
        own = self.setting
        arm = own.label.partition("[")[0]
        return f"{self.world.name}-{own.design}-{arm}-s{own.seed}-{self.key[:16]}"

    def __str__(self) -> str:
        own = self.setting
        return f"{self.world.label} / {own.design} / {own.label} / seed {own.seed}"

    def describe(self) -> dict[str, Any]:
        """The part of the result that describes what was run."""
        own = self.setting
        return {
            "world": self.world.label,
            "design": own.design,
            "control": own.control.label,
            "arm": own.label,
            "seed": own.seed,
            "users": own.users,
            "days": own.days,
            "backbone": own.backbone.label,
            "ranker": own.ranker.label,
            "source": None if self.source is None else self.source.label,
            "assumptions": as_dict(own.own),
            "training": as_dict(own.training),
            "key": self.key,
            "code": self.code,
        }

    def learn(self, log: Dataset | None) -> Learned:
        """Learns what all seeds of the world share."""
        return class_of(self.world)().learn(self.world.config, log)

    def ground(self, log: Dataset | None, learned: Learned) -> Ground:
        """Makes the world under the task's seed."""
        own = self.setting
        return class_of(self.world)().make(self.world.config, log, learned, own.users, own.days, own.seed)
