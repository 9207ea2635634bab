"""What a user's own data may do to a terminal, a table and a split: names, labels, times, empty ids, ties."""

from __future__ import annotations

import warnings
from pathlib import Path

import data_files
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_data_own import change, invoke, load

from coldbench.data.prepared import Prepared
from coldbench.data.schema import Schema
from coldbench.protocol.split import warm_up_split


@pytest.fixture
def books(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return data_files.books(Path("books"))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_number_that_comes_twice_is_shown_as_a_number(books, kind):
    for name, column in (("users", "reader"), ("items", "book")):
        table = pd.read_csv(books / f"{name}.csv")
        table[column] = 7
        (books / f"{name}.csv").unlink()
        if kind == "csv":
            table.to_csv(books / f"{name}.csv", index=False)
        else:
            table.to_parquet(books / f"{name}.parquet")
    said = invoke("data", "check", books).output
    assert "np." not in said
    assert ("the id 7 comes a second time" if kind == "parquet" else "the id '7' comes a second time") in said


@pytest.mark.parametrize("name", ["x" * 120_000, "a\x1b[31mb", "a\nb"])
def test_names_are_cut_and_escaped(books, name):
    for old in ('item = "book"', 'author = "categorical"', 'separator = ";"', "n = 6"):
        whole = (books / "schema.toml").read_text()
        quoted = '"' + name.replace("\x1b", "\\u001b").replace("\n", "\\n") + '"'
        new = (
            f"{quoted} = {old.partition(' = ')[2]}" if "categorical" in old else f"{old.partition(' = ')[0]} = {quoted}"
        )
        change(books / "schema.toml", old, new)
        result = invoke("data", "check", books)
        assert result.exit_code in (0, 2)
        assert all(len(line) < 700 and line.isprintable() for line in result.output.splitlines())
        if result.exit_code:
            assert "\n" not in str(result.output.splitlines()[0])
        (books / "schema.toml").write_text(whole)


@pytest.mark.parametrize("label", ["a\\u001b[2Jb", "a\\nb", "x" * 120_000])
def test_a_label_is_one_line_that_can_be_printed(books, label):
    change(books / "schema.toml", '"Bookshop"', f'"{label}"')
    result = invoke("data", "check", books)
    assert result.exit_code == 2
    assert result.output.startswith("schema.toml: label is '")
    assert len(result.output) < 300


def test_a_label_of_a_plugin_is_escaped():
    one = np.zeros(1, np.int32)
    log = {"user": one, "item": one, "click": one, "time": one}
    made = Prepared("a\x1b[2J\nb", Schema(1, 1, ()), {}, {}, log)
    assert made.dataset("x", "0", 1, 1).label == "a\\x1b[2J b"


@pytest.mark.parametrize("column", ["reader", "book"])
def test_an_empty_id_is_missing_in_parquet_as_in_csv(books, column):
    table = pd.read_csv(books / "interactions.csv")
    table.loc[3, column] = ""
    table.to_csv(books / "interactions.csv", index=False)
    from_csv = invoke("data", "check", books).output
    (books / "interactions.csv").unlink()
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), books / "interactions.parquet")
    assert invoke("data", "check", books).output == from_csv.replace("interactions.csv", "interactions.parquet")
    assert f"column {column}, row 4: the value is missing" in from_csv


def test_an_empty_word_is_missing_in_parquet_as_in_csv(books):
    first = load(books)
    table = pd.read_csv(books / "users.csv").fillna("")
    (books / "users.csv").unlink()
    table.astype({"city": "category"}).to_parquet(books / "users.parquet")
    assert load(books).schema == first.schema


@pytest.mark.parametrize("offset", ["Z", "+02:00", "-0530", "+02"])
def test_times_with_and_without_an_offset_do_not_mix(books, offset):
    table = pd.read_csv(books / "interactions.csv")
    table["at"] += offset
    table.to_csv(books / "interactions.csv", index=False)
    assert invoke("data", "check", books).exit_code == 0
    table.loc[6, "at"] = table.loc[6, "at"].removesuffix(offset)
    table.to_csv(books / "interactions.csv", index=False)
    result = invoke("data", "check", books)
    assert result.exit_code == 2
    assert "column at, row 7: '2024-05-07T10:00:00' has no offset from UTC, and others have one" in result.output


def test_dates_have_no_offset(books):
    table = pd.read_csv(books / "interactions.csv")
    table["at"] = table["at"].str[:10]
    table.to_csv(books / "interactions.csv", index=False)
    assert invoke("data", "check", books).exit_code == 0


def test_numbers_that_are_no_times_warn_of_nothing(books):
    table = pd.read_csv(books / "interactions.csv")
    table["at"] = ["inf", "1e300", "-inf", *range(24)]
    table.to_csv(books / "interactions.csv", index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert invoke("data", "check", books).exit_code == 2


def own(folder, click):
    """A log of 40 users, 60 items and two days."""
    random = np.random.default_rng(0)
    item = np.repeat(np.arange(60), np.where(np.arange(60) < 12, 60, 30))
    table = pd.DataFrame({"u": random.integers(0, 10_000, len(item)), "i": item, "t": random.integers(0, 2, len(item))})
    table["c"] = click(table, random).astype(int)
    folder.mkdir(exist_ok=True)
    (folder / "schema.toml").write_text(
        'n = 40\nk = 5\n[interactions]\nuser = "u"\nitem = "i"\nclick = "c"\ntime = "t"\n'
    )
    table.to_csv(folder / "interactions.csv", index=False)
    return table


def test_ties_are_not_broken_by_the_order_of_the_file(tmp_path):
    table = own(tmp_path / "own", lambda table, random: random.random(len(table)) < 0.5)

    def parts(rows):
        rows.to_csv(tmp_path / "own" / "interactions.csv", index=False)
        data = load(tmp_path / "own")
        split = warm_up_split(data)
        return {
            name: sorted(
                zip(data.item[part].tolist(), data.user[part].tolist(), data.click[part].tolist(), strict=True)
            )
            for name, part in {**split.warm, "test": split.test}.items()
        }

    sorted_by_label = parts(table.sort_values("c", ascending=False))
    assert sorted_by_label == parts(table.sample(frac=1, random_state=1))
    rates = [np.mean([click for *_, click in rows]) for rows in sorted_by_label.values()]
    assert rates == pytest.approx([0.5] * 4, abs=0.12)


def test_a_test_of_one_class_and_skewed_parts_are_warned_of(tmp_path):
    own(tmp_path / "own", lambda table, random: table["i"] < 12)
    result = invoke("data", "check", tmp_path / "own")
    assert result.exit_code == 0, result.output
    assert "warning: all 720 rows of test are without a click: no AUC is defined" in result.output
    assert "warning: all 720 rows of base are clicks: there is nothing to tell apart" in result.output
    own(tmp_path / "own", lambda table, random: (np.arange(len(table)) % 100) == 0)
    result = invoke("data", "check", tmp_path / "own")
    assert "with a click: the AUC will be noisy" in result.output
    own(tmp_path / "own", lambda table, random: random.random(len(table)) < 0.5)
    assert "warning" not in invoke("data", "check", tmp_path / "own").output
