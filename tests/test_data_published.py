"""The published datasets in small: what is read, how it splits, and what the cache keeps, against plain pandas."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time

import data_files
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from coldbench.cli import main
from coldbench.core.errors import InputError
from coldbench.data import cache
from coldbench.datasets.synthetic import Config as Sizes
from coldbench.datasets.synthetic import Synthetic
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry
from coldbench.protocol.split import warm_up_split

LOGS = {
    "ml-1m": ("ratings.dat", 60, 5),
    "ml-25m": ("ratings.csv", 100, 8),
    "taobao-ad": ("raw_sample.csv", 100, 8),
}
# what the preparing code makes of these files, as a digest: who changes it raises the dataset's `version` too
PINNED = {
    "ml-1m": ("1", "3f9c43f32d9f3fe7"),
    "ml-25m": ("1", "29a37d2014ef0321"),
    "taobao-ad": ("1", "356c39f149a9fb9e"),
}


@pytest.fixture(params=list(LOGS))
def files(request, tmp_path, monkeypatch):
    """A dataset's name and the folder of its files."""
    folder = data_files.write(request.param, tmp_path)
    data_files.expect(request.param, folder, monkeypatch)
    return request.param, folder


def load(name, path=None):
    source = Registry().get(DATASETS, name)()
    _, n, k = LOGS[name]
    return source.load(source.Config(n=n, k=k), path)


def log(name, folder):
    """The log as pandas reads it: user, item, click, time."""
    path = folder / LOGS[name][0]
    if name == "ml-1m":
        table = pd.read_csv(path, sep="::", engine="python", names=["user", "item", "stars", "time"])
    else:
        named = {"userId": "user", "movieId": "item", "rating": "stars", "timestamp": "time"}
        named |= {"adgroup_id": "item", "time_stamp": "time"}
        table = pd.read_csv(path).rename(columns=named)
    table["click"] = table["clk"] if "clk" in table else (table["stars"] >= 4).astype(int)
    return table


def test_the_log_is_what_the_file_says(files):
    name, folder = files
    data, table = load(name, folder), log(name, folder)
    for side, index in (("user", data.user), ("item", data.item)):
        ids = np.sort(table[side].unique())
        assert ids[index].tolist() == table[side].tolist()
    assert data.click.tolist() == table["click"].tolist()
    assert data.time.tolist() == table["time"].tolist()
    assert (data.user.dtype, data.item.dtype, data.click.dtype) == (np.int32, np.int32, np.uint8)
    assert data.label.endswith("(generated)") or name == "ml-1m"


@pytest.mark.parametrize("ties", [1, 10**9], ids=["as they are", "nearly all tied"])
def test_the_split_counted_by_pandas(files, ties):
    name, folder = files
    _, n, k = LOGS[name]
    path = folder / LOGS[name][0]
    if ties > 1:
        mark = "::" if name == "ml-1m" else ","
        place = 1 if name == "taobao-ad" else 3
        lines = [line.split(mark) for line in path.read_text().splitlines()]
        for cells in lines[name != "ml-1m" :]:
            cells[place] = str(int(cells[place]) // ties + 1)
        path.write_text("\n".join(mark.join(cells) for cells in lines) + "\n")
    table = log(name, folder)
    expected = {part: set() for part in ("base", "warm-a", "warm-b", "warm-c", "test")}
    for _, rows in table.groupby("item"):
        if len(rows) > n:
            expected["base"] |= set(rows.index)
        elif len(rows) >= 3 * k:
            ordered = sorted(rows.index, key=lambda row: (table["time"][row], row))
            for number, part in enumerate(("warm-a", "warm-b", "warm-c")):
                expected[part] |= set(ordered[number * k : (number + 1) * k])
            expected["test"] |= set(ordered[3 * k :])
    split = warm_up_split(load(name, folder))
    found = {"base": split.base, **split.warm, "test": split.test}
    assert all(expected.values())
    assert {part: set(rows.tolist()) for part, rows in found.items()} == expected


def fields_of(data, side):
    """Field name to one side's ids, counted from the field's first."""
    layout, table = data.schema.side(side), {"user": data.users, "item": data.items, "context": data.context}[side]
    first, found = 1, {}
    for field, columns in zip(layout.tokens, layout.columns, strict=True):
        found[field.name] = table.ids[:, columns] - first
        first += field.size
    return found


def test_fields_of_movielens_25m(tmp_path, monkeypatch):
    folder = data_files.write("ml-25m", tmp_path)
    data_files.expect("ml-25m", folder, monkeypatch)
    data = load("ml-25m", folder)
    movies = pd.read_csv(folder / "movies.csv").set_index("movieId")
    scores = pd.read_csv(folder / "genome-scores.csv")
    names = pd.read_csv(folder / "genome-tags.csv").set_index("tagId")["tag"]
    rated = np.sort(log("ml-25m", folder)["item"].unique())
    best = {
        movie: [names[tag] for tag in part.sort_values(["relevance", "tagId"], ascending=[False, True])["tagId"][:10]]
        for movie, part in scores.groupby("movieId")
    }
    expected = {
        "year": [[m.group(1)] if (m := re.search(r"\((\d{4})\)$", t)) else [] for t in movies["title"][rated]],
        "title": [re.findall(r"\w+", re.sub(r" \(\d{4}\)$", "", t))[:15] for t in movies["title"][rated]],
        "genres": [text.split("|") for text in movies["genres"][rated]],
        "tags": [best.get(movie, []) for movie in rated],
    }
    sizes = {field.name: field.size for field in data.schema.fields}
    ids = fields_of(data, "item")
    for name, lists in expected.items():
        words = sorted({word for part in lists for word in part})
        assert sizes[name] == len(words) + (name == "year" and [] in lists)
        for found, wanted in zip(ids[name], lists, strict=True):
            there = [words[place] for place in found if 0 <= place < len(words)]
            assert there == wanted
    assert any(len(part) == 10 for part in expected["tags"])
    assert [] in expected["tags"]


def test_fields_of_taobao_ad(tmp_path, monkeypatch):
    folder = data_files.write("taobao-ad", tmp_path)
    data_files.expect("taobao-ad", folder, monkeypatch)
    data = load("taobao-ad", folder)
    table = log("taobao-ad", folder)
    profiles = pd.read_csv(folder / "user_profile.csv").rename(columns=str.strip).set_index("userid")
    ads = pd.read_csv(folder / "ad_feature.csv").set_index("adgroup_id")
    users, items = np.sort(table["user"].unique()), np.sort(table["item"].unique())
    profiles, ads = profiles.reindex(users), ads.loc[items]
    assert ads["brand"].isna().any()
    assert profiles["cms_segid"].isna().any()  # users without a profile
    found = {**fields_of(data, "user"), **fields_of(data, "item")}
    sizes = {field.name: field.size for field in data.schema.fields}
    for column in [*profiles.columns, "cate_id", "campaign_id", "customer", "brand"]:
        values = (profiles if column in profiles else ads)[column]
        words = np.sort(values.dropna().unique())
        place = values.map({word: number for number, word in enumerate(words)}).fillna(len(words))
        assert found[column][:, 0].tolist() == place.tolist(), column
        assert sizes[column] == len(words) + values.isna().any()
    np.testing.assert_allclose(data.items.numeric[:, 0], np.log1p(ads["price"]), rtol=1e-6)
    places = np.sort(table["pid"].unique())
    assert places[fields_of(data, "context")["pid"][:, 0]].tolist() == table["pid"].tolist()


def test_zip_folder_and_cache_are_one(files, tmp_path):
    name, folder = files
    first = load(name, folder)
    packed = load(name, data_files.zipped(folder, tmp_path / "packed.zip"))
    Registry().get(DATASETS, name)().add(folder)
    for again in (packed, load(name)):
        assert digest(again) == digest(first)
        assert again.fingerprint == first.fingerprint


def digest(data) -> str:
    total = hashlib.sha256(json.dumps([dataclasses.astuple(data.schema), data.label]).encode())
    for array in (data.user, data.item, data.click, data.time, data.users.ids, data.items.ids, data.context.ids):
        total.update(np.ascontiguousarray(array).tobytes())
    total.update(np.round(data.items.numeric, 3).tobytes())  # the last bits are the processor's
    return total.hexdigest()[:16]


def test_the_version_stands_for_what_is_prepared(files):
    name, folder = files
    version, pinned = PINNED[name]
    assert Registry().get(DATASETS, name).version == version
    assert digest(load(name, folder)) == pinned, "raise the dataset's version, and pin the new digest here"


def test_a_cache_of_another_version_or_damaged_is_not_used(files, monkeypatch):
    name, folder = files
    source = Registry().get(DATASETS, name)
    whole = digest(source().add(folder))
    (parquet,) = (cache.root() / name).glob("*/interactions.parquet")
    content = parquet.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 4] ^= 1  # in a column's values: only a checksum sees it
    for broken in (content[: len(content) // 2], b"", content.replace(content[:4], b"nope"), bytes(flipped)):
        parquet.write_bytes(broken)
        with pytest.raises(InputError, match="damaged"):
            load(name)
        assert not parquet.exists()
        assert digest(source().add(folder)) == whole
    about = parquet.parent / "about.json"
    told = about.read_text()
    for broken in ("{", "[]", told.replace('"numeric"', '"multi"', 1), told.replace('"digest"', '"digesu"')):
        about.write_text(broken)
        with pytest.raises(InputError, match="damaged"):
            load(name)
        assert digest(source().add(folder)) == whole
    before = {key: value for key, value in json.loads(told).items() if key not in ("digest", "shapes")}
    about.write_text(json.dumps(before))  # as it was written before there were digests
    assert digest(load(name)) == whole
    monkeypatch.setattr(source, "version", "999")
    with pytest.raises(InputError, match="another version"):
        load(name)


def test_a_bit_that_flips_in_a_cache_is_noticed():
    made = Synthetic().generate(Sizes(users=50, items=40, interactions=1000))
    cache.store("bits", "0", "1", made)
    folder = cache.root() / "bits" / "0"
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    random, noticed = np.random.default_rng(0), 0
    for number in range(400):
        name = list(files)[number % len(files)]
        flipped = bytearray(files[name])
        at = random.integers(max(len(flipped) - 700, 0), len(flipped))  # the end of a Parquet file tells of the rest
        flipped[at] ^= 1 << random.integers(8)
        folder.mkdir(exist_ok=True)
        for file, content in {**files, name: flipped}.items():
            (folder / file).write_bytes(content)
        read = cache.load("bits", "0", "1")
        if read is None:
            noticed += 1
            continue
        assert read.schema == made.schema  # the bit meant nothing, such as one of the writing program's name
        for part in ("users", "items", "interactions"):
            columns = getattr(read, part)
            assert all(np.array_equal(columns[key], values) for key, values in getattr(made, part).items())
    assert noticed > 200


def test_what_another_preparation_takes_away_meanwhile_is_no_error(tmp_path, monkeypatch):
    folder = data_files.write("ml-25m", tmp_path)
    source = data_files.expect("ml-25m", folder, monkeypatch)
    gone = cache.root() / "ml-25m" / ".preparing-gone"
    gone.parent.mkdir(parents=True)
    gone.symlink_to(tmp_path / "nowhere")  # listed, and not there: as a folder that was renamed in between
    assert source().add(folder).rows == data_files.MOVIELENS.rows


def _prepare(folder: str, fields: dict, start) -> None:
    source = Registry().get(DATASETS, "ml-25m")
    source.published_rows, source.largest = fields["published_rows"], fields["largest"]
    start.wait()
    source().add(data_files.Path(folder))


def test_two_at_once_do_not_harm_each_other(tmp_path, monkeypatch):
    folder = data_files.write("ml-25m", tmp_path)
    source = data_files.expect("ml-25m", folder, monkeypatch)
    fields = {"published_rows": source.published_rows, "largest": source.largest}
    context = multiprocessing.get_context("fork")
    start = context.Barrier(3)
    workers = [context.Process(target=_prepare, args=(str(folder), fields, start)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    left = sorted(path.name for path in (cache.root() / "ml-25m").iterdir())
    assert left == [load("ml-25m").fingerprint, "current"]


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
import data_files, pyarrow.parquet as pq
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry
from coldbench.data import cache
from coldbench.datasets.synthetic import Config as Sizes
from coldbench.datasets.synthetic import Synthetic
source = Registry().get(DATASETS, "taobao-ad")
source.published_rows = {rows!r}
write = pq.write_table
def slow(*arguments, **values):
    write(*arguments, **values)
    print("written", flush=True)
    time.sleep(60)
cache.pq.write_table = slow
source().add(data_files.Path({folder!r}))
"""


def test_killed_while_it_prepares(tmp_path, monkeypatch):
    folder = data_files.write("taobao-ad", tmp_path)
    source = data_files.expect("taobao-ad", folder, monkeypatch)
    code = KILLED.format(tests=os.path.dirname(__file__), rows=source.published_rows, folder=str(folder))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"written\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    (left,) = (cache.root() / "taobao-ad").iterdir()
    assert left.name.startswith(".preparing-")
    with pytest.raises(InputError, match="not here yet"):
        load("taobao-ad")
    os.utime(left, (time.time() - 10**6, time.time() - 10**6))  # the next preparation sweeps, once it is old
    source().add(folder)
    assert not left.exists()
    assert load("taobao-ad").rows == data_files.TAOBAO.rows


def test_info_in_numbers(files, monkeypatch):
    name, folder = files
    _, n, k = LOGS[name]
    config = dataclasses.make_dataclass("Config", [("n", int, n), ("k", int, k)], frozen=True)
    monkeypatch.setattr(Registry().get(DATASETS, name), "Config", config)
    result = CliRunner().invoke(main, ["data", "info", name, str(folder), "--json"])
    about = json.loads(result.output)
    table = log(name, folder)
    counts = table["item"].value_counts()
    split = warm_up_split(load(name, folder))
    assert about["rows"] == len(table)
    assert about["split"] == split.sizes()
    assert about["discarded"]["rows"] == counts[counts < 3 * k].sum()
    assert about["discarded"]["rows"] + sum(about["split"][part] for part in about["click_rates"]) == len(table)
    assert about["click_rates"]["test"] == pytest.approx(table["click"][split.test].mean())
    assert about["popularity"][0] == {"rank": 1, "interactions": int(counts.max())}
    assert about["popularity"][-1] == {"rank": len(counts), "interactions": int(counts.min())}
    assert [point["interactions"] for point in about["popularity"]] == [
        int(counts.iloc[point["rank"] - 1]) for point in about["popularity"]
    ]
    text = CliRunner().invoke(main, ["data", "info", name, str(folder)]).output
    assert about["fingerprint"] in text
    assert f"fewer than 3 K = {3 * k}" in text


def test_the_generated_files_are_like_the_published_ones():
    """At full size: how often the most popular are shown, and what Taobao-Ad's split gives."""
    raw = data_files.raw_files
    films = raw.popularity(raw._MOVIES, 59_047, 25_000_095, 588)
    assert (films.sum(), films.max(), films.min()) == (25_000_095, 81_491, 1)
    ads = raw.popularity(raw._ADS, 846_811, 26_557_961, 1_338)
    assert ads.sum() == 26_557_961
    new = ads[(ads <= 2000) & (ads >= 1500)]
    assert len(new) == pytest.approx(541, rel=0.05)
    assert ads[ads > 2000].sum() == pytest.approx(3_592_047, rel=0.05)
