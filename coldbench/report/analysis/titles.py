"""Titles of methods and backbones, as the literature writes them: ``Meta-E``, ``Wide & Deep``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from coldbench.core.names import fold
from coldbench.runs.record import Record

Titles = Mapping[str, Mapping[str, str]]  # column of a table -> label -> title
UNTITLED: Titles = MappingProxyType({})


def titles(records: Sequence[Record]) -> Titles:
    """The titles of a run's methods and backbones, by the columns of tables that name them."""
    methods, backbones = (
        titles_of({record["labels"][kind]: (record[kind], record["plugins"][kind]["title"]) for record in records})
        for kind in ("method", "backbone")
    )
    return {"method": methods, "against": methods, "backbone": backbones}


def titles_of(named: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Label -> title; a variant keeps its brackets: ``CVAR [adapt=false]``.

    Args:
        named: Label of a variant to the plugin's key and title.
    """
    found = {label: _title(key, title, label.removeprefix(key)) for label, (key, title) in named.items()}
    counts = Counter(found.values())
    return {label: title if counts[title] == 1 else label for label, title in found.items()}


def title_of(titles: Titles, kind: str, label: str) -> str:
    """The title of a method or backbone; its label where it has none.

    Args:
        titles: Titles by kind and label.
        kind: ``method`` or ``backbone``, or another column of a table.
        label: The label.
    """
    return titles.get(kind, {}).get(label, label)


def label_of(text: str, titles: Mapping[str, str]) -> str:
    """The label that a text means: a label or a title, in any case and with any hyphens; the text itself if none.

    Args:
        text: Such as ``Meta-E`` or ``CVAR [adapt=false]``.
        titles: Label -> title.
    """
    found = [label for label, title in titles.items() if _spelled(text) in (_spelled(label), _spelled(title))]
    return found[0] if len(found) == 1 and text not in titles else text


def _spelled(text: str) -> tuple[str, str]:
    name, bracket, rest = text.partition("[")
    return fold(name) or name, bracket + rest


def _title(key: str, title: str, variant: str) -> str:
    return f"{title} {variant}" if variant and title != key else title + variant
