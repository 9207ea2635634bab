"""``schema.toml``: the meaning of the columns in a user's own files (docs/own-data.md)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, cast

from coldbench.core.errors import unknown
from coldbench.data.own.problems import Problem, Problems
from coldbench.data.schema import DERIVED, Kind

FILE = "schema.toml"
_TOP = {"label", "n", "k", "interactions", "users", "items"}
_LOG = {"user", "item", "click", "click_from", "time", "fields"}
_KINDS = ("categorical", "multi", "numeric", "vector")
_MORE = {"multi": {"separator", "width"}, "vector": {"file"}}  # further keys of a field, by kind
_LONGEST = 80  # characters of a label
_WIDEST = 1000  # values of a multi-valued field


@dataclass(frozen=True)
class Column:
    """A declared field.

    Attributes:
        name: The name of the column and of the field.
        kind: The kind of the ``Field``.
        separator: The separator between the values of a multi-valued field that is given as text.
        width: The largest number of values used from a multi-valued field.
        file: The NPZ file with the vectors; empty if they are a column of lists in the table.
    """

    name: str
    kind: Kind
    separator: str = "|"
    width: int = 10
    file: str = ""


@dataclass(frozen=True)
class Part:
    """The declared file of users or items: the column with their ids, their fields, and columns of raw texts."""

    id: str
    fields: tuple[Column, ...]
    texts: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """The names of the file's columns that are read."""
        return [self.id, *(field.name for field in self.fields if not field.file), *self.texts]


@dataclass(frozen=True)
class Declaration:
    """The content of ``schema.toml``.

    Attributes:
        label: The data's name in tables.
        n: Items with more interactions than this are old.
        k: Interactions of a new item in each warm-up phase.
        user: The column of ``interactions`` with the user's id.
        item: The column of ``interactions`` with the item's id.
        click: The column of ``interactions`` with the label.
        click_from: The least value that is a click; None if the column holds 0 and 1.
        time: The column of ``interactions`` with the time.
        context: The fields of an interaction.
        users: The declared users' file, or None.
        items: The declared items' file, or None.
        content: The whole declaration but its label, as JSON: the part of ``schema.toml`` that affects the data.
    """

    label: str
    n: int
    k: int
    user: str
    item: str
    click: str
    click_from: float | None
    time: str
    context: tuple[Column, ...]
    users: Part | None
    items: Part | None
    content: str

    @property
    def files(self) -> list[str]:
        """The names of the NPZ files with vectors."""
        return [field.file for part in (self.users, self.items) if part for field in part.fields if field.file]


def read_declaration(folder: Path, problems: Problems) -> Declaration | None:
    """Reads ``schema.toml``; returns None if it has mistakes, which are added to ``problems``."""
    try:
        content = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(Problem(FILE, f"it cannot be read ({error.strerror}); docs/own-data.md shows one"))
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(Problem(FILE, f"it is no TOML: {error}"))
        return None
    reader = _Reader(problems)
    before = len(problems)
    reader.known("", content, _TOP)
    reader.label(content)
    log = reader.table(content, "interactions")
    reader.known("interactions.", log, _LOG)
    declaration = Declaration(
        label=reader.text(content, "label", folder.resolve().name),
        n=reader.count(content, "n"),
        k=reader.count(content, "k"),
        user=reader.text(log, "interactions.user"),
        item=reader.text(log, "interactions.item"),
        click=reader.text(log, "interactions.click"),
        click_from=reader.number(log, "interactions.click_from"),
        time=reader.text(log, "interactions.time"),
        context=reader.fields("interactions", log),
        users=reader.part(content, "users"),
        items=reader.part(content, "items"),
        content=json.dumps({name: content[name] for name in sorted(content) if name != "label"}, default=str),
    )
    _unlike(declaration, problems)
    return declaration if len(problems) == before else None


def _unlike(declaration: Declaration, problems: Problems) -> None:
    """Checks that field names are unique over all three sides and differ from the names that every log has."""
    taken = {"user_id", "user", "item", "click", *DERIVED}
    users, items = (part.fields if part else () for part in (declaration.users, declaration.items))
    for field in (*users, *items, *declaration.context):
        if field.name in taken:
            problems.append(
                Problem(FILE, f"the field name {field.name!r:.60} is taken; call the column something else")
            )
        taken.add(field.name)


class _Reader:
    """Reads values from TOML tables, and adds mistakes in them to ``problems``."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def _wrong(self, what: str) -> None:
        self._problems.append(Problem(FILE, what))

    def known(self, prefix: str, table: Mapping[str, Any], names: set[str]) -> None:
        for name in table:
            if name not in names:
                self._wrong(str(unknown("key", f"{prefix}{name}", {f"{prefix}{right}" for right in names})))

    def table(self, table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        found = table.get(name)
        if not isinstance(found, dict):
            self._wrong(f"it needs a table [{name}]" if found is None else f"{name} should be a table [{name}]")
            return {}
        return found

    def text(self, table: Mapping[str, Any], name: str, default: str | None = None) -> str:
        found = table.get(name.rpartition(".")[2], default)
        if not isinstance(found, str) or not found.strip():
            self._wrong(f"{name} is {found!r:.60}; it should be a text" if found is not None else f"it lacks {name}")
            return ""
        return found

    def label(self, table: Mapping[str, Any]) -> None:
        found = table.get("label", "")
        if isinstance(found, str) and not (found.isprintable() and len(found) <= _LONGEST):
            self._wrong(f"label is {found!r:.60}; it should be at most {_LONGEST} characters that can be printed")

    def count(self, table: Mapping[str, Any], name: str) -> int:
        found = table.get(name)
        if isinstance(found, bool) or not isinstance(found, int) or not 1 <= found <= 1_000_000:
            should = "it should be a whole number of at least 1"
            self._wrong(f"it lacks {name}; {should}" if found is None else f"{name} is {found!r:.60}; {should}")
            return 1
        return found

    def number(self, table: Mapping[str, Any], name: str) -> float | None:
        found = table.get(name.rpartition(".")[2])
        if found is not None and (isinstance(found, bool) or not isinstance(found, int | float)):
            self._wrong(f"{name} is {found!r:.60}; it should be a number")
            return None
        return found

    def part(self, content: Mapping[str, Any], name: str) -> Part | None:
        if name not in content:
            return None
        table = self.table(content, name)
        self.known(f"{name}.", table, {"id", "fields", *({"texts"} if name == "items" else ())})
        return Part(self.text(table, f"{name}.id"), self.fields(name, table), self.names(table, f"{name}.texts"))

    def names(self, table: Mapping[str, Any], name: str) -> tuple[str, ...]:
        found = table.get(name.rpartition(".")[2], [])
        if not (isinstance(found, list) and all(isinstance(part, str) and part for part in found)):
            self._wrong(f"{name} is {found!r:.60}; it should be a list of columns")
            return ()
        return tuple(found)

    def fields(self, part: str, table: Mapping[str, Any]) -> tuple[Column, ...]:
        found = table.get("fields", {})
        if not isinstance(found, dict):
            self._wrong(f"{part}.fields should be a table [{part}.fields]")
            return ()
        columns = (self._field(f"{part}.fields.{name}", name, about) for name, about in found.items())
        return tuple(column for column in columns if column)

    def _field(self, where: str, name: str, about: Any) -> Column | None:
        about = {"kind": about} if isinstance(about, str) else about
        if not isinstance(about, dict) or about.get("kind") not in _KINDS:
            self._wrong(
                f"{where} is {about!r:.60}; it should be one of {', '.join(_KINDS)}, or a table with such a kind"
            )
            return None
        self.known(f"{where}.", about, {"kind"} | _MORE.get(about["kind"], set()))
        separator, width, file = about.get("separator", "|"), about.get("width", 10), about.get("file", "")
        if about["kind"] == "vector" and where.startswith("interactions"):
            self._wrong(f"{where} is a vector; only users and items can have vectors")
            return None
        if not isinstance(file, str) or (file and (PurePath(file).name != file or PurePath(file).suffix != ".npz")):
            self._wrong(f"{where}.file is {file!r:.60}; it should be the name of an .npz file in the folder")
            return None
        if not isinstance(separator, str) or not separator:
            self._wrong(f"{where}.separator is {separator!r:.60}; it should be a text")
            return None
        if isinstance(width, bool) or not isinstance(width, int) or not 1 <= width <= _WIDEST:
            self._wrong(f"{where}.width is {width!r:.60}; it should be between 1 and {_WIDEST}")
            return None
        return Column(name, cast(Kind, about["kind"]), separator, width, file)
