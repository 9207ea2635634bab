"""The kinds of plugins: methods, backbones, datasets and worlds, each with its base class and its package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from coldbench.core.config import check_config
from coldbench.core.errors import InputError
from coldbench.core.space import Choice, Uniform
from coldbench.data.source import Source
from coldbench.data.world import World
from coldbench.model.backbone import Backbone
from coldbench.model.method import Method, MethodConfig
from coldbench.plugins.file import NAME
from coldbench.plugins.places import PLACES, Place

T = TypeVar("T")


@dataclass(frozen=True)
class Kind(Place, Generic[T]):
    """One kind of plugin.

    Attributes:
        base: The class that plugins of this kind subclass.
        config: The class that each plugin's ``Config`` extends; None if there is no such class.
    """

    base: type[T]
    config: type | None = None


METHODS: Kind[Method] = Kind(**vars(PLACES["methods"]), base=Method, config=MethodConfig)
BACKBONES: Kind[Backbone] = Kind(**vars(PLACES["backbones"]), base=Backbone)
DATASETS: Kind[Source] = Kind(**vars(PLACES["datasets"]), base=Source)
WORLDS: Kind[World] = Kind(**vars(PLACES["worlds"]), base=World)
KINDS: dict[str, Kind[Any]] = {"methods": METHODS, "backbones": BACKBONES, "datasets": DATASETS, "worlds": WORLDS}
BY_NAME: dict[str, Kind[Any]] = {kind.name: kind for kind in KINDS.values()}


def check_plugin(kind: Kind, name: str, owner: type) -> None:
    """Checks the ``Config``, ``space`` and title of a plugin's class.

    Raises:
        InputError: If one of them is missing or invalid.
    """
    where = f"{kind.name} {name!r}"
    config = getattr(owner, "Config", None)
    check_config(where, config)
    if kind.config is not None and not issubclass(config, kind.config):  # type: ignore[arg-type]
        raise InputError(f"{where}: Config should extend {kind.config.__name__} of coldbench.plugin")
    space = getattr(owner, "space", {})
    if not (isinstance(space, dict) and all(isinstance(part, Uniform | Choice) for part in space.values())):
        raise InputError(f"{where}: space should be a dict of Uniform, LogUniform or Choice")
    title = getattr(owner, "title", "")
    if not isinstance(title, str) or len(title) > 40 or not (title.isprintable()):
        raise InputError(f"{where}: title should be a short text such as 'DropoutNet'")
    group = vars(owner).get("group", "")
    if not isinstance(group, str) or not (group == "" or NAME.fullmatch(group)):
        raise InputError(f"{where}: group should be a name such as 'paper'")
