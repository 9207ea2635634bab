r"""MovieLens-1M (Harper and Konstan 2015, DOI 10.1145/2827872): 1,000,209 ratings of 1 to 5 stars.

A rating of 4 or 5 is a click. Movies without a rating are left out. Title tokens are ``\w+``
of the title without its year, at most 15.
"""

from __future__ import annotations

import io
import re

import numpy as np
import pandas as pd

from coldbench.data.prepared import Prepared, categorical, multi
from coldbench.data.raw import RawFiles
from coldbench.data.schema import COUNT, TIME, Field, Schema
from coldbench.data.source import FileSource, provenance
from coldbench.errors import InputError

_YEAR = re.compile(r"\s*\((\d{4})\)\s*$")
_WORD = re.compile(r"\w+")
_TITLE_WORDS = 15


class MovieLens1M(FileSource):
    """The published zip or its folder, with ``ratings.dat``, ``users.dat``, ``movies.dat``."""

    key = "ml-1m"
    files = ("ratings.dat", "users.dat", "movies.dat")
    archives = ("ml-1m.zip", "ml-1m")
    version = "1"
    how = "https://grouplens.org/datasets/movielens/1m/"
    published_rows = {"ratings.dat": 1_000_209, "users.dat": 6_040, "movies.dat": 3_883}

    def read(self, raw: RawFiles) -> Prepared:
        """Reads the three files; every one must have as many rows as the published one."""
        log = self._table(raw, "ratings.dat", ["user", "movie", "stars", "time"])
        users = self._table(raw, "users.dat", ["user", "gender", "age", "occupation", "zip_code"], texts=(1, 4))
        movies = self._movies(raw)
        if not log["stars"].between(1, 5).all():
            raise InputError("ratings.dat has ratings outside 1 to 5; it is not MovieLens-1M's")
        users = users.sort_values("user", ignore_index=True)
        movies = movies[movies["movie"].isin(log["movie"])].sort_values("movie", ignore_index=True)
        user = pd.Index(users["user"]).get_indexer(log["user"])
        item = pd.Index(movies["movie"]).get_indexer(log["movie"])
        for name, index in (("users.dat", user), ("movies.dat", item)):
            if (index < 0).any():
                raise InputError(f"ratings.dat has ids that {name} lacks, first in row {int(np.argmax(index < 0)) + 1}")

        columns = [
            categorical("user_id", "user", users["user"]),
            *(categorical(name, "user", users[name]) for name in ("gender", "age", "occupation", "zip_code")),
            categorical("year", "item", movies["year"]),
            multi("title", "item", movies["words"].tolist(), _TITLE_WORDS),
            multi("genres", "item", movies["genres"].tolist(), int(movies["genres"].map(len).max())),
        ]
        fields = [field for field, _ in columns]
        fields += [Field(COUNT, "numeric", "item"), Field(TIME, "numeric", "context")]
        label, notes = provenance(raw, "MovieLens-1M")
        return Prepared(
            label=label,
            schema=Schema(len(users), len(movies), tuple(fields)),
            users={field.name: values for field, values in columns if field.side == "user"},
            items={field.name: values for field, values in columns if field.side == "item"},
            interactions={
                "user": user.astype(np.int32),
                "item": item.astype(np.int32),
                "click": (log["stars"].to_numpy() >= 4).astype(np.uint8),
                "time": log["time"].to_numpy(np.int64),
            },
            notes=notes,
        )

    def _table(self, raw: RawFiles, name: str, columns: list[str], texts: tuple[int, ...] = ()) -> pd.DataFrame:
        content = raw.read(name).replace(b"::", b"\t")
        types = {column: "str" if place in texts else "int64" for place, column in enumerate(columns)}
        try:
            table = pd.read_csv(
                io.BytesIO(content),
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
        return self._counted(name, table)

    def _movies(self, raw: RawFiles) -> pd.DataFrame:
        lines = raw.read("movies.dat").decode("latin-1").splitlines()
        rows = [line.split("::") for line in lines]
        for number, row in enumerate(rows, 1):
            if len(row) != 3 or not row[0].isdigit():
                raise InputError(
                    f"movies.dat row {number} is {lines[number - 1]!r:.60}; it should be movie::title::genres"
                )
        years = [_YEAR.search(title) for _, title, _ in rows]
        table = pd.DataFrame(
            {
                "movie": [int(movie) for movie, _, _ in rows],
                "year": [int(year.group(1)) if year else None for year in years],
                "words": [_WORD.findall(_YEAR.sub("", title)) for _, title, _ in rows],
                "genres": [genres.split("|") for _, _, genres in rows],
            }
        )
        return self._counted("movies.dat", table)

    def _counted(self, name: str, table: pd.DataFrame) -> pd.DataFrame:
        rows = self.published_rows[name]
        if len(table) != rows:
            raise InputError(
                f"{name} has {len(table):,} rows, the published file {rows:,}: truncated, or another dataset"
            )
        return table
