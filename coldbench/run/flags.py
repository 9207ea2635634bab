"""The kinds of options: how each is read from a flag's text and from a TOML value."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldbench.core.errors import InputError
from coldbench.core.space import Range

_MOST_SEEDS = 10_000


class FlagKind:
    """A single text; the base of the other kinds.

    Attributes:
        multiple: Whether the flag can be given several times.
        number: The type of number that it is; None for text.
    """

    multiple = False
    number: type | None = None

    def from_text(self, flag: str, text: Any) -> Any:
        """The value that a flag's text stands for.

        Raises:
            InputError: It is not what the flag takes.
        """
        return text

    def from_toml(self, path: Path, name: str, value: Any) -> Any:
        """The value that a TOML value stands for.

        Raises:
            InputError: It is not what the key takes.
        """
        if not isinstance(value, str):
            raise InputError(f"{name} in {path} is {value!r}; it should be what --{name.replace('_', '-')} takes")
        return value


class Names(FlagKind):
    """A list of texts, separated by commas outside brackets."""

    def from_text(self, flag: str, text: Any) -> tuple[str, ...]:
        """The value that a flag's text stands for."""
        names = tuple(name for name in split_names(text) if name)
        if not names:
            raise InputError(f"{flag} {text!r} is empty; it should be a name, or several with commas between them")
        return names

    def from_toml(self, path: Path, name: str, value: Any) -> tuple[str, ...]:
        """The value that a TOML value stands for."""
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, str | int) and not isinstance(part, bool) for part in parts):
            raise InputError(f"{name} in {path} is {value!r}; it should be what --{name.replace('_', '-')} takes")
        return tuple(each for part in parts for each in self.from_text(name, str(part)))


class Seeds(FlagKind):
    """A number of seeds, or a list of them."""

    def from_text(self, flag: str, text: Any) -> tuple[int, ...]:
        """The value that a flag's text stands for."""
        parts = str(text).split(",")
        numbers = [part.strip() for part in parts if part.strip()]
        if not numbers or not all(re.fullmatch("[0-9]{1,9}", number) for number in numbers):
            raise InputError(f"--seeds {text!r} should be how many (5) or a list of seeds (0,1,2)")
        if len(parts) > 1:
            return tuple(dict.fromkeys(int(number) for number in numbers))
        if not 1 <= int(text) <= _MOST_SEEDS:
            raise InputError(f"--seeds {text} should be between 1 and {_MOST_SEEDS}")
        return tuple(range(int(text)))

    def from_toml(self, path: Path, name: str, value: Any) -> tuple[int, ...]:
        """The value that a TOML value stands for."""
        if isinstance(value, list):
            return self.from_text(name, ",".join(map(str, value)) + ",")
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InputError(f"{name} in {path} is {value!r}; it should be what --seeds takes")
        return self.from_text(name, str(value))


class Number(FlagKind):
    """A number."""

    number = float

    def from_toml(self, path: Path, name: str, value: Any) -> float:
        """The value that a TOML value stands for."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{name} in {path} is {value!r}; it should be a number")
        return float(value) if abs(value) < 1e300 else math.inf


class WholeNumber(FlagKind):
    """A whole number."""

    number = int

    def from_toml(self, path: Path, name: str, value: Any) -> int:
        """The value that a TOML value stands for."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise InputError(f"{name} in {path} is {value!r}; it should be a whole number of at least 1")
        return value


class Location(FlagKind):
    """A path or a URL; in a TOML file relative to that file's folder, so that the two can be moved together."""

    def from_toml(self, path: Path, name: str, value: Any) -> str:
        """The value that a TOML value stands for."""
        text = super().from_toml(path, name, value)
        return text if "://" in text or not text else str(path.parent / text)


class Files(FlagKind):
    """Paths of files; in a TOML file relative to that file's folder."""

    multiple = True

    def from_toml(self, path: Path, name: str, value: Any) -> tuple[str, ...]:
        """The value that a TOML value stands for."""
        files = value if isinstance(value, list) else [value]
        if not all(isinstance(file, str) for file in files):
            raise InputError(f"{name} in {path} is {value!r}; it should be a list of Python files")
        return tuple(str(path.parent / file) for file in files)


class Pairs(FlagKind):
    """``NAME.FIELD=VALUE``; in a TOML file a table per name."""

    multiple = True

    def from_toml(self, path: Path, name: str, value: Any) -> tuple[str, ...]:
        """The value that a TOML value stands for."""
        if isinstance(value, dict):
            return tuple(_flat("", value))
        if isinstance(value, list) and all(isinstance(pair, str) for pair in value):
            return tuple(value)
        raise InputError(f"{name} in {path} should be a table such as [set.cvar]")


TEXT, NAMES, SEEDS, NUMBER, COUNT = FlagKind(), Names(), Seeds(), Number(), WholeNumber()
PATH, FILES, PAIRS = Location(), Files(), Pairs()


@dataclass(frozen=True)
class Flag:
    """An option of ``coldbench run`` and its kin.

    Attributes:
        kind: How it is read.
        text: What it is, for --help.
        default: What --help shows as its default; empty for nothing.
        metavar: What --help shows in the value's place; None for what Click makes of it.
        limit: The range that a number may lie in.
        repeated: Whether it is a part of what ``run.toml`` repeats, and not of where and how wide to run.
        hidden: Whether it is a key of TOML files alone.
    """

    kind: FlagKind
    text: str
    default: str = ""
    metavar: str | None = None
    limit: Range | None = None
    repeated: bool = True
    hidden: bool = False

    @property
    def help(self) -> str:
        """The text of --help."""
        return f"{self.text}  [default: {self.default}]" if self.default else self.text


def split_names(text: str) -> Iterator[str]:
    """Splits at the commas that stand outside brackets."""
    depth, start = 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            yield text[start:at].strip()
            start = at + 1
    yield text[start:].strip()


def _flat(prefix: str, table: Mapping[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            text = "x".join(map(str, value)) if isinstance(value, list) else str(value)
            yield f"{prefix}{name}={text}"
