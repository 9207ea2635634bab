"""Names and classes of methods, backbones and datasets: built in, or by entry point."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import dataclass, is_dataclass
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, Generic, TypeVar

from coldbench.backbone import Backbone
from coldbench.data.source import Source
from coldbench.errors import InputError, unknown
from coldbench.method import Method

T = TypeVar("T")


@dataclass(frozen=True)
class Kind(Generic[T]):
    """One of the three kinds of plugin.

    Attributes:
        name: In the singular, for messages.
        base: The class that a plugin subclasses.
        package: Where the built-in ones lie, one file each.
        group: The entry point group of those from elsewhere.
    """

    name: str
    base: type[T]
    package: str
    group: str


METHODS: Kind[Method] = Kind("method", Method, "coldbench.methods", "coldbench.methods")
BACKBONES: Kind[Backbone] = Kind("backbone", Backbone, "coldbench.backbones", "coldbench.backbones")
DATASETS: Kind[Source] = Kind("dataset", Source, "coldbench.data", "coldbench.datasets")
KINDS = {"methods": METHODS, "backbones": BACKBONES, "datasets": DATASETS}


@cache
def names(kind: Kind[T]) -> tuple[str, ...]:
    """All names of a kind, sorted."""
    return tuple(sorted(_modules(kind)))


@cache
def get(kind: Kind[T], name: str) -> type[T]:
    """The class behind a name.

    Raises:
        InputError: The name is unknown, or its file breaks the interface.
    """
    modules = _modules(kind)
    if name not in modules:
        raise unknown(kind.name, name, modules)
    return plugin(kind, name, importlib.import_module(modules[name]))


def plugin(kind: Kind[T], name: str, module: ModuleType) -> type[T]:
    """The one class of a kind that a module defines, with its ``Config`` and ``space``.

    Raises:
        InputError: There is none, there are several, or its ``Config`` is no frozen dataclass.
    """
    found = _classes(kind, module)
    if len(found) != 1:
        raise InputError(
            f"{kind.name} {name!r} should define one subclass of {kind.base.__name__}; it defines {len(found)}"
        )
    config = getattr(module, "Config", getattr(found[0], "Config", None))
    if not (is_dataclass(config) and getattr(config, "__dataclass_params__").frozen):  # noqa: B009
        raise InputError(f"{kind.name} {name!r} should have a frozen dataclass named Config")
    found[0].Config = config  # type: ignore[attr-defined]
    found[0].space = getattr(module, "space", {})  # type: ignore[attr-defined]
    return found[0]


def citation(owner: type[Any]) -> str:
    """The first sentence of a plugin's file: what it is, by whom, where."""
    text = " ".join((inspect.getmodule(owner).__doc__ or "").split("\n\n")[0].split())
    return text.rstrip(".")


def _classes(kind: Kind[T], module: ModuleType) -> list[type[T]]:
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, kind.base) and value.__module__ == module.__name__
    ]


@cache
def _modules(kind: Kind[T]) -> dict[str, str]:
    """Name to module. Datasets share their package with the code that they use, so their classes tell."""
    package = importlib.import_module(kind.package)
    found = {}
    for info in pkgutil.iter_modules(package.__path__):
        path = f"{kind.package}.{info.name}"
        if kind is DATASETS:
            sources = [c for c in _classes(kind, importlib.import_module(path)) if hasattr(c, "key")]
            found.update({source.key: path for source in sources})  # type: ignore[attr-defined]
        else:
            found[info.name] = path
    for point in entry_points(group=kind.group):
        found.setdefault(point.name, point.module)
    return found
