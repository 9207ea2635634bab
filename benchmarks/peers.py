"""Coldbench against others: the public CVAR code (quoted), a library, and a stand-in loop of our own."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import stand_in
from clock import HEADER, Cost, by_slope, cpu, in_turn
from workbench import BATCH, Bench, bench

from coldbench.data.dataset import Dataset
from coldbench.plugins.kinds import BACKBONES
from coldbench.plugins.registry import Registry
from coldbench.protocol.split import warm_up_split

CELL_BATCHES = 100  # of base, in the timed cells
PUBLIC = {  # processor seconds of the unmodified public CVAR code, as issue 20 measured them, and the goals
    "pretraining epoch": (28.4, 12),
    "base: three phases, four evaluations": (8.3, 15),
    "a cvar cell with its fit": (88.5, 10),
    "a cvar cell whose fit is shared": (88.5, 40),
}


def public(log: Dataset, options: argparse.Namespace) -> dict:
    """Our side of issue 20's comparison with the public CVAR code, whose side cannot be measured here."""
    split = warm_up_split(log)
    base, cvar = bench(log, "deepfm", "base", split), bench(log, "deepfm", "cvar", split)
    seconds: dict[str, list[float]] = {name: [] for name in PUBLIC}
    for _ in range(options.pairs):
        base.fit_and_warm()  # what a first call imports and allocates is nobody's cost
        phases, fit = cpu(base.fit_and_warm), cpu(cvar.fit)
        shared = cpu(cvar.warm)
        times = [epoch(base, split.base)().seconds, phases, fit + shared, shared]
        for name, taken in zip(PUBLIC, times, strict=True):
            seconds[name].append(taken)
    ours = {name: statistics.median(all_times) for name, all_times in seconds.items()}
    return {
        "title": "against the public CVAR code, measured elsewhere",
        "header": ["work, DeepFM", "ours s", "public code s", "times faster", "goal"],
        "rows": [
            [name, f"{ours[name]:.2f}", theirs, f"{theirs / ours[name]:.1f}", goal]
            for name, (theirs, goal) in PUBLIC.items()
        ],
        "note": f"Processor seconds on one thread. Ours are medians of {options.pairs} rounds here; the public code's "
        "are quoted from issue 20, which ran it unmodified on MovieLens-1M beside coldbench, on a machine where "
        "FuxiCTR's epoch took 6.9 s (what it takes here is under 'libraries'). Of its 28.4 s per epoch 23.4 are its "
        "DataLoader's. The stand-in loop below is our own and slower than this code: a ratio to it is larger, and "
        "shows only whether coldbench became slower or faster.",
    }


def pretraining(log: Dataset, options: argparse.Namespace) -> dict:
    """One pretraining epoch of each backbone against the stand-in's DeepFM."""
    base = warm_up_split(log).base
    theirs = functools.partial(
        by_slope, functools.partial(stand_in.pretrain, log), parts(base, options.batches), len(base)
    )
    rows = []
    for name in Registry().names(BACKBONES):
        timed = in_turn(epoch(bench(log, name, "base"), base), theirs, options.pairs)
        rows.append([name, *timed.row()])
    return {
        "title": "one pretraining epoch on base, against a stand-in loop's DeepFM",
        "header": ["backbone", *HEADER],
        "rows": rows,
        "note": _method(options, f"the stand-in on {options.batches} and {2 * options.batches} batches"),
    }


def libraries(log: Dataset, options: argparse.Namespace) -> dict:
    """One pretraining epoch of DeepFM against FuxiCTR's and DeepCTR-Torch's."""
    import deepctr_peer  # these two need the extra `bench`
    import fuxictr_peer

    base = warm_up_split(log).base
    ours = epoch(bench(log, "deepfm", "base"), base)
    few, many = parts(base, 4 * options.batches)
    prepared = {len(part): deepctr_peer.prepare(log, part) for part in (few, many)}
    deepctr = functools.partial(
        by_slope, lambda part: deepctr_peer.pretrain(*prepared[len(part)]), (few, many), len(base)
    )
    with tempfile.TemporaryDirectory(prefix="coldbench-peer-") as folder:
        fields = fuxictr_peer.prepare(log, base, Path(folder))
        fuxictr = functools.partial(fuxictr_peer.epoch, fields, Path(folder))
        timed = {"FuxiCTR 2.3.10": in_turn(ours, fuxictr, options.pairs)}
    timed["DeepCTR-Torch 0.3.0"] = in_turn(ours, deepctr, options.pairs)
    sizes = f"FuxiCTR's is a whole one, DeepCTR-Torch's the slope between {len(few) // BATCH} and {len(many) // BATCH}"
    return {
        "title": "one pretraining epoch of DeepFM, against other libraries",
        "header": ["library", *HEADER],
        "rows": [[name, *pairs.row()] for name, pairs in timed.items()],
        "note": _method(options, f"{sizes} batches") + " Same fields, widths and batch size; both have first-order "
        "weights besides. FuxiCTR reads an NPZ file without workers, DeepCTR-Torch arrays. Goals: 4 and 8 times.",
    }


def cells(log: Dataset, options: argparse.Namespace) -> dict:
    """One cell of each method against the stand-in's loop of the method."""
    split = warm_up_split(log)
    base = np.random.default_rng(1).permutation(split.base)[: CELL_BATCHES * BATCH]
    split = dataclasses.replace(split, base=np.sort(base))
    warm = sum(len(rows) for rows in split.warm.values())
    some = parts(split.base, max(options.batches // 2, 2))
    # what the stand-in does, and on how many rows: the phases' single epochs are left out
    loops = {
        "base": (stand_in.pretrain, len(split.base)),
        "dropoutnet": (stand_in.pretrain, len(split.base)),
        "meta_e": (stand_in.meta_e, len(split.base) // 2),
        "mwuf": (stand_in.mwuf, len(split.base)),
        "cvar": (stand_in.cvar, len(split.base) + 2 * warm),
        "gar": (stand_in.gar, len(split.base) + 2 * warm),
        "avaew": (stand_in.avaew, len(split.base) + 2 * warm),
    }
    rows = []
    for name, (loop, size) in loops.items():
        theirs = functools.partial(by_slope, functools.partial(loop, log), some, size)
        ours = cell(bench(log, "deepfm", name, split), with_pretraining=loop is stand_in.pretrain)
        rows.append([name, *in_turn(ours, theirs, options.pairs).row()])
    return {
        "title": "one cell of each method on DeepFM, against a stand-in loop",
        "header": ["method", *HEADER],
        "rows": rows,
        "note": f"Processor seconds on one thread, medians of {options.pairs} pairs. Ours is a whole cell with phases "
        f"and evaluation, on {CELL_BATCHES} batches of base, without the shared pretraining (base and dropoutnet: with "
        f"it). The stand-in's is the method's own loop, timed on {len(some[0]) // BATCH} and {len(some[1]) // BATCH} "
        "batches; the slope times the rows that this cell takes, without evaluation and the epoch of the item "
        "embeddings. 'fixed' is what does not grow with the rows, and is in no ratio.",
    }


def parts(rows: np.ndarray, batches: int) -> tuple[np.ndarray, np.ndarray]:
    """So many batches of rows drawn by chance, and twice as many."""
    drawn = np.random.default_rng(0).permutation(rows)
    return drawn[: batches * BATCH], drawn[: 2 * batches * BATCH]


def epoch(ours: Bench, base: np.ndarray) -> Callable[[], Cost]:
    """The cost of one of our epochs on base, from a third of it and two thirds."""
    drawn = np.random.default_rng(0).permutation(base)
    sizes = drawn[: len(base) // 3], drawn[: 2 * len(base) // 3]
    return functools.partial(by_slope, ours.pretrain, sizes, len(base))


def cell(ours: Bench, with_pretraining: bool) -> Callable[[], Cost]:
    """The cost of one of our cells, all of it."""

    def whole() -> None:
        if with_pretraining:
            ours.pretrain(ours.warm_up.split.base)
        ours.fit_and_warm()

    return lambda: Cost(cpu(whole), 0.0)


def _method(options: argparse.Namespace, theirs: str) -> str:
    return (
        f"Processor seconds on one thread, medians of {options.pairs} pairs. An epoch is the slope between two sizes "
        f"times the rows of base: ours on a third and two thirds of base, {theirs}. 'fixed' is what does not grow with "
        "the rows, such as building the model and the loader, and is in no ratio."
    )
