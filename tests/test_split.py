"""The split against a plain pandas count of the paper's words."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest

from coldbench.core.errors import InputError
from coldbench.protocol.split import warm_up_split
from coldbench.protocol.splits import Frequency


def by_hand(dataset):
    log = pd.DataFrame({"item": dataset.item, "time": dataset.time}).reset_index(names="row")
    parts = {"base": [], "warm-a": [], "warm-b": [], "warm-c": [], "test": []}
    for _, rows in log.groupby("item"):
        if len(rows) > dataset.n:
            parts["base"] += rows["row"].tolist()
        elif len(rows) >= 3 * dataset.k:
            ordered = rows.sort_values(["time", "row"])["row"].tolist()
            for number, name in enumerate(("warm-a", "warm-b", "warm-c")):
                parts[name] += ordered[number * dataset.k : (number + 1) * dataset.k]
            parts["test"] += ordered[3 * dataset.k :]
    return parts


@pytest.mark.parametrize("ties", [1, 10**6], ids=["distinct times", "mostly tied times"])
def test_equals_a_count_by_hand(dataset, ties):
    data = dataclasses.replace(dataset, time=dataset.time // (ties * 60))
    split = warm_up_split(data)
    parts = {"base": split.base, **split.warm, "test": split.test}
    expected = by_hand(data)
    for name, rows in parts.items():
        assert sorted(rows) == sorted(expected[name]), name


def test_a_log_that_is_in_no_order_of_time_is_cut_in_time(dataset):
    data = dataclasses.replace(dataset, time=np.random.default_rng(0).permutation(dataset.time))
    split, expected = warm_up_split(data), by_hand(data)
    for name, rows in (*split.warm.items(), ("test", split.test)):
        assert sorted(rows) == sorted(expected[name]), name


def test_the_ends_of_n_and_k_are_the_papers(dataset):
    """An item with N interactions is not old yet, and one with 3 K is not discarded."""
    counts = np.bincount(dataset.item)
    n = int(counts[counts < dataset.n].max())
    k = int(counts[(counts < n) & (counts % 3 == 0)].max()) // 3
    data = dataclasses.replace(dataset, n=n, k=k)
    split = warm_up_split(data)
    assert set(np.flatnonzero((counts == n) | (counts == 3 * k))) <= set(split.new_items)
    assert sorted(split.base) == sorted(by_hand(data)["base"])


def test_parts_do_not_overlap_and_items_are_told_apart(dataset, split):
    rows = np.concatenate([split.base, *split.warm.values(), split.test])
    assert len(rows) == len(set(rows))
    assert set(dataset.item[split.test]) <= set(split.new_items)
    assert len(split.old_items) + len(split.new_items) + len(split.discarded_items) == dataset.schema.items
    assert all(len(part) == dataset.k * len(split.new_items) for part in split.warm.values())


def test_later_phases_are_later_in_time(dataset, split):
    for item in split.new_items[:10]:
        times = [dataset.time[rows[dataset.item[rows] == item]] for rows in (*split.warm.values(), split.test)]
        for earlier, later in itertools.pairwise(times):
            assert not len(later) or earlier.max() <= later.min()


def test_no_old_items_is_bad_input(dataset):
    with pytest.raises(InputError, match="N = 100000"):
        warm_up_split(dataclasses.replace(dataset, n=100_000))


def test_the_test_rows_do_not_depend_on_the_evaluation_points(dataset, split):
    early = Frequency().divide(dataset, (0, 1, 2))
    assert early.test.tolist() == split.test.tolist()
    assert [len(rows) for rows in early.warm.values()] == [len(split.new_items)] * 2
