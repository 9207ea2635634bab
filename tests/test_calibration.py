"""The marks' test is as good as its measured rate; the measuring itself is tested on numbers made up."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coldbench.commands.export import COLUMNS
from coldbench.report.analysis.comparisons import MARKING
from coldbench.significance import FEWEST

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def calibrate():
    spec = importlib.util.spec_from_file_location("calibrate", ROOT / "benchmarks" / "calibrate.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["calibrate"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["calibrate"]


def test_the_test_behind_the_marks_is_nominal_wherever_it_is_used(calibrate):
    rates = pd.read_csv(ROOT / "results" / "calibration" / "rates.csv")
    rates = rates[(rates["test"] == MARKING) & rates["planted"].isna()]
    rates = rates[rates["setting"].str.extract(r"(\d+)", expand=False).astype(int) >= FEWEST]
    assert len(rates) >= 8
    assert (rates["comparisons"] >= 1000).all()
    assert rates["rate"].between(*calibrate.NOMINAL).all(), rates


def test_rates_are_counted(calibrate):
    random = np.random.default_rng(0)
    pool = calibrate.Pool("base", random.normal(size=(300, 2, 3)), 300)
    rate = pool.rate(MARKING, calibrate.OURS, 5, own=False)
    assert (rate.of, rate.independent) == (300, 60)
    assert 0.02 < rate.found / rate.of < 0.09
    certain = pool.rate(MARKING, calibrate.OURS, 5, own=True, planted=20.0)
    assert (certain.found, certain.planted, certain.independent) == (certain.of, "20 SD", 30)
    groups = pool.groups(7)
    assert len({seed for group, _ in groups[: 300 // 7] for seed in group}) == 300 // 7 * 7  # disjoint until dealt anew


def test_two_real_trainings_differ_and_the_page_says_what_was_found(calibrate):
    values = calibrate.aucs(("base", range(2)))
    assert values.shape == (2, 2, 3)
    assert (values[:, 0] != values[:, 1]).all()
    rows = calibrate.simulated_rows((20, 5, 1.0, 1.0, range(3)))
    assert rows.shape == (3, 4)
    pool = calibrate.Pool("base", values, 1)
    rates = [
        pool.counted("paired t", "base", "2 seeds", 1, 2),
        pool.counted("paired t", "base", "2 seeds", 1, 2, "1 SD"),
    ]
    page, frame = calibrate.report(rates, ["about"])
    assert "too eager" in page
    assert len(frame) == 2


def test_the_documentation_names_every_column_of_an_export():
    text = (ROOT / "docs" / "statistics.md").read_text()
    for name, meaning in COLUMNS.items():
        assert f"| {name} | {meaning} |" in text
