"""Whether a report is still that of its run: what it was made from, and the files that were made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import astuple
from functools import cache
from pathlib import Path

from coldbench.core.atomic import write_text
from coldbench.core.package import FOLDER, __version__
from coldbench.report.analysis.options import ReportOptions
from coldbench.runs.folder import PARTS, Folder

_FILE = "made-from.json"
_OWN = ("report", "significance", "protocol", "runs")  # the packages that decide what a report says


def state(out: Path, options: ReportOptions, name: str) -> str:
    """A digest of everything that a run's report is made from: the run's files, the question and the code.

    The run's files count by name, size and time of change, so that they need not be read.

    Args:
        out: The run's folder.
        options: The metric, the reference and the level.
        name: The title of the page.
    """
    listed = [(file.name, *_stamp(file)) for part in PARTS for file in sorted((out / part).glob("*"))]
    failures = Folder(out).failures()  # every run writes the file anew
    return hashlib.sha256(json.dumps([listed, failures, astuple(options), name, _code()]).encode()).hexdigest()


def is_current(folder: Path, wanted: str) -> bool:
    """Whether a report's folder still holds every file of the report with this state, unchanged."""
    try:
        made = json.loads((folder / _FILE).read_text())
        return made["state"] == wanted and all(list(_stamp(folder / file)) == at for file, at in made["files"].items())
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def keep(folder: Path, reached: str, files: Iterable[str]) -> None:
    """Writes down what a report was made from, and its files."""
    stamps = {file: _stamp(folder / file) for file in sorted(files)}
    write_text(folder / _FILE, json.dumps({"state": reached, "files": stamps}, indent=1))


def _stamp(file: Path) -> tuple[int, int]:
    about = file.stat()
    return about.st_size, about.st_mtime_ns


@cache
def _code() -> str:
    whole = hashlib.sha256(__version__.encode())
    for package in _OWN:
        for file in sorted((FOLDER / package).rglob("*.*")):
            if file.suffix != ".pyc":
                whole.update(file.read_bytes())
    return whole.hexdigest()
