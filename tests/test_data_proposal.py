"""The (N, K) that are proposed for a log, and the order of rows that are tied in time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from coldbench.data.proposal import proposal
from coldbench.data.ties import shuffled_ties


@pytest.mark.parametrize("items", [200, 3000, 20_000])
@pytest.mark.parametrize("slope", [0.6, 1.0, 1.3])
def test_about_four_fifths_are_new(items, slope):
    counts = np.maximum(30_000 / np.arange(1, items + 1) ** slope, 1).astype(int)
    n, k = proposal(counts)
    old, new = (counts > n).sum(), counts[(counts >= 3 * k) & (counts <= n)]
    assert len(new) / (len(new) + old) == pytest.approx(0.8, abs=0.05)
    assert new.sum() - 3 * k * len(new) > 0
    assert proposal(counts, k=7)[1] == 7
    if items >= 3000:
        assert len(new) >= 500
        assert new.sum() - 3 * k * len(new) >= 0.9 * 3 * k * len(new)


@pytest.mark.parametrize("counts", [[], [1, 1, 1], [5, 5, 5, 5], [3, 9]])
def test_none_where_none_splits(counts):
    assert proposal(np.array(counts, int)) is None


def log(random, rows=4000, moments=3):
    return {
        "user": random.integers(0, 50, rows),
        "item": random.integers(0, 20, rows),
        "time": random.integers(0, moments, rows),
    }


def test_only_tied_rows_change_places():
    table = log(np.random.default_rng(0), moments=2000)
    order = shuffled_ties(pd.Index(range(50)), pd.Index(range(20)), table)
    assert np.array_equal(np.sort(order), np.arange(4000))
    for name in ("item", "time"):
        assert np.array_equal(table[name][order], table[name])
    tied = pd.DataFrame(table).duplicated(["item", "time"], keep=False).to_numpy()
    assert np.array_equal(order[~tied], np.arange(4000)[~tied])
    assert (order[tied] != np.arange(4000)[tied]).mean() > 0


def test_the_order_of_the_file_has_no_part_in_it():
    random = np.random.default_rng(1)
    table = pd.DataFrame(log(random)).drop_duplicates(ignore_index=True)
    users, items = pd.Index([f"u{number}" for number in range(50)], dtype="str"), pd.Index(range(20))

    def ordered(rows):
        columns = {name: rows[name].to_numpy() for name in rows}
        return rows.iloc[shuffled_ties(users, items, columns)].sort_values(["item", "time"], kind="stable")

    first, second = ordered(table), ordered(table.sample(frac=1, random_state=0, ignore_index=True))
    assert first.to_numpy().tolist() == second.to_numpy().tolist()


def test_a_file_sorted_by_its_labels_says_nothing_about_the_order():
    random = np.random.default_rng(2)
    table = log(random, moments=1)
    table["user"][:] = 0  # nothing but their places tells rows apart
    click = np.arange(4000) < 2000
    order = shuffled_ties(pd.Index([7]), pd.Index(range(20)), table)
    first = pd.Series(click[order]).groupby(table["item"]).apply(lambda clicks: clicks.iloc[:50].mean())
    assert first.mean() == pytest.approx(0.5, abs=0.05)
    assert click[np.lexsort((np.arange(4000), table["item"]))].reshape(-1)[:50].mean() == 1  # as it was
