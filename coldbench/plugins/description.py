"""Descriptions of plugins, read from their files' docstrings and their classes."""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass
from typing import Any

from coldbench.core.config import as_dict


@dataclass(frozen=True)
class Summary:
    """A plugin in a list.

    Attributes:
        title: The name in the literature; empty if the plugin's class does not set one itself.
        group: The plugin's group; empty if the plugin's class does not set one itself.
        citation: The first paragraph of its file.
        defaults: The default of each hyper-parameter.
    """

    title: str
    group: str
    citation: str
    defaults: dict[str, Any]


def summary(owner: type[Any]) -> Summary:
    """Summarises a plugin from its class."""
    own = vars(owner)
    return Summary(own.get("title", ""), own.get("group", ""), citation(owner), as_dict(owner.Config()))


def citation(owner: type[Any]) -> str:
    """The first paragraph of a plugin's file, with its source, as one line without the final full stop."""
    return first_paragraph(_documentation(owner))


def first_paragraph(text: str) -> str:
    """The first paragraph of a text, as one line without the final full stop."""
    return " ".join(text.split("\n\n")[0].split()).rstrip(".")


def departures(owner: type[Any]) -> str:
    """The paragraph of a plugin's file that says how it departs from its paper; empty if there is no such paragraph."""
    parts = _documentation(owner).split("\n\n")
    return " ".join(" ".join(part.split()) for part in parts if part.strip().startswith("Departs"))


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


def _documentation(owner: type[Any]) -> str:
    return inspect.getdoc(inspect.getmodule(owner)) or ""
