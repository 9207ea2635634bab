"""MovieLens-latest (Harper and Konstan 2015, DOI 10.1145/2827872): GroupLens' bundles that grow, small and full.

A rating of 4 or more is a click. Movies without a rating are left out. ``tags`` are the ten most frequent of the tags
that users gave a movie no later than its first rating in the log, because a later tag may reveal interactions that the
split keeps for the warm-up phases or the test. Such tags are few; a bundle without any has no field ``tags``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

from coldbench.data.files.movielens import LABEL, LICENCE, TRAPS, bare, film_fields, read_movies, read_ratings
from coldbench.plugin import (
    LATEST,
    FileSource,
    InputError,
    Prepared,
    ProposedShots,
    Publication,
    RawFiles,
    Step,
    categorical,
    multi,
    provenance,
    read_blocks,
)

_TAGS = 10  # per movie
Config = ProposedShots


class MovieLensLatest(FileSource):
    """A published zip or its folder, of any state and size."""

    key = "ml-latest"
    title = "MovieLens-latest"
    files = ("ratings.csv", "movies.csv", "tags.csv")
    archives = ("ml-latest-small.zip", "ml-latest-small", "ml-latest.zip", "ml-latest")
    version = "1"
    largest = 2**32
    published = Publication(
        page="https://grouplens.org/datasets/movielens/latest/",
        licence=LICENCE,
        url="https://files.grouplens.org/datasets/movielens/ml-latest-small.zip",
        md5="ffa41a1950ab37cb1dea3327f3c7ef29",
        size=978_202,
    )
    label_rule = LABEL
    traps = (
        *TRAPS,
        "Tags given after a movie's first rating in the log would reveal interactions, and are left out; few remain.",
        "The bundle called latest changes with time; the fingerprint says which state was read.",
    )

    def read(self, raw: RawFiles) -> Prepared:
        """Reads the three files; ``links.csv`` is ignored."""
        interactions, users, rated = read_ratings(raw, LATEST)
        self.count("ratings.csv", len(interactions["item"]))
        once(interactions, users, rated)
        movies = read_movies(raw, LATEST)
        where = "ratings.csv, column movieId"
        self.known(where, movies.index.to_numpy(), rated, interactions["item"], "movies.csv")
        listed = len(movies)
        movies = movies.reindex(rated).fillna("")
        columns = [categorical("user_id", "user", pd.Series(users)), *film_fields(movies["title"], movies["genres"])]
        tags, tag_step = self._tags(raw, rated, interactions)
        if any(tags):
            columns.append(multi("tags", "item", tags, _TAGS))
        label, notes = provenance(raw, f"{self.title} ({len(interactions['item']):,} ratings)")
        rows = len(interactions["item"])
        steps = (
            Step("ratings.csv, ratings", rows, rows),
            Step("movies.csv, movies; those without a rating are left out", listed, len(rated)),
            tag_step,
        )
        texts = {"title": bare(movies["title"])}
        return Prepared.of(label, len(users), len(movies), columns, interactions, notes, texts, steps)

    def _tags(self, raw: RawFiles, movies: np.ndarray, log: dict[str, np.ndarray]) -> tuple[list[list[str]], Step]:
        """The tags of each movie until its first rating, by decreasing frequency, then in alphabetical order."""
        first = pd.Series(log["time"]).groupby(log["item"]).min().to_numpy()
        parts, read = [_NONE], 0
        for table in _tables(raw):
            parts.append(_early(table, movies, first))
            read += table.num_rows
        early = pd.concat(parts)
        times = (
            early.groupby(["item", "tag"], as_index=False).size().sort_values(["item", "size", "tag"], ascending=_BEST)
        )
        found: list[list[str]] = [[] for _ in movies]
        for item, tag in zip(times["item"], times["tag"], strict=True):
            found[item].append(tag)
        step = Step("tags.csv, tags; those given after the movie's first rating are left out", read, len(early))
        return [tags[:_TAGS] for tags in found], step


_NONE = pd.DataFrame({"item": pd.Series(dtype="int64"), "tag": pd.Series(dtype="str")})
_BEST = [True, False, True]


def _tables(raw: RawFiles) -> Iterator[pa.Table]:
    kinds = {"userId": pa.int32(), "movieId": pa.int32(), "tag": pa.string(), "timestamp": pa.int64()}
    return read_blocks(raw, "tags.csv", kinds, missing=("tag",), form=LATEST)


def _early(table: pa.Table, movies: np.ndarray, first: np.ndarray) -> pd.DataFrame:
    """The tags given no later than the movie's first rating, as a frame of item and tag."""
    tags = table.to_pandas().dropna()
    item = pd.Index(movies).get_indexer(tags["movieId"])
    early = (item >= 0) & (tags["timestamp"].to_numpy() <= first[item])
    return pd.DataFrame({"item": item[early], "tag": tags["tag"].to_numpy()[early]}).assign(
        tag=lambda kept: kept["tag"].str.strip().str.lower()
    )


def once(log: dict[str, np.ndarray], users: np.ndarray, movies: np.ndarray) -> None:
    """Checks that no user rates a movie twice.

    Raises:
        InputError: A user rates a movie twice.
    """
    pair = log["user"].astype(np.int64) * len(movies) + log["item"]
    if (np.diff(pair) > 0).all():  # sorted, as published
        return
    again = np.flatnonzero(pd.Series(pair).duplicated())
    if len(again):
        user, movie = users[log["user"][again[0]]], movies[log["item"][again[0]]]
        raise InputError(f"ratings.csv, row {again[0] + 1}: user {user} rates movie {movie} a second time")
