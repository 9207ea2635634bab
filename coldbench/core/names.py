"""Names as people spell them: equal in any case, with any hyphens, spaces and underscores."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

_BETWEEN = re.compile(r"[\s_&+\-\u2010-\u2014]+")  # spaces, underscores, hyphens and dashes, & and +


def fold(name: str) -> str:
    """The letters and digits of a name in lower case: ``metae`` for Meta-E and meta_e; empty if it has others."""
    plain = _BETWEEN.sub("", name.casefold())
    return plain if plain.isalnum() else ""


def nearest(name: str, known: Iterable[str], titles: Mapping[str, str]) -> str | None:
    """The known name that is spelled most like the given one, in itself or in its title; None if none is near.

    Args:
        name: What was given.
        known: The valid names.
        titles: The title of those that have one, by name.
    """
    spellings = {fold(titles[key]): key for key in known if titles.get(key)}
    spellings |= {fold(key) or key: key for key in known}
    near = difflib.get_close_matches(fold(name) or name, spellings, n=1)
    return spellings[near[0]] if near else None
