"""Where a run's folder lies: a local path, or any storage that pyarrow.fs reaches by a URL such as s3://bucket/run."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pyarrow import ArrowException
from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem, copy_files

from coldbench.core.errors import InputError


@dataclass(frozen=True)
class Remote:
    """A file or folder of a remote storage, used like a ``pathlib.Path`` as far as a run needs it.

    An object store shows an object once it is written whole, which is what atomic writing asks for.

    Attributes:
        url: As the user gave it, for messages; without its query.
        files: The storage.
        path: Inside the storage.
        query: What the URL says of the storage, such as its endpoint.
    """

    url: str
    files: FileSystem
    path: str
    query: str = ""

    def __truediv__(self, name: str) -> Remote:
        return Remote(f"{self.url.rstrip('/')}/{name}", self.files, f"{self.path.rstrip('/')}/{name}", self.query)

    def __str__(self) -> str:
        return self.url

    @property
    def location(self) -> str:
        """What ``place`` finds it by again: the whole URL."""
        return f"{self.url}?{self.query}" if self.query else self.url

    @property
    def name(self) -> str:
        """The last part."""
        return self.path.rpartition("/")[2]

    def is_dir(self) -> bool:
        """Whether there is a folder; in an object store, whether there is anything under the name."""
        return self.files.get_file_info(self.path).type == FileType.Directory

    def mkdir(self) -> None:
        """Makes the folder and those above it."""
        self.files.create_dir(self.path, recursive=True)

    def glob(self, pattern: str) -> Iterator[Remote]:
        """The files right in this folder whose names match."""
        for found in self.files.get_file_info(FileSelector(self.path, allow_not_found=True)):
            if found.type == FileType.File and fnmatch.fnmatchcase(found.base_name, pattern):
                yield self / found.base_name

    def read_bytes(self) -> bytes:
        """The content of a file."""
        with self.files.open_input_stream(self.path) as stream:
            return bytes(stream.read())

    def read_text(self, encoding: str = "utf-8") -> str:
        """The content of a text file."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, content: bytes) -> None:
        """Writes a file."""
        with self.files.open_output_stream(self.path) as stream:
            stream.write(content)

    def unlink(self) -> None:
        """Removes a file."""
        self.files.delete_file(self.path)

    def fetch(self, name: str, into: Path) -> None:
        """Copies a file or folder of this one into a local folder, if it is there."""
        kind = self.files.get_file_info((self / name).path).type
        if kind == FileType.Directory:
            (into / name).mkdir()
            copy_files((self / name).path, str(into / name), self.files, LocalFileSystem())
        elif kind == FileType.File:
            (into / name).write_bytes((self / name).read_bytes())

    def send(self, folder: Path) -> None:
        """Copies a local folder into this one, under its name."""
        (self / folder.name).mkdir()
        copy_files(str(folder), (self / folder.name).path, LocalFileSystem(), self.files)


Place = Path | Remote


def make_folder(folder: Place) -> None:
    """Makes a folder and those above it, unless they are there."""
    if isinstance(folder, Remote):
        folder.mkdir()
    else:
        folder.mkdir(parents=True, exist_ok=True)


def place(location: str | Path) -> Place:
    """A path, absolute, or what a URL stands for.

    Raises:
        InputError: The path is a circle of links, the URL is none, or the storage behind it cannot be reached.
    """
    if "://" not in str(location):
        try:
            return Path(location).resolve()
        except RuntimeError:  # what pathlib makes of such links, in place of the system's error
            raise InputError(f"{str(location)!r} is a link that leads back to itself; give a folder") from None
    url, _, query = str(location).partition("?")
    if re.match(r"[^/]*://[^/@]*:[^/]*@", url):  # it would stand in run.toml, in messages and in the shell's history
        raise InputError("a URL with a password in it is not taken; give keys as the storage's own tools take them")
    try:
        files, path = FileSystem.from_uri(str(location))
    except (ArrowException, OSError, ValueError) as error:
        raise InputError(f"{str(location)!r} is no storage that can be reached ({error})") from None
    if not path:
        raise InputError(f"{url!r} names no folder; it should be such as s3://bucket/run")
    return Path(path) if isinstance(files, LocalFileSystem) else Remote(url, files, path, query)
