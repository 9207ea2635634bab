"""The two large datasets at full size: preparing and loading them, and whole cells on them, with their memory."""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import raw_files

MAKERS = {"ml-25m": raw_files.ml_25m, "taobao-ad": raw_files.taobao_ad}
GOALS = {"ml-25m": "90 s, 6 GB", "taobao-ad": "120 s, 8 GB"}
_LOAD = """
import json, sys, time
from coldbench import registry
from coldbench.data import cache
source = registry.get(registry.DATASETS, sys.argv[1])
started, spent = time.perf_counter(), time.process_time()
data = source().load(source.Config())
print(json.dumps([time.perf_counter() - started, time.process_time() - spent, data.rows]))
"""


@contextmanager
def raw(name: str, folder: Path | None) -> Iterator[Path]:
    """The raw files of a dataset: those in ``folder``, else generated there, else in a folder for a while."""
    with tempfile.TemporaryDirectory() as scratch:
        place = folder or Path(scratch)
        found = [path for path in (place / f"{name}.zip", place / name) if path.exists()]
        yield found[0] if found else MAKERS[name](place)


def prepare(folder: Path | None, pairs: int) -> dict:
    """Preparing and loading, each in a process of its own."""
    rows = []
    for name in MAKERS:
        with raw(name, folder) as path, tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "COLDBENCH_CACHE": cache}
            wall, usage, _ = _measured([_command(), "data", "add", name, str(path)], environment)
            loads = [_measured([sys.executable, "-c", _LOAD, name], environment) for _ in range(pairs)]
            seconds, spent, counts = zip(*(json.loads(out) for _, _, out in loads), strict=True)
            size = sum(file.stat().st_size for file in Path(cache).rglob("*.parquet"))
            rows.append(
                [
                    name,
                    f"{counts[0]:,}",
                    f"{wall:.0f}",
                    f"{usage.ru_utime + usage.ru_stime:.0f}",
                    f"{usage.ru_maxrss / 2**20:.1f}",
                    GOALS[name],
                    f"{size / 2**20:.0f}",
                    f"{statistics.median(seconds):.1f}",
                    f"{statistics.median(spent):.1f}",
                    f"{max(use.ru_maxrss for _, use, _ in loads) / 2**20:.1f}",
                ]
            )
    return {
        "title": "the large datasets, from raw files to arrays",
        "header": [
            "dataset",
            "rows",
            "prepare, s",
            "processor s",
            "peak GiB",
            "goal",
            "cache MiB",
            "load, s",
            "load, processor s",
            "load, peak GiB",
        ],
        "rows": rows,
        "data": "raw files of benchmarks/raw_files.py, ml-25m in its zip",
        "note": "'prepare' is the whole of `coldbench data add`: hash, read, join, index, write, split. 'load' "
        f"is `Source.load` from the cache in a new process, median of {pairs}; goal: under 3 s. Peaks are of "
        "resident memory.",
    }


def cells(name: str, folder: Path | None) -> dict:
    """One cell of base and one of avaew, as one command on two workers."""
    rows = []
    with raw(name, folder) as path, tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, "COLDBENCH_CACHE": f"{scratch}/cache"}
        _measured([_command(), "data", "add", name, str(path)], environment)
        out = Path(scratch) / "run"
        command = [_command(), "run", "--datasets", name, "--backbones", "deepfm", "--methods", "base,avaew"]
        wall, usage, _ = _measured([*command, "--seeds", "1", "--jobs", "2", "--out", str(out)], environment)
        for file in sorted((out / "cells").glob("*.json")):
            record = json.loads(file.read_text())
            seconds = {phase["phase"]: phase["seconds"] for phase in record["phases"]}
            aucs = {phase["phase"]: phase["auc"] for phase in record["phases"]}
            warm = [phase for phase in seconds if phase != "cold"]
            pretraining = record["pretraining"]
            rows.append(
                [
                    record["method"],
                    f"{record['split']['base']:,}",
                    f"{pretraining['seconds']:.0f}",
                    f"{1e3 * pretraining['seconds'] / pretraining['steps']:.1f}",
                    f"{seconds['cold']:.0f}",
                    f"{sum(seconds[phase] for phase in warm):.0f}",
                    f"{record['provenance']['machine']['peak_memory_mib'] / 1024:.1f}",
                    " ".join(f"{auc:.4f}" for auc in aucs.values()),
                ]
            )
    return {
        "title": f"one cell of base and one of avaew on {name}, DeepFM",
        "header": [
            "method",
            "base rows",
            "pretraining, s",
            "ms a step",
            "fit and cold, s",
            "three phases, s",
            "worker's peak GiB",
            "AUC cold, warm-a, -b, -c",
        ],
        "rows": rows,
        "data": "raw files of benchmarks/raw_files.py",
        "note": f"One run of both, one worker each, a thread a worker; the whole took {wall:.0f} s, its driver's "
        f"peak was {usage.ru_maxrss / 2**20:.1f} GiB. A worker's peak counts the pages of the shared dataset that it "
        "touched. Goal: under 4 GB. The AUCs are of generated clicks and mean nothing for the real data.",
    }


def _command() -> str:
    return shutil.which("coldbench") or "coldbench"


def _measured(command: list[str], environment: dict[str, str]) -> tuple[float, resource.struct_rusage, str]:
    """Wall seconds, resource usage and output of a command."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True)
    out = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - started, usage, out
