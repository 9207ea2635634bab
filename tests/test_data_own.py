"""A user's own folder: docs/own-data.md as it stands, Parquet, and every problem named."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import data_files
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from coldbench.cli import main
from coldbench.core.config import identity, label, resolve
from coldbench.data import cache
from coldbench.datasets import folder as folder_data
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry
from coldbench.protocol.split import warm_up_split

PAGE = (Path(__file__).parent.parent / "docs" / "own-data.md").read_text()


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def books(tmp_path, monkeypatch):
    """The page's folder."""
    monkeypatch.chdir(tmp_path)
    return data_files.books(Path("books"))


def load(folder, **values):
    name, meant = Registry().dataset(str(folder))
    source = Registry().get(DATASETS, name)()
    return source.load(resolve(name, source.Config, meant | values))


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_page_says_what_comes_out(books):
    whole, broken = re.findall(r"```console\n(.*?)```", PAGE, re.S)
    result = invoke("data", "check", books)
    assert result.output == whole
    assert result.exit_code == 0
    change(books / "items.csv", ",7.5", ",cheap")
    log = (books / "interactions.csv").read_text().splitlines()
    log[2] = log[2].replace(",2,", ",,")
    log[5] = log[5].replace("finn", "finnegan")
    (books / "interactions.csv").write_text("\n".join(log) + "\n")
    result = invoke("data", "check", books)
    assert result.output == broken
    assert result.exit_code == 2
    for command in (["run", "--dry-run", "--datasets", books], ["data", "info", books]):
        result = invoke(*command)
        assert result.exit_code == 2
        assert result.output.startswith("coldbench: books: interactions.csv, column stars, row 2")
        assert "and 2 more: coldbench data check books" in result.output


def test_reads_what_the_files_say(books):
    data = load(books)
    log = pd.read_csv(books / "interactions.csv")
    items, users = sorted(log["book"].unique()), sorted(log["reader"].unique())
    assert [items[place] for place in data.item] == log["book"].tolist()
    assert [users[place] for place in data.user] == log["reader"].tolist()
    assert data.click.tolist() == (log["stars"] >= 4).astype(int).tolist()
    assert (np.diff(data.time) >= 0).all()
    price = pd.read_csv(books / "items.csv").set_index("book")["price"]
    assert data.items.numeric[:, 0].tolist() == pytest.approx([price[item] for item in items])
    sizes = {field.name: field.size for field in data.schema.fields}
    assert sizes["city"] == 4  # Basel, Lund, Porto, and none
    assert sizes["subjects"] == 10
    assert (data.label, data.n, data.k) == ("Bookshop", 6, 1)
    assert load(books, n="7").n == 7


def test_a_run_plans_it_and_a_cell_trains_on_it(books, make_cell):
    result = invoke("run", "--dry-run", "--datasets", books, "--methods", "base", "--seeds", 1, "--out", "out")
    assert "folder[path=books] / deepfm / base" in result.output
    data = load(books)
    name, values = Registry().dataset("books")
    spec = Registry().spec(DATASETS, name, values)
    cell = dataclasses.replace(make_cell("fm", "cvar"), dataset=spec, fingerprint=data.fingerprint)
    outcomes, split = cell.on(data).run(), cell.on(data).split
    assert [outcome.phase for outcome in outcomes] == ["cold", "warm-a", "warm-b", "warm-c"]
    assert all(np.isfinite(outcome.logits).all() for outcome in outcomes)
    assert len(split.test) == 4


def test_where_it_lies_is_no_part_of_what_it_is(books, tmp_path):
    first = load(books)
    shutil.move(books, tmp_path / "moved")
    again = load(tmp_path / "moved")
    assert again.fingerprint == first.fingerprint
    config = Registry().get(DATASETS, "folder").Config(path="a")
    assert "path" not in identity(config)
    assert label("folder", config) == "folder[path=a]"
    assert invoke("run", "--dry-run", "--datasets", "all", "--data-dir", "nowhere").output.count("folder") == 1


def test_parquet_gives_the_same_and_prepares_once(books, monkeypatch):
    first = load(books)
    for stem in ("interactions", "items", "users"):
        table = pd.read_csv(books / f"{stem}.csv")
        if stem == "interactions":
            table["at"] = pd.to_datetime(table["at"])
            table["clicked"] = table["stars"] >= 4
        if stem == "items":
            table["subjects"] = table["subjects"].str.split(";")
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), books / f"{stem}.parquet")
        (books / f"{stem}.csv").unlink()
    second = load(books)
    change(books / "schema.toml", 'click = "stars"\nclick_from = 4 ', 'click = "clicked" ')
    third = load(books)
    for data in (second, third):
        for part in ("user", "item", "click", "time"):
            assert np.array_equal(getattr(data, part), getattr(first, part)), part
        assert np.array_equal(data.items.ids, first.items.ids)
        assert np.array_equal(data.users.ids, first.users.ids)
    assert len({first.fingerprint, second.fingerprint, third.fingerprint}) == 3
    monkeypatch.setattr("coldbench.datasets.folder.OwnTable", None)  # all three come from the cache now
    assert load(books).fingerprint == third.fingerprint


def test_without_users_and_items(books):
    for name in ("users", "items"):
        (books / f"{name}.csv").unlink()
    schema = (books / "schema.toml").read_text()
    (books / "schema.toml").write_text(schema[: schema.index("[users]")])
    data = load(books)
    assert [field.name for field in data.schema.fields] == ["user_id", "place", "count", "time"]
    assert warm_up_split(data).sizes()["base"] == 16


def test_whole_seconds_and_other_times(books):
    log = pd.read_csv(books / "interactions.csv")
    moments = pd.to_datetime(log["at"])
    first = load(books)
    log["at"] = (moments - pd.Timestamp(0)).dt.total_seconds().astype(int)
    log.to_csv(books / "interactions.csv", index=False)
    assert load(books).time.tolist() == (first.time // 10**6).tolist()


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("schema.toml", "n = 6", "n = 0", ["schema.toml: n is 0"]),
        ("schema.toml", "n = 6", "", ["schema.toml: it lacks n"]),
        ("schema.toml", "n = 6", "n = true", ["n is True"]),
        ("schema.toml", "n = 6", "n = [", ["it is no TOML"]),
        (
            "schema.toml",
            "[interactions]",
            "[interaction]",
            ["did you mean 'interactions'", "needs a table [interactions]"],
        ),
        ("schema.toml", 'user = "reader"', 'users = "reader"', ["did you mean 'interactions.user'"]),
        ("schema.toml", 'user = "reader"', "user = 3", ["interactions.user is 3"]),
        ("schema.toml", "click_from = 4", 'click_from = "4"', ["should be a number"]),
        ("schema.toml", '"categorical"', '"category"', ["should be one of categorical, multi, numeric"]),
        ("schema.toml", "widt", "widht", ["did you mean"]),
        ("schema.toml", "width = 3", "width = 0", ["between 1 and"]),
        ("schema.toml", 'separator = ";"', 'separator = ""', ["separator is ''"]),
        ("schema.toml", 'author = "cat', 'count = "cat', ["'count' is taken"]),
        ("schema.toml", 'place = "cat', 'item = "cat', ["'item' is taken"]),
        (
            "schema.toml",
            'item = "book"',
            'item = "boook"',
            ["column boook: there is no such column; did you mean 'book'"],
        ),
        ("schema.toml", "click_from = 4", "", ["column stars, row 1: '2' should be 0 or 1", "more rows like these"]),
        ("schema.toml", 'price = "numeric"', 'author = "numeric"', ["'author' is taken", "no TOML"]),
        ("interactions.csv", "", None, ["neither it nor interactions.csv is there"]),
        ("interactions.csv", "reader,book", "reader,reader", ["it is there twice", "no such column"]),
        ("interactions.csv", ",web\n", ",web,1\n", ["row 1: Expected 5 columns, got 6"]),
        ("interactions.csv", ",web\n", "\n", ["Expected 5 columns, got 4"]),
        ("interactions.csv", "2024-05-02T18:00:00", "2024-05-32T18:00:00", ["column at, row 1: '2024-05-32"]),
        ("interactions.csv", "2024-05-02T18:00:00", "1714672800", ["column at, row 1"]),
        ("interactions.csv", "gus,momo,2", "gus,momo,two", ["column stars, row 1: 'two' should be a number"]),
        ("interactions.csv", "gus,momo,2", "gus,momo,nan", ["column stars, row 1: 'nan' should be a number"]),
        ("interactions.csv", "gus,momo,2", "gus,momo,1e999", ["column stars, row 1: inf should be a finite"]),
        ("interactions.csv", "gus,momo,2", ",momo,2", ["column reader, row 1: the value is missing"]),
        ("interactions.csv", "gus,momo,2", "gus,,2", ["column book, row 1: the value is missing"]),
        ("interactions.csv", "gus,momo,2", "gus,mamo,2", ["items.csv lacks the id 'mamo'"]),
        (
            "users.csv",
            "ben,",
            "ada,",
            ["column reader, row 2: the id 'ada' comes a second", "users.csv lacks the id 'ben'"],
        ),
        ("users.csv", "ben,", ",", ["users.csv, column reader, row 2: the value is missing"]),
        ("users.csv", "Porto", "Pórto", None),
        ("items.csv", "9.9", "", ["items.csv, column price, row 3: the value is missing"]),
        ("items.csv", "9.9", "9,9", ["Expected 4 columns, got 5"]),
        ("items.csv", "book,author", "book;author", ["it holds book;author"]),
    ],
)
def test_problems_are_named(books, file, old, new, says):
    if new is None:
        (books / file).unlink()
    elif says is None:  # in another encoding
        (books / file).write_bytes((books / file).read_text().replace(old, new, 1).encode("latin-1"))
        says = [f"{file}"]
    else:
        change(books / file, old, new)
    result = invoke("data", "check", books)
    assert result.exit_code == 2, result.output or result.exception
    assert any(part in result.output for part in says), result.output
    line = invoke("run", "--dry-run", "--datasets", books)
    assert line.exit_code == 2
    assert len(line.output.strip().splitlines()) == 1
    assert line.output.startswith("coldbench: books: ")
    assert not (cache.root() / "folder").exists()


def test_problems_of_all_files_at_once(books):
    change(books / "users.csv", "city", "town")
    change(books / "items.csv", "9.9", "much")
    change(books / "interactions.csv", "gus,momo,2", "gus,momo,two")
    said = invoke("data", "check", books).output
    assert ["users.csv" in said, "items.csv" in said, "interactions.csv" in said, "3 problems" in said] == [True] * 4


def test_parquet_of_wrong_kinds(books):
    log = pd.read_csv(books / "interactions.csv")
    table = pa.table({name: pa.array(log[name].tolist()) for name in ("book", "at", "place")})
    table = table.append_column("reader", pa.array([0.5] * len(log)))
    table = table.append_column("stars", pa.array([[4]] * len(log)))
    (books / "interactions.csv").unlink()
    pq.write_table(table, books / "interactions.parquet")
    said = invoke("data", "check", books).output
    assert "column reader: ids of type double" in said
    assert "column stars: it is of type list" in said
    (books / "interactions.parquet").write_bytes(b"PAR1 no parquet")
    assert "no readable parquet" in invoke("data", "check", books).output
    shutil.copy(books / "items.csv", books / "items.parquet")
    assert "it is there as .csv too" in invoke("data", "check", books).output


def test_wrong_folders(tmp_path):
    assert "is no folder" in invoke("data", "check", tmp_path / "nowhere").output
    assert "schema.toml: it cannot be read" in invoke("data", "check", tmp_path).output
    for command in (["run", "--dry-run", "--datasets", "folder"], ["data", "add", "folder", tmp_path]):
        result = invoke(*command)
        assert result.exit_code == 2
        assert len(result.output.strip().splitlines()) == 1


def test_n_and_k_that_do_not_suit(books):
    change(books / "schema.toml", "n = 6", "n = 60")
    result = invoke("data", "check", books)
    assert result.exit_code == 2
    assert "N = 60" in result.output


def test_files_without_rows(books):
    for stem in ("items", "users", "interactions"):
        path = books / f"{stem}.csv"
        whole = path.read_text()
        path.write_text(whole.splitlines()[0] + "\n")
        result = invoke("data", "check", books)
        assert result.exit_code == 2, result.output or result.exception
        path.write_text(whole)


def test_any_damage_ends_in_lines(books):
    """Random edits: problems in one line each, and what ``check`` finds is what ``run`` refuses."""
    random = np.random.default_rng(0)
    whole = {path.name: path.read_bytes() for path in books.iterdir()}
    pieces = [b"", b",", b"\n", b'"', b"\xff", b"-1", b"nan", b"\0", b"1e9", b"[", b"=", b"\r\n", b";", "é".encode()]
    outcomes = set()
    for _ in range(60):
        name = str(random.choice(list(whole)))
        start = int(random.integers(len(whole[name])))
        stop = start + int(random.choice([0, 1, 10]))
        broken = whole[name][:start] + pieces[random.integers(len(pieces))] + whole[name][stop:]
        (books / name).write_bytes(broken)
        checked, planned = invoke("data", "check", books), invoke("data", "info", books)
        assert checked.exit_code == planned.exit_code
        assert checked.exit_code in (0, 2), broken
        if checked.exit_code:
            assert len(planned.output.splitlines()) == 1
        outcomes.add(checked.exit_code)
        (books / name).write_bytes(whole[name])
    assert outcomes == {0, 2}


KINDS = {
    "truth": pa.array([True, False] * 6),
    "large": pa.array([2**64 - 1 - row for row in range(12)], pa.uint64()),
    "pairs": pa.FixedSizeListArray.from_arrays(pa.array(range(24)), 2),
    "lists": pa.array([[row] for row in range(12)]),
    "nested": pa.array([[[row]] for row in range(12)]),
    "structs": pa.array([{"a": row} for row in range(12)]),
    "maps": pa.array([[("a", row)] for row in range(12)], pa.map_(pa.string(), pa.int64())),
    "bytes": pa.array([b"\xff\xfe"] * 12),
    "time of day": pa.array([row * 1_000_000 for row in range(12)], pa.time64("us")),
    "duration": pa.array(range(12), pa.duration("s")),
    "nothing": pa.nulls(12),
}
TYPED = """n = 3
k = 1
[interactions]
user = "u"
item = "i"
click = "c"
time = "t"
[interactions.fields]
x = "categorical"
m = "multi"
z = "numeric"
"""


def typed(folder, **columns):
    ones, counted = pa.array([0, 1] * 6), pa.array(range(12))
    good = {"u": pa.array([0, 1, 2] * 4), "i": ones, "c": ones, "t": counted, "x": ones, "z": counted}
    good["m"] = pa.array(["a|b"] * 12)
    pq.write_table(pa.table(good | columns), folder / "interactions.parquet")
    problems = folder_data.Problems()
    declared = folder_data.read_declaration(folder, problems)
    return folder_data._prepared(folder, declared, problems), problems


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("click_from", ["", "click_from = 0.5\n"])
def test_a_column_of_any_type_is_read_or_named(tmp_path, kind, click_from):
    (tmp_path / "schema.toml").write_text(TYPED.replace('time = "t"\n', f'time = "t"\n{click_from}'))
    for column in "uictxmz":
        prepared, problems = typed(tmp_path, **{column: KINDS[kind]})
        assert (prepared is None) == bool(problems)
        assert all(problem.column == column for problem in problems)
        assert prepared is not None or len(str(problems[0]).splitlines()) == 1


def test_truths_are_numbers_and_lists_of_one_length_are_lists(tmp_path):
    (tmp_path / "schema.toml").write_text(TYPED)
    prepared, problems = typed(tmp_path, z=KINDS["truth"], m=KINDS["pairs"])
    assert not problems
    assert prepared.interactions["z"].tolist() == [1, 0] * 6
    assert prepared.interactions["m"].shape == (12, 10)
    assert (prepared.interactions["m"] > 0).sum(1).tolist() == [2] * 12
