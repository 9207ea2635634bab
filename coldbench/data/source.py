"""``Source``: the base class of every dataset, and ``FileSource`` for datasets with published files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np

from coldbench.core.config import adopt
from coldbench.core.errors import InputError
from coldbench.core.space import Count, Range
from coldbench.data import cache
from coldbench.data.contents import Contents, select
from coldbench.data.dataset import Dataset
from coldbench.data.files.download import Publication
from coldbench.data.files.ids import known
from coldbench.data.files.raw import LARGEST, RawFiles
from coldbench.data.prepared import Prepared
from coldbench.data.proposal import proposal

DATA_VARIABLE = "COLDBENCH_DATA"


class AbsentError(InputError):
    """The data of a dataset, or its raw files, are not on this machine."""


@dataclass(frozen=True)
class Shots(Contents):
    """The split, and the side information of items: all that can be set for a dataset with files."""

    n: Count = 200  # items with more interactions than this are old
    k: Count = 20  # interactions of a new item in each warm-up phase


@dataclass(frozen=True)
class ProposedShots(Contents):
    """The split of a dataset that comes in many sizes; 0 stands for the value that ``proposal`` gives for the log."""

    n: Annotated[int, Range(0, 1_000_000)] = 0  # items with more interactions are old; 0: about 80 % will be new
    k: Annotated[int, Range(0, 1_000_000)] = 0  # interactions of a new item in each warm-up phase; 0: what suits


class Source:
    """A named dataset.

    Attributes:
        key: The registered name.
        title: What the literature calls the dataset; it is accepted like the name.
        Config: A frozen dataclass with at least ``n`` and ``k``.
        by_name: Whether the name alone identifies the data; ``all`` omits datasets for which it does not.
        label_rule: When a row of the log is a click, in a sentence.
        traps: What may mislead somebody who reads results on this dataset, a sentence or two each.
        published: Where to get the files, and on what terms; None for a dataset without published files.
    """

    key: ClassVar[str]
    title: ClassVar[str] = ""
    by_name: ClassVar[bool] = True
    label_rule: ClassVar[str] = ""
    traps: ClassVar[tuple[str, ...]] = ()
    published: ClassVar[Publication | None] = None
    Config: ClassVar[type]

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        adopt(cls)

    @classmethod
    def recognise(cls, text: str) -> dict[str, str] | None:
        """The values of ``Config`` that a text other than the name stands for, or None if it is not this dataset."""
        return None

    def load(self, config: Any, data_dir: Path | None = None) -> Dataset:
        """Loads the dataset, ready to split.

        Args:
            config: An instance of ``Config``.
            data_dir: The folder with the raw files or the zip, for datasets that have files.
        """
        raise NotImplementedError

    def reread(self, config: Any, data_dir: Path | None = None) -> tuple[str, Prepared]:
        """Reads the raw files again, with the texts and the steps that the cache does not keep.

        Args:
            config: An instance of ``Config``.
            data_dir: As for ``load``.

        Returns:
            The fingerprint of the prepared columns, under which they are in the cache, and the columns.

        Raises:
            AbsentError: There are no raw files.
            InputError: They are not what was published.
        """
        raise AbsentError(f"{self.key} has no raw files: it is generated where it is needed")

    def add(self, path: Path) -> Dataset:
        """Checks raw files, prepares the cache and makes them the data of this name."""
        raise InputError(f"{self.key} has no files: it is generated where it is needed")

    def download(self) -> Path:
        """Downloads the published archive into the cache folder, checks it and returns its path."""
        raise InputError(f"{self.key} has no files to download")

    def accept_partial(self) -> None:
        """Accepts raw files with fewer rows than the published ones; the label will say so."""
        raise InputError(f"{self.key} has no published files, so there is no part of them")


class FileSource(Source):
    """A dataset prepared from published files.

    Attributes:
        files: The names of the raw files that the content depends on, the log first.
        optional: The names of further raw files that a bundle may lack.
        parts: Whether the files come in parts, each with files of these names (see ``RawFiles``).
        archives: The names that the published zip or its folder may have in a data folder.
        version: The version of the preparing code; raise it when ``read`` gives another result.
        published_rows: The number of rows of each raw file, without headers; empty for a dataset of many sizes.
        largest: The largest size of a raw file in bytes.
        partial: Whether a subset of the published rows is accepted.
    """

    Config = Shots
    files: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]] = ()
    parts: ClassVar[bool] = False
    archives: ClassVar[tuple[str, ...]]
    version: ClassVar[str]
    published: ClassVar[Publication]  # every dataset with published files has one
    published_rows: ClassVar[dict[str, int]] = {}
    largest: ClassVar[int] = LARGEST
    partial: bool = False

    def read(self, raw: RawFiles) -> Prepared:
        """Reads and checks the raw files.

        Raises:
            InputError: A file is missing, truncated or not what was published.
        """
        raise NotImplementedError

    def load(self, config: Any, data_dir: Path | None = None) -> Dataset:
        """Loads the dataset from the cache, after preparing it if raw files are available."""
        return self._dataset(config, *self._find(data_dir))

    def reread(self, config: Any, data_dir: Path | None = None) -> tuple[str, Prepared]:
        """Reads the raw files again: those in the data folder, else those that were downloaded."""
        folder, fetched = _folder(data_dir), cache.root() / "downloads" / self.archives[0]
        raw = self._raw_files(folder) or (self._raw(fetched) if fetched.exists() else None)
        if raw is None:
            lacking = f"{folder} has no {' or '.join(self.archives)}; " if folder else ""
            raise AbsentError(f"{lacking}this needs the raw files of {self.key}: give their zip or folder")
        return self._read(raw, self._fingerprints(raw)[self.partial])

    def add(self, path: Path) -> Dataset:
        """Checks raw files, prepares the cache and makes them the data of this name."""
        fingerprint, prepared = self._prepare(self._raw(path))
        cache.remember(self.key, fingerprint)
        return self._dataset(self.Config(), fingerprint, prepared)

    def download(self) -> Path:
        """Downloads the published archive into the cache folder, checks it and returns its path."""
        return self.published.fetch(cache.root() / "downloads" / self.archives[0])

    def accept_partial(self) -> None:
        """Accepts raw files with fewer rows than the published ones; the label will say so."""
        self.partial = True

    def count(self, name: str, rows: int) -> None:
        """Checks that a raw file has as many rows as the published one, or fewer if a subset is accepted.

        Raises:
            InputError: The file has another number of rows, or none.
        """
        if not rows:
            raise InputError(f"{name} has no rows: truncated, or another dataset")
        published = self.published_rows.get(name, rows)
        if rows > published or (rows < published and not self.partial):
            subset = "; a subset of it is added with --partial" if rows < published else ""
            raise InputError(
                f"{name} has {rows:,} rows, the published file {published:,}: truncated, or another dataset{subset}"
            )

    def known(self, where: str, ids: np.ndarray, words: np.ndarray, index: np.ndarray, other: str) -> None:
        """Checks, unless a subset is accepted, that another file has a row for every id in the log.

        Raises:
            InputError: The other file lacks an id of the log.
        """
        if not self.partial:
            known(where, ids, words, index, other)

    def _dataset(self, config: Any, fingerprint: str, prepared: Prepared) -> Dataset:
        n, k = config.n, config.k
        if not (n and k):
            counts = np.bincount(prepared.interactions["item"])
            proposed = proposal(counts, k) or (1, 1)
            n, k = n or proposed[0], k or proposed[1]
        if isinstance(config, Contents):
            prepared, fingerprint = select(prepared, config, self.key, fingerprint, self.key)
        return prepared.dataset(self.key, fingerprint, n, k)

    def _raw(self, path: Path) -> RawFiles:
        return RawFiles(path, self.largest, self.parts)

    def _find(self, data_dir: Path | None) -> tuple[str, Prepared]:
        folder = _folder(data_dir)
        raw = self._raw_files(folder)
        if raw is not None:
            return self._prepare(raw)
        fingerprint = cache.remembered(self.key)
        prepared = cache.load(self.key, fingerprint, self.version) if fingerprint else None
        if fingerprint is None or prepared is None:
            where = f"{folder} has no {' or '.join(self.archives)}" if folder else f"{self.key} is not here yet"
            if fingerprint is not None and not folder:
                where = f"the cache of {self.key} is damaged or was made by another version of coldbench"
            error = AbsentError if fingerprint is None else InputError
            raise error(f"{where}; get it from {self.published.page}, then: coldbench data add {self.key} PATH")
        return fingerprint, prepared

    def _raw_files(self, folder: Path | None) -> RawFiles | None:
        if folder is not None and not folder.exists():
            raise InputError(f"the data folder {folder} does not exist")
        path = next(self._candidates(folder), None) if folder is not None else None
        return None if path is None else self._raw(path)

    def _candidates(self, folder: Path) -> Iterator[Path]:
        if folder.is_file() or (all((folder / name).is_file() for name in self.files) and not self.parts):
            yield folder
        yield from (folder / name for name in self.archives if (folder / name).exists())
        if self.parts and folder.is_dir() and all(self._raw(folder).named(name) for name in self.files):
            yield folder

    def _fingerprints(self, raw: RawFiles) -> tuple[str, str]:
        """The fingerprints of raw files, as published ones and as a subset of them."""
        names = self._names(raw)
        there = " ".join(names) if self.optional or self.parts else ""
        whole, partial = (
            raw.fingerprint(names, " ".join(part for part in (self.key, self.version, there, more) if part))
            for more in ("", "partial")
        )
        return whole, partial

    def _prepare(self, raw: RawFiles) -> tuple[str, Prepared]:
        whole, partial = self._fingerprints(raw)
        for fingerprint in (partial,) if self.partial else (whole, partial):
            prepared = cache.load(self.key, fingerprint, self.version)
            if prepared is not None:
                return fingerprint, prepared
        return self._read(raw, partial if self.partial else whole)

    def _read(self, raw: RawFiles, fingerprint: str) -> tuple[str, Prepared]:
        prepared = self.read(raw)
        if self.partial:
            prepared = replace(prepared, label=f"{prepared.label} ({self._share(len(prepared.interactions['item']))})")
        cache.store(self.key, fingerprint, self.version, prepared)
        return fingerprint, prepared

    def _names(self, raw: RawFiles) -> list[str]:
        """The names of the raw files that the content depends on, in all parts."""
        found = []
        for name in (*self.files, *self.optional):
            found += raw.named(name) if self.parts else [name] if name in raw or name in self.files else []
            if name in self.files and not found:
                raise raw.lacks(name)
        return found

    def _share(self, rows: int) -> str:
        published = self.published_rows.get(self.files[0])
        return f"partial: {rows:,} of {published:,} rows" if published else f"partial: {rows:,} rows"


def _folder(data_dir: Path | None) -> Path | None:
    """The folder with raw files: the given one, else that of COLDBENCH_DATA."""
    return data_dir or (Path(os.environ[DATA_VARIABLE]) if os.environ.get(DATA_VARIABLE) else None)
