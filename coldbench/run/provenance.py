"""What a result came from: versions, commit, machine, and the digest of the code that computed it."""

from __future__ import annotations

import hashlib
import importlib
import os
import platform
import resource
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import coldbench

# every module whose change can change a result; the plugins' own files are added per cell
_DATA = ("data.schema", "data.dataset", "data.prepared", "protocol.split", "model.batching")
_MODELS = (
    "core.seeds",
    "model.layers",
    "model.generator",
    "model.backbone",
    "model.method",
    "model.phase",
    "protocol.gap",
    "protocol.phases",
    "protocol.metrics",
)
_LIBRARIES = ("torch", "ray", "numpy", "scipy", "pandas", "pyarrow")


def code_digest(*plugins: str) -> str:
    """SHA-256 over the sources of the harness's computing modules and of some plugin modules."""
    total = _harness().copy()
    for name in plugins:
        total.update(_source(name))
    return total.hexdigest()


@cache
def _harness() -> Any:
    total = hashlib.sha256()
    for name in _DATA + _MODELS:
        total.update(_source(f"coldbench.{name}"))
    return total


def _source(name: str) -> bytes:
    loader: Any = importlib.import_module(name).__loader__
    return _text(loader, name)


@cache
def _text(loader: Any, name: str) -> bytes:
    """A module's source as its loader has it; that of a plugin file is text, not a file (see ``outside``)."""
    return str(loader.get_source(name)).encode()


@cache
def versions() -> dict[str, str]:
    """Versions of coldbench, Python and the libraries that results depend on."""
    found = {"coldbench": coldbench.__version__, "python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "none"
    return found


@cache
def commit() -> str | None:
    """The git commit of the code that runs, with ``+`` behind it where it was changed since."""
    folder = Path(__file__).parent
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, timeout=10)
        changed = subprocess.run(["git", "diff", "--quiet", "HEAD"], cwd=folder, capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return head.stdout.strip() + "+" * (changed.returncode != 0) if head.returncode == 0 else None


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def machine(device: torch.device) -> dict[str, Any]:
    """The machine under this process."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
