"""Raw files, read from a folder or from a published archive.

Archives are read as streams and are not unpacked; only Parquet, which needs random access, goes through a temporary
file.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import pyarrow as pa

from coldbench.core.errors import InputError

LARGEST = 4 * 2**30  # bytes of one file; anything larger is a decompression bomb, not a dataset
_PACKED = (".tar.gz", ".tgz", ".gz")  # endings of single packed files in a folder
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError)


@dataclass(frozen=True)
class _Member:
    """The location of one file's content: a file on disk, or a member of a zip."""

    path: Path
    info: zipfile.ZipInfo | None = None


class RawFiles:
    """Named files in a zip or a folder, at the top or one level down; those in a folder may be gzipped.

    If a dataset comes in parts, such as ``train`` and ``validation``, a file is named by its path in the bundle
    (``train/behaviors.parquet``), files may be two levels down, and a folder may contain the parts' published zips.

    Args:
        path: The zip or the folder.
        largest: The largest size of an unpacked file in bytes.
        parts: Whether the dataset comes in parts.

    Raises:
        InputError: The path does not exist, or is not a zip, or the zip is damaged or has paths that lead outside it.
    """

    def __init__(self, path: Path, largest: int = LARGEST, parts: bool = False) -> None:
        self.path = path
        self.largest = largest
        self._digests: dict[str, bytes] = {}
        if path.is_dir():
            found = self._in_folder() if not parts else self._in_parts()
        elif path.is_file():
            found = self._in_zip(path, parts)
        else:
            raise InputError(f"{path} does not exist; give the published zip or the folder extracted from it")
        self._members = _without_root(found) if parts else found

    def _in_folder(self) -> dict[str, _Member]:
        top, *below = (_files(place) for place in (self.path, *_folders(self.path)))
        files = {file.name: file for file in top}
        below_once = Counter(file.name for folder in below for file in folder)
        files |= {f.name: f for folder in below for f in folder if below_once[f.name] == 1 and f.name not in files}
        packed = {
            name.removesuffix(end): file
            for end in reversed(_PACKED)
            for name, file in files.items()
            if name.endswith(end)
        }
        return {name: _Member(file) for name, file in {**packed, **files}.items()}

    def _in_parts(self) -> dict[str, _Member]:
        found: dict[str, _Member] = {}
        for folder in (self.path, *_folders(self.path), *(f for first in _folders(self.path) for f in _folders(first))):
            for file in _files(folder):
                name = file.relative_to(self.path).as_posix()
                if file.suffix == ".zip":
                    inside = self._in_zip(file, parts=True)
                    found |= {f"{name.removesuffix('.zip')}/{member}": at for member, at in inside.items()}
                else:
                    found.setdefault(name, _Member(file))
        return found

    def _in_zip(self, file: Path, parts: bool) -> dict[str, _Member]:
        try:
            with zipfile.ZipFile(file) as archive:
                members = [info for info in archive.infolist() if not info.is_dir()]
        except _DAMAGED as error:
            raise InputError(f"{file} is no readable zip ({error}); download it again") from None
        found: dict[str, _Member] = {}
        for info in members:
            name = info.filename.replace("\\", "/")
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or name[1:2] == ":":
                raise InputError(f"{file} holds {info.filename!r:.80}, a path outside of it; download it again")
            if len(path.parts) > (3 if parts else 2) or path.parts[0] == "__MACOSX":
                continue
            known = str(path) if parts else path.name
            if found.setdefault(known, _Member(file, info)).info is not info:
                raise InputError(f"{file} holds {path.name} twice; download it again")
        return found

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def named(self, name: str) -> list[str]:
        """The paths in the bundle of all files with one name, over all parts."""
        return sorted(member for member in self._members if PurePosixPath(member).name == name)

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Opens a stream of one file's content.

        Raises:
            InputError: The file is missing, damaged or larger than ``largest``.
        """
        if name not in self._members:
            raise self.lacks(name)
        member = self._members[name]
        if member.info and member.info.file_size > self.largest:
            raise self._too_large(name)
        try:
            with self._unpacked(name, member) as stream:
                yield io.BufferedReader(_Bounded(stream, self.largest, self._too_large(name)), 2**20)
        except _DAMAGED as error:
            raise InputError(f"{name} in {self.path} is damaged ({error}); download it again") from None

    def lacks(self, name: str) -> InputError:
        """The error for a missing file."""
        there = ", ".join(sorted(self._members)) or "nothing"
        return InputError(f"{self.path} has no {name}; it holds: {there:.200}")

    @contextmanager
    def mapped(self, name: str) -> Iterator[pa.NativeFile]:
        """Opens one file for random access by Arrow; content of an archive goes through a temporary file.

        Raises:
            InputError: The file is missing, damaged or larger than ``largest``.
        """
        member = self._members.get(name)
        if member and member.info is None and member.path.name == PurePosixPath(name).name:
            if member.path.stat().st_size > self.largest:
                raise self._too_large(name)
            with pa.memory_map(str(member.path)) as file:
                yield file
            return
        with tempfile.NamedTemporaryFile() as copy:
            with self.open(name) as stream:
                shutil.copyfileobj(stream, copy, 2**20)
            copy.flush()
            with pa.memory_map(copy.name) as file:
                yield file

    @contextmanager
    def _unpacked(self, name: str, member: _Member) -> Iterator[IO[bytes]]:
        if member.info:
            with zipfile.ZipFile(member.path) as archive, archive.open(member.info) as stream:
                yield stream
        elif member.path.name == PurePosixPath(name).name:
            with member.path.open("rb") as stream:
                yield stream
        elif member.path.name.endswith((".tar.gz", ".tgz")):
            with tarfile.open(member.path, "r|gz") as packed:
                inside = (info for info in packed if info.isfile() and PurePosixPath(info.name).name == name)
                found = next(inside, None)
                content = packed.extractfile(found) if found else None
                if content is None:
                    raise InputError(f"{member.path} holds no {name}; download it again")
                yield content
        else:
            with gzip.open(member.path) as single:
                yield single  # type: ignore[misc]

    def _too_large(self, name: str) -> InputError:
        return InputError(f"{name} in {self.path} is larger than {self.largest:,} bytes; that is no published file")

    def read(self, name: str) -> bytes:
        """Reads the whole content of one file.

        Raises:
            InputError: The file is missing, damaged or larger than ``largest``.
        """
        with self.open(name) as stream:
            return stream.read()

    def fingerprint(self, names: Iterable[str], version: str) -> str:
        """SHA-256 of the named files' content and of the version of the code that prepares them."""
        total = hashlib.sha256(version.encode())
        for name in names:
            if name not in self._digests:
                with self.open(name) as stream:
                    self._digests[name] = hashlib.file_digest(stream, "sha256").digest()  # type: ignore[arg-type]
            total.update(self._digests[name])
        return total.hexdigest()


def _files(folder: Path) -> list[Path]:
    return [path for path in _inside(folder) if path.is_file() and not path.name.startswith("._")]


def _folders(folder: Path) -> list[Path]:
    return [path for path in _inside(folder) if path.is_dir() and path.name != "__MACOSX"]


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except PermissionError:
        return []


def _without_root(members: dict[str, _Member]) -> dict[str, _Member]:
    """Strips the top folder from the members' paths if all members share one."""
    roots = {name.partition("/")[0] for name in members}
    if len(roots) == 1 and all("/" in name for name in members):
        return {name.partition("/")[2]: member for name, member in members.items()}
    return members


class _Bounded(io.RawIOBase):
    """A stream that raises as soon as more than ``limit`` bytes have been read."""

    def __init__(self, stream: IO[bytes], limit: int, error: InputError) -> None:
        self._stream, self._left, self._error = stream, limit, error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        content = self._stream.read(len(view))
        self._left -= len(content)
        if self._left < 0:
            raise self._error
        view[: len(content)] = content
        return len(content)
