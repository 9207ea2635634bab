"""Raw files of datasets that come in many sizes, broken in every way that occurs: one clear line, code 2, no cache.

Nobody knows how many rows such a file should have, so one that ends between two rows cannot be told from a whole one.
"""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path, PurePosixPath

import data_files
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_data_corrupt import ANY, CSV_ONLY, cell, lines, refused

TEXTS = {
    "ml-latest": ("ratings.csv", "movies.csv", "tags.csv"),
    "movietweetings": ("ratings.dat", "movies.dat", "users.dat"),
    "mind": ("train/behaviors.tsv", "train/news.tsv"),
}
PARQUETS = (
    "train/behaviors.parquet",
    "validation/history.parquet",
    "articles.parquet",
    "vectors/document_vector.parquet",
)
UNSEEN = {
    "a row less": None,  # None: in any file
    "a row twice": ("tags.csv", "ratings.dat"),
    "semicolons": ("behaviors.tsv", "news.tsv"),
    "tabs": ("behaviors.tsv", "news.tsv"),
    "only the header": ("tags.csv",),
    "an id of letters": ("behaviors.tsv", "news.tsv"),
    "an id below 0": ("behaviors.tsv", "news.tsv"),
    "an id with a point": ("behaviors.tsv", "news.tsv"),
}


def every(old: str, new: str, count: int = -1):
    return lambda content: content.replace(old.encode(), new.encode(), count)


def first_twice(content: bytes) -> bytes:
    """The first row's id in the second row as well."""
    rows = lines(content)
    start = int(not rows[0][:1].isdigit() and not rows[0].startswith(b"N"))
    mark = next(mark for mark in ("::", "\t", ",") if mark.encode() in rows[start])
    return cell(start + 1, 0, rows[start].decode().partition(mark)[0])(content)


SINGLE = {
    "ratings.csv": {
        **{f"stars {stars}": cell(3, 2, stars) for stars in ("7.0", "4.2", "0.0", "-1", "nan", "inf", "", "five")},
        **{f"time {time}": cell(3, 3, time) for time in ("noon", "2019-11-21", "-5", "0", "99999999999", "")},
        "unknown movie": cell(3, 1, "4000000"),
        "a pair twice": lambda b: b"".join([*lines(b)[:2], lines(b)[1], *lines(b)[3:]]),
    },
    "movies.csv": {
        "an id twice": first_twice,
        "ISO-8859-1": lambda b: b.replace("é".encode(), b"\xe9"),
        "title missing": cell(2, 1, ""),
        "quote left open": cell(2, 1, '"Never closed'),
    },
    "tags.csv": {
        "time in words": cell(3, 3, "noon"),
        "time missing": cell(3, 3, ""),
        "movie in words": cell(3, 1, "Heat"),
        "ISO-8859-1": lambda b: b.replace(b"funny", b"f\xfcnny", 1),
    },
    "ratings.dat": {
        **{f"rating {rating}": cell(3, 2, rating) for rating in ("11", "-1", "7.5", "", "ten")},
        **{f"time {time}": cell(3, 3, time) for time in ("noon", "0", "-5", "99999999999", "")},
        "unknown movie": cell(3, 1, "99999999"),
        "unknown user": cell(3, 0, "7777"),
        "a hundred rows twice": lambda b: b + b"".join(lines(b)[:100]),
        "tabs in it": cell(3, 2, "7\t"),
    },
    "movies.dat": {"an id twice": first_twice, "ISO-8859-1": lambda b: b.replace("À".encode(), b"\xc0")},
    "users.dat": {"an id twice": first_twice, "Twitter's id in words": cell(2, 1, "@me")},
    "train/behaviors.tsv": {
        "commas": every("\t", ","),
        "a label of 2": every("-1", "-2", 1),
        "a label less": every("-1", "", 1),
        "an article in words": cell(3, 4, "News-1"),
        "an article's id past all": cell(3, 4, "N4000000000-1"),
        "two blanks": lambda b: b.replace(b"-0 N", b"-0  N", 1),
        "nothing shown": cell(3, 4, ""),
        "a user in digits": cell(3, 1, "81994"),
        "a user missing": cell(3, 1, ""),
        "a user's id past all": cell(3, 1, "U4000000000"),
        "time as in ISO 8601": cell(3, 2, "2019-11-12T14:46:00"),
        "time at 25 o'clock": cell(3, 2, "11/12/2019 25:00:00 AM"),
        "time missing": cell(3, 2, ""),
        "time before 1970": cell(3, 2, "11/12/1919 2:14:46 PM"),
        "an impression twice": first_twice,
    },
    "train/news.tsv": {
        "commas": every("\t", ","),
        "an id twice": first_twice,
        "an id in digits": cell(2, 0, "88753"),
        "an id of a user": cell(2, 0, "U88753"),
        "category missing": cell(2, 1, ""),
        "ISO-8859-1": lambda b: b.replace(b"day", b"d\xe9", 1),
    },
}
VARIANTS = [
    pytest.param(dataset, file, change, id=f"{dataset} {file} {what}")
    for dataset, files in TEXTS.items()
    for file in files
    for what, change in {**ANY, **(CSV_ONLY if file.endswith(".csv") else {}), **SINGLE[file]}.items()
    if what not in UNSEEN or (UNSEEN[what] and PurePosixPath(file).name not in UNSEEN[what])
    if not (file == "tags.csv" and what in ("an id below 0", "an id past all"))
]


def replaced(column: str, values):
    """A table with a column changed."""
    return lambda table: table.set_column(table.column_names.index(column), column, values(table[column]))


def at(row: int, value):
    """A column with another value in one row."""
    return lambda column: pa.array([*column.to_pylist()[:row], value, *column.to_pylist()[row + 1 :]])


def twice(column: pa.ChunkedArray) -> pa.Array:
    return at(3, column[2].as_py())(column)


def texts(column: pa.ChunkedArray) -> pa.Array:
    return pa.array([f"id {value}" for value in column.to_pylist()])


BYTES = {
    "empty": lambda b: b"",
    "half of it": lambda b: b[: len(b) // 2],
    "its end": lambda b: b[len(b) // 2 :],
    "noise": lambda b: bytes(range(256)) * 20,
    "only its mark": lambda b: b"PAR1PAR1",
    "gzip inside": gzip.compress,
    "a web page": lambda b: b"<!DOCTYPE html>\n<html><body>Please log in</body></html>\n",
    "CSV": lambda b: b"impression_id,user_id\n1,2\n",
    "too large": lambda b: b + b"0" * 2**21,
}
TABLES = {
    "train/behaviors.parquet": {
        **{
            f"no {column}": lambda table, column=column: table.drop_columns(column)
            for column in ("impression_id", "user_id", "impression_time", "article_ids_inview", "device_type", "age")
        },
        **{f"{column} missing once": replaced(column, at(3, None)) for column in ("user_id", "impression_id")},
        "no rows": lambda table: table.slice(0, 0),
        "users in words": replaced("user_id", texts),
        "a user below 0": replaced("user_id", at(3, -7)),
        "a user past all": replaced("user_id", at(3, 2**40)),
        "an impression twice": replaced("impression_id", twice),
        "times in words": replaced("impression_time", texts),
        "a time missing": replaced("impression_time", at(3, None)),
        "a time before 1970": replaced("impression_time", at(3, np.datetime64("1919-05-18", "us").item())),
        "articles as texts": replaced("article_ids_inview", texts),
        "a list missing": replaced("article_ids_inview", at(3, None)),
        "clicks missing once": replaced("article_ids_clicked", at(3, None)),
        "an article missing": replaced("article_ids_inview", at(3, [9_000_000, None])),
        "an article below 0": replaced("article_ids_inview", at(3, [9_000_000, -1])),
        "an article past all": replaced("article_ids_inview", at(3, [9_000_000, 2**40])),
    },
    "validation/history.parquet": {
        "no user_id": lambda table: table.drop_columns("user_id"),
        "no times": lambda table: table.drop_columns("impression_time_fixed"),
        "times as texts": replaced("impression_time_fixed", texts),
        "a user missing": replaced("user_id", at(3, None)),
    },
    "articles.parquet": {
        "no article_id": lambda table: table.drop_columns("article_id"),
        "an id twice": replaced("article_id", twice),
        "an id missing": replaced("article_id", at(3, None)),
        "an id below 0": replaced("article_id", at(3, -7)),
        "ids in words": replaced("article_id", texts),
        "of other impressions": replaced("article_id", lambda ids: pa.array(range(len(ids)))),
        "categories in words": replaced("category", texts),
        "no rows": lambda table: table.slice(0, 0),
    },
    "vectors/document_vector.parquet": {
        "no article_id": lambda table: table.drop_columns("article_id"),
        "no vectors": lambda table: table.drop_columns("document_vector"),
        "of other articles": replaced("article_id", lambda ids: pa.array(range(len(ids)))),
        "one of another length": replaced("document_vector", at(3, [1.0, 2.0])),
        "one missing": replaced("document_vector", at(3, None)),
        "one with a value missing": replaced("document_vector", at(3, [None] * 24)),
        "one not finite": replaced("document_vector", at(3, [float("inf")] * 24)),
        "texts": replaced("document_vector", texts),
    },
}
PARQUET_VARIANTS = [
    pytest.param(file, change, id=f"{file} {what}")
    for file in PARQUETS
    for what, change in {**BYTES, **TABLES[file]}.items()
]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    return {name: data_files.write(name, folder) for name in data_files.raw_logs.MAKERS}


@pytest.fixture
def copied(written, tmp_path, monkeypatch):
    """A dataset's files, to be broken."""

    def copy(dataset: str) -> Path:
        data_files.expect(dataset, written[dataset], monkeypatch)
        return Path(shutil.copytree(written[dataset], tmp_path / dataset))

    return copy


def test_there_are_more_than_150():
    assert len(VARIANTS) + len(PARQUET_VARIANTS) > 150


@pytest.mark.parametrize(("dataset", "file", "change"), VARIANTS)
def test_a_broken_text(dataset, file, change, copied):
    folder = copied(dataset)
    content = (folder / file).read_bytes()
    broken = change(content)
    assert broken != content
    (folder / file).write_bytes(broken)
    said = refused(dataset, folder)
    assert any(PurePosixPath(name).name in said for name in TEXTS[dataset])


@pytest.mark.parametrize(("file", "change"), PARQUET_VARIANTS)
def test_a_broken_parquet(file, change, copied):
    folder = copied("eb-nerd")
    path = folder / file
    if change in BYTES.values():
        path.write_bytes(change(path.read_bytes()))
    else:
        pq.write_table(change(pq.read_table(path)), path)
    assert PurePosixPath(file).name in refused("eb-nerd", folder)


@pytest.mark.parametrize("dataset", list(data_files.raw_logs.MAKERS))
def test_a_broken_archive_and_one_without_the_log(dataset, copied, tmp_path):
    folder = copied(dataset)
    whole = data_files.zipped(folder, tmp_path / "whole.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    assert "again" in refused(dataset, tmp_path / "cut.zip")
    flipped = bytearray(whole)
    flipped[len(whole) // 3] ^= 0xFF
    (tmp_path / "flipped.zip").write_bytes(flipped)
    refused(dataset, tmp_path / "flipped.zip")
    for log in [*folder.rglob("ratings.*"), *folder.rglob("behaviors.*")]:
        log.unlink()
    assert " has no " in refused(dataset, folder)
    assert " has no " in refused(dataset, data_files.zipped(folder, tmp_path / "without.zip"))
