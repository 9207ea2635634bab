"""Places for run folders: local paths, and URLs of remote storage."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from coldbench.core.errors import InputError

if TYPE_CHECKING:  # pyarrow takes a tenth of a second to import, and most run folders are local
    from coldbench.core.remote import Remote

Place: TypeAlias = "Path | Remote"


def make_folder(folder: Place) -> None:
    """Creates a folder and its parents where they do not exist."""
    if isinstance(folder, Path):
        folder.mkdir(parents=True, exist_ok=True)
    else:
        folder.mkdir()


def size(file: Place) -> int | None:
    """The number of bytes of a file; None if it does not exist."""
    if not isinstance(file, Path):
        return file.size
    try:
        return file.stat().st_size
    except OSError:
        return None


def place(location: str | Path) -> Place:
    """Turns a path into an absolute path, or a URL into the place that it denotes.

    Raises:
        InputError: If the path is a loop of links, the URL is invalid, or its storage cannot be reached.
    """
    if "://" not in str(location):
        try:
            return Path(location).resolve()
        except RuntimeError:  # pathlib raises this for loops of links, not the system's error
            raise InputError(f"{str(location)!r} is a link that leads back to itself; give a folder") from None
    url, _, query = str(location).partition("?")
    if re.match(r"[^/]*://[^/@]*:[^/]*@", url):  # it would end up in run.toml, messages and shell history
        raise InputError("a URL with a password in it is not taken; give keys as the storage's own tools take them")
    from pyarrow import ArrowException
    from pyarrow.fs import FileSystem, LocalFileSystem

    from coldbench.core.remote import Remote

    try:
        files, path = FileSystem.from_uri(str(location))
    except (ArrowException, OSError, ValueError) as error:
        raise InputError(f"{str(location)!r} is no storage that can be reached ({error})") from None
    if not path:
        raise InputError(f"{url!r} names no folder; it should be such as s3://bucket/run")
    return Path(path) if isinstance(files, LocalFileSystem) else Remote(url, files, path, query)
