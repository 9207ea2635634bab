"""Sources, cache and schema. The MovieLens files here are made up, in the published layout."""

from __future__ import annotations

import shutil
import zipfile

import numpy as np
import pytest

from coldbench.commands.data import add_dataset, describe
from coldbench.core.errors import InputError
from coldbench.data import cache
from coldbench.data.prepared import multi
from coldbench.data.schema import Field, Side
from coldbench.datasets.ml_1m import MovieLens1M
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry

USERS, MOVIES, RATINGS = 12, 30, 4000


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder that looks like MovieLens-1M, with numbers of its own."""
    monkeypatch.setattr(
        MovieLens1M, "published_rows", {"ratings.dat": RATINGS, "users.dat": USERS, "movies.dat": MOVIES + 1}
    )
    random = np.random.default_rng(0)
    folder = tmp_path / "ml-1m"
    folder.mkdir()
    weights = np.linspace(1, 6, MOVIES) / np.linspace(1, 6, MOVIES).sum()
    rows = zip(
        random.integers(1, USERS + 1, RATINGS),
        random.choice(np.arange(1, MOVIES + 1) * 3, RATINGS, p=weights),
        random.integers(1, 6, RATINGS),
        random.integers(9e8, 9e8 + 500, RATINGS),
        strict=True,
    )
    (folder / "ratings.dat").write_text("".join("::".join(map(str, row)) + "\n" for row in rows))
    people = (f"{n}::{'MF'[n % 2]}::{25 + n % 3}::{n % 5}::0{n}000-1\n" for n in range(1, USERS + 1))
    (folder / "users.dat").write_text("".join(people))
    titles = [f"{n * 3}::Caf\u00e9: Part {n}, The (19{60 + n})::Comedy|Drama\n" for n in range(1, MOVIES + 1)]
    (folder / "movies.dat").write_text("".join([*titles, "999::Unseen (1999)::War\n"]), encoding="latin-1")
    return folder


def zipped(folder, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.write(file, f"ml-1m/{file.name}")
    return path


def load(data_dir=None):
    return MovieLens1M().load(MovieLens1M.Config(), data_dir)


def test_reads_what_the_files_say(files):
    data = load(files)
    lines = [line.split("::") for line in (files / "ratings.dat").read_text().splitlines()]
    assert data.rows == RATINGS
    assert [line[0] for line in lines] == [str(u + 1) for u in data.user]
    assert [line[1] for line in lines] == [str(3 * (i + 1)) for i in data.item]
    assert data.click.tolist() == [int(int(line[2]) >= 4) for line in lines]
    assert data.time.tolist() == [int(line[3]) for line in lines]
    sizes = {field.name: field.size for field in data.schema.fields}
    assert sizes["year"] == MOVIES
    assert sizes["genres"] == 2  # War belongs to a movie without ratings
    assert sizes["title"] == 3 + MOVIES  # Café, Part, The and a number each: no year, no punctuation
    assert data.schema.items == MOVIES


def test_zip_folder_and_cache_give_the_same(files, tmp_path):
    from_folder = load(files)
    from_zip = load(zipped(files, tmp_path / "ml-1m.zip"))
    add_dataset("ml-1m", files)
    shutil.rmtree(files)
    from_cache = load()
    for data in (from_zip, from_cache):
        assert data.fingerprint == from_folder.fingerprint
        assert data.schema == from_folder.schema
        for part in ("user", "item", "click", "time"):
            assert np.array_equal(getattr(data, part), getattr(from_folder, part))
        assert np.array_equal(data.items.ids, from_folder.items.ids)
        assert np.array_equal(data.users.ids, from_folder.users.ids)


def test_other_content_gets_another_fingerprint(files):
    first = load(files).fingerprint
    text = (files / "ratings.dat").read_text()
    (files / "ratings.dat").write_text(text.replace("::1::", "::5::", 1))
    assert load(files).fingerprint != first


def test_provenance_labels_the_results(files):
    (files / "PROVENANCE.txt").write_text('Rebuilt; results are to be\nlabelled "MovieLens-1M (rebuilt)".')
    assert load(files).label == "MovieLens-1M (rebuilt)"
    assert "Rebuilt" in describe("ml-1m", files).text()


def broken(files, name, change):
    path = files / name
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("ratings.dat", lambda b: b[: len(b) // 2], "truncated"),
        ("ratings.dat", lambda b: b"", "ratings.dat"),
        ("ratings.dat", lambda b: b.replace(b"::", b","), "ratings.dat"),
        ("ratings.dat", lambda b: b.replace(b"::5::", b"::x::", 1), "ratings.dat"),
        ("ratings.dat", lambda b: b.replace(b"::5::", b"::9::", 1), "outside 1 to 5"),
        ("users.dat", lambda b: b.replace(b"1::", b"7777::", 1), "users.dat lacks"),
        ("users.dat", lambda b: b + b, "24 rows"),
        ("movies.dat", lambda b: b.replace(b"3::", b"4::", 1), "movies.dat lacks"),
        ("movies.dat", lambda b: b.replace(b"::", b"|"), "movies.dat row 1"),
    ],
)
def test_bad_files_end_in_one_line_and_no_cache(files, name, change, says):
    broken(files, name, change)
    with pytest.raises(InputError) as caught:
        load(files)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (cache.root() / "ml-1m").exists()


def test_damaged_zips_and_wrong_paths(files, tmp_path):
    whole = zipped(files, tmp_path / "whole.zip").read_bytes()
    for name, content in {"cut": whole[: len(whole) // 2], "empty": b"", "text": b"no zip"}.items():
        path = tmp_path / f"{name}.zip"
        path.write_bytes(content)
        with pytest.raises(InputError, match="zip"):
            add_dataset("ml-1m", path)
    flipped = bytearray(whole)
    flipped[200] ^= 0xFF
    (tmp_path / "flipped.zip").write_bytes(flipped)
    with pytest.raises(InputError):
        add_dataset("ml-1m", tmp_path / "flipped.zip")
    (files / "users.dat").unlink()
    with pytest.raises(InputError, match=r"has no users\.dat"):
        add_dataset("ml-1m", files)
    with pytest.raises(InputError, match="does not exist"):
        add_dataset("ml-1m", tmp_path / "nowhere")
    with pytest.raises(InputError, match="coldbench data add ml-1m"):
        load()


def test_an_interrupted_preparation_leaves_no_cache_that_looks_whole(files, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.pq, "write_table", full)
    with pytest.raises(InputError, match="No space"):
        load(files)
    assert not any(p.is_dir() for p in (cache.root() / "ml-1m").iterdir())


def test_environment_variable_and_data_dir(files, monkeypatch):
    monkeypatch.setenv("COLDBENCH_DATA", str(files.parent))
    assert load().rows == RATINGS
    monkeypatch.setenv("COLDBENCH_DATA", str(files.parent / "nowhere"))
    with pytest.raises(InputError, match="does not exist"):
        load()


def test_vocabularies_are_sorted_and_padding_is_no_word():
    field, values = multi("tags", "item", [["b", "a"], [], ["c", "a", "z"]], width=2)
    assert field.size == 3  # z is past the width
    assert values.tolist() == [[2, 1], [0, 0], [3, 1]]
    side = Side((Field("colour", "categorical", "item", 4), field))
    ids = side.ids({"colour": np.array([0, 3, 1]), "tags": values}, rows=3)
    assert ids.tolist() == [[1, 6, 5], [4, 0, 0], [2, 7, 5]]
    assert side.vocabulary == 8


def test_synthetic_is_the_same_in_every_process_and_has_something_to_find(dataset):
    source = Registry().get(DATASETS, "synthetic")()
    again = source.load(source.Config(users=150, items=120, interactions=6000, n=60, k=5))
    assert again.fingerprint == dataset.fingerprint
    assert np.array_equal(again.click, dataset.click)
    other = source.load(source.Config(users=150, items=120, interactions=6000, n=60, k=5, seed=1))
    assert other.fingerprint != dataset.fingerprint
    assert 0.2 < dataset.click.mean() < 0.8
