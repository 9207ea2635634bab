"""One suite for every registered plugin; a new file in methods/ or backbones/ is covered as it stands."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from coldbench.conformance.subject import TINY, Subject, load
from coldbench.conformance.suite import CHECKS, faults
from coldbench.model.settings import Settings
from coldbench.plugins.kinds import BACKBONES, DATASETS, METHODS, WORLDS
from coldbench.plugins.registry import Registry

CASES = [
    pytest.param(check, Subject(kind.name, name), id=f"{name}-{title}")
    for kind in (METHODS, BACKBONES, WORLDS)
    for name in Registry().names(kind)
    for title, check in CHECKS[kind.name].items()
]
CASES += [
    pytest.param(check, Subject("dataset", "synthetic"), id=f"synthetic-{title}")
    for title, check in CHECKS["dataset"].items()
]


@pytest.mark.parametrize(("check", "subject"), CASES)
def test_a_registered_plugin_holds_what_it_must(check, subject):
    assert faults(check, subject) == []


@pytest.mark.parametrize("backbone", Registry().groups(BACKBONES)["all"])
def test_every_method_runs_on_every_backbone(backbone):
    """On a few rows, with one backbone for all methods that share it; a cell raises where a logit is not finite."""
    few = Registry().spec(DATASETS, "synthetic", TINY | {"interactions": 2500, "n": 30, "k": 2})
    shared = None
    for name in Registry().groups(METHODS)["all"]:
        cell = Subject("method", name).cell(backbone=backbone, dataset=few)
        stages = dataclasses.replace(cell, settings=Settings(batch_size=1024)).on(load(few))
        if cell.changes_pretraining:
            pretrained = stages.pretrain()
        else:
            pretrained = shared = shared or stages.pretrain()
        outcomes = list(stages.phases(pretrained, stages.fit(pretrained)))
        assert len(outcomes) == 4, name


def test_methods_are_paired_and_seeds_are_not(dataset, make_cell):
    base, other = make_cell("fm", "base"), make_cell("fm", "cvar")
    assert base.pretrained_key == other.pretrained_key
    assert base.key != other.key
    assert make_cell("fm", "dropoutnet").pretrained_key != base.pretrained_key
    first, second = (make_cell("fm", "base", seed=seed).on(dataset).pretrain().state for seed in (0, 1))
    assert first["item_table.weight"].tobytes() != second["item_table.weight"].tobytes()


def test_a_cell_has_the_four_phases_with_steps_and_plain_logits(dataset, make_cell):
    cell = make_cell("fm", "base")
    outcomes = cell.on(dataset).run()
    assert [outcome.phase for outcome in outcomes] == ["cold", "warm-a", "warm-b", "warm-c"]
    assert all(outcome.logits.dtype == np.float32 for outcome in outcomes)
    assert all(outcome.steps > 0 for outcome in outcomes[1:])


def test_batches_come_in_another_order_each_pass_and_in_the_same_one_for_every_method(make_phase):
    def order():
        phase = make_phase("warm-a", batch_size=256)
        return [torch.cat([batch.user for batch in phase.batches()]).tolist() for _ in range(2)]

    first, second = order()
    assert first != second
    assert order() == [first, second]
