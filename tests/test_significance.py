"""Tests of tests: against brute force, scipy and published numbers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from coldbench.significance import (
    BETTER,
    COLLAPSED,
    EQUAL,
    FEWEST,
    UNDECIDED,
    WORSE,
    benjamini_hochberg,
    bootstrap_aucs,
    collapse,
    crossed,
    delong,
    effect,
    equivalence,
    friedman,
    friedman_needs,
    holm,
    item_bootstrap,
    mean_interval,
    paired_t,
    power_to_detect,
    power_to_equate,
    seeds_to_detect,
    seeds_to_equate,
    verdict,
    wilcoxon,
    wilcoxon_needs,
)


@pytest.fixture
def random():
    return np.random.default_rng(0)


# the patients with ovarian cancer in DeLong, DeLong and Clarke-Pearson (1988): albumin, total protein, K-G score and
# outcome, as the documentation of SAS/STAT's LOGISTIC procedure prints them with the results of its ROCCONTRAST
PATIENTS = """
3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1 3.8 5.7 5 1
3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0 2.3 4.4 6 1 4.2 7.6 4 0
4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1 3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1
4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0 3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1
2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1 3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1
"""


def test_delong_gives_the_published_comparison_of_three_screening_tests():
    albumin, protein, score, outcome = np.array(PATIENTS.split(), float).reshape(-1, 4).T
    first, second = delong(outcome, albumin, -score), delong(outcome, protein, -score)
    assert [round(value, 4) for value in (first.auc_a, second.auc_a, first.auc_b)] == [0.7366, 0.6478, 0.7258]
    for found, expected in ((first, (0.0108, 0.0953, 0.9102)), (second, (-0.0780, 0.1046, 0.4561))):
        assert (found.difference, found.standard_error, found.p_value) == pytest.approx(expected, abs=5e-5)


def by_pairs(labels, scores):
    """The kernel of the U-statistic, (clicked, other): 1, 0.5 or 0."""
    clicked, other = scores[labels == 1][:, None], scores[labels == 0]
    return (clicked > other) + 0.5 * (clicked == other)


@pytest.mark.parametrize("case", range(20))
def test_delong_equals_the_covariance_of_the_u_statistic(case):
    random = np.random.default_rng(case)
    rows = int(random.integers(6, 60))
    labels = np.r_[1, 1, 0, 0, random.integers(0, 2, rows - 4)]
    a, b = (np.round(random.normal(size=rows) + labels, int(random.integers(0, 3))) for _ in range(2))  # many ties
    found = delong(labels, a, b)
    kernel = by_pairs(labels, a) - by_pairs(labels, b)
    clicked, other = kernel.shape
    rowwise, columnwise = kernel.mean(1), kernel.mean(0)
    variance = sum((rowwise - kernel.mean()) ** 2) / (clicked - 1) / clicked
    variance += sum((columnwise - kernel.mean()) ** 2) / (other - 1) / other
    assert found.auc_a == pytest.approx(roc_auc_score(labels, a), abs=1e-10)
    assert found.auc_b == pytest.approx(roc_auc_score(labels, b), abs=1e-10)
    assert found.difference == pytest.approx(kernel.mean(), abs=1e-10)
    assert found.standard_error == pytest.approx(math.sqrt(variance), abs=1e-10)
    if variance:
        assert found.p_value == pytest.approx(math.erfc(abs(kernel.mean()) / math.sqrt(2 * variance)), abs=1e-10)
        assert found.interval == pytest.approx(stats.norm(kernel.mean(), math.sqrt(variance)).interval(0.95))
    swapped = delong(labels, b, a)
    assert (swapped.difference, swapped.p_value) == pytest.approx((-found.difference, found.p_value))


def test_delong_of_degenerate_input():
    labels, scores = np.array([1, 1, 0, 0]), np.array([3.0, 2.0, 1.0, 0.0])
    same = delong(labels, scores, 5 * scores + 1)
    assert (same.difference, same.standard_error, same.p_value) == (0.0, 0.0, 1.0)
    reverse = delong(labels, scores, -scores)  # both perfect, in opposite ways: no variance to test with
    assert (reverse.difference, reverse.p_value) == (1.0, None)
    for one_class in (np.ones(4), np.zeros(4)):
        found = delong(one_class, scores, scores)
        assert found.p_value is None
        assert math.isnan(found.auc_a)
    assert delong(np.array([1, 0, 0, 0]), scores, -scores).p_value is None  # one clicked row has no variance
    assert math.isnan(delong(np.zeros(0), np.zeros(0), np.zeros(0)).auc_a)
    with pytest.raises(ValueError, match="NaN"):
        delong(labels, scores, np.array([1.0, math.nan, 0.0, 0.0]))
    with pytest.raises(ValueError, match="one length"):
        delong(labels, scores, scores[:3])


def test_the_paired_t_test_is_scipys(random):
    first, second = random.normal(size=(2, 7))
    found = paired_t(first, second)
    expected = stats.ttest_rel(first, second)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.difference == pytest.approx((first - second).mean())
    assert paired_t(first, second, 0.1).interval == pytest.approx(tuple(expected.confidence_interval(0.9)))


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_wilcoxon_enumerates_all_signs(decimals):
    differences = np.round(np.random.default_rng(decimals + 1).normal(0.7, 1, 8), decimals)
    differences = differences[differences != 0]
    ranks = stats.rankdata(abs(differences))
    signs = np.array(list(itertools.product([0, 1], repeat=len(ranks))))
    sums, observed = signs @ ranks, ranks[differences > 0].sum()
    middle = ranks.sum() / 2
    expected = np.mean(abs(sums - middle) >= abs(observed - middle) - 1e-9)
    found = wilcoxon(differences, np.zeros(len(differences)))
    assert found.p_value == pytest.approx(expected)


def test_wilcoxon_says_how_many_seeds_it_needs():
    assert wilcoxon_needs(0.05) == 6
    assert wilcoxon_needs(0.01) == 8
    assert wilcoxon_needs(0.05, comparisons=6) == 8
    for seeds in range(1, 9):
        found = wilcoxon(np.arange(1.0, seeds + 1), np.zeros(seeds))
        assert (found.p_value is None) == (seeds < 6)
        assert (f"{seeds} seeds; the exact Wilcoxon test needs 6" == found.note) == (seeds < 6)
        if found.p_value is not None:
            assert found.p_value == pytest.approx(2.0 ** (1 - seeds))
    few = wilcoxon(np.array([1.0, 2, 3, 4, 5, 0, 0]), np.zeros(7))
    assert few.note == "7 seeds, 2 of them without a difference; the exact Wilcoxon test needs 6"


def test_paired_tests_of_degenerate_input():
    values = np.array([0.5, 0.6, 0.8, 0.7, 0.9, 0.4])
    for test in (paired_t, wilcoxon):
        same = test(values, values)
        assert (same.p_value, same.difference, same.note) == (None, 0.0, "identical results")
        nothing = test(np.zeros(0), np.zeros(0))
        assert (nothing.p_value, nothing.pairs) == (None, 0)
        holed = test(np.r_[values, math.nan, 1.0], np.r_[values[::-1], 1.0, math.nan])
        assert holed.pairs == 6
        assert holed.p_value == test(values, values[::-1]).p_value
        with pytest.raises(ValueError, match="one shape"):
            test(values, values[:3])
    constant = paired_t(values + 0.1, values)
    assert constant.p_value is None
    assert "no variance" in constant.note
    two = paired_t(values[:2], values[2:4])
    assert (two.p_value, two.note) == (None, "2 seeds; the paired t-test needs 3")
    assert math.isnan(mean_interval(values[:1])[0])
    assert mean_interval(values) == pytest.approx(stats.t(5, values.mean(), stats.sem(values)).interval(0.95))


def test_holm_and_benjamini_hochberg():
    """The example of Holm's procedure with four hypotheses, and scipy's false discovery rate."""
    p_values = np.array([0.01, 0.04, 0.03, 0.005])
    assert holm(p_values) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg(p_values) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    holed = np.array([0.01, math.nan, 0.04])
    assert holm(holed) == pytest.approx([0.02, math.nan, 0.04], nan_ok=True)
    assert benjamini_hochberg(holed) == pytest.approx([0.02, math.nan, 0.04], nan_ok=True)
    assert (holm(np.array([0.9, 0.8])) == 1.0).all()
    assert len(holm(np.zeros(0))) == 0
    assert math.isnan(holm(np.array([math.nan]))[0])
    with pytest.raises(ValueError, match="between 0 and 1"):
        benjamini_hochberg(np.array([1.5]))


def test_friedman_is_scipys_statistic_with_the_share_of_permutations(random):
    values = random.normal(size=(5, 3))
    found = friedman(values)
    assert found.statistic == pytest.approx(stats.friedmanchisquare(*values.T).statistic)
    assert found.mean_ranks == pytest.approx(stats.rankdata(-values, axis=1).mean(0))
    orders = list(itertools.permutations([1, 2, 3]))
    every = [stats.friedmanchisquare(*np.array(blocks).T).statistic for blocks in itertools.product(orders, repeat=5)]
    assert found.p_value == pytest.approx(np.mean(np.array(every) >= found.statistic - 1e-9))
    assert friedman(-values, higher_is_better=False).p_value == found.p_value
    many = random.normal([0, 0.1, 0.2, 0.3], size=(40, 4))
    assert friedman(many).p_value == pytest.approx(stats.friedmanchisquare(*many.T).pvalue, abs=0.02)
    tied = np.round(many, 0)
    assert friedman(tied).statistic == pytest.approx(stats.friedmanchisquare(*tied.T).statistic)


@pytest.mark.parametrize(("methods", "critical"), [(3, 2.343), (4, 2.569), (5, 2.728), (7, 2.949), (10, 3.164)])
def test_nemenyis_critical_values_are_the_published_ones(methods, critical, random):
    """Demsar (2006), table 5a, for which q / sqrt(2) is tabulated; his example of 4 methods on 14 sets has 1.25."""
    found = friedman(random.normal(size=(14, methods)))
    assert found.critical_difference == pytest.approx(critical * math.sqrt(methods * (methods + 1) / 84), rel=3e-4)
    gaps = abs(found.mean_ranks[:, None] - found.mean_ranks)
    assert ((found.pairwise < 0.05) == (gaps > found.critical_difference)).all()
    if methods == 4:
        assert found.critical_difference == pytest.approx(1.25, abs=0.005)


def test_friedman_with_nothing_to_say(random):
    assert (friedman_needs(3), friedman_needs(4), friedman_needs(7), friedman_needs(3, 1e-5)) == (5, 5, 5, 8)
    assert friedman(random.normal(size=(9, 2))).note == "2 methods; Friedman's test needs 3"
    few = friedman(random.normal(size=(4, 7)))
    assert (few.p_value, few.note) == (None, "4 complete blocks; Friedman's test of 7 methods needs 5")
    assert math.isnan(few.critical_difference)
    assert few.mean_ranks.sum() == pytest.approx(28)  # ranks are shown all the same
    values = random.normal(size=(6, 3))
    values[0, 0] = math.nan
    assert friedman(values).blocks == 5
    assert "tied in every block" in friedman(np.zeros((5, 3))).note
    agreed = friedman(np.arange(15.0).reshape(5, 3))
    assert (agreed.p_value, agreed.mean_ranks[2]) == (pytest.approx(6 / 6**5), 1.0)
    assert friedman(np.full((2, 3), math.nan)).blocks == 0


@pytest.mark.parametrize("within", [True, False])
def test_bootstrap_weights_are_rows_drawn_again(random, within):
    """With the weights spelt out as rows, scikit-learn gives the same AUCs, ties included."""
    from coldbench.significance.items import _weights

    rows = 200
    labels, items = random.integers(0, 2, rows), random.integers(0, 15, rows)
    scores = np.round(random.normal(size=(3, rows)) + labels, 1)
    drawn = bootstrap_aucs(labels, items, scores, replicates=20, seed=4, within=within)
    (weights,) = _weights(items, 20, 4, within)
    for replicate, weight in zip(drawn, weights, strict=True):
        again = np.repeat(np.arange(rows), weight)
        assert replicate == pytest.approx([roc_auc_score(labels[again], score[again]) for score in scores], abs=1e-12)


def test_bootstrap_draws_whole_items_and_then_their_rows():
    from coldbench.significance.items import _weights

    items = np.repeat([7, 3, 9], [1, 4, 5])
    (weights,) = _weights(items, 4000, 0, within=True)
    for item, size in ((7, 1), (3, 4), (9, 5)):
        times = weights[:, items == item].sum(1)
        assert set(times) <= {0, size, 2 * size, 3 * size}  # an item drawn twice gives twice its rows
        assert times.mean() == pytest.approx(size, rel=0.05)
    assert (weights[:, items == 9] > 1).any()
    assert np.ptp(weights[:, items == 9], axis=1).any()  # not all of them as often
    assert weights.mean(0) == pytest.approx(np.ones(10), abs=0.07)
    (alone,) = _weights(items, 400, 0, within=False)
    assert (np.ptp(alone[:, items == 9], axis=1) == 0).all()  # items alone: all their rows together


def test_item_bootstrap_of_one_row_an_item_is_delongs_interval(random):
    rows = 3000
    labels = random.integers(0, 2, rows)
    a, b = random.normal(size=(2, rows)) + labels
    found, expected = item_bootstrap(labels, np.arange(rows), a, b, replicates=2000), delong(labels, a, b)
    assert found.difference == pytest.approx(expected.difference, abs=1e-12)
    assert found.standard_error == pytest.approx(expected.standard_error, rel=0.1)
    assert found.interval == pytest.approx(expected.interval, abs=0.15 * expected.standard_error)
    assert item_bootstrap(labels, np.arange(rows), a, b, replicates=5) == item_bootstrap(
        labels, np.arange(rows), a, b, replicates=5
    )


def test_the_item_bootstraps_interval_is_students_t_of_its_standard_error(random):
    items = np.repeat(np.arange(12), 30)
    labels = random.integers(0, 2, len(items))
    a, b = random.normal(size=(2, len(items))) + labels
    for alpha in (0.05, 0.01):
        found = item_bootstrap(labels, items, a, b, replicates=60, alpha=alpha)
        half = stats.t.ppf(1 - alpha / 2, 11) * found.standard_error
        assert found.interval == pytest.approx((found.difference - half, found.difference + half))
    alone = item_bootstrap(labels, np.zeros(len(items)), a, b, replicates=60)
    assert math.isnan(alone.interval[0])  # one item has no degree of freedom


def test_item_bootstrap_is_wider_where_rows_of_an_item_go_together(random):
    items = np.repeat(np.arange(40), 25)
    labels = random.random(1000) < random.uniform(0.1, 0.9, 40)[items]
    a = labels + random.normal(size=1000) + 2 * random.normal(size=40)[items]
    b = labels + random.normal(size=1000) + 2 * random.normal(size=40)[items]
    found = item_bootstrap(labels, items, a, b, replicates=300)
    assert found.items == 40
    assert found.standard_error > 2 * delong(labels, a, b).standard_error


def test_item_bootstrap_averages_over_seeds_and_survives_one_class(random):
    rows = 400
    labels, items = random.integers(0, 2, rows), random.integers(0, 20, rows)
    a, b = random.normal(size=(2, 3, rows)) + labels
    found = item_bootstrap(labels, items, a, b, replicates=50)
    expected = np.mean([roc_auc_score(labels, x) - roc_auc_score(labels, y) for x, y in zip(a, b, strict=True)])
    assert found.difference == pytest.approx(expected, abs=1e-12)
    nothing = item_bootstrap(np.ones(rows), items, a, b, replicates=50)
    assert nothing.replicates == 0
    assert math.isnan(nothing.difference)
    assert math.isnan(nothing.interval[0])
    with pytest.raises(ValueError, match="one length"):
        item_bootstrap(labels, items[:5], a, b)
    with pytest.raises(ValueError, match="NaN"):
        item_bootstrap(labels, items, a * math.nan, b)


def test_effect_sizes():
    first, second = np.array([[3.0, 4.0], [5.0, 5.0]]), np.array([[1.0, 3.0], [5.0, 6.0]])
    found = effect(first, second)
    assert found.difference == pytest.approx((1.5 - 0.5) / 2)
    assert found.improvement == pytest.approx((3.5 / 4 + 1 / 4) / 2)  # of the four pairs of runs in each block
    assert (found.blocks, found.seeds) == (2, 2)
    assert effect(first, second, higher_is_better=False).improvement == pytest.approx(1 - found.improvement)
    assert effect(first, second, higher_is_better=False).difference == pytest.approx(found.difference)
    alone = effect(np.array([[1.0]]), np.array([[0.0]]))
    assert (alone.difference, alone.improvement) == (1.0, 1.0)
    assert math.isnan(alone.interval[0])
    holed = effect(np.array([[1.0, math.nan]]), np.array([[0.0, 1.0]]))
    assert (holed.difference, holed.seeds) == (1.0, 1)
    assert effect(np.array([[math.nan]]), np.array([[1.0]])).blocks == 0
    with pytest.raises(ValueError, match="one shape"):
        effect(first, second[:1])


def test_an_effects_interval_is_students_t_of_the_seeds_block_means(random):
    values = random.normal(size=(4, 3)) + random.normal(size=3)
    found = effect(values, np.zeros((4, 3)))
    expected = stats.ttest_1samp(values.mean(axis=0), 0).confidence_interval(0.95)
    assert found.interval == pytest.approx(tuple(expected))
    wider = np.hstack([values, [[1.0], [math.nan], [2.0], [3.0]]])  # a seed that one block lacks does not count
    assert effect(wider, np.zeros((4, 4))) == found
    split = np.array([[1.0, math.nan], [math.nan, 3.0]])  # no seed that every block has: a mean without an interval
    apart = effect(split, np.zeros((2, 2)))
    assert (apart.difference, apart.seeds) == (2.0, 0)
    assert math.isnan(apart.interval[0])


def test_practically_equal_is_two_one_sided_t_tests(random):
    first, second = random.normal(0.7, 0.001, size=(2, 8))
    found = equivalence(first, second, 0.002)
    low, high = stats.ttest_rel(first, second).confidence_interval(0.9)
    assert found.interval == pytest.approx((low, high))
    assert found.equal == (low > -0.002 and high < 0.002)
    below = stats.ttest_rel(first, second - 0.002, alternative="greater").pvalue
    above = stats.ttest_rel(first, second + 0.002, alternative="less").pvalue
    assert found.p_value == pytest.approx(max(below, above))
    edge = float(max(-low, high))  # the smallest margin that holds the interval
    assert equivalence(first, second, edge * 1.001).equal
    assert not equivalence(first, second, edge * 0.999).equal


def test_practically_equal_of_degenerate_input():
    same = np.array([0.7, 0.8, 0.9])
    assert equivalence(same, same).equal
    assert equivalence(same, same + 0.001).equal
    assert not equivalence(same, same + 0.01).equal
    assert equivalence(same[:2], same[:2]).p_value is None
    for margin in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="positive"):
            equivalence(same, same, margin)


@pytest.mark.parametrize(
    ("difference", "scatter", "p_value", "expected"),
    [
        (0.0, 0.0003, 0.9, EQUAL),
        (0.001, 0.0001, 0.0001, EQUAL),  # beyond chance, and too small to matter
        (0.01, 0.001, 0.001, BETTER),
        (-0.01, 0.001, 0.001, WORSE),
        (0.0, 0.02, 0.9, UNDECIDED),
        (0.0, 0.02, None, ""),
    ],
)
def test_verdicts(difference, scatter, p_value, expected):
    second = np.array([0.71, 0.72, 0.73, 0.74, 0.75])
    first = second + difference + scatter * np.array([1.0, -1.0, 0.5, -0.5, 0.0])
    assert verdict(first, second, p_value) == expected
    mirrored = {BETTER: WORSE, WORSE: BETTER}
    assert verdict(first, second, p_value, higher_is_better=False) == mirrored.get(expected, expected)
    assert verdict(first[:2], second[:2], p_value) == ""


def test_equality_with_the_best_of_many_is_asked_at_a_stricter_level():
    second = np.array([0.71, 0.72, 0.73, 0.74, 0.75])
    first = second + 0.0016 * np.array([1.0, -1.0, 0.5, -0.5, 0.0])
    assert equivalence(first, second, alpha=0.05).equal
    assert not equivalence(first, second, alpha=0.05 / 6).equal
    assert verdict(first, second, 0.9) == EQUAL
    assert verdict(first, second, 0.9, candidates=6) == UNDECIDED


def simulated_differences(random, seeds=5, items=60, by_seed=1.0, by_item=1.0, by_both=1.0):
    """Balanced data: a difference per seed and item, its mean per seed, and bootstrap replicates of that mean."""
    cells = by_seed * random.normal(size=(seeds, 1)) + by_item * random.normal(size=items)
    cells = cells + by_both * random.normal(size=(seeds, items))
    drawn = random.integers(items, size=(400, items))
    return cells, cells.mean(axis=1), cells[:, drawn].mean(axis=2).T


def test_the_crossed_interval_adds_the_variance_components(random):
    cells, differences, replicates = simulated_differences(random, seeds=6)
    found = crossed(differences, replicates, 60)
    between = np.cov(cells / math.sqrt(60))
    shared = (between.sum() - np.trace(between)) / 30
    assert found.item_part == pytest.approx(shared, rel=0.15)
    assert found.seed_part == pytest.approx(differences.var(ddof=1) / 6)
    assert found.standard_error == pytest.approx(math.sqrt(found.seed_part + found.item_part))
    half = math.hypot(
        stats.t.ppf(0.975, 5) * math.sqrt(found.seed_part), stats.t.ppf(0.975, 59) * math.sqrt(found.item_part)
    )
    assert found.interval == pytest.approx((found.difference - half, found.difference + half))


def test_the_crossed_interval_without_one_part_is_the_other_ones(random):
    _, differences, _ = simulated_differences(random)
    alone = crossed(differences, np.tile(differences, (50, 1)), 60)  # items change nothing
    assert alone.interval == pytest.approx(mean_interval(differences))
    _, differences, replicates = simulated_differences(random, by_seed=0.0, by_both=0.0)
    same = crossed(differences, replicates, 60)  # all seeds alike
    assert same.standard_error == pytest.approx(replicates.mean(axis=1).std(ddof=1))
    half = stats.t.ppf(0.975, 59) * same.standard_error
    assert same.interval == pytest.approx((same.difference - half, same.difference + half))
    for few in (crossed(differences[:2], replicates[:, :2], 60), crossed(differences, replicates, 1)):
        assert math.isnan(few.interval[0])
    with pytest.raises(ValueError, match="as many seeds"):
        crossed(differences, replicates[:, :3], 60)


def test_the_crossed_interval_covers(random):
    """Over seeds and items alike; the seeds' own interval does not where the items matter as much."""
    missed = np.zeros(2)
    for _ in range(600):
        _, differences, replicates = simulated_differences(random, by_seed=0.1, by_both=0.5)
        intervals = crossed(differences, replicates, 60).interval, mean_interval(differences)
        missed += [not low <= 0 <= high for low, high in intervals]
    assert 0.02 < missed[0] / 600 < 0.085
    assert missed[1] / 600 > 0.2


@pytest.mark.parametrize(("effect_size", "seeds"), [(0.5, 34), (0.8, 15), (1.0, 10)])
def test_seeds_to_detect_are_the_published_sample_sizes(effect_size, seeds):
    """Cohen's d of paired differences, power .8, two-sided .05: G*Power and R's power.t.test(type = "paired")."""
    assert seeds_to_detect(effect_size, 1.0) == seeds
    assert power_to_detect(effect_size, 1.0, seeds) >= 0.8 > power_to_detect(effect_size, 1.0, seeds - 1)
    assert seeds_to_detect(effect_size, 1.0, comparisons=21) > seeds
    assert seeds_to_detect(-effect_size, 1.0) == seeds


@pytest.mark.parametrize(("seeds", "margin"), [(3, 2.0), (5, 1.2), (12, 0.9)])
def test_power_of_equivalence_is_what_simulation_gives(random, seeds, margin):
    values = random.normal(size=(4000, seeds))
    rate = np.mean([equivalence(row, 0 * row, margin).equal for row in values])
    assert power_to_equate(margin, 1.0, seeds) == pytest.approx(rate, abs=0.03)


def test_plans_have_bounds():
    assert seeds_to_detect(1.0, 0.001) == seeds_to_equate(1.0, 0.001) == FEWEST
    assert seeds_to_detect(1e-6, 1.0) is None
    assert seeds_to_equate(1e-6, 1.0) is None
    needed = seeds_to_equate(0.002, 0.002)
    assert power_to_equate(0.002, 0.002, needed) >= 0.8 > power_to_equate(0.002, 0.002, needed - 1)


def test_a_collapsed_seed_is_told_from_scatter(random):
    values = random.normal(0.8, 0.001, size=(5, 4))
    assert (collapse(values) < COLLAPSED).all()
    values[3, 2] = 0.74
    assert np.argwhere(collapse(values) > COLLAPSED).tolist() == [[3, 2]]
    assert np.argwhere(collapse(-values, higher_is_better=False) > COLLAPSED).tolist() == [[3, 2]]
    assert (collapse(-values) < COLLAPSED).all()  # much better is no collapse
    values[:, 0] = [0.8, 0.8, 0.8, 0.8, 0.7999]  # seeds that agree by chance: the other methods' scatter is the unit
    assert collapse(values)[4, 0] < COLLAPSED


def test_collapse_of_degenerate_input():
    assert (collapse(np.full((5, 2), 0.7)) == 0).all()
    assert np.isnan(collapse(np.array([[0.7, 0.8], [0.6, 0.7], [0.5, math.nan]]))[:, 1]).all()  # two seeds
    holed = np.array([[0.8], [0.801], [math.nan], [0.799]])
    assert np.isnan(collapse(holed)).ravel().tolist() == [False, False, True, False]
    assert np.isnan(collapse(np.zeros((2, 3)))).all()
