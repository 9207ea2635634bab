"""Where each kind of plugins lies: its package and its entry points, known without importing a plugin or torch."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points


@dataclass(frozen=True)
class Place:
    """Where the plugins of one kind lie.

    Attributes:
        name: The kind's name in the singular, for messages.
        package: The package of the built-in plugins, one file each.
        group: The entry point group in which installed packages declare plugins.
        hyphens: Whether a plugin's name has hyphens where the name of its file has underscores.
    """

    name: str
    package: str
    group: str
    hyphens: bool


PLACES = {
    "methods": Place("method", "coldbench.methods", "coldbench.methods", hyphens=False),
    "backbones": Place("backbone", "coldbench.backbones", "coldbench.backbones", hyphens=False),
    "datasets": Place("dataset", "coldbench.datasets", "coldbench.datasets", hyphens=True),
    "worlds": Place("world", "coldbench.online.worlds", "coldbench.worlds", hyphens=False),
}


@cache
def built_in(place: Place) -> dict[str, str]:
    """Maps the names of coldbench's own plugins to their modules."""
    package = importlib.import_module(place.package)
    found = [info.name for info in pkgutil.iter_modules(package.__path__)]
    names = [name.replace("_", "-") if place.hyphens else name for name in found]
    return {name: f"{place.package}.{module}" for name, module in zip(names, found, strict=True)}


@cache
def modules(place: Place) -> dict[str, str]:
    """Maps the names of coldbench's own and of installed plugins to their modules."""
    return {point.name: point.module for point in entry_points(group=place.group)} | built_in(place)
