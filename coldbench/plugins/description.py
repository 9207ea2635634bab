"""Descriptions of plugins, read from their files' docstrings and their classes."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from coldbench.core.config import as_dict


def citation(owner: type[Any]) -> str:
    """The first paragraph of a plugin's file, with its source, as one line without the final full stop."""
    return " ".join(_paragraphs(owner)[0].split()).rstrip(".")


def departures(owner: type[Any]) -> str:
    """The paragraph of a plugin's file that says how it departs from its paper; empty if there is no such paragraph."""
    return " ".join(" ".join(part.split()) for part in _paragraphs(owner) if part.strip().startswith("Departs"))


def described(owner: type[Any], name: str) -> dict[str, Any]:
    """A record's description of a plugin: title, citation, departures, defaults and the fields that are locations.

    A location is a field that is not compared, such as the folder of the data.
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
