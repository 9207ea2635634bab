"""The sizes of a dataset under the split ``release``, for ``coldbench data info``."""

from __future__ import annotations

from dataclasses import dataclass

from coldbench.core.errors import InputError
from coldbench.data.dataset import Dataset
from coldbench.protocol.release import moment_of, shown
from coldbench.protocol.splits import Release


@dataclass(frozen=True)
class Released:
    """A dataset under ``release`` with its default moment.

    Attributes:
        at: The share of the log before the moment.
        moment: The moment, as a date and time in UTC; empty without usable times.
        split: The rows in each part and the items in each group; empty if the dataset cannot be split there.
        why: The reason why it cannot be split; empty if it can.
    """

    at: str
    moment: str
    split: dict[str, int]
    why: str = ""

    def text(self) -> str:
        """The description as text."""
        if self.why:
            return f"split release at {self.at}: none: {self.why}"
        return f"split release at {self.at} ({self.moment}): " + ", ".join(
            f"{name} {count:,}" for name, count in self.split.items()
        )


def released(data: Dataset) -> Released:
    """Splits a dataset by ``release`` with the default moment, or says why that is impossible."""
    split = Release()
    try:
        moment = shown(data, moment_of(data, split.at))
        return Released(split.at, moment, split.divide(data).sizes())
    except InputError as error:
        return Released(split.at, "", {}, str(error))
