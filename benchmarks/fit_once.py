"""What it is worth that cells and trials share what is pretrained and fitted for them."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from processes import COLDBENCH, measured
from study import PARTS, WORK
from table_one import STAGES, inside_cells

from coldbench.data.dataset import Dataset
from coldbench.runs.folder import COSTS

METHODS = "base,dropoutnet,meta_e,cvar,avaew"
FIELDS = "item_lr,item_epochs"  # which fit does not read
SAMPLES, SEEDS = 8, 3
CPU_SECONDS = COSTS.index("cpu_seconds")  # place in a stage's file


def fit_once(log: Dataset, options: argparse.Namespace) -> dict:
    """A search and a run over three budgets, and the study's as far as they lie here."""
    shared = ["--datasets", log.name, "--backbones", "deepfm", "--methods", METHODS, "--seeds", str(SEEDS)]
    shared += ["--protocol", "matched", "--budget", "1,3,10"]
    with tempfile.TemporaryDirectory() as scratch:
        search, run = Path(scratch) / "search", Path(scratch) / "run"
        measured([*COLDBENCH, "tune", *shared, "--fields", FIELDS, "--samples", str(SAMPLES), "--out", str(search)])
        measured([*COLDBENCH, "run", *shared, "--out", str(run)])
        rows = [["a search over three budgets", *of_search(search)], ["a run over three budgets", *of_run(run)]]
    for part in PARTS:
        if (WORK / part.name / "run" / "report").exists():
            rows.append([f"the study's run, {part.name}", *of_run(WORK / part.name / "run")])
    return {
        "title": "what pretraining and fitting once is worth",
        "header": ["work", "cells or trials", "stages", "shared, cpu s", "each for itself, cpu s", "times as much"],
        "rows": rows,
        "note": f"Processor seconds of training and evaluation. The search has {SAMPLES} trials of {SEEDS} seeds for "
        f"each of {METHODS} over {FIELDS}, which fit does not read; the run has their defaults. 'Stages' are the "
        "pretrained backbones and fitted methods that were made. 'Each for itself' adds up what all cells and trials "
        "would have taken if each had pretrained and fitted by itself, from what their stages took once.",
    }


def of_run(folder: Path) -> list[str]:
    """The columns of a run, from the records of its cells."""
    records = [json.loads(file.read_text()) for file in folder.glob("cells/*.json")]
    made = {record[stage]["key"] for record in records for stage in STAGES if record[stage]["cpu_seconds"]}
    alone = sum(each["cpu_seconds"] for record in records for each in (record["pretraining"], *record["phases"]))
    return columns(len(records), len(made), inside_cells(records, "cpu_seconds"), alone)


def of_search(folder: Path) -> list[str]:
    """The columns of a search, from its trials and the files of its stages."""
    stages: dict[str, list[float]] = {}
    for file in (*folder.glob("pretrained/*.npz"), *folder.glob("fitted/*.npz")):
        with np.load(file) as content:
            stages.setdefault(file.stem.rpartition("-")[0], []).append(float(content["about"][CPU_SECONDS]))
    trials = [json.loads(file.read_text()) for file in folder.glob("trials/*/*.json")]
    evaluations = max(len(trial["scores"]) for trial in trials) // SEEDS
    reached: Counter[str] = Counter()
    for trial in trials:
        dataset, backbone, method, *_ = trial["study"].split(" / ")
        for stage in (f"{dataset}-{backbone}", f"{dataset}-{backbone}-{method}"):
            reached[stage] += -(-len(trial["scores"]) // evaluations)
    alone = sum(count * float(np.mean(stages[stage])) for stage, count in reached.items() if stage in stages)
    made = [seconds for each in stages.values() for seconds in each]
    phases = sum(trial["cpu_seconds"] for trial in trials)
    return columns(len(trials), len(made), sum(made) + phases, alone + phases)


def columns(count: int, stages: int, shared: float, alone: float) -> list[str]:
    """What both kinds of work show."""
    return [f"{count:,}", f"{stages:,}", f"{shared:,.0f}", f"{alone:,.0f}", f"{alone / shared:.1f}"]
