"""The provenance of a result: versions, commit, machine."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from coldbench.core.package import FOLDER, __version__

_LIBRARIES = ("torch", "ray", "numpy", "scipy", "pandas", "pyarrow")


@cache
def versions() -> dict[str, str]:
    """Versions of coldbench, Python and the libraries on which results depend."""
    found = {"coldbench": __version__, "python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "none"
    return found


@cache
def commit() -> str | None:
    """The git commit of the running code, followed by ``+`` if the code was changed since.

    It is None if the code does not belong to a repository, even if it is installed inside somebody else's.
    """
    if _git(FOLDER, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    head = _git(FOLDER, "rev-parse", "HEAD")
    return None if head is None else head + "+" * (_git(FOLDER, "diff", "--quiet", "HEAD") is None)


def _git(folder: Path, *command: str) -> str | None:
    """The output of a git command; None if the command fails."""
    try:
        run = subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout.strip() if run.returncode == 0 else None


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def machine(device: torch.device) -> dict[str, Any]:
    """A description of the machine that this process runs on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
