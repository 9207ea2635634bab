"""``Registry``: finds methods, backbones, datasets and worlds by name, including those of plugin files."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from types import ModuleType
from typing import Any, TypeVar

from coldbench.core.config import resolve
from coldbench.core.errors import InputError, unknown
from coldbench.core.names import fold
from coldbench.plugins.file import NAME, PluginFile, explained
from coldbench.plugins.kinds import BY_NAME, DATASETS, KINDS, Kind, check_plugin
from coldbench.plugins.places import built_in, modules
from coldbench.plugins.spec import Spec

T = TypeVar("T")

ALL = "all"  # the group of every plugin


class Registry:
    """All plugins with a name: those that come with coldbench, of installed packages, and of the given plugin files.

    Args:
        files: Plugin files, each defining one method, backbone or dataset.

    Raises:
        InputError: If a file cannot be imported, breaks the interface, or has a name that is taken.
    """

    def __init__(self, files: Sequence[PluginFile] = ()) -> None:
        self.files: dict[tuple[str, str], PluginFile] = {}  # (kind, name) -> file
        stems: set[str] = set()
        for file in dict.fromkeys(files):
            if file.stem in stems:
                raise InputError(f"two plugin files are named {file.stem!r}; a name stands for one plugin")
            stems.add(file.stem)
            kind, name = defined(file)
            if name in modules(kind):
                raise InputError(f"plugin {file.path}: there is a {kind.name} {name!r} already; choose another name")
            if name in self.groups(kind):
                raise InputError(f"plugin {file.path}: {name!r} is a group of {kind.name}s; choose another name")
            self.files[kind.name, name] = file

    def names(self, kind: Kind) -> tuple[str, ...]:
        """All plugin names of a kind, sorted."""
        return tuple(sorted({*modules(kind), *(name for of, name in self.files if of == kind.name)}))

    def groups(self, kind: Kind) -> dict[str, list[str]]:
        """Maps each group of a kind to the names of its plugins, sorted.

        ``all`` holds the plugins that come with coldbench and those of the plugin files. Plugins of installed packages
        are excluded, so that the same command gives the same table on every machine. A plugin is in the group that its
        own class names as well; it does not inherit the group.
        """
        found: dict[str, list[str]] = {ALL: []}
        for name in self.names(kind):
            if (kind.name, name) in self.files or name in built_in(kind):
                owner = self.get(kind, name)
                if getattr(owner, "by_name", True):
                    for group in (ALL, vars(owner).get("group", "")):
                        found.setdefault(group, []).append(name)
        found.pop("", None)
        return found

    def titles(self, kind: Kind) -> dict[str, str]:
        """Maps the name of each plugin of a kind that has a title, and can be imported, to that title."""
        found = {}
        for name in self.names(kind):
            with suppress(InputError):  # a broken installed package leaves the others usable
                found[name] = vars(self.get(kind, name)).get("title", "")
        return {name: title for name, title in found.items() if title}

    def key(self, kind: Kind, text: str) -> str:
        """The name of the plugin that a text means: its name or title, in any case and with any hyphens.

        Returns:
            The plugin's name; the text itself if it means no plugin.

        Raises:
            InputError: If the text means several plugins.
        """
        names, wanted = self.names(kind), fold(text)
        if text in names or not wanted:
            return text
        found = [name for name in names if fold(name) == wanted]
        found = found or [name for name, title in self.titles(kind).items() if fold(title) == wanted]
        if len(found) > 1:
            raise InputError(f"{kind.name} {text!r} may be {' or '.join(found)}; write which one")
        return found[0] if found else text

    def target(self, text: str) -> str:
        """The name of the method, backbone or dataset that a text means; the text itself if it means none."""
        if not any(text in self.names(kind) for kind in KINDS.values()):
            for kind in KINDS.values():
                name = self.key(kind, text)
                if name in self.names(kind):
                    return name
        return text

    def expand(self, kind: Kind, texts: Sequence[str]) -> list[str]:
        """Replaces each group by the names in it; ``paper[item_lr=0.01]`` sets the field of all of them.

        Args:
            kind: The kind of the plugins.
            texts: Names and groups, with values of fields in brackets or without.
        """
        if all(text.partition("[")[0] in self.names(kind) for text in texts):
            return list(texts)
        groups = {fold(group): members for group, members in self.groups(kind).items()}
        found = []
        for text in texts:
            name, bracket, rest = text.partition("[")
            known = self.key(kind, name) in self.names(kind)
            found += [member + bracket + rest for member in ([name] if known else groups.get(fold(name), [name]))]
        return found

    def get(self, kind: Kind[T], name: str) -> type[T]:
        """Returns the plugin class with the given name.

        Raises:
            InputError: If the name is unknown, or its file breaks the interface.
        """
        file = self.files.get((kind.name, name))
        if file is None and name not in modules(kind):
            raise unknown(kind.name, name, (*self.names(kind), *self.groups(kind)), self.titles(kind))
        return plugin_class(kind, name, file)

    def spec(self, kind: Kind, name: str, values: Mapping[str, Any]) -> Spec:
        """Returns a plugin with its default configuration, in which the given values replace defaults.

        Args:
            kind: The plugin's kind.
            name: Its name or title (see ``key``).
            values: Values by field.

        Raises:
            InputError: If the name is unknown, or a field does not accept its value.
        """
        name = self.key(kind, name)
        config: Any = self.get(kind, name)
        return Spec(kind.name, name, resolve(name, config.Config, values), self.files.get((kind.name, name)))

    def dataset(self, text: str) -> tuple[str, dict[str, str]]:
        """Finds the dataset that a text denotes: its name or title, or a text that it recognises, such as a path.

        Returns:
            The dataset's name, and the values of its ``Config`` that the text stands for.
        """
        names = self.names(DATASETS)
        if text not in names:
            for name in names:
                values = self.get(DATASETS, name).recognise(text)
                if values is not None:
                    return name, values
        return self.key(DATASETS, text), {}


def defined(file: PluginFile) -> tuple[Kind, str]:
    """Imports a plugin file and returns the kind and the name of the plugin that it defines.

    Raises:
        InputError: If it does not define exactly one plugin, or the plugin's name or ``Config`` is invalid.
    """
    module = file.load()
    classes = [(kind, owner) for kind in KINDS.values() for owner in _classes(kind, module)]
    if len(classes) != 1:
        bases = ", ".join(kind.base.__name__ for kind in KINDS.values())
        raise InputError(f"plugin {file.path} should define one subclass of {bases}; it defines {len(classes)}")
    kind, owner = classes[0]
    name = getattr(owner, "key", None) if kind is DATASETS else file.stem
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        raise InputError(f"plugin {file.path} has the key {name!r}; it should be a name such as 'my-data'")
    check_plugin(kind, name, owner)
    return kind, name


@cache
def plugin_class(kind: Kind[T], name: str, file: PluginFile | None) -> type[T]:
    """Returns the class of a plugin that comes from coldbench, an installed package or a plugin file.

    Raises:
        InputError: If it cannot be imported, or breaks the interface.
    """
    if file is not None:
        module = file.load()
    else:
        path = modules(kind)[name]
        try:
            module = importlib.import_module(path)
        except Exception as error:  # an installed package may raise anything
            raise InputError(f"{kind.name} {name!r} of {path} cannot be imported: {explained(error, path)}") from None
    classes = _classes(kind, module)
    if len(classes) != 1:
        raise InputError(
            f"{kind.name} {name!r} should define one subclass of {kind.base.__name__}; it defines {len(classes)}"
        )
    check_plugin(kind, name, classes[0])
    return classes[0]


def class_of(spec: Spec) -> type[Any]:
    """Returns the plugin class of a spec, in any process.

    Raises:
        InputError: If no plugin of that name is installed in this process.
    """
    kind = BY_NAME[spec.kind]
    if spec.file is None and spec.name not in modules(kind):
        raise unknown(kind.name, spec.name, modules(kind))
    return plugin_class(kind, spec.name, spec.file)


def forget() -> None:
    """Clears the caches, so that the next query looks up the installed plugins again."""
    modules.cache_clear()
    plugin_class.cache_clear()


def _classes(kind: Kind[T], module: ModuleType) -> list[type[T]]:
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, kind.base) and value.__module__ == module.__name__
    ]
