"""Single steps: what each lever is worth, how far a step is from the machine's limits, and what large tables cost."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import statistics
from collections.abc import Callable

import numpy as np
import profile_cell
import torch
from clock import cpu, in_turn, milliseconds, often
from torch import nn
from torch.nn import functional
from workbench import BATCH, Bench, bench, synthetic

from coldbench.data.dataset import Dataset
from coldbench.model.embedding import FieldEmbedding, lookup
from coldbench.model.generator import FrozenBatch
from coldbench.model.layers import Dropout, initialise
from coldbench.model.phase import ctr_loss, descend, step
from coldbench.protocol.split import warm_up_split

TIMES = 50  # calls of a lever that are timed at once
SIZES = (10_000, 100_000, 1_000_000)  # users and items
FIT_BATCHES = 40


def levers(log: Dataset, options: argparse.Namespace) -> dict:
    """What each lever is worth where it is used: the same work with it and without."""
    rows = []
    for name, (fast, slow) in _levers(log).items():
        timed = in_turn(often(fast, TIMES), often(slow, TIMES), options.pairs)
        shown = (statistics.median(cost.seconds for cost in costs) for costs in (timed.ours, timed.theirs))
        rows.append([name, *(f"{1e6 * seconds:.0f}" for seconds in shown), f"{timed.ratio:.1f}"])
    return {
        "title": "what each lever is worth, on one batch of DeepFM and cvar",
        "header": ["lever", "with, us", "without, us", "times faster"],
        "rows": rows,
        "note": f"Processor time on one thread, medians of {options.pairs} pairs of {TIMES} calls. Lazy updates of "
        "large tables are in table-sizes.",
    }


def _levers(log: Dataset) -> dict:
    """Each lever's work with it and without it."""
    made = bench(log, "deepfm", "cvar")
    model, method, base = made.backbone, made.method, made.base()
    batch = next(base.batches())
    model.frozen().train()
    frozen = FrozenBatch(batch, model.frozen_context(batch), model.item_table(batch.items.number))
    every_row = dataclasses.replace(batch)
    every_row.__dict__["_distinct"] = (batch.item, torch.arange(BATCH), torch.ones(BATCH))
    rows_real = model.item_table(batch.item)
    by_row = FrozenBatch(every_row, frozen.context, rows_real)
    side, ids = FieldEmbedding(log.schema.side("item"), model.dim), batch.items.ids
    initialise(side)
    table, hidden = side.table, torch.randn(BATCH, 16)
    ours, theirs = base.adam([table]), torch.optim.Adam([table], lr=1e-3, weight_decay=1e-6, fused=True)
    table.grad = torch.zeros_like(table)
    return {
        "side information without its padding": (
            lambda: side(batch.items).sum().backward(),
            lambda: functional.embedding(ids, table, padding_idx=0).sum(1).sum().backward(),
        ),
        "gradient of a table by index_add_": (
            lambda: lookup(table, ids).sum().backward(),
            lambda: functional.embedding(ids, table).sum().backward(),
        ),
        "a generator step on distinct items, not rows": (
            lambda: method.loss(model, frozen).backward(),
            lambda: method.loss(model, by_row).backward(),
        ),
        "the frozen backbone encoded once in ten steps": (
            lambda: [model.score(rows_real, frozen.context) for _ in range(10)],
            lambda: [model.score(rows_real, model.frozen_context(batch)) for _ in range(10)],
        ),
        "dropout with 16 bits per element": (
            functools.partial(Dropout(0.2).train(), hidden),
            lambda: functional.dropout(hidden, 0.2),
        ),
        "Adam without its class": (ours.step, theirs.step),
    }


def limits(log: Dataset, options: argparse.Namespace) -> dict:
    """Steps against what the machine can do, and against the fixed cost of their operations."""
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


def fused(log: Dataset, options: argparse.Namespace) -> dict:
    """The most that a fused step of a variational generator could gain, if the backbone's score stays in torch."""
    rows = []
    for name in ("deepfm", "wide_deep", "dcn", "ipnn", "opnn", "dcnv2"):
        parts = [milliseconds(work) for work in _cvar_parts(log, name)]
        whole, left = parts[0], sum(parts[1:])
        rows.append([name, *(f"{part:.2f}" for part in parts), f"{whole / left:.2f}"])
    return {
        "title": "the most that fusing the generator's part of a cvar step could gain",
        "header": ["backbone", "whole step, ms", "score, ms", "products, ms", "Adam, ms", "at most, times faster"],
        "rows": rows,
        "note": "Processor time of one call on one thread, medians of 9 rounds. 'Score' is the frozen backbone's, with "
        "the loss and their gradient by the generated embeddings, which a path for every backbone has to leave to "
        "torch. 'Products' are the generator's matrix products alone, forward and back, into memory that is there. A "
        "fused step that takes no time but these is the bound. Goal: 2.5; below it a second path is not worth having.",
    }


def _cvar_parts(log: Dataset, backbone: str) -> list[Callable[[], object]]:
    """A step of cvar's generator, its backbone's part, its matrix products and its optimiser's step."""
    made = bench(log, backbone, "cvar")
    model, method, base = made.backbone, made.method, made.base()
    model.frozen().train()
    optimizer, batch = base.adam(method.generator.parameters()), next(base.batches())
    frozen = FrozenBatch(batch, model.frozen_context(batch), model.item_table(batch.items.number))
    warm = method.generator.warm(batch.items).detach().requires_grad_()
    layers = [part for part in method.generator.modules() if isinstance(part, nn.Linear)]
    shapes = [(len(warm) * (1 + (part is layers[-1])), *part.weight.T.shape) for part in layers]  # decodes two latents
    sizes = [(torch.randn(n, i), torch.randn(i, o), torch.randn(n, o)) for n, i, o in shapes]

    def score() -> None:
        warm.grad = None
        ctr_loss(model.score(batch.spread(warm), frozen.context), batch).backward()

    def products() -> None:
        for inputs, weight, outputs in sizes:
            torch.mm(inputs, weight, out=outputs)
            torch.mm(outputs, weight.T, out=inputs)
            torch.mm(inputs.T, outputs, out=weight)

    def whole() -> None:
        step(optimizer, method.loss(model, frozen))

    return [whole, score, products, optimizer.step]


def table_sizes(log: Dataset, options: argparse.Namespace) -> dict:
    """The cost of a step against the number of users and items."""
    benches = {}
    for size in SIZES:
        tall = synthetic(users=size, items=size, interactions=2_000_000, n=max(9, 6_000_000 // size), k=1)
        split = dataclasses.replace(warm_up_split(tall), base=np.arange(tall.rows))
        for name in ("base", "avaew"):
            benches[size, name] = bench(tall, "deepfm", name, split)
    seconds: dict[tuple[int, str], list[float]] = {key: [] for key in benches}
    for _ in range(options.pairs + 1):
        for (size, name), made in benches.items():
            seconds[size, name].append(_per_step(made, pretraining=name == "base"))
    rows = []
    for name in ("base", "avaew"):
        steps = {size: seconds[size, name][1:] for size in SIZES}
        for size, values in steps.items():
            ratio = statistics.median(a / b for a, b in zip(values, steps[SIZES[0]], strict=True))
            what = "pretraining" if name == "base" else "avaew's fit"
            rows.append([what, f"{size:,}", f"{1e3 * statistics.median(values):.2f}", f"{ratio:.2f}"])
    return {
        "title": "cost of a step against the number of users and items, synthetic data",
        "header": ["step", "users and items", "ms", "against 10,000"],
        "rows": rows,
        "note": f"Processor time of a step on one thread, medians of {options.pairs} rounds, over 976 batches of "
        f"pretraining and {FIT_BATCHES} of avaew's fit (1,600 steps). Making the state of large tables and settling "
        "it, once per phase, is part of it. Goal: at 1,000,000 within 1.3 times of 10,000.",
    }


def _per_step(made: Bench, pretraining: bool) -> float:
    model = made.backbone
    base = made.base(None if pretraining else FIT_BATCHES * BATCH)
    if pretraining:
        model.requires_grad_(True).train()
        optimizer = base.adam(model.parameters())
        seconds = cpu(lambda: descend(base, optimizer, lambda batch: ctr_loss(model(batch), batch)))
    else:
        model.frozen().train()
        seconds = cpu(lambda: made.method.fit(model, base))
    return seconds / base.steps
