"""Raw files, from a folder or from an archive as it was published. Nothing is ever unpacked to disk."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from coldbench.core.errors import InputError

LARGEST = 4 * 2**30  # bytes of one file; more is a bomb, not a dataset
_PACKED = (".tar.gz", ".tgz", ".gz")  # a file of a folder may lie in it packed alone
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError)


class RawFiles:
    """Named files in a zip or in a folder, at the top or one folder down; in a folder each may be gzipped.

    Args:
        path: The zip or the folder.
        largest: Bytes that a file may have when it is unpacked.

    Raises:
        InputError: The path does not exist, is no zip, is damaged, or holds paths that lead outside of it.
    """

    def __init__(self, path: Path, largest: int = LARGEST) -> None:
        self.path = path
        self.largest = largest
        self._members: dict[str, Path | zipfile.ZipInfo]
        if path.is_dir():
            self._members = self._in_folder()
        elif path.is_file():
            self._members = self._in_zip()
        else:
            raise InputError(f"{path} does not exist; give the published zip or the folder extracted from it")

    def _in_folder(self) -> dict[str, Path | zipfile.ZipInfo]:
        files = sorted(file for file in self.path.iterdir() if file.is_file())
        packed = {
            file.name.removesuffix(end): file for end in reversed(_PACKED) for file in files if file.name.endswith(end)
        }
        return {**packed, **{file.name: file for file in files}}

    def _in_zip(self) -> dict[str, Path | zipfile.ZipInfo]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                members = [info for info in archive.infolist() if not info.is_dir()]
        except _DAMAGED as error:
            raise InputError(f"{self.path} is no readable zip ({error}); download it again") from None
        found: dict[str, Path | zipfile.ZipInfo] = {}
        for info in members:
            name = info.filename.replace("\\", "/")
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or name[1:2] == ":":
                raise InputError(f"{self.path} holds {info.filename!r:.80}, a path outside of it; download it again")
            if len(path.parts) <= 2 and found.setdefault(path.name, info) is not info:
                raise InputError(f"{self.path} holds {path.name} twice; download it again")
        return found

    def __contains__(self, name: str) -> bool:
        return name in self._members

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A stream of one file's content.

        Raises:
            InputError: The file is missing, damaged or larger than any published one.
        """
        if name not in self._members:
            raise InputError(f"{self.path} has no {name}; it holds: {', '.join(sorted(self._members)) or 'nothing'}")
        member = self._members[name]
        if isinstance(member, zipfile.ZipInfo) and member.file_size > self.largest:
            raise self._too_large(name)
        try:
            with self._unpacked(name, member) as stream:
                yield io.BufferedReader(_Bounded(stream, self.largest, self._too_large(name)), 2**20)
        except _DAMAGED as error:
            raise InputError(f"{name} in {self.path} is damaged ({error}); download it again") from None

    @contextmanager
    def _unpacked(self, name: str, member: Path | zipfile.ZipInfo) -> Iterator[IO[bytes]]:
        if isinstance(member, zipfile.ZipInfo):
            with zipfile.ZipFile(self.path) as archive, archive.open(member) as stream:
                yield stream
        elif member.name == name:
            with member.open("rb") as stream:
                yield stream
        elif member.name.endswith((".tar.gz", ".tgz")):
            with tarfile.open(member, "r|gz") as packed:
                inside = (info for info in packed if info.isfile() and PurePosixPath(info.name).name == name)
                found = next(inside, None)
                content = packed.extractfile(found) if found else None
                if content is None:
                    raise InputError(f"{member} holds no {name}; download it again")
                yield content
        else:
            with gzip.open(member) as single:
                yield single  # type: ignore[misc]

    def _too_large(self, name: str) -> InputError:
        return InputError(f"{name} in {self.path} is larger than {self.largest:,} bytes; that is no published file")

    def read(self, name: str) -> bytes:
        """The whole content of one file.

        Raises:
            InputError: As ``open``.
        """
        with self.open(name) as stream:
            return stream.read()

    def fingerprint(self, names: Iterable[str], version: str) -> str:
        """SHA-256 over the named files' content and the version of the code that prepares them."""
        total = hashlib.sha256(version.encode())
        for name in names:
            with self.open(name) as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())  # type: ignore[arg-type]
        return total.hexdigest()


class _Bounded(io.RawIOBase):
    """A stream that raises as soon as it has given more than ``limit`` bytes."""

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
