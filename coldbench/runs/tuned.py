"""``Tuned``: the values that ``coldbench tune`` chose for one dataset, backbone and protocol, as a table in TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from coldbench.core.errors import InputError, unknown
from coldbench.runs.flags import FlagKind


@dataclass(frozen=True)
class Tuned:
    """The chosen values of several methods under one condition; a part of the condition that is None is left open.

    Attributes:
        methods: By the label that a method had before the search, the values chosen for it:
            ``item_lr=0.01, deepfm.dropout=0.1``; empty if nothing was searched.
        how: How the values were chosen, for the report.
        dataset: The dataset's label.
        backbone: The label that the backbone had before the search.
        protocol: The protocol with all its fields, such as ``matched[budget=3]``.
        split: The split with all its fields.
        shots: The evaluation points, ``0, 1, 5``; ``0, K, 2 K, 3 K`` for the published ones.
    """

    methods: Mapping[str, str]
    how: str = ""
    dataset: str | None = None
    backbone: str | None = None
    protocol: str | None = None
    split: str | None = None
    shots: str | None = None

    def as_toml(self) -> dict[str, Any]:
        """The table's keys and values without what is left open, the condition first."""
        order = ("dataset", "backbone", "protocol", "split", "shots", "how", "methods")
        return {name: value for name in order if (value := getattr(self, name))}


class TunedTables(FlagKind):
    """Tables ``[[tuned]]`` of a TOML file."""

    def from_toml(self, path: Path, name: str, value: Any) -> tuple[Tuned, ...]:
        """Parses the tables."""
        if isinstance(value, str):
            raise InputError(
                f"tuned in {path} is a text, as an older coldbench wrote it; delete the line to run with the values in "
                f"the file, or let coldbench tune write the file again"
            )
        tables = value if isinstance(value, list) else [value]
        return tuple(self._parsed(path, table) for table in tables)

    def _parsed(self, path: Path, table: Any) -> Tuned:
        where = f"a table [[tuned]] in {path}"
        if not isinstance(table, dict) or not table.get("methods"):
            raise InputError(f"{where} should hold a table methods with the values of each method")
        known = {each.name for each in fields(Tuned)}
        for key, value in table.items():
            if key not in known:
                raise unknown(f"key of {where}", key, known)
            texts = [value] if key != "methods" else list(value.values()) if isinstance(value, dict) else [None]
            if not all(isinstance(text, str) for text in texts):
                kind = "a text per method, such as 'item_lr=0.01'" if key == "methods" else "a text"
                raise InputError(f"{key} of {where} is {value!r}; it should be {kind}")
        return Tuned(**table)
