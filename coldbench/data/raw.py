"""Raw files, from a folder or from a zip as it was published."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from coldbench.errors import InputError

LARGEST = 4 * 2**30  # bytes of one member; more is a bomb, not a dataset


class RawFiles:
    """Named files in a zip or in a folder, at the top or one folder down.

    Raises:
        InputError: The path does not exist, is no zip, or is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir():
            self._members = {file.name: file for file in sorted(path.iterdir()) if file.is_file()}
        elif path.is_file():
            self._members = self._in_zip()
        else:
            raise InputError(f"{path} does not exist; give the published zip or the folder extracted from it")

    def _in_zip(self) -> dict:
        try:
            with zipfile.ZipFile(self.path) as archive:
                members = [info for info in archive.infolist() if not info.is_dir()]
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(f"{self.path} is no readable zip ({error}); download it again") from None
        return {Path(info.filename).name: info for info in members if info.filename.count("/") <= 1}

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        """The content of one file.

        Raises:
            InputError: The file is missing, damaged or larger than any published one.
        """
        if name not in self._members:
            raise InputError(f"{self.path} has no {name}; it holds: {', '.join(sorted(self._members)) or 'nothing'}")
        member = self._members[name]
        if isinstance(member, Path):
            return member.read_bytes()
        if member.file_size > LARGEST:
            raise InputError(f"{name} in {self.path} claims {member.file_size} bytes; that is no published file")
        try:
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(member)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
            raise InputError(f"{name} in {self.path} is damaged ({error}); download it again") from None

    def fingerprint(self, names: Iterable[str], version: str) -> str:
        """SHA-256 over the named files' content and the version of the code that prepares them."""
        total = hashlib.sha256(version.encode())
        for name in names:
            total.update(hashlib.sha256(self.read(name)).digest())
        return total.hexdigest()
