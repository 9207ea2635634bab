"""What a plugin says of itself, from its file's docstring and its class."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from coldbench.core.config import as_dict


def citation(owner: type[Any]) -> str:
    """The first paragraph of a plugin's file: what it is, by whom, where; in one line, without its full stop."""
    return " ".join(_paragraphs(owner)[0].split()).rstrip(".")


def departures(owner: type[Any]) -> str:
    """The paragraph of a plugin's file that says how it departs from its paper; empty where it says nothing."""
    return " ".join(" ".join(part.split()) for part in _paragraphs(owner) if part.strip().startswith("Departs"))


def described(owner: type[Any], name: str) -> dict[str, Any]:
    """What a record says of a plugin: title, citation, departures, defaults, and which fields are locations.

    A location is a field that does not compare, such as the folder that data lie in.
    """
    return {
        "title": getattr(owner, "title", "") or name,
        "citation": citation(owner),
        "departs": departures(owner),
        "defaults": as_dict(owner.Config()),
        "locations": [field.name for field in dataclasses.fields(owner.Config) if not field.compare],
    }


def _paragraphs(owner: type[Any]) -> list[str]:
    return (inspect.getdoc(inspect.getmodule(owner)) or "").split("\n\n")
