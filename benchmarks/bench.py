"""``make bench``: every figure is a ratio measured in one run, pair by pair; results go into benchmarks/README.md.

Each part of a pair is timed by its processor time on one thread, so that a busy machine blurs less; the two parts
take turns; what is quoted is the median of the pairs' ratios. The parts on the large datasets stand for themselves and
are made only when they are named: ``python benchmarks/bench.py scale cells-taobao-ad cells-ml-25m --raw FOLDER``.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import usual_loop
from tabulate import tabulate
from torch.nn import functional

from coldbench.core.config import resolve
from coldbench.core.errors import InputError
from coldbench.data.dataset import Dataset
from coldbench.model.backbone import Backbone
from coldbench.model.layers import Dropout, initialise, lookup
from coldbench.model.method import Method
from coldbench.model.phase import Settings, ctr_loss, descend
from coldbench.plugins.kinds import BACKBONES, DATASETS, METHODS
from coldbench.plugins.registry import Registry
from coldbench.protocol.phases import Protocol
from coldbench.protocol.rules import Paper
from coldbench.protocol.split import WarmUpSplit, warm_up_split
from coldbench.run.provenance import machine, versions

HERE = Path(__file__).parent
BATCH = 2048
# sizes like MovieLens-1M's, for machines that lack the file
LIKE_ML_1M = {"users": 6040, "items": 3706, "interactions": 1_000_209, "tags": 4400}


def main() -> None:
    """Runs the benchmarks that are asked for, and writes their results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts", nargs="*", default=[part for part in PARTS if part not in SLOW], help=f"of: {', '.join(PARTS)}"
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--batches", type=int, default=10, help="of 2048 rows, for each timed piece of the usual loop")
    parser.add_argument("--raw", type=Path, help="where full-size raw files lie, or are to be generated")
    parser.add_argument("--minutes", type=float, default=60, help="after which cells on the large datasets are stopped")
    options = parser.parse_args()
    torch.set_num_threads(1)
    log = data()
    results_file = HERE / "results.json"
    for part in options.parts:
        print(f"-- {part}", flush=True)
        result = PARTS[part](log, options)
        result["where"] = {
            "data": result.pop("data", log.label),
            "versions": {name: versions()[name] for name in ("coldbench", "python", "torch", "ray")},
            "machine": {k: v for k, v in machine(torch.device("cpu")).items() if k in ("processor", "cores")},
        }
        print(render(part, result), flush=True)
        results = json.loads(results_file.read_text()) if results_file.exists() else {}
        results[part] = result
        results_file.write_text(json.dumps(results, indent=1) + "\n")
    text = [__doc__ or "", "", "Made by `make bench`; the numbers are in results.json.", ""]
    text += [render(part, results[part]) for part in PARTS if part in results]
    (HERE / "README.md").write_text("# Benchmarks\n\n" + "\n".join(text).rstrip() + "\n")


def render(part: str, result: dict) -> str:
    """A section of the README."""
    where = result["where"]
    place = f"{where['data']}; {where['machine']['processor']}, {where['machine']['cores']} cores; "
    place += ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    table = tabulate(result["rows"], result["header"], tablefmt="github")
    return f"## {part}: {result['title']}\n\n{table}\n\n{result['note']}\n\n{place}.\n"


def data() -> Dataset:
    """MovieLens-1M where it is at hand, else synthetic data of its shape."""
    source = Registry().get(DATASETS, "ml-1m")()
    try:
        return source.load(source.Config())
    except InputError:
        owner = Registry().get(DATASETS, "synthetic")
        return owner().load(resolve("synthetic", owner.Config, LIKE_ML_1M))


def pairs(ours: Callable[[], object], theirs: Callable[[], object], scale: float, count: int) -> dict[str, float]:
    """Times two pieces in turn.

    Args:
        ours: Our piece.
        theirs: The piece to compare with.
        scale: How many times our piece's work theirs would have to do.
        count: Of pairs.
    """
    seconds: list[tuple[float, float]] = []
    for _ in range(count):
        seconds.append((_cpu(ours), _cpu(theirs) * scale))
    ratios = sorted(b / a for a, b in seconds)
    mine, other = (statistics.median(part) for part in zip(*seconds, strict=True))
    return {"ours": mine, "theirs": other, "ratio": statistics.median(ratios), "low": ratios[0], "high": ratios[-1]}


def _cpu(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def protocol(log: Dataset, split: WarmUpSplit) -> Protocol:
    """The paper's protocol on some data."""
    return Protocol(Paper(), log, split, Settings(batch_size=BATCH), torch.device("cpu"), 0, "bench")


def built(log: Dataset, backbone: str, method: str) -> tuple[Backbone, Method]:
    """A backbone and a method with their defaults."""
    owner, plugin = Registry().get(BACKBONES, backbone), Registry().get(METHODS, method)
    model = owner(owner.Config(), log.schema)
    initialise(model)
    return model, plugin(plugin.Config(), log.schema, model)


def pretraining(log: Dataset, options: argparse.Namespace) -> dict:
    """(a): one pretraining epoch of each backbone against the usual loop's DeepFM."""
    split = warm_up_split(log)
    some = np.random.default_rng(0).permutation(split.base)[: options.batches * BATCH]
    rows = []
    for name in Registry().names(BACKBONES):
        model, method = built(log, name, "base")
        run = protocol(log, split)
        timed = pairs(
            functools.partial(run.pretrain, model, method),
            functools.partial(usual_loop.pretrain, log, some),
            len(split.base) / len(some),
            options.pairs,
        )
        rows.append([name, *_shown(timed)])
    return {
        "title": "one pretraining epoch on base, against the usual loop's DeepFM",
        "header": ["backbone", *_HEADER],
        "rows": rows,
        "note": f"Processor seconds on one thread, medians of {options.pairs} pairs. Ours is a whole epoch, the "
        f"usual loop {options.batches} batches of {BATCH} rows, scaled to the epoch. Goal: deepfm at least 10.",
    }


def peer_library(log: Dataset, options: argparse.Namespace) -> dict:
    """(b): one pretraining epoch of DeepFM against DeepCTR-Torch's."""
    import peer

    split = warm_up_split(log)
    some = np.random.default_rng(0).permutation(split.base)[: 4 * options.batches * BATCH]
    prepared = peer.prepare(log, some)
    model, method = built(log, "deepfm", "base")
    run = protocol(log, split)
    timed = pairs(
        lambda: run.pretrain(model, method),
        lambda: peer.pretrain(*prepared),
        len(split.base) / len(some),
        options.pairs,
    )
    return {
        "title": "one pretraining epoch of DeepFM, against DeepCTR-Torch",
        "header": ["backbone", *_HEADER],
        "rows": [["deepfm", *_shown(timed)]],
        "note": f"As above; the library ran {4 * options.batches} batches, its data laid out before the clock started. "
        "Same fields, widths and batch size; it has first-order weights besides. Goal: at least 3 times faster.",
    }


def cells(log: Dataset, options: argparse.Namespace) -> dict:
    """(c): one cell of each method against the usual loop."""
    split = warm_up_split(log)
    base = np.random.default_rng(1).permutation(split.base)[: 100 * BATCH]
    split = dataclasses.replace(split, base=np.sort(base))
    warm = sum(len(rows) for rows in split.warm.values())
    some = np.random.default_rng(0).permutation(split.base)[: max(options.batches // 2, 2) * BATCH]
    # what the usual loop does, and the rows it does it on: the phases' single epochs are left out
    usual = {
        "base": (usual_loop.pretrain, len(split.base)),
        "dropoutnet": (usual_loop.pretrain, len(split.base)),
        "meta_e": (usual_loop.meta_e, len(split.base) // 2),
        "mwuf": (usual_loop.mwuf, len(split.base)),
        "cvar": (usual_loop.cvar, len(split.base) + 2 * warm),
        "gar": (usual_loop.gar, len(split.base) + 2 * warm),
        "avaew": (usual_loop.avaew, len(split.base) + 2 * warm),
    }
    rows = []
    for name, (work, size) in usual.items():
        model, method = built(log, "deepfm", name)
        run = protocol(log, split)
        ours = functools.partial(_whole if work is usual_loop.pretrain else _exhaust, run, model, method)
        timed = pairs(ours, functools.partial(work, log, some), size / len(some), options.pairs)
        rows.append([name, *_shown(timed)])
    return {
        "title": "one cell of each method on DeepFM, against the usual loop",
        "header": ["method", *_HEADER],
        "rows": rows,
        "note": f"Processor seconds on one thread, medians of {options.pairs} pairs. Ours is a cell with its "
        "phases and evaluation, on 100 batches of base, without the shared pretraining (base and dropoutnet: with "
        f"it). The usual loop's is the method's own loop on {len(some) // BATCH} batches, scaled to the rows that this "
        "cell takes, without evaluation and the epoch of the item embeddings. Goal: cvar and avaew at least 8 times.",
    }


def _whole(run: Protocol, model: Backbone, method: Method) -> None:
    run.pretrain(model, method)
    _exhaust(run, model, method)


def _exhaust(run: Protocol, model: Backbone, method: Method) -> None:
    for _ in run.warm_up(model, method):
        pass


def table_one(log: Dataset, options: argparse.Namespace) -> dict:
    """(d) and (f): Table 1 for one seed as one command, on one worker and on two."""
    rows = []
    for jobs in (1, 2):
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(scratch) / "run"
            command = [sys.executable, "-m", "coldbench", "run", "--methods", "all", "--backbones", "deepfm,ipnn"]
            command += ["--seeds", "1", "--jobs", str(jobs), "--out", str(out)]
            command += ["--datasets", log.name]
            if log.name == "synthetic":
                command += [part for k, v in LIKE_ML_1M.items() for part in ("--set", f"synthetic.{k}={v}")]
            wall, usage = _whole_command(command)
            again, _ = _whole_command(command)
            records = [json.loads(path.read_text()) for path in (out / "cells").glob("*.json")]
            pretraining = {
                r["labels"]["backbone"] + str(r["method"] == "dropoutnet"): r["pretraining"] for r in records
            }
            inside = sum(p["seconds"] for r in records for p in r["phases"])
            inside += sum(p["seconds"] for p in pretraining.values())
            peak = max(r["provenance"]["machine"]["peak_memory_mib"] for r in records)
            share = 1 - inside / (jobs * wall)
            driver = usage.ru_utime + usage.ru_stime
            shown = f"{wall:.0f}", f"{inside:.0f}", f"{100 * share:.0f} %", f"{again:.1f}", f"{driver:.0f}", f"{peak}"
            rows.append([jobs, *shown])
    return {
        "title": "Table 1 for one seed, the whole command: 2 backbones x 7 methods",
        "header": ["workers", "wall s", "s inside cells", "rest", "again s", "driver's cpu s", "a worker's peak MiB"],
        "rows": rows,
        "note": "One run each, from a prepared cache. 'rest' is what is left of workers x wall: starting Ray and its "
        "workers, loading, waiting for the other worker at the end, and the report with its figures, while all workers "
        "wait. 'again' is the same command once more, which finds all cells done: starting Python and the report, "
        "without Ray. Goal: under 180 s on 2 workers, rest under 15 %.",
    }


def _whole_command(command: list[str]) -> tuple[float, resource.struct_rusage]:
    """Seconds that a command took, and what its process used."""
    started = time.perf_counter()
    _, status, usage = os.wait4(subprocess.Popen(command, stdout=-3, stderr=-3).pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - started, usage


def table_sizes(log: Dataset, options: argparse.Namespace) -> dict:
    """(e): cost of a step against the number of users and items."""
    runs = {}
    for size in (10_000, 100_000, 1_000_000):
        owner = Registry().get(DATASETS, "synthetic")
        values = {"users": size, "items": size, "interactions": 2_000_000, "n": max(9, 6_000_000 // size), "k": 1}
        tall = owner().load(resolve("synthetic", owner.Config, values))
        split = dataclasses.replace(warm_up_split(tall), base=np.arange(tall.rows))
        for name in ("base", "avaew"):
            runs[size, name] = (tall, split, *built(tall, "deepfm", name))
    seconds: dict[tuple[int, str], list[float]] = {key: [] for key in runs}
    for _ in range(options.pairs + 1):
        for (size, name), (tall, split, model, method) in runs.items():
            seconds[size, name].append(_per_step(tall, split, model, method, name))
    rows = []
    for name in ("base", "avaew"):
        steps = {size: seconds[size, name][1:] for size in (10_000, 100_000, 1_000_000)}
        for size, values in steps.items():
            ratio = statistics.median(a / b for a, b in zip(values, steps[10_000], strict=True))
            what = "pretraining" if name == "base" else "avaew's fit"
            rows.append([what, f"{size:,}", f"{1e3 * statistics.median(values):.2f}", f"{ratio:.2f}"])
    return {
        "title": "cost of a step against the number of users and items, synthetic data",
        "header": ["step", "users and items", "ms", "against 10,000"],
        "rows": rows,
        "note": f"Processor time of a step on one thread, medians of {options.pairs} rounds, over 976 batches of "
        "pretraining and 40 of avaew's fit (1,600 steps). Clearing the moments of large tables, once a phase, is part "
        "of it: over 195 batches of pretraining it alone was seen to be 0.4 to 1.7 ms a step. Goal: at 1,000,000 "
        "within 1.5 times of 10,000.",
    }


def _per_step(log: Dataset, split: WarmUpSplit, model: Backbone, method: Method, name: str) -> float:
    run = protocol(log, split)
    base = run._phase("base", split.base if name == "base" else split.base[: 40 * BATCH])
    if name == "base":
        model.requires_grad_(True).train()
        started = time.process_time()
        descend(base, model.parameters(), lambda batch: ctr_loss(model(batch), batch))
    else:
        model.frozen().train()
        started = time.process_time()
        method.fit(model, base)
    return (time.process_time() - started) / base.steps


def levers(log: Dataset, options: argparse.Namespace) -> dict:
    """What each lever is worth where it is used: the same work with it and without."""
    split = warm_up_split(log)
    base = protocol(log, split)._phase("base", split.base)
    batch = next(base.batches())
    model, method = built(log, "deepfm", "cvar")
    model.frozen().train()
    context, real = model.frozen_context(batch), model.item_table(batch.items.number)
    every_row = dataclasses.replace(batch, view=base.view)
    every_row.__dict__["_distinct"] = (batch.item, torch.arange(BATCH), torch.ones(BATCH))
    table, ids = method.generator.side.fields.table, batch.items.ids
    rows_real = model.item_table(batch.item)
    hidden = torch.randn(BATCH, 16)
    ours, theirs = base.adam([table]), torch.optim.Adam([table], lr=1e-3, weight_decay=1e-6, fused=True)
    table.grad = torch.zeros_like(table)
    side = method.generator.side.fields
    compared = {
        "side information without its padding": (
            lambda: side(batch.items).sum().backward(),
            lambda: functional.embedding(ids, table, padding_idx=0).sum(1).sum().backward(),
        ),
        "gradient of a table by index_add_": (
            lambda: lookup(table, ids).sum().backward(),
            lambda: functional.embedding(ids, table).sum().backward(),
        ),
        "a generator step on distinct items, not rows": (
            lambda: method.loss(model, batch, context, real).backward(),
            lambda: method.loss(model, every_row, context, rows_real).backward(),
        ),
        "the frozen backbone encoded once in ten steps": (
            lambda: [model.score(rows_real, context) for _ in range(10)],
            lambda: [model.score(rows_real, model.frozen_context(batch)) for _ in range(10)],
        ),
        "dropout with 16 bits an element": (
            functools.partial(Dropout(0.2).train(), hidden),
            lambda: functional.dropout(hidden, 0.2),
        ),
        "Adam without its class": (ours.step, theirs.step),
    }
    rows = []
    for name, (fast, slow) in compared.items():
        timed = pairs(_often(fast), _often(slow), 1.0, options.pairs)
        rows.append([name, *(f"{1e6 * timed[k] / _TIMES:.0f}" for k in ("ours", "theirs")), f"{timed['ratio']:.1f}"])
    return {
        "title": "what each lever is worth, on one batch of DeepFM and cvar",
        "header": ["lever", "with, us", "without, us", "times faster"],
        "rows": rows,
        "note": f"Processor time on one thread, medians of {options.pairs} pairs of {_TIMES} calls. Lazy updates of "
        "large tables are in table-sizes.",
    }


def limits(log: Dataset, options: argparse.Namespace) -> dict:
    """Steps against what the machine can do, and against the fixed cost of their operations."""
    import profile_cell

    bandwidth, speed = profile_cell.machine_limits()
    rows = []
    for profile in profile_cell.profiles(log):
        least = profile.least(bandwidth, speed)
        row = [profile.what, f"{profile.whole:.2f}", f"{profile.fixed:.2f}", profile.operations, f"{least:.2f}"]
        rows.append([*row, f"{profile.whole / least:.1f}"])
    return {
        "title": "how far a step is from what this machine can do, DeepFM",
        "header": ["step", "ms", "on 8 rows, ms", "torch operations", "the least, ms", "times the least"],
        "rows": rows,
        "note": "Processor time on one thread. 'The least' is the time to move a step's bytes and to do its matrix "
        f"products at this machine's measured {profile_cell.limits_text(bandwidth, speed)}. On 8 rows there is next to "
        "nothing to compute: what is left is the fixed cost of the operations. avaew's step has its three classifier "
        "steps with it. `make profile` splits each into sections.",
    }


def scale(log: Dataset, options: argparse.Namespace) -> dict:
    """Preparing and loading MovieLens-25M and Taobao-Ad at full size."""
    import scale

    return scale.prepare(options.raw, options.pairs)


def large_cells(name: str, log: Dataset, options: argparse.Namespace) -> dict:
    """Whole cells on one of them."""
    import scale

    return scale.cells(name, options.raw, options.minutes)


_TIMES = 50


def _often(work: Callable[[], object]) -> Callable[[], None]:
    def repeated() -> None:
        for _ in range(_TIMES):
            work()

    repeated()
    return repeated


_HEADER = ["ours s", "theirs s", "times faster", "lowest", "highest"]


def _shown(timed: dict[str, float]) -> Sequence[str]:
    return [f"{timed['ours']:.1f}", f"{timed['theirs']:.0f}", *(f"{timed[k]:.1f}" for k in ("ratio", "low", "high"))]


PARTS = {
    "pretraining": pretraining,
    "peer": peer_library,
    "cells": cells,
    "levers": levers,
    "limits": limits,
    "table-one": table_one,
    "table-sizes": table_sizes,
    "scale": scale,
    "cells-taobao-ad": functools.partial(large_cells, "taobao-ad"),
    "cells-ml-25m": functools.partial(large_cells, "ml-25m"),
}
SLOW = {
    "scale",
    "cells-taobao-ad",
    "cells-ml-25m",
}  # only where they are asked for: minutes to an hour, and 3 GB of disk

if __name__ == "__main__":
    main()
