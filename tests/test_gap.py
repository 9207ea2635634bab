"""The embedding gap against brute force, and its way into the records."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from coldbench.protocol import gap
from coldbench.protocol.gap import OldItems, directions, median_distance, mmd_squared, sliced_wasserstein
from coldbench.runs.folder import Folder


@pytest.fixture
def random():
    return np.random.default_rng(7)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 9), (12, 12), (7, 5), (30, 11), (8, 16)])
def test_sliced_wasserstein_is_the_mean_over_projections(random, n, m):
    first, second = random.normal(size=(n, 4)), random.normal(1, 2, (m, 4))
    drawn = directions(20, 4, random)
    assert np.linalg.norm(drawn, axis=1) == pytest.approx(1)
    expected = np.mean([wasserstein_distance(first @ d, second @ d) for d in drawn])
    assert sliced_wasserstein(first, second, drawn) == pytest.approx(expected, abs=1e-12)


def test_sliced_wasserstein_of_ties_of_itself_and_of_a_shift(random):
    first = random.integers(0, 3, (20, 2)).astype(np.float32)
    drawn = directions(4000, 2, random)
    expected = np.mean([wasserstein_distance(first @ d, first[:7] @ d) for d in drawn[:50]])
    assert sliced_wasserstein(first, first[:7], drawn[:50]) == pytest.approx(expected, abs=1e-7)
    assert sliced_wasserstein(first, first[::-1], drawn) == pytest.approx(0, abs=1e-12)
    # |cos| of a uniform angle is 2 / pi on average; the docstring's formula is its limit for many dimensions
    assert sliced_wasserstein(first, first + np.float32([3, 4]), drawn) == pytest.approx(5 * 2 / math.pi, rel=0.03)


def test_mmd_by_double_loops(random):
    first, second, h = random.normal(size=(6, 3)), random.normal(0.5, 1, (9, 3)), 1.3

    def kernel(x, y):
        return math.exp(-sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) / (2 * h * h))

    expected = (
        sum(kernel(x, y) for i, x in enumerate(first) for j, y in enumerate(first) if i != j) / (6 * 5)
        + sum(kernel(x, y) for i, x in enumerate(second) for j, y in enumerate(second) if i != j) / (9 * 8)
        - 2 * sum(kernel(x, y) for x in first for y in second) / (6 * 9)
    )
    assert mmd_squared(first, second, h) == pytest.approx(expected, abs=1e-12)


def test_mmd_is_unbiased_where_both_are_one_distribution(random):
    drawn = [mmd_squared(random.normal(size=(8, 2)), random.normal(size=(8, 2)), 1.0) for _ in range(400)]
    assert abs(np.mean(drawn)) < 4 * np.std(drawn) / math.sqrt(len(drawn))
    assert min(drawn) < 0
    assert mmd_squared(np.zeros((5, 2)), np.full((5, 2), 99.0), 1.0) == pytest.approx(2)


def test_what_has_no_gap_is_nan():
    assert math.isnan(mmd_squared(np.zeros((1, 2)), np.zeros((5, 2)), 1.0))
    assert math.isnan(mmd_squared(np.zeros((5, 2)), np.ones((5, 2)), 0.0))
    assert math.isnan(median_distance(np.zeros((1, 2))))
    one = OldItems(np.zeros((1, 2), np.float32), 0).gap(np.ones((3, 2), np.float32))
    assert math.isnan(one["mmd_squared"])
    assert one["sliced_wasserstein"] > 0
    broken = OldItems(np.eye(3, dtype=np.float32), 0).gap(np.full((3, 3), np.nan, np.float32))
    assert all(math.isnan(value) for value in broken.values())


def test_the_median_distance():
    assert median_distance(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])) == pytest.approx(math.sqrt(18))


def test_of_many_items_a_seeded_sample(random, monkeypatch):
    monkeypatch.setattr(gap, "MOST", 50)
    old, cold = random.normal(size=(200, 4)), random.normal(size=(120, 4))
    assert OldItems(old, 3).gap(cold) == OldItems(old, 3).gap(cold)
    assert OldItems(old, 3).gap(cold) != OldItems(old, 4).gap(cold)
    shifted = OldItems(old, 3).gap(cold + 5)
    assert shifted["sliced_wasserstein"] > 1
    assert shifted["mmd_squared"] > 0.5
    alike = OldItems(old, 3).gap(cold)
    assert alike["sliced_wasserstein"] < 0.5
    assert abs(alike["mmd_squared"]) < 0.1


def test_it_leaves_the_global_streams_alone(random):
    torch.manual_seed(5)
    np.random.seed(5)
    expected = torch.rand(3), np.random.rand(3)
    torch.manual_seed(5)
    np.random.seed(5)
    OldItems(random.normal(size=(30, 4)), 1).gap(random.normal(size=(30, 4)))
    assert torch.equal(torch.rand(3), expected[0])
    assert (np.random.rand(3) == expected[1]).all()


def test_the_gap_and_the_embeddings_of_each_phase_are_kept(make_cell, save_cell, dataset, split, tmp_path):
    cell = make_cell(method="cvar")
    stages = cell.on(dataset)
    pretrained = stages.pretrain()
    outcomes = list(stages.phases(pretrained, stages.fit(pretrained)))
    folder = Folder(tmp_path)
    folder.prepare()
    record = save_cell(folder, cell)
    kept = folder.embeddings(record)
    assert set(kept) == {"old", "cold", "warm-a", "warm-b", "warm-c"}
    table = pretrained.state["item_table.weight"]
    assert (kept["old"] == table[split.old_items]).all()
    for outcome, phase in zip(outcomes, record["phases"], strict=True):
        assert kept[outcome.phase].dtype == np.float32
        assert (kept[outcome.phase] == outcome.embeddings).all()
        assert outcome.embeddings.shape == (len(split.new_items), table.shape[1])
        assert {name: phase[name] for name in outcome.gap} == outcome.gap
        assert phase["sliced_wasserstein"] > 0
    assert not (kept["cold"] == kept["warm-a"]).all()
    (tmp_path / record["embeddings"]).write_bytes(b"PK")
    assert folder.embeddings(record) is None
    (tmp_path / record["pretraining"]["file"]).unlink()
    assert folder.embeddings(record) is None


def test_methods_on_one_backbone_meet_the_same_directions_and_kernel(make_cell, dataset, split):
    plain, other = make_cell(), make_cell(method="mwuf")
    assert plain.pretrained_key == other.pretrained_key
    pretrained = plain.on(dataset).pretrain()

    def first(cell):
        stages = cell.on(dataset)
        return next(stages.phases(pretrained, stages.fit(pretrained)))

    cold = first(plain)
    table = pretrained.state["item_table.weight"]
    assert (cold.embeddings == table[split.new_items]).all()
    seed = gap_seed(plain)
    assert cold.gap == OldItems(table[split.old_items], seed).gap(cold.embeddings)
    theirs = first(other)
    assert theirs.gap == OldItems(table[split.old_items], seed).gap(theirs.embeddings)


def gap_seed(cell):
    from coldbench.core.seeds import derive

    return derive(cell.seed, cell.dataset.name, cell.backbone.label, "gap")
