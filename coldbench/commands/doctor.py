"""``coldbench doctor``: what this machine offers, and what each part is for."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from tabulate import tabulate

from coldbench.core.cores import usable_cores
from coldbench.data.cache import root
from coldbench.runs.trackers.asked import PACKAGES, installed

GOOD, LESS, BAD = (
    "ok",
    "-",
    "missing",
)  # there; absent, and only some uses need it; absent, and nothing works without it
_GIB = 2**30
_LEAST_MEMORY = 4 * _GIB  # two workers with MovieLens-1M
_LEAST_DISK = 2 * _GIB
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True)
class Finding:
    """One line of the examination.

    Attributes:
        name: The part that was looked at.
        state: ``ok``, ``-`` or ``missing``.
        found: What is there.
        purpose: What it is for.
    """

    name: str
    state: str
    found: str
    purpose: str


@dataclass(frozen=True)
class Examination:
    """All lines, and whether everything is there that a run needs."""

    findings: list[Finding]

    @property
    def healthy(self) -> bool:
        """Whether no part that every run needs is missing."""
        return all(finding.state != BAD for finding in self.findings)

    def text(self) -> str:
        """A table for a terminal."""
        rows = [[each.state, each.name, each.found, each.purpose] for each in self.findings]
        verdict = "everything that a run needs is here" if self.healthy else "a run needs what is missing"
        return f"{tabulate(rows, tablefmt='plain')}\n{verdict}"


def examine() -> Examination:
    """Looks at Python, libraries, memory, cores, disk, GPU, TeX and a browser."""
    return Examination([look() for look in _LOOKS])


def _python() -> Finding:
    return Finding("Python", GOOD, platform.python_version(), "runs coldbench")


def _library(name: str, purpose: str, needed: bool = True) -> Callable[[], Finding]:
    def look() -> Finding:
        try:
            return Finding(name, GOOD, version(name), purpose)
        except PackageNotFoundError:
            return Finding(name, BAD if needed else LESS, "not installed", purpose)

    return look


def _torch() -> Finding:
    purpose = "trains backbones and methods"
    if find_spec("torch") is None:
        return Finding("torch", BAD, "not installed", purpose)
    import torch

    build = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built for CPUs"
    return Finding("torch", GOOD, f"{torch.__version__}, {build}", purpose)


def _gpu() -> Finding:
    purpose = "--device cuda; results then repeat only on the same GPU and build"
    if find_spec("torch") is None:
        return Finding("GPU", LESS, "not known without torch", purpose)
    import torch

    if not torch.cuda.is_available():
        return Finding("GPU", LESS, "none that torch can use", purpose)
    return Finding("GPU", GOOD, torch.cuda.get_device_name(), purpose)


def _memory() -> Finding:
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    state = GOOD if whole >= _LEAST_MEMORY else LESS
    return Finding("memory", state, f"{whole / _GIB:.1f} GiB", "about 1 GiB per cell at once, plus the data")


def _cores() -> Finding:
    return Finding("cores", GOOD, str(usable_cores()), "one cell each; --jobs sets how many run at once")


def _cache() -> Finding:
    return _folder("cache", root(), "prepared datasets; COLDBENCH_CACHE moves it")


def _here() -> Finding:
    return _folder("this folder", Path.cwd(), "results of runs; --out moves them")


def _folder(name: str, folder: Path, purpose: str) -> Finding:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        return Finding(name, BAD, f"{folder} cannot be written ({error.strerror})", purpose)
    return Finding(name, GOOD if free >= _LEAST_DISK else LESS, f"{folder}, {free / _GIB:.0f} GiB free", purpose)


def _trackers() -> Finding:
    found = [name for name in PACKAGES if installed(name)]
    purpose = "copies of results with --track; a run needs none"
    return Finding("trackers", GOOD if found else LESS, ", ".join(found) or "none", purpose)


def _program(name: str, programs: tuple[str, ...], purpose: str) -> Callable[[], Finding]:
    def look() -> Finding:
        found = next(filter(None, map(shutil.which, programs)), None)
        return Finding(name, GOOD if found else LESS, found or "not found", purpose)

    return look


_LOOKS: tuple[Callable[[], Finding], ...] = (
    _python,
    _torch,
    _library("ray", "runs cells side by side, on this machine or a cluster"),
    _library("optuna", "coldbench tune --search optuna", needed=False),
    _trackers,
    _cores,
    _memory,
    _gpu,
    _cache,
    _here,
    _program("TeX", ("pdflatex",), "typesets the LaTeX tables; a report is written without it"),
    _program("browser", _BROWSERS, "the tests of the report's page; any browser shows it"),
)
