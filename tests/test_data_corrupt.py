"""Raw files broken in every way that occurs: one clear line, exit code 2, and no cache."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import data_files
import pytest
from click.testing import CliRunner

from coldbench.cli import main
from coldbench.data import cache
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry

FILES = {
    "ml-1m": ("ratings.dat", "users.dat", "movies.dat"),
    "ml-25m": ("ratings.csv", "movies.csv", "genome-scores.csv", "genome-tags.csv"),
    "taobao-ad": ("raw_sample.csv", "ad_feature.csv", "user_profile.csv"),
}


def lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)


def between(row: bytes) -> bytes:
    """What stands between the values of a row."""
    return next(mark for mark in (b"::", b"\t", b",") if mark in row or mark == b",")


def cell(row: int, column: int, value: str):
    """Puts a value into one cell; row 0 is the first line of the file, the header where there is one."""

    def change(content: bytes) -> bytes:
        rows = lines(content)
        mark = between(rows[row])
        cells = rows[row].rstrip(b"\n").split(mark)
        cells[column] = value.encode()
        rows[row] = mark.join(cells) + b"\n"
        return b"".join(rows)

    return change


def every_row(change):
    return lambda content: b"".join(change(line.rstrip(b"\n")) + b"\n" for line in lines(content))


def without_last_column(line: bytes) -> bytes:
    return line.rpartition(between(line))[0]


ANY = {
    "empty": lambda b: b"",
    "blank": lambda b: b"\n\n\n",
    "half of it": lambda b: b[: len(b) // 2],
    "a row less": lambda b: b"".join(lines(b)[:-1]),
    "a row twice": lambda b: b + lines(b)[-1],
    "twice": lambda b: b + b,
    "semicolons": lambda b: b.replace(b"::", b";").replace(b",", b";"),
    "tabs": lambda b: b.replace(b"::", b"\t").replace(b",", b"\t"),
    "a column less": every_row(without_last_column),
    "UTF-16": lambda b: b.decode("latin-1").encode("utf-16"),
    "noise": lambda b: bytes(range(256)) * 20,
    "gzip inside": gzip.compress,
    "a web page": lambda b: b"<!DOCTYPE html>\n<html><body>Please log in</body></html>\n",
    "a row cut off": lambda b: b"".join([*lines(b)[:2], lines(b)[2][:2] + b"\n", *lines(b)[3:]]),
    "an id of letters": cell(2, 0, "abc"),
    "an id missing": cell(2, 0, ""),
    "an id below 0": cell(2, 0, "-7"),
    "an id past all": cell(2, 0, "2000000000"),
    "an id past 32 bits": cell(2, 0, "9000000000"),
    "an id with a point": cell(2, 0, "1.5"),
    "too large": lambda b: b + b"0" * 2**21,
}
CSV_ONLY = {
    "no header": lambda b: b"".join(lines(b)[1:]) + lines(b)[-1],
    "header of another": lambda b: b"a,b,c\n" + b"".join(lines(b)[1:]),
    "only the header": lambda b: lines(b)[0],
    "a row longer": lambda b: b"".join([*lines(b)[:2], lines(b)[2].rstrip(b"\n") + b",9\n", *lines(b)[3:]]),
}
SINGLE = {
    ("ml-1m", "ratings.dat"): {
        "stars 9": cell(3, 2, "9"),
        "stars 0": cell(3, 2, "0"),
        "stars nan": cell(3, 2, "nan"),
        "stars missing": cell(3, 2, ""),
        "time in words": cell(3, 3, "yesterday"),
        "time 0": cell(3, 3, "0"),
        "time past all": cell(3, 3, "99999999999"),
        "unknown movie": cell(3, 1, "3999"),
        "unknown user": cell(3, 0, "7777"),
    },
    ("ml-1m", "users.dat"): {"an id twice": cell(0, 0, "2")},
    ("ml-1m", "movies.dat"): {
        "an id twice": cell(0, 0, "2"),
        "UTF-8": lambda b: b.decode("latin-1").encode("utf-8"),
    },
    ("ml-25m", "ratings.csv"): {
        "stars 7": cell(3, 2, "7.0"),
        "stars 4.2": cell(3, 2, "4.2"),
        "stars 0": cell(3, 2, "0.0"),
        "stars nan": cell(3, 2, "nan"),
        "stars inf": cell(3, 2, "inf"),
        "stars missing": cell(3, 2, ""),
        "time in words": cell(3, 3, "yesterday"),
        "time as a date": cell(3, 3, "2019-11-21"),
        "time below 0": cell(3, 3, "-5"),
        "time missing": cell(3, 3, ""),
        "unknown movie": cell(3, 1, "4000000"),
    },
    ("ml-25m", "movies.csv"): {
        "an id twice": lambda b: cell(1, 0, lines(b)[2].split(b",")[0].decode())(b),
        "ISO-8859-1": lambda b: b.replace("é".encode(), b"\xe9"),
        "title missing": cell(2, 1, ""),
        "quote left open": cell(2, 1, '"Never closed'),
    },
    ("ml-25m", "genome-scores.csv"): {
        "relevance 2": cell(3, 2, "2.0"),
        "relevance nan": cell(3, 2, "nan"),
        "unknown tag": cell(3, 1, "400"),
        "a pair twice": lambda b: b"".join([*lines(b)[:2], lines(b)[1], *lines(b)[3:]]),
    },
    ("ml-25m", "genome-tags.csv"): {"an id twice": cell(1, 0, "2")},
    ("taobao-ad", "raw_sample.csv"): {
        "click 2": cell(3, 5, "2"),
        "click nan": cell(3, 5, "nan"),
        "click missing": cell(3, 5, ""),
        "click and none": lambda b: cell(3, 4, "1")(cell(3, 5, "1")(b)),
        "time in words": cell(3, 1, "noon"),
        "time below 0": cell(3, 1, "-1494137644"),
        "time in milliseconds": cell(3, 1, "1494137644000"),
        "place missing": cell(3, 3, ""),
        "unknown ad": cell(3, 2, "4000000"),
    },
    ("taobao-ad", "ad_feature.csv"): {
        "an id twice": lambda b: cell(1, 0, lines(b)[2].split(b",")[0].decode())(b),
        "price below 0": cell(2, 5, "-3.0"),
        "price nan": cell(2, 5, "nan"),
        "price missing": cell(2, 5, ""),
        "category missing": cell(2, 1, ""),
        "brand in words": cell(2, 4, "Nike"),
    },
    ("taobao-ad", "user_profile.csv"): {
        "an id twice": lambda b: cell(1, 0, lines(b)[2].split(b",")[0].decode())(b),
        "age in words": cell(2, 4, "old"),
    },
}
VARIANTS = [
    pytest.param(dataset, file, change, id=f"{dataset} {file} {what}")
    for dataset, files in FILES.items()
    for file in files
    for what, change in {
        **ANY,
        **(CSV_ONLY if file.endswith(".csv") else {}),
        **SINGLE.get((dataset, file), {}),
    }.items()
]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    return {name: data_files.write(name, folder) for name in FILES}


@pytest.fixture
def copied(written, tmp_path, monkeypatch):
    """A dataset's files, to be broken."""

    def copy(dataset: str) -> Path:
        data_files.expect(dataset, written[dataset], monkeypatch)
        target = tmp_path / dataset
        target.mkdir()
        for file in written[dataset].iterdir():
            (target / file.name).write_bytes(file.read_bytes())
        return target

    return copy


def refused(dataset: str, path: Path) -> str:
    """Adds the files through the command line, expects one line and no cache, and returns the line."""
    result = CliRunner().invoke(main, ["data", "add", dataset, str(path)])
    assert result.exit_code == 2, result.output or result.exception
    assert len(result.output.strip().splitlines()) == 1, result.output
    assert result.output.startswith("coldbench: ")
    folder = cache.root() / dataset
    assert not folder.exists() or not list(folder.iterdir())
    return result.output


def test_there_are_more_than_a_hundred():
    assert len(VARIANTS) > 100


@pytest.mark.parametrize("dataset", FILES)
def test_whole_files_are_taken(dataset, copied):
    result = CliRunner().invoke(main, ["data", "prepare", dataset, str(copied(dataset))])
    assert "gives" in result.output or result.exit_code == 0, result.output  # the tiny log may not split


@pytest.mark.parametrize(("dataset", "file", "change"), VARIANTS)
def test_a_broken_file(dataset, file, change, copied):
    folder = copied(dataset)
    content = (folder / file).read_bytes()
    broken = change(content)
    assert broken != content
    (folder / file).write_bytes(broken)
    said = refused(dataset, folder)
    assert any(name in said for name in FILES[dataset])


def archive(path: Path, folder: Path, name=lambda file: f"{file.parent.name}/{file.name}") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(folder.iterdir()):
            packed.writestr(name(file), file.read_bytes())
    return path


@pytest.mark.parametrize("dataset", FILES)
@pytest.mark.parametrize(
    ("name", "says"),
    [
        (lambda file: f"/etc/{file.name}", "outside"),
        (lambda file: f"../{file.name}", "outside"),
        (lambda file: f"a/../../{file.name}", "outside"),
        (lambda file: f"..\\{file.name}", "outside"),
        (lambda file: f"C:\\{file.name}", "outside"),
        (lambda file: f"a/b/c/{file.name}", "has no"),
    ],
    ids=["absolute", "parent", "deep parent", "backslash", "drive", "too deep"],
)
def test_paths_in_an_archive(dataset, name, says, copied, tmp_path):
    path = archive(tmp_path / "bad.zip", copied(dataset), name)
    assert says in refused(dataset, path)


@pytest.mark.parametrize("dataset", FILES)
def test_damaged_archives(dataset, copied, tmp_path):
    folder = copied(dataset)
    whole = archive(tmp_path / "whole.zip", folder).read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 3] ^= 0xFF
    broken = {"cut": whole[: len(whole) // 2], "empty": b"", "text": b"no zip", "flipped": bytes(flipped)}
    for name, content in broken.items():
        path = tmp_path / f"{name}.zip"
        path.write_bytes(content)
        assert "again" in refused(dataset, path), name
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as packed:
        for place in ("a", "b"):
            packed.writestr(f"{place}/{FILES[dataset][0]}", b"")
    assert "twice" in refused(dataset, tmp_path / "twice.zip")
    refused(dataset, tmp_path / "nowhere")


@pytest.mark.parametrize("dataset", FILES)
def test_bombs(dataset, copied, tmp_path):
    """One that says how large it is, and two that do not."""
    folder = copied(dataset)
    file = folder / FILES[dataset][0]
    file.write_bytes(bytes(2**24))
    assert "larger than" in refused(dataset, archive(tmp_path / "bomb.zip", folder))
    (folder / f"{file.name}.gz").write_bytes(gzip.compress(bytes(2**24)))
    file.unlink()
    assert "larger than" in refused(dataset, folder)
    (folder / f"{file.name}.gz").unlink()
    with tarfile.open(folder / f"{file.name}.tar.gz", "w:gz") as packed:
        info = tarfile.TarInfo(file.name)
        info.size = 2**24
        packed.addfile(info, io.BytesIO(bytes(2**24)))
    assert "larger than" in refused(dataset, folder)


def test_a_header_that_lies_about_the_size(copied, tmp_path):
    """A member that unpacks to more than it claims is cut off there, and its checksum tells."""
    folder = copied("ml-25m")
    whole = bytearray(archive(tmp_path / "lie.zip", folder).read_bytes())
    with zipfile.ZipFile(io.BytesIO(whole)) as packed:
        info = packed.getinfo("ml-25m/ratings.csv")
    size = info.file_size.to_bytes(4, "little")
    (tmp_path / "lie.zip").write_bytes(whole.replace(size, (100).to_bytes(4, "little")))
    refused("ml-25m", tmp_path / "lie.zip")


def test_packed_one_by_one_as_published(copied, tmp_path):
    """Taobao-Ad's files come as .tar.gz each."""
    folder = copied("taobao-ad")
    source = Registry().get(DATASETS, "taobao-ad")()
    plain = source.load(source.Config(n=60, k=5), folder)
    for name in FILES["taobao-ad"]:
        with tarfile.open(folder / f"{name}.tar.gz", "w:gz") as packed:
            packed.add(folder / name, name)
        (folder / name).unlink()
    result = CliRunner().invoke(main, ["data", "add", "taobao-ad", str(folder)])
    assert source.load(source.Config(n=60, k=5), folder).fingerprint == plain.fingerprint, result.output
