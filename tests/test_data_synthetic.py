"""The embedded dataset: its log follows the planted truth, and at its default size there is something to learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from coldbench.data.planted import World, long_tail, plant
from coldbench.model.settings import Settings
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry
from coldbench.protocol.metrics import auc
from coldbench.protocol.split import warm_up_split


@pytest.fixture(scope="module")
def spec():
    return Registry().spec(DATASETS, "synthetic", {})


@pytest.fixture(scope="module")
def default(spec):
    return Registry().get(DATASETS, "synthetic")().load(spec.config)


def test_the_logit_is_what_the_docstring_says():
    truth = plant(World(users=30, items=25))
    for user, item in ((0, 0), (29, 24), (7, 3)):
        liking = sum(truth.user_taste[user] * truth.item_taste[item]) / np.sqrt(2)
        expected = truth.mood[user] + 1.3 * truth.quality[item] + 0.5 * liking
        assert truth.logit(np.array([user]), np.array([item]))[0] == pytest.approx(expected)
    for part in (truth.mood, truth.quality):
        assert (part.mean(), part.std()) == (pytest.approx(0), pytest.approx(1))
    assert np.all(plant(World(users=30, items=25, strength=0)).logit(np.arange(25), np.arange(25)) == 0)


@pytest.mark.parametrize(("own", "told"), [(0.0, True), (1.0, False)])
def test_own_is_the_share_that_side_information_cannot_tell(own, told):
    truth = plant(World(items=400, categories=2, brands=2, tags=1, own=own))
    sides = np.column_stack([truth.items["category"], truth.items["brand"], (truth.items["tags"] > 0).sum(1)])
    _, group = np.unique(sides, axis=0, return_inverse=True)
    size = np.bincount(group)
    within = [truth.item_taste[group == one].std(0) for one in np.flatnonzero(size > 5)]
    assert bool(np.max(within) < 1e-9) is told
    assert told or np.mean(within) > 0.9


def test_the_log_follows_the_truth(spec, default):
    truth = plant(spec.config)
    logit = truth.logit(default.user, default.item)
    for low, high in ((-9, -1), (-1, 0), (0, 1), (1, 9)):
        rows = (logit > low) & (logit < high)
        assert default.click[rows].mean() == pytest.approx((1 / (1 + np.exp(-logit[rows]))).mean(), abs=0.01)
    count = np.bincount(default.item, minlength=spec.config.items)
    assert np.corrcoef(count, truth.popularity)[0, 1] > 0.99
    test = warm_up_split(default).test
    assert 0.8 < auc(default.click[test], logit[test]) < 0.85  # the best that any model can reach
    assert long_tail(5).sum() == pytest.approx(1)


def test_base_learns_at_the_default_size(make_cell, spec, default):
    """A first table says something only if the plain baseline is far from .5 before any interaction."""
    cell = replace(make_cell("deepfm"), dataset=spec, fingerprint=default.fingerprint, settings=Settings())
    aucs = [outcome.metrics["auc"] for outcome in cell.on(default).run()]
    assert aucs[0] > 0.65
    assert aucs[-1] > aucs[0] + 0.01
