"""``Remote``: a file or folder in a storage that pyarrow.fs reaches by URL, such as s3://bucket/run."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem, copy_files


@dataclass(frozen=True)
class Remote:
    """A file or folder in remote storage, with the part of the ``pathlib.Path`` interface that a run needs.

    Writes are atomic, because an object store shows an object only once it is completely written.

    Attributes:
        url: The URL that the user gave, without its query, for messages.
        files: The storage.
        path: The path inside the storage.
        query: The query of the URL, which describes the storage, such as its endpoint.
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
        """The complete URL, from which ``place`` builds an equal object."""
        return f"{self.url}?{self.query}" if self.query else self.url

    @property
    def name(self) -> str:
        """The last component of the path."""
        return self.path.rpartition("/")[2]

    @property
    def size(self) -> int | None:
        """The number of bytes of the file; None if it does not exist."""
        return self.files.get_file_info(self.path).size

    def is_dir(self) -> bool:
        """Whether this is an existing folder; in an object store, whether any object lies under the name."""
        return self.files.get_file_info(self.path).type == FileType.Directory

    def mkdir(self) -> None:
        """Creates the folder and its parents."""
        self.files.create_dir(self.path, recursive=True)

    def glob(self, pattern: str) -> Iterator[Remote]:
        """Yields the files directly in this folder whose names match a pattern."""
        for found in self.files.get_file_info(FileSelector(self.path, allow_not_found=True)):
            if found.type == FileType.File and fnmatch.fnmatchcase(found.base_name, pattern):
                yield self / found.base_name

    def read_bytes(self) -> bytes:
        """Returns the content of the file."""
        with self.files.open_input_stream(self.path) as stream:
            return bytes(stream.read())

    def read_text(self, encoding: str = "utf-8") -> str:
        """Returns the content of the text file."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, content: bytes) -> None:
        """Writes the file."""
        with self.files.open_output_stream(self.path) as stream:
            stream.write(content)

    def unlink(self) -> None:
        """Removes the file."""
        self.files.delete_file(self.path)

    def fetch(self, name: str, into: Path) -> None:
        """Copies a file or folder from this folder into a local one; does nothing if it does not exist."""
        kind = self.files.get_file_info((self / name).path).type
        if kind == FileType.Directory:
            (into / name).mkdir()
            copy_files((self / name).path, str(into / name), self.files, LocalFileSystem())
        elif kind == FileType.File:
            (into / name).write_bytes((self / name).read_bytes())

    def send(self, folder: Path) -> None:
        """Copies a local folder into this folder, under the same name."""
        (self / folder.name).mkdir()
        copy_files(str(folder), (self / folder.name).path, LocalFileSystem(), self.files)
