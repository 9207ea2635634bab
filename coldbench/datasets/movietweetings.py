"""MovieTweetings (Dooms, De Pessemier and Martens 2013, CrowdRec at RecSys): ratings of 0 to 10 that people tweeted.

A rating of 8 or more is a click. The dataset grew for years, and any state of it can be read; ``download`` fetches the
state whose checksums are known. ``users.dat`` contains only Twitter's ids, so it is checked but not used.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from coldbench.data import cache
from coldbench.data.files.movielens import bare, film_fields
from coldbench.plugin import (
    DAT,
    FileSource,
    InputError,
    Prepared,
    ProposedShots,
    Publication,
    RawFiles,
    Step,
    categorical,
    column,
    conform,
    distinct,
    provenance,
    read_csv,
    renumbered,
)

_FILMS = 99_999_999  # the largest possible IMDb id
_USERS = 9_999_999
_AGAIN = 0.001  # the share of rows that may be duplicates
_BLOB = "https://api.github.com/repos/sidooms/MovieTweetings/git/blobs/"  # fixed by content
Config = ProposedShots


class MovieTweetings(FileSource):
    """A folder or zip with the three files of the repository's ``latest`` or of one of its ``snapshots``."""

    key = "movietweetings"
    title = "MovieTweetings"
    files = ("ratings.dat", "movies.dat", "users.dat")
    archives = ("movietweetings", "movietweetings.zip", "MovieTweetings-master.zip")
    version = "1"
    largest = 2**28
    published = Publication(
        page="https://github.com/sidooms/MovieTweetings",
        licence="MIT licence. Cite Dooms, De Pessemier and Martens 2013, CrowdRec at RecSys.",
        accept="application/vnd.github.raw+json",
    )
    label_rule = "A rating of 8 or more, of 10, is a click."
    traps = (
        "Only ratings that people chose to tweet are here.",
        "The dataset grew for years; results on two states of it are not comparable.",
    )
    state = {  # of 6 November 2013: git's name of each file's content, its MD5 and its size
        "ratings.dat": ("35e148c293fdaa6fb57b6a66acc43d25aec79803", "9a348e2610c4304762909c06b80010fb", 4_193_082),
        "movies.dat": ("2b4e6f22812d1483b88cbd849654cfc3b203c9c3", "e8032fd2f2298e6f25b2d551aca571bd", 647_013),
        "users.dat": ("7e15db0c04e78ac0074a09c80040e569c1686608", "7f06a26ca56668a5945e9e57ebe3543a", 338_616),
    }
    address = _BLOB

    def download(self) -> Path:
        """Downloads the three files of the known state into the cache folder, checks them and returns their folder."""
        folder = cache.root() / "downloads" / self.archives[0]
        for name, (blob, md5, size) in self.state.items():
            replace(self.published, url=f"{self.address}{blob}", md5=md5, size=size).fetch(folder / name)
        return folder

    def read(self, raw: RawFiles) -> Prepared:
        """Reads the three files."""
        log, users, films, read, notes = self._log(raw)
        table = read_csv(
            raw,
            "movies.dat",
            {"movie": pa.int32(), "title": pa.string(), "genres": pa.string()},
            missing=("title", "genres"),
            form=DAT,
        )
        distinct("movies.dat, column movie", column(table, "movie"), _FILMS)
        self.known("ratings.dat, column movie", column(table, "movie"), films, log["item"], "movies.dat")
        known = read_csv(raw, "users.dat", {"user": pa.int32(), "twitter": pa.int64()}, form=DAT)
        distinct("users.dat, column user", column(known, "user"), _USERS)
        self.known("ratings.dat, column user", column(known, "user"), users, log["user"], "users.dat")
        steps = (
            *read,
            Step("movies.dat, movies; those without a rating are left out", table.num_rows, len(films)),
            Step("users.dat, users; only checked, as it contains Twitter's ids alone", known.num_rows, len(users)),
        )
        movies = table.to_pandas().set_index("movie").reindex(films).fillna("")
        columns = [categorical("user_id", "user", pd.Series(users)), *film_fields(movies["title"], movies["genres"])]
        label, provided = provenance(raw, f"{self.title} ({len(log['item']):,} ratings)")
        texts = {"title": bare(movies["title"])}
        return Prepared.of(label, len(users), len(films), columns, log, (*provided, *notes), texts, steps)

    def _log(
        self, raw: RawFiles
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, tuple[Step, ...], tuple[str, ...]]:
        """Reads the interactions and the ids of their users and films, with steps and notes on omitted rows."""
        name = "ratings.dat"
        kinds = {"user": pa.int32(), "movie": pa.int32(), "rating": pa.int16(), "time": pa.int64()}
        rows = read_csv(raw, name, kinds, form=DAT).to_pandas()
        self.count(name, len(rows))
        rating, time = rows["rating"].to_numpy(), rows["time"].to_numpy()
        conform(f"{name}, column rating", rating, (rating >= 0) & (rating <= 10), "0 to 10")
        conform(f"{name}, column time", time, (time > 0) & (time < 2**32), "seconds since 1970")
        again = rows.duplicated().to_numpy()
        if again.mean() > _AGAIN:
            raise InputError(f"{name}: {again.sum():,} rows come a second time, first row {int(np.argmax(again)) + 1}")
        rows = rows[~again]
        users, user = renumbered(f"{name}, column user", rows["user"].to_numpy(), _USERS)
        films, item = renumbered(f"{name}, column movie", rows["movie"].to_numpy(), _FILMS)
        log = {
            "user": user,
            "item": item,
            "click": (rows["rating"].to_numpy() >= 8).astype(np.uint8),
            "time": rows["time"].to_numpy(),
        }
        step = Step("ratings.dat, ratings; rows that come twice are left out", len(again), len(rows))
        note = f"{again.sum():,} rows that come twice were left out"
        return log, users, films, (step,), (note,) * bool(again.any())
