"""The two large datasets at full size: preparing and loading them, and whole cells on them, with their memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import raw_files
from processes import COLDBENCH, SOME_FAILED, measured
from table_one import without_fit

from coldbench.runs.estimate import Costs, duration, packed, timed
from coldbench.runs.folder import Folder
from coldbench.runs.options import read_options
from coldbench.runs.plan import make_plan
from coldbench.runs.queue import Queue, computations

GOALS = {"ml-25m": "90 s, 6 GB", "taobao-ad": "120 s, 8 GB"}
RUNS = (("deepfm,ipnn", "paper"), ("deepfm", "since,controls"))  # backbones and methods; the first is Table 1
SEEDS = 5  # of Table 1
CORES = 2, 16, 64
_LOAD = """
import json, sys, time
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry
source = Registry().get(DATASETS, sys.argv[1])
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
        yield found[0] if found else raw_files.MAKERS[name](place)


def prepare(folder: Path | None, pairs: int) -> dict:
    """Preparing and loading, each in a process of its own."""
    rows = []
    for name in raw_files.MAKERS:
        with raw(name, folder) as path, tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "COLDBENCH_CACHE": cache}
            wall, usage, _ = measured([*COLDBENCH, "data", "add", name, str(path)], environment)
            loads = [measured([sys.executable, "-c", _LOAD, name], environment) for _ in range(pairs)]
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
        f"resident memory. Others used the machine: its load was {os.getloadavg()[2]:.0f} over the last 15 minutes.",
    }


def cells(name: str, folder: Path | None, minutes: float) -> dict:
    """One cell of every method by ``coldbench run`` on one worker, and what Table 1 would take of them."""
    with raw(name, folder) as path, tempfile.TemporaryDirectory() as scratch:
        place = folder or Path(scratch)
        cache, out = place / "cache", place / f"{name}-run"
        with patch.dict(os.environ, COLDBENCH_CACHE=str(cache)):
            if not (cache / name).exists():
                measured([*COLDBENCH, "data", "add", name, str(path)])
            limit = ["--cell-timeout", str(60 * minutes)]
            for backbones, methods in RUNS:
                asked = ["--datasets", name, "--backbones", backbones, "--methods", methods, "--seeds", "1"]
                done = subprocess.run([*COLDBENCH, "run", *asked, "--jobs", "1", *limit, "--out", str(out)])
                if done.returncode not in (0, SOME_FAILED):
                    raise SystemExit(f"{name}: the cells failed")
            records = [json.loads(file.read_text()) for file in out.glob("cells/*.json")]
            table = projected(name, records)
    records.sort(key=lambda record: (record["backbone"], record["fitting"]["cpu_seconds"]))
    pretraining = {record["backbone"]: record["pretraining"] for record in records}
    steps = ", ".join(f"{each['cpu_seconds']:.0f} s on {backbone}" for backbone, each in pretraining.items())
    return {
        "title": f"cells of every method on {name}",
        "header": ["backbone", "method", "fit, s", "ms per step", "three phases, s", "GiB", "AUC, cold", "AUC, warm-c"],
        "rows": [columns(record) for record in records],
        "data": f"raw files of benchmarks/raw_files.py, {records[0]['split']['base']:,} rows in base",
        "note": f"Processor seconds of one thread, from the records of `coldbench run --jobs 1`, seed 0. Pretraining "
        f"takes {steps}; the phases have the evaluations with them. A cell that takes more than {minutes:g} minutes is "
        "ended and is not listed. 'GiB' is the peak of the worker until the cell's end, with what it shares with other "
        f"workers; goal: 3. The AUCs are of generated clicks. {table}",
    }


def columns(record: dict) -> list[str]:
    """A row of the table, from the record of a cell."""
    fitting, phases = record["fitting"], record["phases"]
    step = f"{1e3 * fitting['cpu_seconds'] / fitting['steps']:.1f}" if fitting["steps"] else ""
    peak = record["provenance"]["machine"]["peak_memory_mib"] / 2**10
    auc = [f"{phases[place]['auc']:.4f}" for place in (0, -1)]
    return [
        record["backbone"],
        record["method"],
        f"{fitting['cpu_seconds']:.0f}",
        step,
        f"{without_fit(record, 'cpu_seconds'):.0f}",
        f"{peak:.1f}",
        *auc,
    ]


def projected(name: str, records: list[dict]) -> str:
    """What Table 1 takes on several numbers of cores: its jobs with the measured times, in the order of a run."""
    costs = Costs()
    for record in records:
        pretraining, fitting = record["pretraining"], record["fitting"]
        costs.pretraining[pretraining["key"]] = pretraining["cpu_seconds"]
        costs.fitting[fitting["key"]] = fitting["cpu_seconds"]
        costs.phases[record["key"]] = without_fit(record, "cpu_seconds")
    backbones, methods = RUNS[0]
    asked = {"datasets": name, "backbones": backbones, "methods": methods, "seeds": str(SEEDS)}
    plan = make_plan(read_options(asked, None))
    missing = {
        f"{cell.method.name} on {cell.backbone.name}"
        for cell in plan.cells
        if cell.seed == 0 and cell.key not in costs.phases
    }
    if missing:
        return f"Table 1 is not estimated, since these cells are missing: {', '.join(sorted(missing))}."
    with tempfile.TemporaryDirectory() as scratch:
        empty = Folder(Path(scratch))
        jobs = timed(Queue(computations(plan.cells), empty).waiting, costs, empty)
    times = ", ".join(f"{duration(packed(jobs, cores))} on {cores}" for cores in CORES)
    return (
        f"Table 1 with {SEEDS} seeds, {len(plan.cells)} cells on {backbones.replace(',', ' and ')}, would take {times} "
        "cores of this kind, if each worker has a core to itself; start and report, below a minute, come on top."
    )
