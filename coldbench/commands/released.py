"""The sizes of a dataset under the split ``release``, for ``coldbench data info``."""

from __future__ import annotations

from dataclasses import dataclass

from coldbench.core.errors import InputError
from coldbench.data.dataset import Dataset
from coldbench.protocol.release import moment_of, released_after, shown
from coldbench.protocol.splits import Release

_SHARES = ("0.8", "0.5", "0.2", "0.1", "0.05")  # moments, the latest first: base should be large
_ENOUGH = 100  # new items, with which a moment is late enough


@dataclass(frozen=True)
class Released:
    """A dataset under ``release`` with a proposed moment.

    Attributes:
        at: The share of the log before the moment.
        moment: The moment, as a date and time in UTC; empty if the dataset cannot be split.
        split: The rows in each part and the items in each group; empty if the dataset cannot be split.
        why: The reason why it cannot be split; empty if it can.
    """

    at: str
    moment: str
    split: dict[str, int]
    why: str = ""

    def text(self) -> str:
        """The description as text."""
        if self.why:
            return f"split release: none ({self.why})"
        sizes = ", ".join(f"{name} {count:,}" for name, count in self.split.items())
        return f"split release[at={self.at}], {self.moment}: {sizes}"


def released(data: Dataset) -> Released:
    """Splits a dataset at the latest of a few moments that leaves enough new items, else at that with the most."""
    items = dict(zip(_SHARES, released_after(data, _SHARES), strict=True))
    at = max(items, key=lambda at: min(items[at], _ENOUGH))
    try:
        split = Release(at).divide(data)
    except InputError as error:
        return Released(at, "", {}, str(error))
    return Released(at, shown(data, moment_of(data, at)), split.sizes())
