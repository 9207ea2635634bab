"""``coldbench data``: a dataset's content and split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from coldbench.commands.released import Released, released
from coldbench.core.errors import InputError, printable
from coldbench.data.dataset import Dataset
from coldbench.data.proposal import proposal
from coldbench.data.source import Source
from coldbench.datasets.folder import check
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry
from coldbench.protocol.shots import WARM_PHASES
from coldbench.protocol.split import WarmUpSplit, warm_up_split

_FEW = 50  # fewer test rows of the rarer class make the AUC noisy
_RARE = 0.005  # a smaller share of the rarer class makes a part uninformative


@dataclass(frozen=True)
class Proposed:
    """A proposed split with about 80 % new items.

    Attributes:
        n: Items with more interactions are old.
        k: Interactions of a new item in each warm-up phase.
        split: The rows in each part and the items in each group.
    """

    n: int
    k: int
    split: dict[str, int]

    def text(self) -> str:
        """The proposal as text."""
        new, old = self.split["items_new"], self.split["items_old"]
        return f"N = {self.n}, K = {self.k}, {100 * new / (new + old):.0f} % new items: {_listed(self.split)}"


@dataclass(frozen=True)
class Info:
    """A dataset in numbers: its sizes, its split and its fields.

    Attributes:
        name: The registered name.
        label: The name in tables.
        rows: The number of interactions.
        users: The number of users.
        items: The number of items.
        click_rate: The share of clicks among the interactions.
        fingerprint: SHA-256 of the content and of the version of the preparing code.
        n: Items with more interactions are old.
        k: Interactions of a new item in each warm-up phase.
        split: The rows in each part and the items in each group.
        release: The sizes under the split ``release``.
        click_rates: The share of clicks in each part.
        discarded: The items and rows that the split leaves out, and why.
        popularity: The interactions of the items at some ranks, the most popular item first.
        fields: The side, kind, number of values and number of columns of each field.
        proposed: A split with about 80 % new items, or None.
        warnings: Warnings about parts with only one class or few rows of one.
        notes: Differences between the raw files and the published ones.
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
    release: Released
    click_rates: dict[str, float]
    discarded: dict[str, int | str]
    popularity: list[dict[str, int]]
    fields: dict[str, dict[str, str | int]]
    proposed: Proposed | None
    warnings: list[str]
    notes: list[str]

    def text(self) -> str:
        """The description as text."""
        rates = ", ".join(f"{name} {100 * rate:.1f} %" for name, rate in self.click_rates.items())
        curve = ", ".join(f"{point['rank']:,}: {point['interactions']:,}" for point in self.popularity)
        fields = ", ".join(
            f"{name} ({about['side']} {about['kind']}{_extent(about)})" for name, about in self.fields.items()
        )
        left = self.discarded
        lines = [
            f"{self.label}: {self.rows:,} interactions of {self.users:,} users with {self.items:,} items, "
            f"{100 * self.click_rate:.1f} % clicks",
            f"split at N = {self.n}, K = {self.k}: {_listed(self.split)}",
            self.release.text(),
            f"left out: {left['rows']:,} interactions of {left['items']:,} items: {left['why']}",
            f"click rates: {rates}",
            f"interactions of the item at rank: {curve}",
            f"fields: {fields}",
            f"fingerprint: {self.fingerprint}",
            *([f"proposed: {self.proposed.text()}"] if self.proposed else []),
            *(f"warning: {warning}" for warning in self.warnings),
            *(f"note: {note}" for note in self.notes),
        ]
        return "\n".join(map(printable, lines))


def describe(name: str, path: Path | None = None, partial: bool = False) -> Info:
    """Prepares a dataset if necessary, and describes it with its default split.

    Raises:
        InputError: The name is unknown, or the dataset is not available.
    """
    registry = Registry()
    key, values = registry.dataset(name)
    return _info(_source(key, partial).load(registry.spec(DATASETS, key, values).config, path))


def add_dataset(name: str, path: Path, partial: bool = False) -> str:
    """Checks raw files, makes them the data of the given name, and describes them.

    Raises:
        InputError: The name is unknown, or the files do not belong to that dataset.
    """
    return _info(_source(name, partial).add(path)).text()


def download_dataset(name: str) -> str:
    """Downloads the published archive, checks it, makes it the data of the given name, and describes it.

    Raises:
        InputError: The name is unknown, or the archive cannot be downloaded.
    """
    source = _source(name)
    return _info(source.add(source.download())).text()


def _source(name: str, partial: bool = False) -> Source:
    registry = Registry()
    source = registry.get(DATASETS, registry.key(DATASETS, name))()
    if partial:
        source.accept_partial()
    return source


def check_folder(path: Path) -> tuple[str, int]:
    """Checks a folder with the user's own data; returns its problems or its description, and the exit code.

    Raises:
        InputError: The folder does not exist, or its items do not split at its N and K.
    """
    problems = check(path)
    if problems:
        return "\n".join([*map(str, problems), f"{path}: {len(problems)} problem{'s' * (len(problems) > 1)}"]), 2
    return describe(str(path.resolve())).text(), 0


def _info(data: Dataset) -> Info:
    counts = np.bincount(data.item, minlength=data.schema.items)
    proposed = _proposed(counts)
    try:
        split = warm_up_split(data)
    except InputError as error:
        raise InputError(f"{error}" + (f"; proposed: {proposed.text()}" if proposed else "")) from None
    parts = {"base": split.base, **split.warm, "test": split.test}
    return Info(
        name=data.name,
        label=data.label,
        rows=data.rows,
        users=data.schema.users,
        items=data.schema.items,
        click_rate=float(data.click.mean()),
        fingerprint=data.fingerprint,
        n=data.n,
        k=data.k,
        split=split.sizes(),
        release=released(data),
        click_rates={name: float(data.click[rows].mean()) for name, rows in parts.items()},
        discarded=_discarded(split, counts, data.k),
        popularity=_curve(np.sort(counts)[::-1]),
        fields={
            field.name: {"side": field.side, "kind": field.kind, "size": field.size, "width": field.width}
            for field in data.schema.fields
        },
        proposed=proposed,
        warnings=[text for name, rows in parts.items() for text in _warnings(name, data.click[rows])],
        notes=list(data.notes),
    )


def _proposed(counts: np.ndarray) -> Proposed | None:
    fit = proposal(counts)
    if fit is None:
        return None
    n, k = fit
    old, new = counts > n, (counts >= 3 * k) & (counts <= n)
    warm = k * int(new.sum())
    split = {
        "base": int(counts[old].sum()),
        **dict.fromkeys(WARM_PHASES, warm),
        "test": int(counts[new].sum()) - len(WARM_PHASES) * warm,
        "items_old": int(old.sum()),
        "items_new": int(new.sum()),
        "items_discarded": int((counts < 3 * k).sum()),
    }
    return Proposed(n, k, split)


def _warnings(part: str, click: np.ndarray) -> Iterator[str]:
    """Yields warnings about a test part with an undefined or noisy AUC, or a phase with little to learn from."""
    clicks, rows = int(click.sum()), len(click)
    fewer, what = min((clicks, "with a click"), (rows - clicks, "without a click"))
    test = part == "test"
    if not fewer:
        effect = "no AUC is defined" if test else "there is nothing to tell apart"
        yield f"all {rows:,} rows of {part} are {'clicks' if clicks else 'without a click'}: {effect}"
    elif fewer < _RARE * rows or (test and fewer < _FEW):
        effect = "the AUC will be noisy" if test else "there is little to learn from"
        yield f"of the {rows:,} rows of {part} only {fewer:,} {'is' if fewer == 1 else 'are'} {what}: {effect}"


def _extent(field: dict[str, str | int]) -> str:
    """How many values a field has, or how wide its vectors are."""
    if field["kind"] == "vector":
        return f" of width {field['width']:,}"
    return f" of {field['size']:,}" if field["size"] else ""


def _listed(sizes: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sizes.items())


def _discarded(split: WarmUpSplit, counts: np.ndarray, k: int) -> dict[str, Any]:
    return {
        "items": len(split.discarded_items),
        "rows": int(counts[split.discarded_items].sum()),
        "why": f"fewer than 3 K = {3 * k} interactions do not fill the three warm-up phases",
    }


def _curve(counts: np.ndarray) -> list[dict[str, int]]:
    """The popularity at ranks 1, 2, 5, 10, 20, 50, ... and the last, from (items,) counts in falling order."""
    ranks = [step * 10**power for power in range(len(str(len(counts)))) for step in (1, 2, 5)]
    shown = [*(rank for rank in ranks if rank < len(counts)), len(counts)]
    return [{"rank": rank, "interactions": int(counts[rank - 1])} for rank in shown]
