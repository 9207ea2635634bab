"""Small raw files in the published layouts, made by the generators of the benchmarks."""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from pathlib import Path

from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry

_SPEC = importlib.util.spec_from_file_location(
    "raw_files", Path(__file__).parent.parent / "benchmarks" / "raw_files.py"
)
raw_files = importlib.util.module_from_spec(_SPEC)
sys.modules["raw_files"] = raw_files
_SPEC.loader.exec_module(raw_files)

MOVIELENS = raw_files.MovieLens(rows=3000, users=60, movies=50, rated=40, last_movie=100, tagged=20, tags=15, words=60)
TAOBAO = raw_files.Taobao(
    rows=3000, users=200, profiles=180, ads=50, categories=5, campaigns=30, customers=20, brands=20
)


def write(name: str, folder: Path) -> Path:
    """The files of a dataset, in a folder."""
    if name == "ml-25m":
        return raw_files.ml_25m(folder, MOVIELENS, packed=False)
    if name == "taobao-ad":
        return raw_files.taobao_ad(folder, TAOBAO)
    return raw_files.ml_1m(folder)


def expect(name: str, folder: Path, monkeypatch) -> type:
    """Makes the dataset expect as many rows as the files of a folder have."""
    source = Registry().get(DATASETS, name)
    header = 0 if name == "ml-1m" else 1
    rows = {file: (folder / file).read_bytes().count(b"\n") - header for file in source.files}
    monkeypatch.setattr(source, "published_rows", rows)
    monkeypatch.setattr(source, "largest", 2**20)
    return source


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{folder.name}/{file.name}")
    return path
