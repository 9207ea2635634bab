"""Raw files where a dataset comes in parts: folders in a folder or zip, zips in a folder; names one folder down."""

from __future__ import annotations

import zipfile

import pytest

from coldbench.core.errors import InputError
from coldbench.data.files.raw import RawFiles

PARTS = {"train/log.tsv": b"a\n", "dev/log.tsv": b"b\n", "about.txt": b"c\n"}


def folder(path, root=""):
    for name, content in PARTS.items():
        file = path / root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return path


def archive(path, root=""):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in PARTS.items():
            packed.writestr(root + name, content)
            packed.writestr(f"__MACOSX/{root}{name}", b"")
    return path


@pytest.mark.parametrize("made", [folder, lambda path, root="": archive(path / "all.zip", root)], ids=["folder", "zip"])
@pytest.mark.parametrize("root", ["", "bundle/"])
def test_a_file_is_known_by_its_path_in_the_bundle(tmp_path, made, root):
    raw = RawFiles(made(tmp_path, root), parts=True)
    assert raw.named("log.tsv") == ["dev/log.tsv", "train/log.tsv"]
    assert [raw.read(name) for name in raw.named("log.tsv")] == [b"b\n", b"a\n"]
    assert "about.txt" in raw
    for name in raw.named("log.tsv"):
        with raw.mapped(name) as file:
            assert file.read() == PARTS[name]


def test_a_folder_of_the_parts_zips(tmp_path):
    for part in ("train", "dev"):
        with zipfile.ZipFile(tmp_path / f"{part}.zip", "w") as packed:
            packed.writestr("log.tsv", part)
    raw = RawFiles(tmp_path, parts=True)
    assert [(name, raw.read(name)) for name in raw.named("log.tsv")] == [
        ("dev/log.tsv", b"dev"),
        ("train/log.tsv", b"train"),
    ]


def test_one_folder_down_where_that_is_clear(tmp_path):
    raw = RawFiles(folder(tmp_path))
    assert "about.txt" in raw
    assert "log.tsv" not in raw  # it is there twice
    (tmp_path / "dev" / "only.txt").write_bytes(b"d")
    assert RawFiles(tmp_path).read("only.txt") == b"d"


@pytest.mark.parametrize("made", [folder, lambda path: archive(path / "all.zip")], ids=["folder", "zip"])
def test_what_is_mapped_is_bounded_too(tmp_path, made):
    raw = RawFiles(made(tmp_path), largest=1, parts=True)
    with pytest.raises(InputError, match="larger than 1 bytes"), raw.mapped("train/log.tsv"):
        pass
    with pytest.raises(InputError, match="has no other"), raw.mapped("other.tsv"):
        pass
