"""The one error a user causes: a wrong name, value, file or flag."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 600  # letters of a message


class InputError(ValueError):
    """Bad input, in one line: what is wrong and what would be right.

    The command line prints it without a traceback and exits with code 2.
    """


def one_line(text: str) -> str:
    """A message as one line that a terminal can print: control characters escaped, long values cut in the middle."""
    text = printable(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"


def printable(text: str) -> str:
    """A text in one line, with control characters escaped: a terminal and a Markdown table can show it."""
    text = " ".join(text.split())
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Builds the error for a name that is not among the known ones.

    Args:
        kind: What the name should be, in the singular ("method").
        name: The name as the user gave it.
        known: All names that would have been right.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return InputError(f"unknown {kind} {name!r}; {hint}known: {', '.join(names) or 'none'}")
