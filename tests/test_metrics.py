from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from coldbench.protocol import metrics


@pytest.fixture(params=[0, 1, 2])
def rows(request):
    random = np.random.default_rng(request.param)
    labels = random.integers(0, 2, 500).astype(np.uint8)
    logits = random.normal(size=500).astype(np.float32)
    if request.param == 2:
        logits = np.round(logits, 1)  # ties
    return labels, logits, random.integers(0, 30, 500)


def test_auc_equals_scikit_learn(rows):
    labels, logits, _ = rows
    assert metrics.auc(labels, logits) == pytest.approx(roc_auc_score(labels, logits), abs=1e-12)


def test_logloss_equals_scikit_learn(rows):
    labels, logits, _ = rows
    chances = 1 / (1 + np.exp(-logits.astype(np.float64)))
    assert metrics.logloss(labels, logits) == pytest.approx(log_loss(labels, chances), abs=1e-9)


def test_grouped_auc_is_the_weighted_mean_of_each_groups_auc(rows):
    labels, logits, users = rows
    areas, weights = [], []
    for user in np.unique(users):
        mine = users == user
        if 0 < labels[mine].sum() < mine.sum():
            areas.append(roc_auc_score(labels[mine], logits[mine]))
            weights.append(mine.sum())
    assert metrics.grouped_auc(labels, logits, users) == pytest.approx(np.average(areas, weights=weights), abs=1e-12)


def test_one_class_has_no_auc():
    assert np.isnan(metrics.auc(np.ones(3), np.arange(3.0)))
    assert np.isnan(metrics.grouped_auc(np.ones(3), np.arange(3.0), np.zeros(3)))


def test_calibration_of_exact_chances_is_small_and_of_shifted_ones_is_the_shift():
    random = np.random.default_rng(0)
    logits = random.normal(size=200_000)
    chances = 1 / (1 + np.exp(-logits))
    labels = random.random(200_000) < chances
    assert metrics.calibration_error(labels, logits) < 0.01
    assert metrics.calibration_error(labels, np.full(200_000, 20.0)) == pytest.approx(1 - labels.mean(), abs=1e-3)


def test_calibration_error_is_over_bins_of_neighbouring_predictions(rows):
    labels, logits, _ = rows
    ordered = sorted(zip(logits.tolist(), labels.tolist(), strict=True), key=lambda row: row[0])
    error = 0.0
    for start in range(0, 500, 25):
        part = ordered[start : start + 25]
        error += abs(sum(label - 1 / (1 + np.exp(-logit)) for logit, label in part)) / 500
    assert metrics.calibration_error(labels, logits) == pytest.approx(error, abs=1e-9)
