"""MovieLens-25M (Harper and Konstan 2015, DOI 10.1145/2827872): 25,000,095 ratings of half a star to 5 stars.

A rating of 4 or more is a click. Movies without a rating are left out. ``tags`` are a movie's ten most relevant tags in
the tag genome (Vig, Sen and Riedl 2012, DOI 10.1145/2362394.2362395); most movies are not in it and have no tags.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from coldbench.data.files.movielens import LABEL, LICENCE, TRAPS, bare, film_fields, read_movies, read_ratings
from coldbench.plugin import (
    Count,
    FileSource,
    InputError,
    Prepared,
    Publication,
    RawFiles,
    Shots,
    Step,
    categorical,
    column,
    conform,
    distinct,
    known,
    multi,
    provenance,
    read_csv,
    renumbered,
)

_TAGS = 10  # per movie


@dataclass(frozen=True)
class Config(Shots):
    """The split (AVAEW, section 3.1)."""

    n: Count = 2700  # items with more interactions than this are old
    k: Count = 40  # interactions of a new item in each warm-up phase


class MovieLens25M(FileSource):
    """The published zip or its folder."""

    key = "ml-25m"
    title = "MovieLens-25M"
    files = ("ratings.csv", "movies.csv", "genome-scores.csv", "genome-tags.csv")
    archives = ("ml-25m.zip", "ml-25m")
    version = "1"
    largest = 2**30
    published = Publication(
        page="https://grouplens.org/datasets/movielens/25m/",
        licence=LICENCE,
        url="https://files.grouplens.org/datasets/movielens/ml-25m.zip",
        md5="6b51fb2759a8657d3bfcbfc42b592ada",
        size=261_978_986,
    )
    label_rule = LABEL
    traps = TRAPS
    published_rows = {
        "ratings.csv": 25_000_095,
        "movies.csv": 62_423,
        "genome-scores.csv": 15_584_448,
        "genome-tags.csv": 1_128,
    }

    def read(self, raw: RawFiles) -> Prepared:
        """Reads the four files, each of which must have the published number of rows."""
        interactions, users, rated = read_ratings(raw)
        self.count("ratings.csv", len(interactions["item"]))
        movies = read_movies(raw)
        self.count("movies.csv", len(movies))
        where = "ratings.csv, column movieId"
        self.known(where, movies.index.to_numpy(), rated, interactions["item"], "movies.csv")
        rows = len(interactions["item"])
        steps = (
            Step("ratings.csv, ratings", rows, rows),
            Step("movies.csv, movies; those without a rating are left out", len(movies), len(rated)),
        )
        movies = movies.reindex(rated).fillna("")
        columns = [
            categorical("user_id", "user", pd.Series(users)),
            *film_fields(movies["title"], movies["genres"]),
            multi("tags", "item", self._tags(raw, rated), _TAGS),
        ]
        label, notes = provenance(raw, self.title)
        texts = {"title": bare(movies["title"])}
        return Prepared.of(label, len(users), len(movies), columns, interactions, notes, texts, steps)

    def _tags(self, raw: RawFiles, movies: np.ndarray) -> list[list[str]]:
        """The tags of each movie by decreasing relevance; ties are broken by the tag's number."""
        listed = read_csv(raw, "genome-tags.csv", {"tagId": pa.int32(), "tag": pa.string()})
        self.count("genome-tags.csv", listed.num_rows)
        names = dict(zip(column(listed, "tagId").tolist(), column(listed, "tag"), strict=True))
        distinct("genome-tags.csv, column tagId", column(listed, "tagId"))

        name = "genome-scores.csv"
        kinds = {"movieId": pa.int32(), "tagId": pa.int32(), "relevance": pa.float32()}
        table = read_csv(raw, name, kinds)
        self.count(name, table.num_rows)
        scored, movie = renumbered(f"{name}, column movieId", column(table, "movieId"))
        numbers, tag = renumbered(f"{name}, column tagId", column(table, "tagId"))
        known(f"{name}, column tagId", np.array(list(names)), numbers, tag, "genome-tags.csv")
        relevance = column(table, "relevance")
        conform(f"{name}, column relevance", relevance, (relevance >= 0) & (relevance <= 1), "between 0 and 1")
        matrix = np.full((len(scored), len(numbers)), -1, np.float32)
        matrix[movie, tag] = relevance
        if (matrix >= 0).sum() != len(relevance):
            raise InputError(f"{name} scores a tag of a movie twice; it is not MovieLens-25M's")
        best = np.argsort(-matrix, axis=1, kind="stable")[:, :_TAGS]
        tags = {
            int(movie): [names[int(numbers[place])] for place in places if row[place] >= 0]
            for movie, places, row in zip(scored, best, matrix, strict=True)
        }
        return [tags.get(int(movie), []) for movie in movies]
