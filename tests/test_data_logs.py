"""Datasets that come in many sizes, on generated files: what is read and how it splits, against plain pandas."""

from __future__ import annotations

import re
import shutil

import data_files
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from test_data_published import digest, fields_of

from coldbench.core.errors import InputError
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry
from coldbench.protocol.split import warm_up_split
from coldbench.run.options import Options
from coldbench.run.plan import make_plan
from coldbench.run.runfile import keep

NAMES = ["ml-latest", "movietweetings", "mind", "eb-nerd"]
# what the preparing code makes of these files, as a digest: who changes it raises the dataset's `version` too
PINNED = {
    "ml-latest": ("1", "b818f0a3c64d3a88"),
    "movietweetings": ("1", "3545bb4522949bdf"),
    "mind": ("1", "6b008e3a5b1e7c08"),
    "eb-nerd": ("2", "dd8507162d80d79e"),
}


@pytest.fixture(params=NAMES)
def files(request, tmp_path):
    return request.param, data_files.write(request.param, tmp_path)


def load(name, path=None, **shots):
    source = Registry().get(DATASETS, name)()
    return source.load(source.Config(**shots), path)


def log(name, folder):
    """The log as pandas reads it: user, item, click, time, in the files' order."""
    if name == "ml-latest":
        table = pd.read_csv(folder / "ratings.csv")
        table.columns = ["user", "item", "stars", "time"]
        return table.assign(click=(table["stars"] >= 4).astype(int))
    if name == "movietweetings":
        table = pd.read_csv(folder / "ratings.dat", sep="::", engine="python", names=["user", "item", "stars", "time"])
        return table.assign(click=(table["stars"] >= 8).astype(int))
    rows = []
    if name == "mind":
        for part in ("dev", "train"):
            for line in (folder / part / "behaviors.tsv").read_text().splitlines():
                _, user, time, _, shown = line.split("\t")
                seconds = int(pd.Timestamp(time, tz="UTC").timestamp())
                rows += [(int(user[1:]), int(i[1:-2]), int(i[-1]), seconds) for i in shown.split()]
    else:
        for part in ("train", "validation"):
            for row in pd.read_parquet(folder / part / "behaviors.parquet").itertuples():
                clicked, seconds = set(row.article_ids_clicked), int(row.impression_time.timestamp())
                rows += [(row.user_id, i, int(i in clicked), seconds) for i in row.article_ids_inview]
    return pd.DataFrame(rows, columns=["user", "item", "click", "time"])


def test_the_log_is_what_the_files_say(files):
    name, folder = files
    data, table = load(name, folder), log(name, folder)
    for side, index in (("user", data.user), ("item", data.item)):
        ids = np.sort(table[side].unique())
        assert ids[index].tolist() == table[side].tolist()
    assert data.click.tolist() == table["click"].tolist()
    assert data.time.tolist() == table["time"].tolist()
    assert (data.user.dtype, data.item.dtype, data.click.dtype) == (np.int32, np.int32, np.uint8)
    assert 0 < data.click.mean() < 1


@pytest.mark.parametrize("shots", [{}, {"n": 38, "k": 4}], ids=["proposed", "given"])
def test_the_split_counted_by_pandas(files, shots):
    name, folder = files
    table, data = log(name, folder), load(name, folder, **shots)
    n, k = data.n, data.k
    expected = {part: set() for part in ("base", "warm-a", "warm-b", "warm-c", "test")}
    new = 0
    for _, rows in table.groupby("item"):
        if len(rows) > n:
            expected["base"] |= set(rows.index)
        elif len(rows) >= 3 * k:
            new += 1
            ordered = sorted(rows.index, key=lambda row: (table["time"][row], row))
            for number, part in enumerate(("warm-a", "warm-b", "warm-c")):
                expected[part] |= set(ordered[number * k : (number + 1) * k])
            expected["test"] |= set(ordered[3 * k :])
    split = warm_up_split(data)
    found = {"base": split.base, **split.warm, "test": split.test}
    assert all(expected.values())
    assert {part: set(rows.tolist()) for part, rows in found.items()} == expected
    if not shots:
        assert new / (new + len(split.old_items)) == pytest.approx(0.8, abs=0.08)  # 75 items, many with as many rows


def test_the_n_and_k_that_were_proposed_are_in_the_plan_and_in_the_key(files, tmp_path, monkeypatch):
    name, folder = files
    options = Options(datasets=(name,), methods=("base",), backbones=("fm",), seeds=(0,), data_dir=str(folder.parent))
    data, first = load(name, folder), make_plan(options).cells[0]
    assert first.labels["dataset"] == name
    assert (first.dataset.config.n, first.dataset.config.k) == (data.n, data.k) > (0, 0)
    keep(make_plan(options), tmp_path)
    assert f"{name}[n={data.n},k={data.k}]" in (tmp_path / "run.toml").read_text()
    monkeypatch.setattr("coldbench.data.source.proposal", lambda *_: (data.n + 1, data.k))
    other = make_plan(options).cells[0]
    assert other.fingerprint == first.fingerprint
    assert len({first.key, other.key}) == len({first.pretrained_key, other.pretrained_key}) == 2


def words_of(data, side, name):
    """A field's values by row, as numbers; padding left out."""
    (field,) = (field for field in data.schema.fields if field.name == name)
    return [[place for place in row if 0 <= place < field.size] for row in fields_of(data, side)[name].tolist()]


def same(data, side, name, lists):
    """Whether a field numbers some lists of words by alphabet; empty lists are missing values or no words."""
    words = sorted({word for part in lists for word in part})
    numbers = [[words.index(word) for word in part] or [len(words)] for part in lists]
    found = [row or [len(words)] for row in words_of(data, side, name)]
    assert found == numbers, name


def test_films_of_ml_latest(tmp_path):
    folder = data_files.write("ml-latest", tmp_path)
    data, table = load("ml-latest", folder), log("ml-latest", folder)
    rated = np.sort(table["item"].unique())
    movies = pd.read_csv(folder / "movies.csv").set_index("movieId").loc[rated]
    same(data, "item", "title", [re.findall(r"\w+", re.sub(r" \(\d{4}\)$", "", t)) for t in movies["title"]])
    same(data, "item", "genres", [text.split("|") for text in movies["genres"]])
    same(data, "item", "year", [re.findall(r"\((\d{4})\)$", title) for title in movies["title"]])
    tags = pd.read_csv(folder / "tags.csv", keep_default_na=False)
    first = table.groupby("item")["time"].min()
    lists = []
    for movie in rated:
        early = tags[(tags["movieId"] == movie) & (tags["timestamp"] <= first[movie]) & (tags["tag"] != "")]
        counts = early["tag"].str.lower().str.strip().value_counts()
        lists.append(sorted(counts.index, key=lambda tag: (-counts[tag], tag))[:10])
    assert (tags["timestamp"] > tags["movieId"].map(first)).any()  # there are later ones, which do not count
    same(data, "item", "tags", lists)


def test_later_tags_change_nothing(tmp_path):
    folder = data_files.write("ml-latest", tmp_path)
    whole = load("ml-latest", folder)
    tags = (folder / "tags.csv").read_text().splitlines()
    first = log("ml-latest", folder).groupby("item")["time"].min()
    kept = [line for line in tags[1:] if int(line.split(",")[-1]) <= first.get(int(line.split(",")[1]), -1)]
    (folder / "tags.csv").write_text("\n".join([tags[0], *kept]) + "\n")
    assert 0 < len(kept) < len(tags) - 1
    assert digest(load("ml-latest", folder)) == digest(whole)
    (folder / "tags.csv").write_text(tags[0] + "\n")
    assert "tags" not in {field.name for field in load("ml-latest", folder).schema.fields}


def test_links_may_be_missing(tmp_path):
    folder = data_files.write("ml-latest", tmp_path)
    whole = load("ml-latest", folder)
    (folder / "links.csv").unlink()
    assert load("ml-latest", folder).fingerprint == whole.fingerprint


def test_films_of_movietweetings(tmp_path):
    folder = data_files.write("movietweetings", tmp_path)
    data, table = load("movietweetings", folder), log("movietweetings", folder)
    lines = (folder / "movies.dat").read_text(encoding="utf-8").splitlines()
    movies = {int(line.split("::")[0]): line.split("::")[1:] for line in lines}
    rated = np.sort(table["item"].unique())
    assert rated.max() > 10_000_000
    same(data, "item", "genres", [[genre for genre in movies[i][1].split("|") if genre] for i in rated])
    same(data, "item", "year", [re.findall(r"\((\d{4})\)$", movies[i][0]) for i in rated])
    same(data, "item", "title", [re.findall(r"\w+", movies[i][0].rpartition(" (")[0]) for i in rated])


def test_a_few_rows_that_come_twice_are_left_out_with_a_note(tmp_path):
    folder = data_files.write("movietweetings", tmp_path)
    whole = load("movietweetings", folder)
    lines = (folder / "ratings.dat").read_text().splitlines(keepends=True)
    (folder / "ratings.dat").write_text("".join([*lines, lines[5]]))
    again = load("movietweetings", folder)
    assert again.rows == whole.rows
    assert "1 rows that come twice were left out" in again.notes
    (folder / "ratings.dat").write_text("".join([*lines, *lines[:100]]))
    with pytest.raises(InputError, match="100 rows come a second time"):
        load("movietweetings", folder)


def test_articles_of_mind(tmp_path):
    folder = data_files.write("mind", tmp_path)
    data, table = load("mind", folder), log("mind", folder)
    lines = [line.split("\t") for line in (folder / "dev" / "news.tsv").read_text().splitlines()]
    news = {int(line[0][1:]): line for line in lines}
    shown = np.sort(table["item"].unique())
    assert any(i not in news for i in shown)
    for place, name in ((1, "category"), (2, "subcategory")):
        same(data, "item", name, [[news[i][place]] if i in news else [] for i in shown])
    titles = [re.findall(r"\w+", news[i][3].lower()) if i in news else [] for i in shown]
    same(data, "item", "title", titles)
    assert any("test/behaviors.tsv does not tell" in note for note in data.notes)
    assert any(note.startswith("news.tsv lacks ") for note in data.notes)


def test_articles_and_users_of_eb_nerd(tmp_path):
    folder = data_files.write("eb-nerd", tmp_path)
    data, table = load("eb-nerd", folder), log("eb-nerd", folder)
    shown, users = np.sort(table["item"].unique()), np.sort(table["user"].unique())
    articles = pd.read_parquet(folder / "articles.parquet").set_index("article_id").reindex(shown)
    for name in ("premium", "article_type", "category", "sentiment_label"):
        same(data, "item", name, [[] if pd.isna(value) else [value] for value in articles[name]])
    same(data, "item", "title", [re.findall(r"\w+", t.lower()) for t in articles["title"].fillna("")])
    for name in ("topics", "subcategory"):
        lists = [[str(word) for word in part] if isinstance(part, np.ndarray) else [] for part in articles[name]]
        same(data, "item", name, lists)
    people = pd.concat(pd.read_parquet(folder / part / "behaviors.parquet") for part in ("train", "validation"))
    people = people.sort_values("impression_time", kind="stable").drop_duplicates("user_id").set_index("user_id")
    for name in ("gender", "postcode", "age", "is_subscriber", "is_sso_user"):
        same(data, "user", name, [[] if pd.isna(value) else [value] for value in people[name].loc[users]])
    start = pd.Timestamp(table["time"].min(), unit="s")
    history = pd.read_parquet(folder / "train" / "history.parquet").set_index("user_id")["impression_time_fixed"]
    reads = [np.log1p((history[user] < np.datetime64(start)).sum()) for user in users]
    np.testing.assert_allclose(data.users.numeric[:, 0], reads, rtol=1e-6)
    assert (
        0 < min(len(part) for part in history[history.str.len() > 8]) > np.expm1(max(reads))
    )  # later ones do not count
    names = [field.name for field in data.schema.fields]
    assert "vector" in names
    assert not {"total_pageviews", "read_time"} & set(names)


def test_vectors_of_articles_have_length_one(tmp_path):
    folder = data_files.write("eb-nerd", tmp_path)
    data, table = load("eb-nerd", folder), log("eb-nerd", folder)
    shown = np.sort(table["item"].unique())
    vectors = pq.read_table(folder / "vectors" / "document_vector.parquet").to_pandas().set_index("article_id")
    there = np.isin(shown, vectors.index)
    matrix = np.stack(vectors["document_vector"].loc[shown[there]])
    found = data.items.vectors
    np.testing.assert_allclose(found[there], matrix / np.linalg.norm(matrix, axis=1, keepdims=True), atol=1e-3)
    assert (found[~there] == 0).all()
    lacking = f"document_vector.parquet lacks {(~there).sum()} of {len(shown)} articles, which get zeros"
    assert any(note.endswith(lacking) for note in data.notes)
    shutil.rmtree(folder / "vectors")
    without = load("eb-nerd", folder)
    assert without.items.vectors is None
    assert without.fingerprint != data.fingerprint
    (folder / "articles.parquet").unlink()
    assert [field.name for field in load("eb-nerd", folder).schema.side("item").fields] == ["count"]


@pytest.mark.parametrize("name", ["mind", "eb-nerd"])
def test_one_part_alone(name, tmp_path):
    folder = data_files.write(name, tmp_path)
    part = load(name, folder / "train", n=30, k=2)
    assert part.rows < load(name, folder).rows
    with pytest.raises(InputError, match=r"test/behaviors|behaviors.*what was clicked"):
        load(name, folder / "test")


def test_zip_folder_and_cache_are_one(files, tmp_path):
    name, folder = files
    first = load(name, folder)
    packed = load(name, data_files.zipped(folder, tmp_path / "packed.zip"))
    Registry().get(DATASETS, name)().add(folder)
    for again in (packed, load(name)):
        assert digest(again) == digest(first)
        assert again.fingerprint == first.fingerprint
    above = load(name, folder.parent)  # found in a data folder by its archive's name
    assert above.fingerprint == first.fingerprint


def test_the_version_stands_for_what_is_prepared(files):
    name, folder = files
    version, pinned = PINNED[name]
    shutil.rmtree(folder / "vectors", ignore_errors=True)  # the last bits of their components are the processor's
    assert Registry().get(DATASETS, name).version == version
    assert digest(load(name, folder)) == pinned, "raise the dataset's version, and pin the new digest here"
