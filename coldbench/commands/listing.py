"""``coldbench list``: the available methods, backbones, datasets and worlds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coldbench.core.config import as_dict, text
from coldbench.core.errors import InputError, unknown
from coldbench.plugins.description import citation
from coldbench.plugins.file import PluginFile
from coldbench.plugins.kinds import KINDS
from coldbench.plugins.registry import Registry


def listing(kind: str | None, plugins: Sequence[Path] = ()) -> str:
    """Lists names, citations and hyper-parameters with their defaults, for one kind or for all.

    Raises:
        InputError: The kind is unknown, or a plugin file cannot be used.
    """
    registry = Registry([PluginFile.read(path) for path in plugins])
    if kind is not None and kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    return "\n\n".join(_kind(registry, name) for name in ([kind] if kind else KINDS))


def _kind(registry: Registry, plural: str) -> str:
    parts = [plural]
    for name in registry.names(KINDS[plural]):
        try:
            owner: Any = registry.get(KINDS[plural], name)
        except InputError as error:  # a broken installed package leaves the others usable
            parts.append(f"  {name}: {error}")
            continue
        values = ", ".join(f"{field}={text(value)}" for field, value in as_dict(owner.Config()).items())
        title = f", {owner.title}" if vars(owner).get("title") else ""
        group = f" ({owner.group})" if vars(owner).get("group") else ""
        parts.append(f"  {name}{title}{group}: {citation(owner)}" + (f"\n      {values}" if values else ""))
    return "\n".join(parts)
