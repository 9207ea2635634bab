"""Titles of methods and backbones, as the literature writes them: ``Meta-E``, ``Wide & Deep``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from coldbench.run.record import Record

Titles = Mapping[str, Mapping[str, str]]  # column of a table -> label -> title


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


def _title(key: str, title: str, variant: str) -> str:
    return f"{title} {variant}" if variant and title != key else title + variant
