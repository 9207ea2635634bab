"""Names and classes of methods, backbones and datasets: built in, by entry point, or from a plugin file."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, Generic, TypeVar

from coldbench.core.config import check_config
from coldbench.core.errors import InputError, unknown
from coldbench.core.space import Choice, Uniform
from coldbench.data.source import Source
from coldbench.model.backbone import Backbone
from coldbench.model.method import Method
from coldbench.plugins.file import NAME, PluginFile, explained

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
DATASETS: Kind[Source] = Kind("dataset", Source, "coldbench.datasets", "coldbench.datasets")
KINDS: dict[str, Kind[Any]] = {"methods": METHODS, "backbones": BACKBONES, "datasets": DATASETS}

_in_use: dict[PluginFile, tuple[Kind, str]] = {}  # the one thing here that changes: see use


def use(files: Sequence[PluginFile]) -> None:
    """Registers the plugins of some files, in place of those that were registered so before.

    Workers call it with ``in_use`` of the process that sent them a cell.

    Raises:
        InputError: A file cannot be imported, breaks the interface, or has a name that is taken.
    """
    if tuple(files) == in_use():
        return
    _drop()
    try:
        for file in dict.fromkeys(files):
            if file.module in {other.module for other in _in_use}:
                raise InputError(f"two plugin files are named {file.stem!r}; a name stands for one plugin")
            _in_use[file] = _registered(file)
            forget()
    except BaseException:
        _drop()
        raise


def _registered(file: PluginFile) -> tuple[Kind, str]:
    """Imports a file: what it defines, and under which name."""
    module = file.load()
    found = [(kind, owner) for kind in KINDS.values() for owner in _classes(kind, module)]
    if len(found) != 1:
        bases = ", ".join(kind.base.__name__ for kind in KINDS.values())
        raise InputError(f"plugin {file.path} should define one subclass of {bases}; it defines {len(found)}")
    kind = found[0][0]
    name = getattr(found[0][1], "key", None) if kind is DATASETS else file.stem
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        raise InputError(f"plugin {file.path} has the key {name!r}; it should be a name such as 'my-data'")
    if name in _modules(kind):
        raise InputError(f"plugin {file.path}: there is a {kind.name} {name!r} already; choose another name")
    plugin(kind, name, module)
    return kind, name


def _drop() -> None:
    for file in in_use():
        sys.modules.pop(file.module, None)
    _in_use.clear()
    forget()


def in_use() -> tuple[PluginFile, ...]:
    """The plugin files that are registered."""
    return tuple(_in_use)


def is_outside(module: str) -> bool:
    """Whether a module is a registered plugin file."""
    return any(file.module == module for file in _in_use)


def kind_of(file: PluginFile) -> tuple[Kind, str]:
    """What a registered file defines: its kind, and the name it is known by."""
    return _in_use[file]


def forget() -> None:
    """Looks again at what is installed, when asked next."""
    for cached in (names, get, _modules):
        cached.cache_clear()


@cache
def names(kind: Kind[T]) -> tuple[str, ...]:
    """All names of a kind, sorted."""
    return tuple(sorted(_modules(kind)))


def every(kind: Kind[T]) -> list[str]:
    """The names that ``all`` stands for."""
    return [name for name in names(kind) if getattr(get(kind, name), "by_name", True)]


@cache
def get(kind: Kind[T], name: str) -> type[T]:
    """The class behind a name.

    Raises:
        InputError: The name is unknown, or its file breaks the interface.
    """
    modules = _modules(kind)
    if name not in modules:
        raise unknown(kind.name, name, modules)
    try:
        module = importlib.import_module(modules[name])
    except Exception as error:  # of an installed package, which may raise anything
        raise InputError(
            f"{kind.name} {name!r} of {modules[name]} cannot be imported: {explained(error, modules[name])}"
        ) from None
    return plugin(kind, name, module)


def dataset(text: str) -> tuple[str, dict[str, str]]:
    """The dataset that a user means: a name, or what one of them recognises, such as a folder's path.

    Returns:
        Its name, and the values of its ``Config`` that the text stands for.
    """
    if text not in names(DATASETS):
        for name in names(DATASETS):
            values = get(DATASETS, name).recognise(text)
            if values is not None:
                return name, values
    return text, {}


def plugin(kind: Kind[T], name: str, module: ModuleType) -> type[T]:
    """The one class of a kind that a module defines, with its ``Config`` and ``space``.

    Raises:
        InputError: There is none, there are several, or its ``Config`` or ``space`` is not what it should be.
    """
    found = _classes(kind, module)
    if len(found) != 1:
        raise InputError(
            f"{kind.name} {name!r} should define one subclass of {kind.base.__name__}; it defines {len(found)}"
        )
    config = getattr(module, "Config", getattr(found[0], "Config", None))
    check_config(f"{kind.name} {name!r}", config)
    space = getattr(module, "space", {})
    if not (isinstance(space, dict) and all(isinstance(part, Uniform | Choice) for part in space.values())):
        raise InputError(f"{kind.name} {name!r}: space should be a dict of Uniform, LogUniform or Choice")
    found[0].Config = config  # type: ignore[attr-defined]
    found[0].space = space  # type: ignore[attr-defined]
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
    found.update({name: file.module for file, (of, name) in _in_use.items() if of is kind})
    return found
