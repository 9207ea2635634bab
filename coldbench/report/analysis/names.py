"""Labels of protocols and methods, the order that tables list them in, and numbers in words."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from coldbench.core.config import text
from coldbench.protocol.rules import PROTOCOLS
from coldbench.protocol.shots import COLD
from coldbench.report.analysis import paper

BASELINE = "base"
TUNED = "tuned"  # in the brackets of a label: a search chose the values, which differ between the rows of a table
CELL = ("dataset", "protocol", "backbone", "method", "seed")  # what tells the cells of a frame apart
WITHIN = 0.01  # of the published AUC: how near a mean is expected to be
_LONGEST = 60  # letters of a part of a file name


def protocol_label(rules: Mapping[str, Any]) -> str:
    """The label of a protocol with every field, defaults included: ``paper``, ``matched[budget=1]``.

    Args:
        rules: The protocol as a record holds it: its ``name`` and its fields.
    """
    fields = ",".join(f"{field}={text(value)}" for field, value in rules.items() if field != "name")
    return f"{rules['name']}[{fields}]" if fields else str(rules["name"])


def protocol_order(rules: Mapping[str, Any]) -> tuple[Any, ...]:
    """A sort key: the published protocol first, the strictest last, variants of one by their fields' values.

    Args:
        rules: The protocol as a record holds it: its ``name`` and its fields.
    """
    name = str(rules["name"])
    place = list(PROTOCOLS).index(name) if name in PROTOCOLS else len(PROTOCOLS)
    values = [value for field, value in sorted(rules.items()) if field != "name"]
    return place, name, [(0, value, "") if isinstance(value, int | float) else (1, 0, text(value)) for value in values]


def leaks(protocol: str) -> bool:
    """Whether a protocol, given by name, lets what is known before the test contain test rows."""
    rules = PROTOCOLS.get(protocol)
    return rules is not None and not rules.strict


def method_order(label: str) -> tuple[int, str]:
    """A sort key: the published methods as the paper's tables list them, the others by name behind them."""
    name = label.partition("[")[0]
    published = paper.methods()
    return (published.index(name) if name in published else len(published), label)


def baseline(methods: Iterable[str]) -> str:
    """The label of the plain baseline that methods are compared with: the tuned one if it is among them."""
    return label if (label := tuned_label(BASELINE)) in set(methods) else BASELINE


def tuned_label(label: str) -> str:
    """The label of a plugin with values that a search chose: ``cvar[tuned]``, ``cvar[adapt=false,tuned]``."""
    return f"{label[:-1]},{TUNED}]" if label.endswith("]") else f"{label}[{TUNED}]"


def counted(number: int, noun: str) -> str:
    """A number with its noun: ``1 cell``, ``1,200 cells``, ``2 studies``."""
    if number == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {plural}"


def span(phases: Sequence[str]) -> str:
    """The warm-up phases among evaluation points in words: ``warm-a to warm-c``."""
    warm = [phase for phase in phases if phase != COLD]
    return warm[0] if len(warm) == 1 else f"{warm[0]} to {warm[-1]}"


def short_commit(commit: str | None) -> str:
    """The first digits of a commit, with its ``+`` where the code was changed since; ``unknown`` without one."""
    return "unknown" if not commit else commit[:12] + "+" * commit.endswith("+")


def slug(text: str) -> str:
    """Letters, digits and dashes for a file name or a label; a digest stands for what is lost or too long."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    plain = re.fullmatch(r"[A-Za-z0-9 ,_()-]*", text) and len(slug) <= _LONGEST
    return slug if plain else f"{slug[:_LONGEST].rstrip('-')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
