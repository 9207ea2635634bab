"""Table 1 for one seed as one command: what is inside the cells and what is not."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from processes import COLDBENCH, measured
from workbench import LIKE_ML_1M

from coldbench.data.dataset import Dataset

STAGES = "pretraining", "fitting"


def table_one(log: Dataset, options: argparse.Namespace) -> dict:
    """The whole command on one worker and on two."""
    rows, count = [], 0
    for jobs in (1, 2):
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(scratch) / "run"
            command = [*COLDBENCH, "run", "--methods", "paper", "--backbones", "deepfm,ipnn", "--seeds", "1"]
            command += ["--jobs", str(jobs), "--out", str(out), "--datasets", log.name]
            if log.name == "synthetic":
                command += [part for k, v in LIKE_ML_1M.items() for part in ("--set", f"synthetic.{k}={v}")]
            wall, usage, _ = measured(command)
            again, _, _ = measured(command)
            records = [json.loads(path.read_text()) for path in (out / "cells").glob("*.json")]
            count = len(records)
            inside = inside_cells(records, "seconds")
            peak = max(r["provenance"]["machine"]["peak_memory_mib"] for r in records)
            share, driver = 1 - inside / (jobs * wall), usage.ru_utime + usage.ru_stime
            shown = f"{wall:.0f}", f"{inside:.0f}", f"{100 * share:.0f} %", f"{again:.1f}", f"{driver:.0f}", f"{peak}"
            rows.append([jobs, *shown])
    return {
        "title": f"Table 1 for one seed, the whole command: {count} cells on 2 backbones",
        "header": ["workers", "wall s", "s inside cells", "rest", "again s", "driver's cpu s", "a worker's peak MiB"],
        "rows": rows,
        "note": "One run each, from a prepared cache. 'rest' is what is left of workers x wall: starting Ray and its "
        "workers, loading, waiting for the other worker at the end, and the report with its figures, while all workers "
        "wait. 'again' is the same command once more, which finds all cells done: starting Python and the report, "
        "without Ray. Goal: under 180 s on 2 workers, rest under 15 %.",
    }


def inside_cells(records: list[dict], clock: str) -> float:
    """Seconds of all stages and phases, each shared stage once.

    Args:
        records: The records of a run.
        clock: ``seconds``, of the wall, or ``cpu_seconds``.
    """
    once = {record[stage]["key"]: record[stage][clock] for record in records for stage in STAGES}
    return sum(without_fit(record, clock) for record in records) + sum(once.values())


def without_fit(record: dict, clock: str) -> float:
    """Seconds of a cell's phases alone; in its record the first one has the fit with it."""
    return sum(phase[clock] for phase in record["phases"]) - record["fitting"][clock]
