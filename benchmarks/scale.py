"""The two large datasets at full size: preparing and loading them, and whole cells on them, with their memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import raw_files
from processes import COLDBENCH, measured

GOALS = {"ml-25m": "90 s, 6 GB", "taobao-ad": "120 s, 8 GB"}
_LOAD = """
import json, sys, time
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry
source = Registry().get(DATASETS, sys.argv[1])
started, spent = time.perf_counter(), time.process_time()
data = source().load(source.Config())
print(json.dumps([time.perf_counter() - started, time.process_time() - spent, data.rows]))
"""


_CELLS = """
import json, resource, sys, time
import torch
from coldbench.runs.options import read_options
from coldbench.runs.plan import make_plan

torch.set_num_threads(1)
asked = {"datasets": sys.argv[1], "methods": "base,avaew", "backbones": "deepfm", "seeds": "0,"}
plan = make_plan(read_options(asked, None))
data = plan.datasets[plan.cells[0].dataset.label]
last = time.process_time()

def say(**line):
    global last
    now = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({**line, "spent": now - last, "peak": peak}), flush=True)
    last = time.process_time()

pretrained = plan.cells[0].on(data).pretrain()
say(steps=pretrained.steps, rows=data.rows)
for cell in plan.cells:
    stages = cell.on(data)
    for outcome in stages.phases(pretrained, stages.fit(pretrained)):
        say(method=cell.method.name, phase=outcome.phase, steps=outcome.steps, auc=outcome.metrics["auc"])
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
    """A cell of base and one of avaew on one pretrained backbone, by the processor time of one thread."""
    with raw(name, folder) as path, tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "COLDBENCH_CACHE": cache}
        measured([*COLDBENCH, "data", "add", name, str(path)], environment)
        lines = list(_until([sys.executable, "-c", _CELLS, name], environment, minutes))
    pretraining, reached = lines[0], {(line["method"], line["phase"]): line for line in lines[1:]}
    rows = [["pretraining", "", f"{pretraining['spent']:.0f}", *_steps(pretraining), f"{pretraining['peak']:.1f}", ""]]
    for method in ("base", "avaew"):
        for phase in ("cold", "warm-a", "warm-b", "warm-c"):
            line = reached.get((method, phase))
            shown = ["not reached"] + [""] * 4
            if line:
                shown = [f"{line['spent']:.0f}", *_steps(line), f"{line['peak']:.1f}", f"{line['auc']:.4f}"]
            rows.append([method, phase, *shown])
    return {
        "title": f"cells on {name}, DeepFM: pretraining, then base and avaew",
        "header": ["", "phase", "processor s", "steps", "ms per step", "peak GiB", "AUC"],
        "rows": rows,
        "data": f"raw files of benchmarks/raw_files.py, {pretraining['rows']:,} interactions",
        "note": "Processor time of one thread, evaluation included; 'cold' is the method's fit on base and what comes "
        f"before the first evaluation, and that. Stopped after {minutes:g} minutes. The peak is of one process that "
        "holds the whole dataset itself, as no worker of a run does. Goal: 4 GB. The AUCs are of generated clicks.",
    }


def _steps(line: dict) -> tuple[str, str]:
    return f"{line['steps']:,}", f"{1e3 * line['spent'] / line['steps']:.1f}" if line["steps"] else ""


def _until(command: list[str], environment: dict[str, str], minutes: float) -> Iterator[dict]:
    """The lines of JSON that a command prints before it ends or its time is up."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        clock = threading.Timer(60 * minutes, process.kill)
        clock.start()
        try:
            yield from (json.loads(line) for line in process.stdout or ())
            if process.wait() > 0:  # a signal is the clock's
                raise SystemExit(f"{command[-1]}: the cells failed")
        finally:
            clock.cancel()
            process.kill()
