"""Kinds of options: how an option is read from a flag's text and from a TOML value."""

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
    """A single text; the base class of the other kinds.

    Attributes:
        multiple: Whether the flag can be given several times.
        number: The type of a numeric option; None for text.
    """

    multiple = False
    number: type | None = None

    def from_text(self, flag: str, text: Any) -> Any:
        """Parses the text given to a flag.

        Raises:
            InputError: The text is not a value of this kind.
        """
        return text

    def from_toml(self, path: Path, name: str, value: Any) -> Any:
        """Parses the value of a TOML key.

        Raises:
            InputError: The TOML value is not of this kind.
        """
        if not isinstance(value, str):
            raise InputError(f"{name} in {path} is {value!r}; it should be what --{name.replace('_', '-')} takes")
        return value


class Names(FlagKind):
    """A list of texts, separated by commas outside brackets."""

    def from_text(self, flag: str, text: Any) -> tuple[str, ...]:
        """Parses the text given to a flag."""
        names = tuple(name for name in split_names(text) if name)
        if not names:
            raise InputError(f"{flag} {text!r} is empty; it should be a name, or several with commas between them")
        return names

    def from_toml(self, path: Path, name: str, value: Any) -> tuple[str, ...]:
        """Parses the value of a TOML key."""
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, str | int) and not isinstance(part, bool) for part in parts):
            raise InputError(f"{name} in {path} is {value!r}; it should be what --{name.replace('_', '-')} takes")
        return tuple(each for part in parts for each in self.from_text(name, str(part)))


class Lists(Names):
    """Lists of texts, separated by commas outside brackets, in one flag or in several."""

    multiple = True

    def from_text(self, flag: str, text: Any) -> tuple[str, ...]:
        """Parses the texts given to a flag."""
        texts = [text] if isinstance(text, str) else text
        return tuple(name for each in texts for name in super(Lists, self).from_text(flag, each))


class Seeds(FlagKind):
    """A number of seeds, or a list of them."""

    def from_text(self, flag: str, text: Any) -> tuple[int, ...]:
        """Parses the text given to a flag."""
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
        """Parses the value of a TOML key."""
        if isinstance(value, list):
            return self.from_text(name, ",".join(map(str, value)) + ",")
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InputError(f"{name} in {path} is {value!r}; it should be what --seeds takes")
        return self.from_text(name, str(value))


class Number(FlagKind):
    """A number."""

    number = float

    def from_toml(self, path: Path, name: str, value: Any) -> float:
        """Parses the value of a TOML key."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{name} in {path} is {value!r}; it should be a number")
        return float(value) if abs(value) < 1e300 else math.inf


class WholeNumber(FlagKind):
    """A whole number."""

    number = int

    def from_toml(self, path: Path, name: str, value: Any) -> int:
        """Parses the value of a TOML key."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise InputError(f"{name} in {path} is {value!r}; it should be a whole number of at least 1")
        return value


class Location(FlagKind):
    """A path or a URL; paths in a TOML file are relative to its folder, so that both can be moved together."""

    def from_toml(self, path: Path, name: str, value: Any) -> str:
        """Parses the value of a TOML key."""
        text = super().from_toml(path, name, value)
        return text if "://" in text or not text else str(path.parent / text)


class Files(FlagKind):
    """Paths of files; those in a TOML file are relative to its folder."""

    multiple = True

    def from_toml(self, path: Path, name: str, value: Any) -> tuple[str, ...]:
        """Parses the value of a TOML key."""
        files = value if isinstance(value, list) else [value]
        if not all(isinstance(file, str) for file in files):
            raise InputError(f"{name} in {path} is {value!r}; it should be a list of Python files")
        return tuple(str(path.parent / file) for file in files)


class Pairs(FlagKind):
    """``NAME.FIELD=VALUE`` pairs; in a TOML file, one table per name."""

    multiple = True

    def from_toml(self, path: Path, name: str, value: Any) -> tuple[str, ...]:
        """Parses the value of a TOML key."""
        if isinstance(value, dict):
            return tuple(_flat("", value))
        if isinstance(value, list) and all(isinstance(pair, str) for pair in value):
            return tuple(value)
        raise InputError(f"{name} in {path} should be a table such as [set.cvar]")


TEXT, NAMES, SEEDS, NUMBER, COUNT = FlagKind(), Names(), Seeds(), Number(), WholeNumber()
PATH, FILES, PAIRS, LISTS = Location(), Files(), Pairs(), Lists()


@dataclass(frozen=True)
class Flag:
    """An option of ``coldbench run`` and of the commands that share its options.

    Attributes:
        kind: How the option is read.
        text: The description in --help.
        default: The default that --help shows; empty for none.
        metavar: The placeholder that --help shows for the value; None for Click's own.
        limit: The range that a number must lie in.
        repeated: Whether ``run.toml`` records it; options that say only where and how wide to run are not recorded.
        hidden: Whether it is only a TOML key and has no flag.
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
        """The description and default, as --help shows them."""
        return f"{self.text}  [default: {self.default}]" if self.default else self.text


def split_names(text: str) -> Iterator[str]:
    """Splits a text at the commas outside brackets."""
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
