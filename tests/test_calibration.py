"""What a report shows is as good as its measured rate; the measuring itself is tested on made-up numbers."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coldbench.commands.export import COLUMNS
from coldbench.report.analysis import predictions
from coldbench.report.analysis.comparisons import MARKING, TESTS
from coldbench.significance import EQUAL, FEWEST, effect, equivalence, mean_interval, paired_t, wilcoxon

ROOT = Path(__file__).parent.parent
HOLDS = {"nominal", "cautious", "within bounds"}


@pytest.fixture(scope="module")
def calibrate():
    spec = importlib.util.spec_from_file_location("calibrate", ROOT / "benchmarks" / "calibrate.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["calibrate"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["calibrate"]


@pytest.fixture(scope="module")
def rates():
    """Rates at which a test finds what is not there."""
    found = pd.read_csv(ROOT / "results" / "calibration" / "rates.csv")
    return found[found["planted"].isna()]


def test_the_test_behind_the_marks_is_nominal_wherever_it_is_used(calibrate, rates):
    rates = rates[rates["test"] == MARKING]
    rates = rates[rates["setting"].str.extract(r"(\d+)", expand=False).astype(int) >= FEWEST]
    assert len(rates) >= 8
    assert (rates["comparisons"] >= 1000).all()
    assert rates["rate"].between(*calibrate.NOMINAL).all(), rates
    assert (rates["verdict"] == "nominal").all(), rates


def test_whatever_a_report_shows_is_within_its_bounds(calibrate, rates):
    shown = rates[rates["shown"]]
    assert shown["verdict"].isin(HOLDS).all(), shown[~shown["verdict"].isin(HOLDS)]
    assert (shown["high"] <= calibrate.LIBERAL).all()


def test_whatever_a_report_shows_was_measured(calibrate, rates):
    shown = set(rates.loc[rates["shown"], "test"])
    printed = {*TESTS, predictions.ITEMS, predictions.CROSSED, EQUAL, "effect size", "Friedman", "Nemenyi"}
    printed |= {"t-interval of a mean", "collapsed seed named"}
    printed |= {f"best against each, {name} over all pairs" for name in ("Holm", "BH")}
    printed |= {f"named reference, {name} over those" for name in ("Holm", "BH")}
    assert shown == printed
    assert set(rates.loc[~rates["shown"], "test"]) == set(calibrate.HIDDEN)
    for backbone in ("fm", "deepfm"):
        assert rates["compared"].str.contains(f"on {backbone}$").any()


def test_the_intervals_over_items_are_measured_with_the_reports_own_number_of_replicates(calibrate):
    assert calibrate.REPLICATES == predictions.REPLICATES
    assert (calibrate.ITEMS, calibrate.CROSSED) == (predictions.ITEMS, predictions.CROSSED)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.04, 0.06, "nominal"),
        (0.036, 0.049, "nominal"),
        (0.01, 0.04, "cautious"),
        (0.03, 0.06, "within bounds"),
        (0.04, 0.07, "within bounds"),
        (0.01, 0.3, "undecided"),  # however near .05 the rate itself may be
        (0.07, 0.09, "too eager"),
    ],
)
def test_verdicts_go_by_the_rates_interval(calibrate, low, high, verdict):
    assert calibrate.Rate("t", "c", "s", "", 0.05, low, high, 100).verdict == verdict
    assert calibrate.Rate("t", "c", "s", "1 SD", 0.05, low, high, 100).verdict == ""


def test_rates_are_counted(calibrate):
    random = np.random.default_rng(0)
    pool = calibrate.Pool("base", random.normal(size=(300, 2, 3)), 600)
    rate = pool.rate(MARKING, "5 seeds", "differences", (5,), calibrate.by_t)
    assert rate.of == 600
    assert 0.02 < rate.rate < 0.09
    assert rate.low < rate.rate < rate.high
    certain = pool.rate(MARKING, "5 seeds", "differences", (5,), lambda d: calibrate.by_t(d + 20), "20 SD")
    assert (certain.rate, certain.planted) == (1.0, "20 SD")
    (drawn,) = pool.scores(pool.values, (1, 10, 30), 1)
    assert len(np.unique(drawn)) == 300  # every seed once
    independent = calibrate.counted("t", "c", "s", [True] + [False] * 99)
    assert (independent.rate, independent.of) == (0.01, 100)


def test_batches_are_tested_as_single_comparisons_are(calibrate):
    batch = np.random.default_rng(0).normal(0.3, 1, size=(300, 5))
    ones = [calibrate.found_by(paired_t(d, 0 * d).p_value) for d in batch]
    assert calibrate.by_t(batch).tolist() == ones
    assert 0 < sum(ones) < 300
    ones = [calibrate.found_by(wilcoxon(d, 0 * d).p_value) for d in np.hstack([batch, batch + 0.1])]
    assert calibrate.by_wilcoxon(np.hstack([batch, batch + 0.1])).tolist() == ones
    blocks = batch.reshape(75, 4, 5)
    assert calibrate.by_effect(blocks).tolist() == [calibrate.outside(effect(d, 0 * d).interval) for d in blocks]
    means = [calibrate.outside(mean_interval(d)) for d in batch]
    assert calibrate.by_interval(batch[:, None, None]).tolist() == means
    equal = [equivalence(d, 0 * d, 1.5).equal for d in batch]
    assert calibrate.by_equivalence(batch, 1.5).tolist() == equal
    assert 0 < sum(equal) < 300


def test_two_real_trainings_differ_and_a_second_start_takes_them_as_they_are(calibrate, tmp_path, monkeypatch):
    values = calibrate.kept(tmp_path, "aucs", calibrate.aucs, "fm", "base", 2)
    assert values.shape == (2, 2, 3)
    assert (values[:, 0] != values[:, 1]).all()
    (file,) = tmp_path.iterdir()
    written = file.stat().st_mtime_ns
    again = calibrate.kept(tmp_path, "aucs", None, "fm", "base", 2)
    assert (again == values).all()
    assert file.stat().st_mtime_ns == written
    own = calibrate.own_data("deepfm", "base", range(1), seeds=3)
    assert own.shape == (1, 2 + calibrate.REPLICATES, 6)
    assert [len(hits) for hits in calibrate.of_own_data(own)] == [1, 1]


def test_simulations_and_the_page(calibrate):
    assert calibrate.simulated(20, 5, 1.0, 1.0, range(3)).shape == (3, 4)
    assert calibrate.simulated_seeds(20, 5, 3, 0.5, range(3)).shape == (3,)
    rates = [
        calibrate.Rate("paired t", "base", "3 seeds", "", 0.2, 0.15, 0.25, 1000),
        calibrate.Rate("paired t", "base", "3 seeds", "1 SD", 0.2, 0.15, 0.25, 1000),
        calibrate.Rate("DeLong", "base", "3 seeds", "", 0.2, 0.15, 0.25, 1000),
    ]
    page, frame = calibrate.report(rates, ["about"])
    assert "too eager" in page
    assert frame["shown"].tolist() == [True, True, False]


def test_an_undecided_setting_gets_more_comparisons(calibrate, tmp_path, monkeypatch):
    about = next(iter(calibrate.CROSSINGS))
    monkeypatch.setitem(calibrate.CROSSINGS, about, (20, 5, 3, 0.0))
    first = calibrate.simulated_seeds(20, 5, 3, 0.0, range(12))
    other = calibrate.Rate("paired t", "base", "3 seeds", "", 0.05, 0.01, 0.3, 100)
    calibrate.write([calibrate.counted(calibrate.CROSSED, *about, first), other], ["about"], tmp_path)
    found, kept = calibrate.decided(calibrate.read(tmp_path), 3)
    assert found == calibrate.counted(calibrate.CROSSED, *about, calibrate.simulated_seeds(20, 5, 3, 0.0, range(36)))
    assert kept == other


def test_the_documentation_names_every_column_of_an_export():
    text = (ROOT / "docs" / "statistics.md").read_text()
    for name, meaning in COLUMNS.items():
        assert f"| {name} | {meaning} |" in text


def test_the_documentation_agrees_with_the_rates(calibrate):
    frame = pd.read_csv(calibrate.RESULTS / "rates.csv")
    assert f"{calibrate.BEGIN}\n{calibrate.summary(frame)}\n{calibrate.END}" in calibrate.PAGE.read_text()
