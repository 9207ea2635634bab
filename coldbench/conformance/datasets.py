"""The checks that every dataset must pass; each yields one line per fault."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from coldbench.conformance.subject import WITH, Subject, load, make_cell
from coldbench.protocol.split import warm_up_split


def is_well_formed(subject: Subject) -> Iterator[str]:
    """Numbers are in range, labels are 0 or 1, and the split has rows."""
    data = load(subject.spec())
    for side, table, rows in (
        ("user", data.users, data.schema.users),
        ("item", data.items, data.schema.items),
        ("context", data.context, data.rows),
    ):
        layout = data.schema.side(side)  # type: ignore[arg-type]
        vocabulary, width = layout.vocabulary, sum(field.width for field in layout.vectors)
        vectors = np.zeros((rows, 0)) if table.vectors is None else table.vectors
        if len(table.ids) != rows or len(table.numeric) != rows:
            yield f"its {side} table has {len(table.ids)} rows; it should have {rows}"
        if table.ids.size and not (table.ids.min() >= 0 and table.ids.max() < vocabulary):
            yield f"its {side} fields have values outside the vocabulary that the schema names"
        if not np.isfinite(table.numeric).all():
            yield f"its numeric {side} fields have values that are not finite"
        if vectors.shape != (rows, width) or (vectors.size and not np.isfinite(vectors).all()):
            yield f"its {side} vectors should be {(rows, width)} finite numbers; they are {vectors.shape}"
    for column, size in (("user", data.schema.users), ("item", data.schema.items)):
        index = getattr(data, column)
        if not (len(index) == data.rows and index.min() >= 0 and index.max() < size):
            yield f"its interactions name a {column} outside 0 to {size - 1}"
    if not np.isin(data.click, (0, 1)).all():
        yield "its clicks should be 0 or 1"
    warm_up_split(data)


def repeats(subject: Subject) -> Iterator[str]:
    """Two loads of the dataset give the same rows, and one cell on it is finite."""
    spec = subject.spec()
    first, second = load(spec), subject.owner().load(spec.config)
    if first.fingerprint != second.fingerprint:
        yield "loaded twice, it has two fingerprints"
    if first.click.tobytes() != second.click.tobytes() or first.item.tobytes() != second.item.tobytes():
        yield "loaded twice, it has other rows"
    yield from subject.failures(make_cell("fm", WITH, dataset=spec), f"with {WITH} on fm")
