"""``coldbench data``: what a dataset holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from coldbench import registry
from coldbench.data.dataset import Dataset
from coldbench.split import warm_up_split


@dataclass(frozen=True)
class Info:
    """A dataset in numbers: its sizes, its split and its fields.

    Attributes:
        name: The registry's name.
        label: What tables call it.
        rows: Interactions.
        users: Users.
        items: Items.
        click_rate: Share of clicks among the interactions.
        fingerprint: SHA-256 of content and preparing code.
        n: Items with more interactions are old.
        k: Interactions of a new item in each warm-up phase.
        split: Rows per part and items per group.
        fields: Field name to its side, kind and number of values.
        notes: How the raw files differ from the published ones.
    """

    name: str
    label: str
    rows: int
    users: int
    items: int
    click_rate: float
    fingerprint: str
    n: int
    k: int
    split: dict[str, int]
    fields: dict[str, dict[str, str | int]]
    notes: list[str]

    def text(self) -> str:
        """For a person."""
        parts = ", ".join(f"{name} {count:,}" for name, count in self.split.items())
        fields = ", ".join(
            f"{name} ({about['side']} {about['kind']}" + (f" of {about['size']:,})" if about["size"] else ")")
            for name, about in self.fields.items()
        )
        lines = [
            f"{self.label}: {self.rows:,} interactions of {self.users:,} users with {self.items:,} items, "
            f"{100 * self.click_rate:.1f} % clicks",
            f"split at N = {self.n}, K = {self.k}: {parts}",
            f"fields: {fields}",
            f"fingerprint: {self.fingerprint}",
            *(f"note: {note}" for note in self.notes),
        ]
        return "\n".join(lines)


def describe(name: str, path: Path | None = None) -> Info:
    """Prepares a dataset if need be, and describes it with its default split.

    Raises:
        InputError: The name is unknown, or the dataset is not at hand.
    """
    source = registry.get(registry.DATASETS, name)()
    config = source.Config()
    data: Dataset = source.load(config, path)
    return Info(
        name=name,
        label=data.label,
        rows=data.rows,
        users=data.schema.users,
        items=data.schema.items,
        click_rate=float(data.click.mean()),
        fingerprint=data.fingerprint,
        n=data.n,
        k=data.k,
        split=warm_up_split(data).sizes(),
        fields={f.name: {"side": f.side, "kind": f.kind, "size": f.size} for f in data.schema.fields},
        notes=list(data.notes),
    )


def add_dataset(name: str, path: Path) -> str:
    """Checks raw files, makes them what the name stands for, and describes them.

    Raises:
        InputError: The name is unknown, or the files are not that dataset's.
    """
    registry.get(registry.DATASETS, name)().add(path)
    return describe(name, path).text()
