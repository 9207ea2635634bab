"""One suite for every registered method on two small backbones; a new file in methods/ is covered as it stands."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import re

import numpy as np
import pytest
import torch

from coldbench import registry
from coldbench.config import resolve
from coldbench.protocol import Paper, Protocol
from coldbench.split import warm_up_split
from coldbench.training import Settings

METHODS = registry.names(registry.METHODS)
BACKBONES = ("fm", "deepfm")
pairs = pytest.mark.parametrize(("backbone", "method"), [(b, m) for m in METHODS for b in BACKBONES])


def run(cell, dataset):
    return cell.warm_up(dataset, cell.pretrain(dataset))[0]


@pytest.mark.parametrize("kind", [registry.METHODS, registry.BACKBONES], ids=lambda kind: kind.name)
def test_files_say_where_they_come_from_and_what_can_be_set(kind):
    for name in registry.names(kind):
        owner = registry.get(kind, name)
        text = inspect.getmodule(owner).__doc__
        assert re.search(r"(19|20)\d\d", text), f"{name}: no year"
        assert re.search(r"arXiv:\d{4}\.\d{4,5}|DOI 10\.\d+|NeurIPS", text), f"{name}: no citation"
        fields = {field.name for field in dataclasses.fields(owner.Config)}
        assert set(owner.space) <= fields, f"{name}: space names no field"
        for field, where in owner.space.items():
            for value in where.extremes():
                assert resolve(name, owner.Config, {field: value}) is not None
        lines = inspect.getsource(owner.Config).splitlines()
        for field in fields:
            line = next(line for line in lines if re.match(rf"\s+{field}:", line))
            assert "#" in line, f"{name}.{field}: no comment"


@pairs
def test_the_same_seed_gives_the_same_bits_and_every_phase_is_finite(backbone, method, dataset, make_cell):
    cell = make_cell(backbone, method)
    first, second = run(cell, dataset), run(cell, dataset)
    assert [outcome.phase for outcome in first] == ["cold", "warm-a", "warm-b", "warm-c"]
    for one, other in zip(first, second, strict=True):
        assert np.isfinite(one.logits).all()
        assert one.logits.dtype == np.float32
        assert one.logits.tobytes() == other.logits.tobytes()
        assert one.metrics == other.metrics
        assert one.steps == other.steps
    assert all(outcome.steps > 0 for outcome in first[1:])


@pairs
def test_a_phase_moves_only_the_cold_items_rows_and_running_statistics(backbone, method, dataset, make_cell):
    cell = make_cell(backbone, method)
    protocol, split = cell._protocol(dataset)
    model = cell._new_backbone(dataset)
    plugin = cell._new_method(dataset, model)
    protocol.pretrain(model, plugin)
    before = copy.deepcopy(model.state_dict())
    for outcome in protocol.warm_up(model, plugin):
        after = model.state_dict()
        for name, value in before.items():
            if "running_" in name or "num_batches" in name:
                continue
            same = after[name] == value
            if name == "item_table.weight":
                rows = torch.zeros(len(value), dtype=torch.bool)
                rows[split.new_items] = True
                assert same[~rows].all(), f"{outcome.phase}: an old item's row moved"
                assert outcome.phase == "cold" or not same[rows].all(), f"{outcome.phase}: no cold row moved"
            else:
                assert same.all(), f"{outcome.phase}: {name} moved"


@pytest.mark.parametrize("method", METHODS)
def test_poisoned_test_rows_change_nothing_but_the_scores_of_them(method, dataset, split, make_cell):
    """Labels, users and times of the test rows are garbage; the order of items is kept, so the split is the same."""
    random = np.random.default_rng(0)
    rows = split.test
    click, user, time = dataset.click.copy(), dataset.user.copy(), dataset.time.copy()
    click[rows] = 1 - click[rows]
    user[rows] = random.integers(dataset.schema.users, size=len(rows))
    time[rows] = dataset.time.max()  # later than all, and no new extreme of the scaling
    poisoned = dataclasses.replace(dataset, click=click, user=user, time=time)
    assert all(
        np.array_equal(a, b) for a, b in zip(split.warm.values(), warm_up_split(poisoned).warm.values(), strict=True)
    )

    def item_rows(data):
        cell = make_cell("deepfm", method)
        protocol, _split = cell._protocol(data)
        model = cell._new_backbone(data)
        plugin = cell._new_method(data, model)
        protocol.pretrain(model, plugin)
        return [model.item_table.weight.detach().numpy().tobytes() for _ in protocol.warm_up(model, plugin)]

    assert item_rows(dataset) == item_rows(poisoned)


@pytest.mark.parametrize("method", METHODS)
def test_extremes_of_the_space_run(method, dataset, make_cell):
    owner = registry.get(registry.METHODS, method)
    for field, where in owner.space.items():
        for value in (where.extremes()[0], where.extremes()[-1]):
            outcomes = run(make_cell("fm", method, **{field: value}), dataset)
            assert all(np.isfinite(outcome.logits).all() for outcome in outcomes), f"{field} = {value}"


def test_methods_are_paired_and_seeds_are_not(dataset, make_cell):
    base, other = make_cell("fm", "base"), make_cell("fm", "cvar")
    assert base.pretrained_key == other.pretrained_key
    assert base.key != other.key
    assert make_cell("fm", "dropoutnet").pretrained_key != base.pretrained_key
    first, second = (make_cell("fm", "base", seed=seed).pretrain(dataset).state for seed in (0, 1))
    assert first["item_table.weight"].tobytes() != second["item_table.weight"].tobytes()


def test_batches_come_in_another_order_each_pass_and_in_the_same_one_for_every_method(dataset, split):
    def order():
        protocol = Protocol(Paper(), dataset, split, Settings(batch_size=256), torch.device("cpu"), 0)
        phase = protocol._phase("warm-a", split.warm["warm-a"])
        return [torch.cat([batch.user for batch in phase.batches()]).tolist() for _ in range(2)]

    first, second = order()
    assert first != second
    assert order() == [first, second]
