"""``Contents``: which of a dataset's item fields are used, and which vectors of texts are added to them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from coldbench.core.config import digest
from coldbench.core.errors import unknown
from coldbench.data import embedded
from coldbench.data.prepared import Prepared
from coldbench.data.schema import DERIVED, Field, Schema

ALL, NONE = "all", "none"


@dataclass(frozen=True)
class Contents:
    """The side information of items that a run uses."""

    fields: str = ALL  # the items' fields: all, none, or some of them, as year+genres; count always stays
    vectors: str = NONE  # the text whose vectors are added, as title (made by coldbench data embed), or none


def select(prepared: Prepared, contents: Contents, name: str, fingerprint: str, shown: str) -> tuple[Prepared, str]:
    """Drops the item fields that are not wanted, and adds the vectors that are.

    Args:
        prepared: The columns as they were prepared.
        contents: What is wanted.
        name: The dataset's name in the cache.
        fingerprint: The fingerprint of the prepared columns.
        shown: The dataset's name as the user gave it.

    Returns:
        The columns, and their fingerprint: another one if there are vectors, since those depend on a model.

    Raises:
        InputError: A field is unknown, or the vectors have not been made yet.
    """
    prepared = _with_fields(prepared, contents.fields)
    if contents.vectors == NONE:
        return prepared, fingerprint
    values, content = embedded.load(name, fingerprint, contents.vectors, prepared.schema.items, shown)
    field = Field(f"{contents.vectors}_vector", "vector", "item", width=values.shape[1])
    schema = replace(prepared.schema, fields=(*prepared.schema.fields, field))
    items = {**prepared.items, field.name: values}
    return replace(prepared, schema=schema, items=items), digest([fingerprint, contents.vectors, content])


def _with_fields(prepared: Prepared, fields: str) -> Prepared:
    if fields == ALL:
        return prepared
    there = {field.name for field in prepared.schema.fields if field.side == "item" and field.name not in DERIVED}
    wanted = set() if fields == NONE else set(fields.split("+"))
    for name in sorted(wanted - there):
        raise unknown(f"item field in fields={fields}", name, {*there, ALL, NONE})
    kept = tuple(field for field in prepared.schema.fields if field.name not in there - wanted)
    schema = Schema(prepared.schema.users, prepared.schema.items, kept)
    return replace(prepared, schema=schema, items={name: prepared.items[name] for name in wanted})
