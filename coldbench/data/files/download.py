"""Downloads of published archives: resumed after an interruption, and used only if the checksum is right."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from coldbench.core.errors import InputError

_TIMEOUT = 30  # seconds without a byte
_PIECE = 2**14  # bytes, which are lost when a connection breaks


@dataclass(frozen=True)
class Publication:
    """Where a dataset is published, and on what terms.

    Attributes:
        page: The dataset's web page.
        licence: The permitted uses, in a sentence or two.
        url: The address of the archive; empty if a program cannot download it.
        md5: The archive's MD5 checksum, as published.
        size: The archive's size in bytes.
        accept: The media type to request, for a server that offers several.
    """

    page: str
    licence: str
    url: str = ""
    md5: str = ""
    size: int = 0
    accept: str = "*/*"

    def fetch(self, target: Path) -> Path:
        """Downloads the archive to ``target``, which appears complete and checked or not at all.

        An interrupted download is kept as ``.part``, and the next call resumes it.

        Raises:
            InputError: There is no address, network or disk space, or the content differs from the published one.
        """
        if not self.url:
            raise InputError(f"this dataset cannot be downloaded by a program: visit {self.page}")
        console = Console(stderr=True, highlight=False)
        part = target.with_name(target.name + ".part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                if not part.exists():
                    console.print(f"{self.page}\n{self.licence}", markup=False, soft_wrap=True)
                self._receive(part, console)
                self._check(part)
                os.replace(part, target)
            else:
                self._check(target)
        except requests.RequestException as error:
            reason = _reason(error)
            raise InputError(
                f"{self.url} cannot be reached ({reason}); with a network, the same command goes on where it stopped"
            ) from None
        except OSError as error:
            raise InputError(f"{target.parent} cannot be written ({error.strerror})") from None
        return target

    def _receive(self, part: Path, console: Console) -> None:
        have = part.stat().st_size if part.exists() else 0
        if have >= self.size:
            return
        headers = {"Accept": self.accept, "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with requests.get(self.url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            answer.raise_for_status()
            if answer.status_code != requests.codes.partial_content:
                have = 0  # the server cannot resume, so start again
            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
            with (
                part.open("ab" if have else "wb") as file,
                Progress(*columns, TimeRemainingColumn(), console=console) as bar,
            ):
                task = bar.add_task(self.url.rpartition("/")[2], total=self.size, completed=have)
                for piece in answer.iter_content(_PIECE):
                    file.write(piece)
                    have += len(piece)
                    bar.update(task, completed=have)
                    if have > self.size:
                        break  # not the published file; the check reports it
        if have < self.size:
            raise requests.ConnectionError(f"it broke off after {have:,} of {self.size:,} bytes")

    def _check(self, path: Path) -> None:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if found != self.md5:
            path.unlink()
            raise InputError(
                f"{self.url} gave a file with md5 {found}, published is {self.md5}; it was deleted, download it again"
            )


def _reason(error: requests.RequestException) -> str:
    """The innermost cause in one line, since requests wraps errors several times."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code}"
    cause: BaseException = error
    while cause.__context__ is not None:
        cause = cause.__context__
    return (str(cause) or type(cause).__name__).splitlines()[0][:120]
