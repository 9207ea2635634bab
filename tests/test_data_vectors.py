"""Vectors in the data: a user's own, those of data embed, the choice of item fields, and every mistake in one line."""

from __future__ import annotations

import re
from pathlib import Path

import data_files
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_data_own import change, invoke, load
from test_data_published import fields_of

from coldbench.core.errors import InputError
from coldbench.data import cache, embedder
from coldbench.data.embedder import embed_texts
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry

BOOKS = ["dune", "emma", "momo", "solaris", "ulysses"]  # in the order of the prepared items
WIDTH = 3


@pytest.fixture
def books(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return data_files.books(Path("books"))


@pytest.fixture
def by_length(monkeypatch):
    """A model whose vectors say how long a text is."""
    monkeypatch.setitem(embedder._MODELS, "length", lambda texts: np.array([[len(text), 100.0] for text in texts]))


def with_npz(books, ids, vectors):
    change(books / "schema.toml", 'price = "numeric"', 'price = "numeric"\ncover = { kind = "vector", file = "c.npz" }')
    np.savez(books / "c.npz", ids=np.asarray(ids), vectors=np.asarray(vectors))


def with_lists(books, vectors):
    table = pd.read_csv(books / "items.csv")
    (books / "items.csv").unlink()
    column = pa.array(vectors, pa.list_(pa.float64()))
    pq.write_table(pa.Table.from_pandas(table).append_column("cover", column), books / "items.parquet")
    change(books / "schema.toml", 'price = "numeric"', 'price = "numeric"\ncover = "vector"')


def unit(vector):
    return np.asarray(vector) / np.linalg.norm(vector)


def test_own_vectors_from_a_column_of_lists(books):
    with_lists(books, [[1, 2, 3], [4, 5, 6], None, [7, 8, 9], [1, 0, 0]])  # emma, dune, solaris, ulysses, momo
    data = load(books)
    expected = [unit([4, 5, 6]), unit([1, 2, 3]), [1, 0, 0], [0, 0, 0], unit([7, 8, 9])]
    np.testing.assert_allclose(data.items.vectors, expected, atol=1e-3)
    assert data.items.vectors.dtype == np.float16
    assert "cover: 1 of 5 items have no vector, and get zeros" in data.notes
    assert "cover (item vector of width 3)" in invoke("data", "info", books).output
    again = load(books)  # from the cache
    assert again.items.vectors.tobytes() == data.items.vectors.tobytes()
    assert again.items.vectors.dtype == np.float16


def test_own_vectors_from_npz_are_part_of_the_fingerprint(books):
    with_npz(books, ["momo", "dune", "odyssey", "emma", "ulysses"], np.arange(1, 16).reshape(5, 3))
    data = load(books)
    expected = [unit([4, 5, 6]), unit([10, 11, 12]), unit([1, 2, 3]), [0, 0, 0], unit([13, 14, 15])]
    np.testing.assert_allclose(data.items.vectors, expected, atol=1e-3)
    assert "c.npz: 1 of 5 ids are not in the log, and were ignored" in data.notes
    np.savez(books / "c.npz", ids=np.array(BOOKS), vectors=np.ones((5, 3)))
    assert load(books).fingerprint != data.fingerprint


@pytest.mark.parametrize(
    ("ids", "vectors", "message"),
    [
        (["dune", "dune"], np.ones((2, 3)), "c.npz, column ids, row 2: the id 'dune' comes a second time"),
        (["dune", "emma"], [[1, 2], [np.nan, 1]], "c.npz, column vectors, row 2: it should hold finite numbers alone"),
        (["dune"], np.ones((2, 3)), r"ids are <U4 \(1,\), vectors float64 \(2, 3\)"),
        (["dune", "emma"], np.ones(2), r"and \(rows, width\) numbers"),
        (["dune"], [["a", "b"]], r"and \(rows, width\) numbers"),
        (["homer", "virgil"], np.ones((2, 3)), "none of its 2 ids is in the log"),
    ],
)
def test_a_mistake_in_an_npz_is_one_line(books, ids, vectors, message):
    with_npz(books, ids, vectors)
    with pytest.raises(InputError, match=message):
        load(books)
    assert not list((cache.root() / "folder").glob("*"))


@pytest.mark.parametrize("content", [None, b"nonsense", b"PK\x03\x04 but damaged"])
def test_an_npz_that_is_missing_or_damaged_is_one_line(books, content):
    with_npz(books, BOOKS, np.ones((5, 3)))
    (books / "c.npz").unlink()
    if content is not None:
        (books / "c.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"c.npz: it is (not there|no readable NPZ file)"):
        load(books)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([[1, 2], [3, 4], [5], [6, 7], [8, 9]], "column cover, row 3: a vector of 1 numbers; most have 2"),
        ([[1, 2], [3, None], [5, 5], [6, 7], [8, 9]], "column cover, row 2: it should hold finite numbers alone"),
        ([[1, 2], [3, np.inf], [5, 5], [6, 7], [8, 9]], "column cover, row 2: it should hold finite numbers alone"),
        ([None] * 5, "no row has a vector"),
    ],
)
def test_a_mistake_in_a_column_of_lists_is_one_line(books, vectors, message):
    with_lists(books, vectors)
    with pytest.raises(InputError, match=message):
        load(books)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('price = "numeric"', 'price = "vector"', "of type string; it should hold lists of numbers"),
        ('price = "numeric"', 'price = { kind = "vector", file = "../c.npz" }', "the name of an .npz file"),
        ('price = "numeric"', 'price = { kind = "vector", file = "c.npy" }', "the name of an .npz file"),
        ('price = "numeric"', 'price = { kind = "vector", width = 3 }', "unknown key 'items.fields.price.width'"),
        ('place = "categorical"', 'place = "vector"', "only users and items can have vectors"),
        ('[items]\nid = "book"', '[items]\nid = "book"\ntexts = "author"', "it should be a list of columns"),
    ],
)
def test_a_mistake_in_the_declaration_is_one_line(books, old, new, message):
    change(books / "schema.toml", old, new)
    with pytest.raises(InputError, match=message):
        load(books)


def test_vectors_of_own_texts(books, by_length):
    change(books / "schema.toml", '[items]\nid = "book"', '[items]\nid = "book"\ntexts = ["author"]')
    with pytest.raises(
        InputError, match=r"has no vectors of 'author' yet; .* coldbench data embed books --field author"
    ):
        load("books", vectors="author")
    assert "known: author" in invoke("data", "embed", books, "--field", "titel", "--model", "length").output
    for text in ("a\0b", "../author", "x" * 5000, "\udcff"):
        with pytest.raises(InputError, match="has no vectors of"):
            load("books", vectors=text)
    said = invoke("data", "embed", books, "--field", "author", "--model", "length").output
    assert "5 vectors of width 2 from author by length" in said
    data, plain = load("books", vectors="author"), load("books")
    authors = {"dune": "Herbert", "emma": "Austen", "momo": "Ende", "solaris": "Lem", "ulysses": "Joyce"}
    np.testing.assert_allclose(data.items.vectors, [unit([len(authors[book]), 100]) for book in BOOKS], atol=1e-3)
    assert data.fingerprint != plain.fingerprint
    assert plain.items.vectors is None
    file = next((cache.root() / "folder").glob("*.npz"))
    content = bytearray(file.read_bytes())
    content[len(content) // 4] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match="are damaged"):
        load("books", vectors="author")


@pytest.mark.parametrize("name", ["ml-1m", "ml-25m", "ml-latest", "movietweetings", "mind", "eb-nerd"])
def test_titles_are_those_of_the_field_of_title_words(name, tmp_path, monkeypatch, by_length):
    folder = data_files.write(name, tmp_path)
    data_files.expect(name, folder, monkeypatch)
    source = Registry().get(DATASETS, name)()
    config = source.Config(n=60, k=5, vectors="title")
    said = invoke("data", "embed", name, folder, "--field", "title", "--model", "length").output
    assert f"--set {name}.vectors=title" in said
    data = source.load(config, folder)
    _, prepared = source.reread(config, folder)
    words = fields_of(source.load(source.Config(n=60, k=5), folder), "item")["title"]
    texts = [re.findall(r"\w+", text)[:15] for text in prepared.texts["title"]]
    texts = [[word.lower() for word in words] for words in texts] if name in ("mind", "eb-nerd") else texts
    numbers = {word: number for number, word in enumerate(sorted({word for words in texts for word in words}))}
    for row, found in zip(texts, words, strict=True):
        assert [numbers[word] for word in row] == found[: len(row)].tolist()
    lengths = np.array([len(text) for text in prepared.texts["title"]])
    vectors = data.items.vectors[:, -2:].astype(float)
    np.testing.assert_allclose(vectors[lengths > 0, 0] / vectors[lengths > 0, 1], lengths[lengths > 0] / 100, rtol=1e-2)
    assert (vectors[lengths == 0] == 0).all()


def test_item_fields_can_be_left_out(tmp_path, monkeypatch):
    folder = data_files.write("ml-1m", tmp_path)
    data_files.expect("ml-1m", folder, monkeypatch)
    source = Registry().get(DATASETS, "ml-1m")()

    def names(fields):
        data = source.load(source.Config(n=60, k=5, fields=fields), folder)
        assert len(data.items.ids) == data.schema.items
        assert data.items.ids.shape[1] == sum(field.width for field in data.schema.side("item").tokens)
        return [field.name for field in data.schema.side("item").fields]

    assert names("all") == ["year", "title", "genres", "count"]
    assert names("none") == ["count"]
    assert names("genres+year") == ["year", "genres", "count"]
    with pytest.raises(InputError, match="unknown item field in fields=yeer 'yeer'; did you mean 'year'"):
        names("yeer")


def test_vectors_of_what_has_no_texts(tmp_path, monkeypatch):
    assert "synthetic has no raw files" in invoke("data", "embed", "synthetic", "--field", "title").output
    assert (
        "this needs the raw files of ml-1m: give their zip"
        in invoke("data", "embed", "ml-1m", "--field", "title").output
    )
    folder = data_files.write("taobao-ad", tmp_path)
    data_files.expect("taobao-ad", folder, monkeypatch)
    assert "has no texts" in invoke("data", "embed", "taobao-ad", folder, "--field", "title").output
    with pytest.raises(InputError, match="unknown model 'lama'"):
        embed_texts("lama", ["text"])
    with pytest.raises(InputError, match="all texts are empty"):
        embed_texts("wordllama", ["", " "])


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "wordllama", None)
    with pytest.raises(InputError, match=r"pip install 'coldbench\[text\]'"):
        embed_texts("wordllama", ["text"])


def test_wordllama_tells_meanings_apart():
    pytest.importorskip("wordllama", reason="the extra 'text' is not installed")
    king, queen, carrot, nothing = embed_texts("wordllama", ["a king and his castle", "the queen", "carrots", ""])
    assert king.dtype == np.float16
    assert king.shape == (256,)
    assert king @ queen > king @ carrot
    assert (nothing == 0).all()
