"""What a method must hold."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator

import numpy as np
import torch

from coldbench.conformance.cases import ON, extremes, failures, load, make_cell, run
from coldbench.data.dataset import Dataset
from coldbench.plugins.registry import METHODS
from coldbench.protocol.phases import Matched
from coldbench.protocol.split import warm_up_split
from coldbench.run.cell import Spec


def repeats(name: str, backbone: str) -> Iterator[str]:
    """The same seed gives the same bits."""
    cell = make_cell(backbone, name)
    first, second = run(cell), run(cell)
    for one, other in zip(first, second, strict=True):
        if one.logits.tobytes() != other.logits.tobytes():
            yield (
                f"on {backbone} the same seed gave other logits after phase {one.phase}; draw random numbers from "
                "torch, which the protocol seeds, and keep nothing between two runs"
            )
            return
        if one.steps != other.steps:
            yield f"on {backbone} the same seed took {one.steps}, then {other.steps} steps on phase {one.phase}"


def moves_only_cold_rows(name: str, backbone: str) -> Iterator[str]:
    """A phase leaves the backbone as it is, but for cold items' rows and running statistics."""
    cell = make_cell(backbone, name)
    dataset = load()
    protocol, split = cell.make_protocol(dataset)
    model = cell.new_backbone(dataset)
    method = cell.new_method(dataset, model)
    protocol.pretrain(model, method)
    before = copy.deepcopy(model.state_dict())
    cold = torch.zeros(len(model.item_table.weight), dtype=torch.bool)
    cold[split.new_items] = True
    for outcome in protocol.warm_up(model, method):
        for key, value in model.state_dict().items():
            if "running_" in key or "num_batches" in key:
                continue
            same = value == before[key]
            if key != "item_table.weight":
                if not same.all():
                    yield f"on {backbone} phase {outcome.phase} moved the backbone's {key}; only embeddings may change"
            elif not same[~cold].all():
                yield f"on {backbone} phase {outcome.phase} moved the ID embeddings of old items"
            elif outcome.phase != "cold" and same[cold].all():
                yield f"on {backbone} phase {outcome.phase} left every cold item's embedding as it was"


def takes_the_steps_it_says(name: str) -> Iterator[str]:
    """``adapt_steps`` is what ``adapt`` takes, and all of a budget is used: so budgets can be matched."""
    cell = make_cell(ON[0], name)
    dataset = load()
    _, split = cell.make_protocol(dataset)
    says = cell.new_method(dataset, cell.new_backbone(dataset)).adapt_steps
    batches = {phase: -(-len(rows) // cell.settings.batch_size) for phase, rows in split.warm.items()}
    for outcome in run(cell)[1:]:
        took = outcome.steps - batches[outcome.phase]
        if took != says * batches[outcome.phase]:
            yield (
                f"adapt took {took} steps on {outcome.phase}'s {batches[outcome.phase]} batches; by its adapt_steps, "
                f"{says}, it should take {says * batches[outcome.phase]}"
            )
    matched = dataclasses.replace(cell, protocol=Spec("matched", Matched(3)))
    for outcome in run(matched)[1:]:
        allowed = 3 * batches[outcome.phase]
        if outcome.steps != allowed:
            yield f"of {allowed} matched steps on {outcome.phase} it took {outcome.steps}; adapt should use all it gets"


def sees_no_test_row(name: str) -> Iterator[str]:
    """Labels, users and times of the test rows are garbage: no embedding may notice."""
    dataset = load()
    split = warm_up_split(dataset)
    rows, random = split.test, np.random.default_rng(0)
    click, user, time = dataset.click.copy(), dataset.user.copy(), dataset.time.copy()
    click[rows] = 1 - click[rows]
    user[rows] = random.integers(dataset.schema.users, size=len(rows))
    time[rows] = dataset.time.max()  # later than all, and no new extreme of the scaling
    poisoned = dataclasses.replace(dataset, click=click, user=user, time=time)

    def item_rows(data: Dataset) -> Iterator[tuple[str, bytes]]:
        cell = make_cell("deepfm", name)
        protocol, _ = cell.make_protocol(data)
        model = cell.new_backbone(data)
        method = cell.new_method(data, model)
        protocol.pretrain(model, method)
        for outcome in protocol.warm_up(model, method):
            yield outcome.phase, model.item_table.weight.detach().numpy().tobytes()

    for (phase, clean), (_, spoilt) in zip(item_rows(dataset), item_rows(poisoned), strict=True):
        if clean != spoilt:
            yield f"shuffled labels of test rows changed the item embeddings of phase {phase}: it learns from the test"
            return


def runs_at_the_ends_of_its_space(name: str) -> Iterator[str]:
    """The ends of the space give finite logits."""
    for field, value in extremes(METHODS, name):
        yield from failures(make_cell("fm", name, **{field: value}), f"with {field} = {value}")
