"""``Tuned``: the values that ``coldbench tune`` chose for one dataset, backbone and protocol, as a table in TOML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from coldbench.core.errors import InputError, unknown
from coldbench.run.cell import Cell, Choosing
from coldbench.run.flags import FlagKind, split_names


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

    def covers(self, cell: Cell) -> bool:
        """Whether the table has values for a cell."""
        open_or_same = all(getattr(self, part) in (None, name) for part, name in condition(cell).items())
        return open_or_same and cell.method.label in self.methods

    def applied(self, cell: Cell) -> Cell:
        """The cell with its chosen values; unchanged if nothing was searched for its method."""
        text = self.methods[cell.method.label]
        values = {}
        for pair in split_names(text) if text.strip() else ():
            name, equals, value = pair.partition("=")
            if not equals:
                raise InputError(f"{pair!r} in the table [[tuned]] of {cell.method.label} should be FIELD=VALUE")
            target = name.strip() if "." in name else f"{cell.method.name}.{name.strip()}"
            values[target] = value.strip()
        return replace(cell.having(values), choosing=Choosing(self.how, cell)) if values else cell

    def as_toml(self) -> dict[str, Any]:
        """The table's keys and values without what is left open, the condition first."""
        order = ("dataset", "backbone", "protocol", "split", "shots", "how", "methods")
        return {name: value for name in order if (value := getattr(self, name))}


def condition(cell: Cell) -> dict[str, str]:
    """What a search tunes for, by the keys of a table."""
    return {
        "dataset": cell.dataset.located.label,
        "backbone": cell.backbone.label,
        "protocol": cell.protocol.full,
        "split": cell.split.full,
        "shots": ", ".join(map(str, cell.shots)) or "0, K, 2 K, 3 K",
    }


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


def apply(cells: Sequence[Cell], tables: Sequence[Tuned]) -> list[Cell]:
    """Gives each cell the values that were tuned for its own dataset, backbone, protocol and method.

    Args:
        cells: The cells of a plan.
        tables: The tables of chosen values; without any, the cells stay as they are.

    Raises:
        InputError: A cell has no values or several, or a value is wrong.
    """
    if not tables:
        return list(cells)
    fitting = [[table for table in tables if table.covers(cell)] for cell in cells]
    lacking = [cell.condition for cell, found in zip(cells, fitting, strict=True) if not found]
    if lacking:
        more = f" and {len(set(lacking)) - 1} more" if len(set(lacking)) > 1 else ""
        raise InputError(f"no values were tuned for {lacking[0]}{more}; tune for it too, or run it without --config")
    for cell, found in zip(cells, fitting, strict=True):
        if len(found) > 1:
            raise InputError(f"{len(found)} tables [[tuned]] hold values for {cell.condition}; keep one of them")
    return [found[0].applied(cell) for cell, found in zip(cells, fitting, strict=True)]
