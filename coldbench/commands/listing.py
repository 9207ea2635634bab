"""``coldbench list``: what the registry holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coldbench.core.config import as_dict, text
from coldbench.core.errors import unknown
from coldbench.plugins import registry
from coldbench.plugins.file import PluginFile


def listing(kind: str | None, plugins: Sequence[Path] = ()) -> str:
    """Names, citations, hyper-parameters and their defaults, of one kind or of all.

    Raises:
        InputError: The kind is none of methods, backbones, datasets, or a plugin file is none.
    """
    registry.use([PluginFile.read(path) for path in plugins])
    if kind is not None and kind not in registry.KINDS:
        raise unknown("kind", kind, registry.KINDS)
    kinds = [kind] if kind else list(registry.KINDS)
    return "\n\n".join(_kind(name) for name in kinds)


def _kind(name: str) -> str:
    kind = registry.KINDS[name]
    parts = [name]
    for plugin in registry.names(kind):
        owner: Any = registry.get(kind, plugin)
        defaults = as_dict(owner.Config())
        values = ", ".join(f"{name}={text(value)}" for name, value in defaults.items())
        parts.append(f"  {plugin}: {registry.citation(owner)}" + (f"\n      {values}" if values else ""))
    return "\n".join(parts)
