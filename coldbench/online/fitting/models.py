"""The models of a fitted truth: additive effects, a factorisation with a free effect per item, and boosted trees."""

from __future__ import annotations

from typing import Any

import numpy as np

from coldbench.core.errors import InputError
from coldbench.online.fitting.design import Rows

_PRIOR = 10.0  # rows at the mean that every user and item starts with
_SWEEPS, _WIDTH, _RIDGE = 8, 12, 8.0  # of the factorisation
_LEAVES = 200  # boosted trees: leaves of at least so many rows


def additive(rows: Rows, users: int, items: int) -> tuple[np.ndarray, np.ndarray]:
    """Shrunken log-odds of users and of items: (users,) effects around 0, and (items,) with the overall mean."""
    mean = rows.click.mean()
    effects = []
    for index, size in ((rows.user, users), (rows.item, items)):
        clicks, counts = np.bincount(index, rows.click, size), np.bincount(index, minlength=size)
        effects.append(logit((clicks + _PRIOR * mean) / (counts + _PRIOR)))
    return effects[0] - logit(mean), effects[1]


def factors(rows: Rows, users: int, items: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A factorisation of what additive effects leave, by alternating least squares; each item has a free effect.

    Args:
        rows: The rows to train on.
        users: The number of users.
        items: The number of items.
        random: Draws the first factors.

    Returns:
        (users, width) and (items, width) float32 factors; the users' last column is 1.
    """
    user, item = additive(rows, users, items)
    left = rows.click - 1 / (1 + np.exp(-(user[rows.user] + item[rows.item])))
    first = np.c_[0.1 * random.standard_normal((users, _WIDTH)), np.ones(users)]
    second = 0.1 * random.standard_normal((items, _WIDTH + 1))
    for _ in range(_SWEEPS):
        second = _solved(rows.item, first[rows.user], left, items)
        free = second[rows.item, -1]
        first[:, :-1] = _solved(rows.user, second[rows.item, :-1], left - free, users)
    return first.astype(np.float32), second.astype(np.float32)


def _solved(index: np.ndarray, inputs: np.ndarray, targets: np.ndarray, size: int) -> np.ndarray:
    """Ridge regressions, one per value of ``index``: (size, inputs) coefficients."""
    order = np.argsort(index, kind="stable")
    ends = np.searchsorted(index[order], np.arange(size + 1))
    inputs, targets = inputs[order], targets[order]
    ridge = _RIDGE * np.eye(inputs.shape[1])
    found = np.zeros((size, inputs.shape[1]))
    for number in np.flatnonzero(np.diff(ends)):
        part = slice(ends[number], ends[number + 1])
        own = inputs[part]
        found[number] = np.linalg.solve(own.T @ own + ridge, own.T @ targets[part])
    return found


def trees(features: np.ndarray, rows: Rows, seed: int) -> Any:
    """Boosted trees (Friedman 2001, DOI 10.1214/aos/1013203451) of scikit-learn, on (rows, features).

    Raises:
        InputError: scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise InputError("the world 'fitted' needs scikit-learn; install it: pip install 'coldbench[worlds]'") from None
    model = HistGradientBoostingClassifier(
        max_iter=120, min_samples_leaf=min(_LEAVES, max(len(features) // 20, 1)), random_state=seed
    )
    with threadpool_limits(1):  # sums in one order, so that the same log gives the same bits
        return model.fit(features, rows.click)


def logit(chance: np.ndarray) -> np.ndarray:
    """Log-odds of chances, which are kept away from 0 and 1."""
    return np.log(np.clip(chance, 1e-6, 1 - 1e-6)) - np.log1p(-np.clip(chance, 1e-6, 1 - 1e-6))
