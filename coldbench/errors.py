"""The one error a user causes: a wrong name, value, file or flag."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input, in one line: what is wrong and what would be right.

    The command line prints it without a traceback and exits with code 2.
    """


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
