"""Random splits of a run's users: the reference of tests on sets of items, and false-positive rates of all tests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats

from coldbench.core.counter import uniform
from coldbench.core.seeds import derive
from coldbench.online.folder import Simulation
from coldbench.online.measures import BY_USER, OF_SET, by_user, covariate_of, exposures, of_set
from coldbench.significance.users import cuped, permutation_p

_AT_ONCE = 50
SPLITS, REFERENCE = 2_000, 10_000  # splits that are judged; splits that they are judged by


def random_halves(users: int, splits: int, *seed: object) -> Iterator[np.ndarray]:
    """Yields (users, some) float32 blocks of 0 and 1: random splits into halves."""
    random = np.random.default_rng(derive(*seed, "splits"))
    half = np.arange(users) < users // 2
    for start in range(0, splits, _AT_ONCE):
        block = np.stack([random.permutation(half) for _ in range(min(_AT_ONCE, splits - start))], 1)
        yield block.astype(np.float32)


def set_differences(run: Simulation, splits: int, *seed: object) -> dict[str, np.ndarray]:
    """By metric of the set of new items: (splits,) differences between random halves of a run's users."""
    whole = exposures(run.arrays)
    found: dict[str, list[np.ndarray]] = {name: [] for name in OF_SET}
    every = np.asarray(whole.sum(0)).T
    for block in random_halves(whole.shape[0], splits, *seed):
        arm = whole.T @ block
        first, second = (of_set(run.arrays, part) for part in (every - arm, arm))
        for name in OF_SET:
            found[name].append(second[name] - first[name])
    return {name: np.concatenate(parts) for name, parts in found.items()}


def false_positives(run: Simulation, alpha: float = 0.05, splits: int = SPLITS) -> dict[str, dict[str, float]]:
    """A/A: how often each test finds a difference between random halves of the users of one run.

    Args:
        run: A run in which all users have the same arm.
        alpha: The level of the tests.
        splits: The number of splits.

    Returns:
        By metric: the rate of each of its tests by name. A metric that is the same in all splits has no test.
    """
    seed = run.about["key"]
    found: dict[str, dict[str, float]] = {}
    users = len(run.arrays["member"])
    for name in BY_USER:
        values = by_user(run.arrays["test"], name)
        tests = {"t": values}
        covariate = by_user(run.arrays["before"], covariate_of(name))
        if covariate.var() > 0:
            tests["cuped"] = cuped(values, covariate)
        if values.var() > 0:
            found[name] = {test: _rate(own, users, splits, alpha, seed) for test, own in tests.items()}
    judged = set_differences(run, splits, seed, "judged")
    reference = set_differences(run, max(splits, min(REFERENCE, 5 * splits)), seed, "reference")
    for name in OF_SET:
        if np.ptp(reference[name]) > 0:
            shares = uniform(seed, f"ties of {name}", np.arange(splits))
            pairs = zip(judged[name], shares, strict=True)
            p = np.array([permutation_p(value, reference[name], share) for value, share in pairs])
            found[name] = {"permutation": float((p < alpha).mean())}
    return found


def _rate(values: np.ndarray, users: int, splits: int, alpha: float, seed: str) -> float:
    """The share of random splits in which a two-sample z-test of (users,) values finds a difference."""
    columns = np.stack([values, values**2]).astype(np.float64)
    total, half = columns.sum(1, keepdims=True), users // 2
    found = []
    for block in random_halves(users, splits, seed, "judged"):
        arm = columns @ block.astype(np.float64)
        sides = (total - arm, users - half), (arm, half)
        means = [part[0] / count for part, count in sides]
        squares = [(part[1] / count - (part[0] / count) ** 2) / (count - 1) for part, count in sides]
        found.append((means[1] - means[0]) / np.sqrt(squares[0] + squares[1]))
    return float((np.abs(np.concatenate(found)) > stats.norm.ppf(1 - alpha / 2)).mean())
