r"""Code shared by the MovieLens datasets: ratings in half stars, films, years and title words, and the licence.

Title words are the matches of ``\w+`` in the title without its year, at most 15 per title.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa

from coldbench.data.files.delimited import CSV, Format, column, read_csv
from coldbench.data.files.ids import conform, distinct, renumbered
from coldbench.data.files.raw import RawFiles
from coldbench.data.prepared import categorical, multi
from coldbench.data.schema import Field

TITLE_WORDS = 15
LABEL = "A rating of at least 4 stars is a click."
TRAPS = (
    "Users rate many films in one sitting, often long after they saw them: the time of a rating is not that of a "
    "choice.",
    "A rating below 4 counts as no click, although its user chose the film.",
)
LICENCE = (
    "MovieLens data may be used for research; not commercially, nor passed on, without GroupLens's permission. "
    "Cite Harper and Konstan 2015, DOI 10.1145/2827872."
)
_LATEST = 2**31  # seconds
_YEAR = re.compile(r"\s*\((\d{4})\)\s*$")
_WORD = re.compile(r"\w+")


def read_ratings(raw: RawFiles, form: Format = CSV) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Reads ``ratings.csv``; a rating of at least 4 stars is a click.

    Returns:
        The interactions, and the sorted ids of the users and films in them.
    """
    name = "ratings.csv"
    kinds = {"userId": pa.int32(), "movieId": pa.int32(), "rating": pa.float32(), "timestamp": pa.int64()}
    table = read_csv(raw, name, kinds, form=form)
    users, user = renumbered(f"{name}, column userId", column(table, "userId"))
    movies, item = renumbered(f"{name}, column movieId", column(table, "movieId"))
    stars, time = column(table, "rating"), column(table, "timestamp")
    halves = np.isin(stars, np.arange(1, 11, dtype=np.float32) / 2)
    conform(f"{name}, column rating", stars, halves, "0.5 to 5.0 in halves")
    conform(f"{name}, column timestamp", time, (time > 0) & (time < _LATEST), "seconds since 1970")
    log = {"user": user, "item": item, "click": (stars >= 4).astype(np.uint8), "time": time}
    return log, users, movies


def read_movies(raw: RawFiles, form: Format = CSV) -> pd.DataFrame:
    """Reads ``movies.csv`` as a frame of titles and genres, indexed by film id."""
    name = "movies.csv"
    table = read_csv(raw, name, {"movieId": pa.int32(), "title": pa.string(), "genres": pa.string()}, form=form)
    distinct(f"{name}, column movieId", column(table, "movieId"))
    return table.to_pandas().set_index("movieId")


def film_fields(titles: Iterable[str], genres: Iterable[str]) -> list[tuple[Field, np.ndarray]]:
    """Builds the fields year, title and genres; empty texts mean unknown."""
    titles = list(titles)
    lists = [[genre for genre in text.split("|") if genre] for text in genres]
    return [
        categorical("year", "item", pd.Series(years(titles))),
        multi("title", "item", words(titles), TITLE_WORDS),
        multi("genres", "item", lists, max(1, *map(len, lists))),
    ]


def years(titles: Iterable[str]) -> list[int | None]:
    """The year in brackets at the end of each title; None for a title without one."""
    found = (_YEAR.search(title) for title in titles)
    return [int(year.group(1)) if year else None for year in found]


def bare(titles: Iterable[str]) -> list[str]:
    """Each title without its year."""
    return [_YEAR.sub("", title) for title in titles]


def words(titles: Iterable[str]) -> list[list[str]]:
    """The words of each title, without its year."""
    return [_WORD.findall(title) for title in bare(titles)]
