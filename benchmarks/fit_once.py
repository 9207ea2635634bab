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

from coldbench.data.dataset import Dataset

METHODS = "base,dropoutnet,meta_e,cvar,avaew"
FIELDS = "item_lr,item_epochs"  # which fit does not read
SAMPLES, SEEDS = 8, 3
CPU_SECONDS = 2  # place among what a stage's file says of its cost


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
    stages = {
        record[stage]["key"]: record[stage]["cpu_seconds"]
        for record in records
        for stage in ("pretraining", "fitting")
        if record[stage]["cpu_seconds"]
    }
    fits = sum(record["fitting"]["cpu_seconds"] for record in records)  # the first phase of a record has them, too
    phases = sum(phase["cpu_seconds"] for record in records for phase in record["phases"]) - fits
    alone = fits + sum(record["pretraining"]["cpu_seconds"] for record in records)
    return columns(len(records), len(stages), sum(stages.values()), alone, phases)


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
    return columns(len(trials), len(made), sum(made), alone, sum(trial["cpu_seconds"] for trial in trials))


def columns(count: int, stages: int, once: float, alone: float, phases: float) -> list[str]:
    """What both kinds of work show."""
    with_sharing, without = once + phases, alone + phases
    times = f"{without / with_sharing:.1f}"
    return [f"{count:,}", f"{stages:,}", f"{with_sharing:,.0f}", f"{without:,.0f}", times]
