"""Titles of methods and backbones, as the literature writes them: ``Meta-E``, ``Wide & Deep``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from coldbench.core.errors import InputError
from coldbench.plugins import registry
from coldbench.plugins.registry import BACKBONES, METHODS, Kind
from coldbench.run.folder import Record

Titles = Mapping[str, Mapping[str, str]]  # column of a table -> label -> title


def titles(records: Sequence[Record]) -> Titles:
    """The titles of a run's methods and backbones, by the columns of tables that name them."""
    methods, backbones = (
        titles_of(kind, {(record[kind.name], record["labels"][kind.name]) for record in records})
        for kind in (METHODS, BACKBONES)
    )
    return {"method": methods, "against": methods, "backbone": backbones}


def titles_of(kind: Kind, named: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Label -> title; a variant keeps its brackets: ``CVAR [adapt=false]``.

    Args:
        kind: Methods or backbones.
        named: Pairs of a plugin's key and the label of its variant.
    """
    found = {label: _title(kind, key, label.removeprefix(key)) for key, label in named}
    counts = Counter(found.values())
    return {label: title if counts[title] == 1 else label for label, title in found.items()}


def _title(kind: Kind, key: str, variant: str) -> str:
    """The title that a plugin's class has; its key where it has none or is not installed."""
    try:
        title = str(getattr(registry.get(kind, key), "title", key))
    except InputError:
        title = key
    return f"{title} {variant}" if variant and title != key else title + variant
