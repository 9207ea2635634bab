"""Gives the cells of a plan the values that ``coldbench tune`` chose for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from coldbench.core.errors import InputError
from coldbench.runs.cell import Cell, Choosing
from coldbench.runs.flags import split_names
from coldbench.runs.tuned import Tuned


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
    fitting = [[table for table in tables if _covers(table, cell)] for cell in cells]
    lacking = [cell.condition for cell, found in zip(cells, fitting, strict=True) if not found]
    if lacking:
        more = f" and {len(set(lacking)) - 1} more" if len(set(lacking)) > 1 else ""
        raise InputError(f"no values were tuned for {lacking[0]}{more}; tune for it too, or run it without --config")
    for cell, found in zip(cells, fitting, strict=True):
        if len(found) > 1:
            raise InputError(f"{len(found)} tables [[tuned]] hold values for {cell.condition}; keep one of them")
    return [_applied(found[0], cell) for cell, found in zip(cells, fitting, strict=True)]


def condition(cell: Cell) -> dict[str, str]:
    """What a search tunes for, by the keys of a table."""
    return {
        "dataset": cell.dataset.located.label,
        "backbone": cell.backbone.label,
        "protocol": cell.protocol.full,
        "split": cell.split.full,
        "shots": ", ".join(map(str, cell.shots)) or "0, K, 2 K, 3 K",
    }


def _covers(table: Tuned, cell: Cell) -> bool:
    """Whether a table has values for a cell."""
    open_or_same = all(getattr(table, part) in (None, name) for part, name in condition(cell).items())
    return open_or_same and cell.method.label in table.methods


def _applied(table: Tuned, cell: Cell) -> Cell:
    """The cell with its chosen values; unchanged if nothing was searched for its method."""
    text = table.methods[cell.method.label]
    values = {}
    for pair in split_names(text) if text.strip() else ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"{pair!r} in the table [[tuned]] of {cell.method.label} should be FIELD=VALUE")
        target = name.strip() if "." in name else f"{cell.method.name}.{name.strip()}"
        values[target] = value.strip()
    return replace(cell.having(values), choosing=Choosing(table.how, cell)) if values else cell
