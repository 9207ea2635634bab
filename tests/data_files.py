"""Small raw files in the published layouts, made by the generators of the benchmarks."""

from __future__ import annotations

import importlib.util
import re
import sys
import zipfile
from pathlib import Path
from types import ModuleType

from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry


def _of_the_benchmarks(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent.parent / "benchmarks" / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


raw_files = _of_the_benchmarks("raw_files")
raw_logs = _of_the_benchmarks("raw_logs")

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
    if name in raw_logs.MAKERS:
        return raw_logs.MAKERS[name](folder)
    return raw_files.ml_1m(folder)


def books(folder: Path) -> Path:
    """The folder that docs/own-data.md shows."""
    page = (Path(__file__).parent.parent / "docs" / "own-data.md").read_text()
    folder.mkdir()
    for name, content in re.findall(r"^`books/([\w.]+)`.*?```\w+\n(.*?)```", page, re.S | re.M):
        (folder / name).write_text(content)
    return folder


def expect(name: str, folder: Path, monkeypatch) -> type:
    """Makes the dataset expect as many rows as the files of a folder have, where it expects any number of rows."""
    source = Registry().get(DATASETS, name)
    monkeypatch.setattr(source, "largest", 2**20)
    if not source.published_rows:
        return source
    header = 0 if name == "ml-1m" else 1
    rows = {file: (folder / file).read_bytes().count(b"\n") - header for file in source.files}
    monkeypatch.setattr(source, "published_rows", rows)
    return source


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            archive.write(file, f"{folder.name}/{file.relative_to(folder)}")
    return path
