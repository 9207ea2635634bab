"""``coldbench data card``: a dataset's source, terms, rows at every step of reading, split and traps, in Markdown.

A card is made from what the dataset's class declares and from counts of its rows; it contains no row of the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from coldbench.commands.data import Info, describe
from coldbench.core.errors import printable
from coldbench.data.dataset import Dataset
from coldbench.data.files.provenance import PROVENANCE
from coldbench.data.prepared import Step
from coldbench.data.source import AbsentError, Source
from coldbench.plugins.description import citation
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry


def card(name: str, path: Path | None = None, partial: bool = False) -> str:
    """Writes a dataset's card; without its data, only the part that needs none.

    Args:
        name: The dataset's name, or the folder of the user's own data.
        path: The raw files; None for those of COLDBENCH_DATA, the downloaded ones or the cache.
        partial: Whether the raw files may be a subset of the published ones.

    Raises:
        InputError: The name is unknown, or the files at ``path`` do not belong to that dataset.
    """
    registry = Registry()
    key, values = registry.dataset(name)
    source = registry.get(DATASETS, key)()
    if partial:
        source.accept_partial()
    config = registry.spec(DATASETS, key, values).config
    parts = [declared(name, type(source))]
    steps: Sequence[Step] = ()
    try:
        steps = source.reread(config, path)[1].steps
    except AbsentError:
        if path is not None:
            raise
    try:
        data = source.load(config, path)
    except AbsentError:
        return "\n".join([*parts, f"Its data is not here; `coldbench data add {name} PATH` adds it.", ""])
    return "\n".join([*parts, *_counted(describe(name, path, partial), data, steps)])


def declared(name: str, owner: type[Source]) -> str:
    """The part of a card that the dataset's class declares."""
    lines = [f"## {name}", "", f"{citation(owner)}.", ""]
    if owner.published is not None:
        lines += [f"- Source: <{owner.published.page}>", f"- Terms: {owner.published.licence}"]
    lines += [f"- Label: {owner.label_rule}"] if owner.label_rule else []
    lines += ["- Known traps:", *(f"    - {trap}" for trap in owner.traps)] if owner.traps else []
    return "\n".join([*lines, ""])


def _counted(info: Info, data: Dataset, steps: Sequence[Step]) -> Iterator[str]:
    """The part of a card that is counted in the data."""
    yield f"Counted in {printable(info.label)}, fingerprint {info.fingerprint[:12]}:"
    yield ""
    if steps:
        yield from _table(("step of reading", "rows in", "rows out"), [(s.what, s.rows, s.kept) for s in steps])
    split = [(f"split (N = {info.n}, K = {info.k}): {part}", size) for part, size in info.split.items()]
    sizes = [("interactions", info.rows), ("users", info.users), ("items", info.items), *split]
    left_out = [(f"interactions left out: {info.discarded['why']}", info.discarded["rows"])]
    yield from _table(("what", "number"), [*sizes, *left_out])
    rates = ", ".join(f"{part} {100 * rate:.1f} %" for part, rate in info.click_rates.items())
    yield f"Clicks: {100 * info.click_rate:.1f} % of all rows; {rates}."
    yield ""
    fields = [
        (field, about["side"], about["kind"], about["size"] or about["width"]) for field, about in info.fields.items()
    ]
    yield from _table(("field", "side", "kind", "values or width"), fields)
    notes = [note for note in info.notes if not note.startswith(PROVENANCE)]
    missing = [*_missing(data), *notes]
    if len(notes) < len(info.notes):
        missing.append(f"the published files: {PROVENANCE} says how these differ (`coldbench data info {info.name}`)")
    yield from (["Missing:", "", *(f"- {printable(note)}" for note in missing), ""] if missing else [])


def _missing(data: Dataset) -> Iterator[str]:
    """The items and users without a word in a multi-valued field, or without a vector."""
    for side, table in (("user", data.users), ("item", data.items)):
        layout = data.schema.side(side)  # type: ignore[arg-type]
        for field, columns in zip(layout.tokens, layout.columns, strict=True):
            empty = int((~table.ids[:, columns].any(1)).sum()) if field.kind == "multi" else 0
            if empty:
                yield f"{field.name}: {empty:,} of {len(table.ids):,} {side}s have none"


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(f'{v:,}' if isinstance(v, int) else printable(str(v)) for v in row)} |"
    yield ""
