"""The interface of trackers, and the entries that they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Entry:
    """A finished or failed cell or trial, as a tracker shows it.

    Attributes:
        name: The name for people.
        key: A name that no other entry of the run folder has, fit for a file.
        config: Every hyper-parameter and setting, by ``part.field``.
        curve: The metrics of each evaluation point, in their order.
        final: Metrics that stand for the whole entry.
        about: Texts about the entry, such as the path of the report's page.
        reason: The reason why it failed; None if it did not.
    """

    name: str
    key: str
    config: Mapping[str, Any]
    curve: Sequence[Mapping[str, float]]
    final: Mapping[str, float]
    about: Mapping[str, str]
    reason: str | None = None


class Tracker(Protocol):
    """A service or a folder that keeps entries."""

    def log(self, entry: Entry) -> None:
        """Writes one entry.

        Raises:
            Exception: Any kind of it, if the entry cannot be written.
        """


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by ``outer.inner``; lists become texts such as 16x16, and None becomes ``none``."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            found[prefix + name] = "x".join(map(str, value))
        else:
            found[prefix + name] = "none" if value is None else value
    return found
