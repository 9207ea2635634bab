"""The statistics of a simulated test: against brute force, and calibrated by random splits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse, stats

from coldbench.online.folder import Simulation
from coldbench.online.measures import ENOUGH, OF_SET, by_user, exposures, gini, of_set
from coldbench.online.splits import false_positives
from coldbench.online.tally import COUNTS
from coldbench.significance.users import cuped, difference_of_means, difference_of_pairs, permutation_p, power


def test_a_difference_of_means_is_that_of_scipy_and_its_interval_covers():
    random = np.random.default_rng(0)
    control, arm = random.poisson(3, 900), random.poisson(3.3, 700)
    found = difference_of_means(control, arm)
    assert found.percent == pytest.approx(100 * (arm.mean() / control.mean() - 1))
    assert found.p_value == pytest.approx(stats.ttest_ind(arm, control, equal_var=False).pvalue, rel=0.05)
    inside = 0
    for _ in range(600):
        low, high = difference_of_means(random.poisson(3, 300), random.poisson(3.3, 300)).interval()
        inside += low < 10 < high
    assert 0.92 < inside / 600 < 0.98
    assert difference_of_means(np.zeros(4), np.ones(4)).p_value is None


def test_pairs_and_cuped_take_out_what_users_bring_along():
    random = np.random.default_rng(0)
    user = random.gamma(2, 2, 4000)
    first, second = random.poisson(user), random.poisson(1.02 * user)
    found, test = difference_of_pairs(first, second), stats.ttest_rel(second, first)
    assert found.p_value == pytest.approx(test.pvalue, rel=0.02)
    before = random.poisson(user)
    less = cuped(first.astype(float), before.astype(float))
    assert less.mean() == pytest.approx(first.mean())
    share = 1 - np.corrcoef(first, before)[0, 1] ** 2
    assert less.var() == pytest.approx(share * first.var(), rel=1e-6)
    assert np.array_equal(cuped(first, np.ones(4000)), first)


def test_a_ratio_of_sums_over_users_has_the_error_of_repeated_draws():
    random = np.random.default_rng(0)
    ratios, errors = [], []
    for _ in range(400):
        counts = np.zeros((300, len(COUNTS)), int)
        counts[:, COUNTS.index("new_impressions")] = whole = random.poisson(random.gamma(1, 3, 300))
        counts[:, COUNTS.index("new_suited")] = part = random.binomial(whole, 0.4)
        values = by_user(counts, "new_fit")
        assert values.mean() == pytest.approx(part.sum() / whole.sum())
        ratios.append(values.mean())
        errors.append(values.std(ddof=1) / np.sqrt(300))
    assert np.std(ratios) == pytest.approx(np.mean(errors), rel=0.1)
    assert not by_user(np.zeros((5, len(COUNTS)), int), "new_fit").any()


def test_p_values_of_permutations_and_power_have_the_right_rates():
    reference = np.repeat([-2.0, -1.0, 0.0, 1.0, 2.0], 20)
    assert permutation_p(1.0, reference, 0.25) == pytest.approx(0.4 + 0.25 * 0.4)
    assert permutation_p(3.0, reference, 1.0) == 0
    random = np.random.default_rng(0)
    found = np.abs(random.normal(2.0, 1.0, 20_000)) > stats.norm.ppf(0.975)
    assert power(2.0, 1.0) == pytest.approx(found.mean(), abs=0.01)
    assert np.isnan(power(1.0, 0.0))


def fake_run(users: int = 600, days: int = 3) -> Simulation:
    random = np.random.default_rng(1)
    arrival = np.r_[-np.ones(10), np.repeat(np.arange(days), 8)].astype(int)
    rows = 3_000
    item = random.choice(np.arange(10, len(arrival)), rows, p=random.dirichlet(0.3 * np.ones(8 * days)))
    day = arrival[item] + (random.random(rows) * (days - arrival[item])).astype(int)
    user = random.integers(users, size=rows)
    active = random.gamma(1.5, 2, (users, 1))
    counts = random.poisson(active, (users, len(COUNTS)))
    arrays = {
        "arrival": arrival,
        "member": np.zeros(users, int),
        "allowed": np.ones((1, len(arrival)), bool),
        "days": np.asarray(days),
        "fresh_user": user,
        "fresh_item": item,
        "fresh_day": day,
        "test": counts,
        "before": random.poisson(active, (users, len(COUNTS))),
    }
    return Simulation({"key": "fake"}, arrays)


def test_metrics_of_the_new_items_are_those_of_a_loop():
    run = fake_run()
    arrays, days = run.arrays, 3
    found = of_set(arrays, np.asarray(exposures(arrays).sum(0)).T)
    assert isinstance(exposures(arrays), sparse.csr_matrix)
    waits: dict[int, list[int]] = {1: [], ENOUGH: []}
    whole = []
    for item in np.flatnonzero(arrays["arrival"] >= 0):
        by_day = [((arrays["fresh_item"] == item) & (arrays["fresh_day"] <= day)).sum() for day in range(days)]
        whole.append(by_day[-1])
        for enough, own in waits.items():
            own.append(sum(by_day[day] < enough for day in range(arrays["arrival"][item], days)))
    whole = np.array(whole)
    assert found["exposure_rate"][0] == pytest.approx(100 * (whole > 0).mean())
    assert found["started"][0] == pytest.approx(100 * (whole >= ENOUGH).mean())
    assert found["days_to_first"][0] == pytest.approx(np.mean(waits[1]))
    assert found["days_to_start"][0] == pytest.approx(np.mean(waits[ENOUGH]))
    differences = np.abs(whole[:, None] - whole).mean()
    assert found["gini"][0] == pytest.approx(differences / (2 * whole.mean()))
    assert gini(np.zeros((5, 1)))[0] == 0
    assert gini(np.ones((5, 1)))[0] == pytest.approx(0)


def test_tests_of_a_run_without_a_difference_find_one_as_often_as_they_say():
    found = false_positives(fake_run(), splits=600)
    assert set(found) >= {"views", "long_deep", "gini", "started", "days_to_first"}
    for name, tests in found.items():
        for test, rate in tests.items():
            assert 0.02 <= rate <= 0.085, (name, test)  # 600 splits: .05 give or take four standard errors
    assert any(name in OF_SET for name in found)
