"""``coldbench list``: the available methods, backbones, datasets and worlds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from coldbench.core.config import text
from coldbench.core.errors import InputError, unknown
from coldbench.plugins.description import Summary, summary
from coldbench.plugins.outline import outline
from coldbench.plugins.places import PLACES, built_in, modules

if TYPE_CHECKING:
    from coldbench.plugins.registry import Registry


def listing(kind: str | None, plugins: Sequence[Path] = ()) -> str:
    """Lists names, citations and hyper-parameters with their defaults, for one kind or for all.

    Built-in plugins are read from their files; plugins of other packages and plugin files are imported.

    Raises:
        InputError: The kind is unknown, or a plugin file cannot be used.
    """
    if kind is not None and kind not in PLACES:
        raise unknown("kind", kind, PLACES)
    imported = _Imported(plugins)
    return "\n\n".join("\n".join(_lines(name, imported)) for name in ([kind] if kind else PLACES))


def _lines(kind: str, imported: _Imported) -> Iterator[str]:
    own = built_in(PLACES[kind])
    yield kind
    for name in sorted({*modules(PLACES[kind]), *imported.names(kind)}):
        found = None
        with suppress(Exception):  # the import then says what is wrong
            found = outline(own[name])
        try:
            yield _entry(name, found or imported.summary(kind, name))
        except InputError as error:  # a broken installed package leaves the others usable
            yield f"  {name}: {error}"


def _entry(name: str, about: Summary) -> str:
    values = ", ".join(f"{field}={text(value)}" for field, value in about.defaults.items())
    title, group = about.title and f", {about.title}", about.group and f" ({about.group})"
    return f"  {name}{title}{group}: {about.citation}" + (f"\n      {values}" if values else "")


class _Imported:
    """The plugins that have to be imported; torch is imported with the first of them."""

    def __init__(self, plugins: Sequence[Path]) -> None:
        self._plugins = plugins

    def names(self, kind: str) -> list[str]:
        """The names that the plugin files define, of one kind."""
        return [name for of, name in self._registry.files if of == PLACES[kind].name] if self._plugins else []

    def summary(self, kind: str, name: str) -> Summary:
        """Summarises a plugin.

        Raises:
            InputError: It cannot be imported, or breaks the interface.
        """
        from coldbench.plugins.kinds import KINDS

        return summary(self._registry.get(KINDS[kind], name))

    @cached_property
    def _registry(self) -> Registry:
        from coldbench.plugins.file import PluginFile
        from coldbench.plugins.registry import Registry

        return Registry([PluginFile.read(path) for path in self._plugins])
