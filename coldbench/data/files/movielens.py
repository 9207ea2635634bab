r"""What the MovieLens datasets share: years and words of titles, and the terms they come on.

Title tokens are ``\w+`` of the title without its year, at most 15.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

TITLE_WORDS = 15
LICENCE = (
    "MovieLens data may be used for research; not commercially, nor passed on, without GroupLens's permission. "
    "Cite Harper and Konstan 2015, DOI 10.1145/2827872."
)
_YEAR = re.compile(r"\s*\((\d{4})\)\s*$")
_WORD = re.compile(r"\w+")


def years(titles: Iterable[str]) -> list[int | None]:
    """The year in brackets at the end of each title, or None."""
    found = (_YEAR.search(title) for title in titles)
    return [int(year.group(1)) if year else None for year in found]


def words(titles: Iterable[str]) -> list[list[str]]:
    """The words of each title, without its year."""
    return [_WORD.findall(_YEAR.sub("", title)) for title in titles]
