"""The two large datasets at full size: preparing and loading them, and cells on them, with their memory."""

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
from processes import COLDBENCH, measured
from table_one import without_fit

from coldbench.runs import estimate
from coldbench.runs.cell import Cell
from coldbench.runs.estimate import Costs
from coldbench.runs.folder import Folder
from coldbench.runs.options import read_options
from coldbench.runs.plan import Plan, make_plan
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
    """Cells of every method on one worker: estimated from a few batches, and whole where that takes few minutes."""
    with raw(name, folder) as path, tempfile.TemporaryDirectory() as scratch:
        place = folder or Path(scratch)
        cache, out = place / "cache", place / f"{name}-run"
        with patch.dict(os.environ, COLDBENCH_CACHE=str(cache)):
            if not (cache / name).exists():
                measured([*COLDBENCH, "data", "add", name, str(path)])
            plans = [planned(name, *run, seeds=1) for run in RUNS]
            asked = [cell for plan in plans for cell in plan.cells]
            costs = estimate.measured(plans[0], asked, lambda line: print(line, flush=True))
            if costs.unknown:
                raise SystemExit(f"{name}: {costs.unknown}")
            about = {cell.key: (costs.fitting[cell.fitted_key], costs.phases[cell.key]) for cell in asked}
            short = [cell for cell in asked if sum(about[cell.key]) < 60 * minutes]
            records = run_whole(short, out)
            for record in records.values():  # what was measured replaces what was estimated
                for stage, known in (("pretraining", costs.pretraining), ("fitting", costs.fitting)):
                    known[record[stage]["key"]] = record[stage]["seconds"]
                costs.phases[record["key"]] = without_fit(record, "seconds")
            table = projected(name, costs)
    asked.sort(key=lambda cell: (cell.backbone.label, sum(about[cell.key])))
    guessed = sum(sum(about[key]) for key in records)
    took = sum(record["fitting"]["seconds"] + without_fit(record, "seconds") for record in records.values())
    pretraining = {
        cell.backbone.label: costs.pretraining[cell.pretrained_key] for cell in asked if not cell.changes_pretraining
    }
    each = ", ".join(f"{seconds:.0f} s on {backbone}" for backbone, seconds in pretraining.items())
    return {
        "title": f"cells of every method on {name}",
        "header": [
            "backbone",
            "method",
            "fit, about s",
            "fit, s",
            "phases, about s",
            "phases, s",
            "GiB",
            "AUC, cold",
            "AUC, warm-c",
        ],
        "rows": [columns(cell, about[cell.key], records.get(cell.key)) for cell in asked],
        "data": f"raw files of benchmarks/raw_files.py, {plans[0].datasets[name].rows:,} interactions",
        "note": f"'About' is the estimate of `coldbench run --dry-run`, processor seconds of one thread, from a few "
        f"batches of each stage. The cells for which it is below {minutes:g} minutes were run whole, `coldbench run "
        f"--jobs 1`, seed 0: they took {took:,.0f} s of the wall where {guessed:,.0f} were estimated. The phases have "
        f"their evaluations with them. Pretraining takes {each}. 'GiB' is the peak of the worker until the cell's end, "
        f"with what it shares with other workers; goal: 3. The AUCs are of generated clicks. {table}",
    }


def planned(name: str, backbones: str, methods: str, seeds: int) -> Plan:
    """The plan of a run on a large dataset."""
    asked = {"datasets": name, "backbones": backbones, "methods": methods, "seeds": str(seeds)}
    return make_plan(read_options(asked, None))


def run_whole(cells: list[Cell], out: Path) -> dict[str, dict]:
    """Runs cells on one worker, unless ``out`` has them already; returns their records by key."""
    for dataset, backbone in dict.fromkeys((cell.dataset.label, cell.backbone.label) for cell in cells):
        methods = ",".join(cell.method.label for cell in cells if cell.backbone.label == backbone)
        asked = ["--datasets", dataset, "--backbones", backbone, "--methods", methods, "--seeds", "1"]
        subprocess.run([*COLDBENCH, "run", *asked, "--jobs", "1", "--out", str(out)], check=True)
    records = [json.loads(file.read_text()) for file in out.glob("cells/*.json")]
    wanted = {cell.key for cell in cells}
    return {record["key"]: record for record in records if record["key"] in wanted}


def columns(cell: Cell, about: tuple[float, float], record: dict | None) -> list[str]:
    """A row of the table: of a cell, the estimated seconds of its fit and its phases, and its record if it was run."""
    fit, phases = (f"{seconds:.0f}" for seconds in about)
    if record is None:
        return [cell.backbone.label, cell.method.label, fit, "", phases, "", "", "", ""]
    peak = record["provenance"]["machine"]["peak_memory_mib"] / 2**10
    auc = [f"{record['phases'][place]['auc']:.4f}" for place in (0, -1)]
    took = [f"{seconds:.0f}" for seconds in (record["fitting"]["seconds"], without_fit(record, "seconds"))]
    return [cell.backbone.label, cell.method.label, fit, took[0], phases, took[1], f"{peak:.1f}", *auc]


def projected(name: str, costs: Costs) -> str:
    """What Table 1 takes on several numbers of cores: its jobs with these times, in the order of a run."""
    plan = planned(name, *RUNS[0], seeds=SEEDS)
    with tempfile.TemporaryDirectory() as scratch:
        empty = Folder(Path(scratch))
        jobs = estimate.timed(Queue(computations(plan.cells), empty).waiting, costs, empty)
    times = ", ".join(f"{estimate.duration(estimate.packed(jobs, cores))} on {cores}" for cores in CORES)
    backbones = " and ".join(RUNS[0][0].split(","))
    return (
        f"Table 1 with {SEEDS} seeds, {len(plan.cells)} cells on {backbones}, would take {times} cores of this kind, "
        "if each worker has a core to itself, by the measured times where there are any; start and report, below a "
        "minute, come on top."
    )
