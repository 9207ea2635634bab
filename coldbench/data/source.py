"""``Source``: where a dataset comes from; the base of every file in this folder that holds one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from coldbench.core.config import adopt
from coldbench.core.errors import InputError
from coldbench.core.space import Count
from coldbench.data import cache
from coldbench.data.dataset import Dataset
from coldbench.data.files.download import Publication
from coldbench.data.files.raw import LARGEST, RawFiles
from coldbench.data.prepared import Prepared

DATA_VARIABLE = "COLDBENCH_DATA"


@dataclass(frozen=True)
class Shots:
    """The split of a dataset with files: the only thing to choose about it."""

    n: Count = 200  # items with more interactions than this are old
    k: Count = 20  # interactions of a new item in each warm-up phase


class Source:
    """A named dataset.

    Attributes:
        key: The registry's name.
        Config: A frozen dataclass with at least ``n`` and ``k``.
        by_name: Whether the name alone says which data is meant; ``all`` leaves the others out.
    """

    key: ClassVar[str]
    by_name: ClassVar[bool] = True
    Config: ClassVar[type]

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        adopt(cls)

    @classmethod
    def recognise(cls, text: str) -> dict[str, str] | None:
        """The values of ``Config`` that a text stands for which is no dataset's name; None where it is for none."""
        return None

    def load(self, config: Any, data_dir: Path | None = None) -> Dataset:
        """The dataset, ready to split.

        Args:
            config: An instance of ``Config``.
            data_dir: A folder with the raw files or the zip, for datasets that have files.
        """
        raise NotImplementedError

    def add(self, path: Path) -> Dataset:
        """Checks raw files, prepares the cache and makes them what the name stands for."""
        raise InputError(f"{self.key} has no files: it is generated where it is needed")

    def download(self) -> Path:
        """The published archive, fetched into the cache folder and checked."""
        raise InputError(f"{self.key} has no files to download")


class FileSource(Source):
    """A dataset that is prepared from published files.

    Attributes:
        files: The names of the raw files that the content depends on.
        archives: Names under which the published zip or its folder may lie in a data folder.
        version: Of the preparing code: raise it when ``read`` gives something else.
        published: Where to get the files, and on what terms.
        published_rows: How many rows each raw file has, headers not counted.
        largest: Bytes that no raw file reaches.
    """

    Config = Shots
    files: ClassVar[tuple[str, ...]]
    archives: ClassVar[tuple[str, ...]]
    version: ClassVar[str]
    published: ClassVar[Publication]
    published_rows: ClassVar[dict[str, int]]
    largest: ClassVar[int] = LARGEST

    def read(self, raw: RawFiles) -> Prepared:
        """Reads and checks the raw files.

        Raises:
            InputError: A file is missing, truncated or not what was published.
        """
        raise NotImplementedError

    def load(self, config: Any, data_dir: Path | None = None) -> Dataset:
        """The dataset from the cache, prepared first where raw files are at hand."""
        fingerprint, prepared = self._find(data_dir)
        return prepared.dataset(self.key, fingerprint, config.n, config.k)

    def add(self, path: Path) -> Dataset:
        """Checks raw files, prepares the cache and makes them what the name stands for."""
        fingerprint, prepared = self._prepare(RawFiles(path, self.largest))
        cache.remember(self.key, fingerprint)
        config = self.Config()
        return prepared.dataset(self.key, fingerprint, config.n, config.k)

    def download(self) -> Path:
        """The published archive, fetched into the cache folder and checked."""
        return self.published.fetch(cache.root() / "downloads" / self.archives[0])

    def count(self, name: str, rows: int) -> None:
        """Checks that a raw file has as many rows as the published one.

        Raises:
            InputError: It has not.
        """
        if rows != self.published_rows[name]:
            raise InputError(
                f"{name} has {rows:,} rows, the published file {self.published_rows[name]:,}: "
                "truncated, or another dataset"
            )

    def _find(self, data_dir: Path | None) -> tuple[str, Prepared]:
        folder = data_dir or (Path(os.environ[DATA_VARIABLE]) if os.environ.get(DATA_VARIABLE) else None)
        if folder is not None:
            if not folder.exists():
                raise InputError(f"the data folder {folder} does not exist")
            for path in self._candidates(folder):
                return self._prepare(RawFiles(path, self.largest))
        fingerprint = cache.remembered(self.key)
        prepared = cache.load(self.key, fingerprint, self.version) if fingerprint else None
        if fingerprint is None or prepared is None:
            where = f"{folder} has no {' or '.join(self.archives)}" if folder else f"{self.key} is not here yet"
            if fingerprint is not None and not folder:
                where = f"the cache of {self.key} is damaged or was made by another version of coldbench"
            raise InputError(f"{where}; get it from {self.published.page}, then: coldbench data add {self.key} PATH")
        return fingerprint, prepared

    def _candidates(self, folder: Path) -> Iterator[Path]:
        if folder.is_file() or all((folder / name).is_file() for name in self.files):
            yield folder
        yield from (folder / name for name in self.archives if (folder / name).exists())

    def _prepare(self, raw: RawFiles) -> tuple[str, Prepared]:
        fingerprint = raw.fingerprint(self.files, f"{self.key} {self.version}")
        prepared = cache.load(self.key, fingerprint, self.version)
        if prepared is None:
            prepared = self.read(raw)
            cache.store(self.key, fingerprint, self.version, prepared)
        return fingerprint, prepared


def provenance(raw: RawFiles, label: str) -> tuple[str, tuple[str, ...]]:
    """The label and notes of raw files that come with a PROVENANCE.txt.

    Such a file tells how the files differ from the published ones, and may ask to have results
    ``labelled "SOMETHING"``; both are kept.

    Returns:
        The label that tables are to show, and the notes.
    """
    if "PROVENANCE.txt" not in raw:
        return label, ()
    text = " ".join(raw.read("PROVENANCE.txt").decode("utf-8", "replace").split())
    asked = re.search(r'labelled\s+"([^"]{1,80})"', text)
    return (asked.group(1) if asked else f"{label} (not as published)"), (text,)
