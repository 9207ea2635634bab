"""Makes the cards of methods, backbones and datasets from their code; run by mkdocs."""

from __future__ import annotations

import dataclasses
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

import mkdocs_gen_files

from coldbench.core.config import text
from coldbench.model.method import Method
from coldbench.plugins.kinds import KINDS, Kind
from coldbench.plugins.registry import Registry

_HOOKS = ("pretrain_loss", "fit", "embed", "warm", "adapt", "logits")
_INTRODUCTIONS = {
    "methods": "`coldbench run --methods` takes each of these, also as a variant: `cvar[adapt=false]`.",
    "backbones": "`coldbench run --backbones` takes each of these, also as a variant: `deepfm[hidden=32x32]`.",
    "datasets": "`coldbench run --datasets` takes each of these, and the path of a folder with your own data.",
    "worlds": "`coldbench simulate --world` takes each of these, also as a variant: `planted[own=0.6]`.",
}


def page(plural: str, kind: Kind, registry: Registry) -> Iterator[str]:
    """Yields the lines of the page of one kind of plugin."""
    yield f"# {plural.capitalize()}\n\n{_INTRODUCTIONS.get(plural, '')}\n"
    for name in registry.names(kind):
        owner = registry.get(kind, name)
        yield f"## {getattr(owner, 'title', '') or name} {{#{name}}}\n"
        yield f"Key: `{name}`\n"
        yield _prose(inspect.getdoc(inspect.getmodule(owner)) or "")
        if issubclass(owner, Method):
            own = [f"`{hook}`" for hook in _HOOKS if getattr(owner, hook) is not getattr(Method, hook)]
            yield f"\nHooks of its own: {', '.join(own) or 'none'}.\n"
        yield from _fields(owner)


def _fields(owner: Any) -> Iterator[str]:
    fields = dataclasses.fields(owner.Config)
    if not fields:
        return
    space = getattr(owner, "space", {})
    yield "\n| field | default | searched |\n|---|---|---|"
    for field, value in zip(fields, dataclasses.astuple(owner.Config()), strict=True):
        searched = f"`{_range(space[field.name])}`" if field.name in space else ""
        yield f"| `{field.name}` | `{text(value)}` | {searched} |"
    yield ""


def _range(searched: Any) -> str:
    """A range as ``coldbench tune --space`` takes it: ``loguniform(0.0003,0.03)``."""
    values = dataclasses.astuple(searched)
    flat = values[0] if isinstance(values[0], tuple) else values
    return f"{type(searched).__name__.lower()}({','.join(map(text, flat))})"


def _prose(docstring: str) -> str:
    """A docstring in Markdown: code between single backticks, indented blocks as code."""
    parts = []
    for part in docstring.replace("``", "`").split("\n\n"):
        lines = part.splitlines()
        block = all(line.startswith("    ") for line in lines)
        parts.append(f"```text\n{textwrap.dedent(part)}\n```" if block else part)
    return "\n\n".join(parts) + "\n"


known = Registry()
for plural, kind in KINDS.items():
    with mkdocs_gen_files.open(f"cards/{plural}.md", "w") as file:
        file.write("\n".join(page(plural, kind, known)))
