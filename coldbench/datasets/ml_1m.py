"""MovieLens-1M (Harper and Konstan 2015, DOI 10.1145/2827872): 1,000,209 ratings of 1 to 5 stars.

A rating of 4 or 5 is a click. Movies without a rating are left out.
"""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from coldbench.data.files.movielens import LABEL, LICENCE, TITLE_WORDS, TRAPS, bare, words, years
from coldbench.plugin import (
    FileSource,
    InputError,
    Prepared,
    Publication,
    RawFiles,
    Shots,
    Step,
    categorical,
    distinct,
    multi,
    provenance,
    renumbered,
)

Config = Shots


class MovieLens1M(FileSource):
    """The published zip or its folder, with ``ratings.dat``, ``users.dat``, ``movies.dat``."""

    key = "ml-1m"
    title = "MovieLens-1M"
    files = ("ratings.dat", "users.dat", "movies.dat")
    archives = ("ml-1m.zip", "ml-1m")
    version = "1"
    largest = 2**27
    published = Publication(
        page="https://grouplens.org/datasets/movielens/1m/",
        licence=LICENCE,
        url="https://files.grouplens.org/datasets/movielens/ml-1m.zip",
        md5="c4d9eecfca2ab87c1945afe126590906",
        size=5_917_549,
    )
    label_rule = LABEL
    traps = TRAPS
    published_rows = {"ratings.dat": 1_000_209, "users.dat": 6_040, "movies.dat": 3_883}

    def read(self, raw: RawFiles) -> Prepared:
        """Reads the three files, each of which must have the published number of rows."""
        log = self._table(raw, "ratings.dat", ["user", "movie", "stars", "time"])
        users = self._table(raw, "users.dat", ["user", "gender", "age", "occupation", "zip_code"], texts=(1, 4))
        movies = self._movies(raw)
        if not log["stars"].between(1, 5).all():
            raise InputError("ratings.dat has ratings outside 1 to 5; it is not MovieLens-1M's")
        if not log["time"].between(1, 2**31).all():
            raise InputError("ratings.dat has times that are no seconds since 1970; it is not MovieLens-1M's")
        distinct("users.dat", users["user"].to_numpy())
        distinct("movies.dat", movies["movie"].to_numpy())
        rated, item = renumbered("ratings.dat, column movie", log["movie"].to_numpy())
        self.known("ratings.dat, column movie", movies["movie"].to_numpy(), rated, item, "movies.dat")
        rating, place = renumbered("ratings.dat, column user", log["user"].to_numpy())
        self.known("ratings.dat, column user", users["user"].to_numpy(), rating, place, "users.dat")
        people = np.union1d(users["user"], rating)  # users without a rating are kept
        user = np.searchsorted(people, rating)[place]
        steps = (
            Step("ratings.dat, ratings", len(log), len(log)),
            Step("users.dat, users", len(users), len(people)),
            Step("movies.dat, movies; those without a rating are left out", len(movies), len(rated)),
        )
        users = users.set_index("user").reindex(people).reset_index()
        movies = movies.set_index("movie").reindex(rated).reset_index()
        for name in ("words", "genres"):
            movies[name] = [words if isinstance(words, list) else [] for words in movies[name]]

        columns = [
            categorical("user_id", "user", users["user"]),
            *(categorical(name, "user", users[name]) for name in ("gender", "age", "occupation", "zip_code")),
            categorical("year", "item", movies["year"]),
            multi("title", "item", movies["words"].tolist(), TITLE_WORDS),
            multi("genres", "item", movies["genres"].tolist(), max(1, int(movies["genres"].map(len).max()))),
        ]
        label, notes = provenance(raw, self.title)
        interactions = {
            "user": user.astype(np.int32),
            "item": item.astype(np.int32),
            "click": (log["stars"].to_numpy() >= 4).astype(np.uint8),
            "time": log["time"].to_numpy(np.int64),
        }
        texts = {"title": movies["title"].fillna("").tolist()}
        return Prepared.of(label, len(users), len(movies), columns, interactions, notes, texts, steps)

    def _table(self, raw: RawFiles, name: str, columns: list[str], texts: tuple[int, ...] = ()) -> pd.DataFrame:
        content = raw.read(name)
        marks, rows = content.count(b"::"), content.count(b"\n")
        if marks != rows * (len(columns) - 1) or b"\t" in content:
            raise InputError(f"{name} is not MovieLens-1M's: truncated, or a row is not {'::'.join(columns)}")
        types = {column: "str" if place in texts else "int64" for place, column in enumerate(columns)}
        try:
            table = pd.read_csv(
                io.BytesIO(content.replace(b"::", b"\t")),
                sep="\t",
                header=None,
                names=columns,
                dtype=types,
                index_col=False,
                encoding="latin-1",
            )
        except (ValueError, pd.errors.ParserError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{name} is not MovieLens-1M's: {reason}; rows should be {'::'.join(columns)}") from None
        self.count(name, len(table))
        if table.isna().any(axis=None):
            row = int(np.argmax(table.isna().any(axis=1)))
            raise InputError(f"{name}, row {row + 1}: a value is missing; rows should be {'::'.join(columns)}")
        return table

    def _movies(self, raw: RawFiles) -> pd.DataFrame:
        lines = self._text(raw.read("movies.dat")).splitlines()
        rows = [line.split("::") for line in lines]
        for number, row in enumerate(rows, 1):
            if len(row) != 3 or not row[0].isdigit():
                raise InputError(
                    f"movies.dat row {number} is {lines[number - 1]!r:.60}; it should be movie::title::genres"
                )
        titles = [title for _, title, _ in rows]
        table = pd.DataFrame(
            {
                "movie": [int(movie) for movie, _, _ in rows],
                "title": bare(titles),
                "year": years(titles),
                "words": words(titles),
                "genres": [genres.split("|") for _, _, genres in rows],
            }
        )
        self.count("movies.dat", len(table))
        return table

    def _text(self, content: bytes) -> str:
        """Decodes ISO-8859-1, the published encoding; any bytes are valid in it, so UTF-8 is tested for."""
        if not content.isascii():
            try:
                content.decode("utf-8")
            except UnicodeDecodeError:
                pass
            else:
                raise InputError("movies.dat is UTF-8; the published file is ISO-8859-1")
        return content.decode("latin-1")
