"""``InputError``, the error for wrong user input: a name, value, file or flag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from coldbench.core.names import fold, nearest

_LONGEST = 600  # characters of a message


class InputError(ValueError):
    """Bad user input. The message is one line that says what is wrong, then what would be right.

    The command line prints it without a traceback and exits with code 2.
    """


def one_line(text: str) -> str:
    """Formats a message as one printable line: escapes control characters and shortens long texts in the middle."""
    text = printable(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"


def printable(text: str) -> str:
    """Puts a text on one line and escapes control characters, so that terminals and Markdown tables can show it."""
    text = " ".join(text.split())
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def unknown(kind: str, name: str, known: Iterable[str], titles: Mapping[str, str] | None = None) -> InputError:
    """Builds the error for a name that is not among the known ones.

    Args:
        kind: What the name should denote, in the singular ("method").
        name: The name that the user gave.
        known: All valid names.
        titles: What the literature calls some of them, by name; these count as spellings of the names.
    """
    names = sorted(known)
    near = nearest(name, names, titles or {})
    title = (titles or {}).get(near or "", "")
    hint = f"did you mean {near!r}{f' ({title})' if title and fold(title) != fold(near) else ''}? " if near else ""
    return InputError(f"unknown {kind} {name!r}; {hint}known: {', '.join(names) or 'none'}")
