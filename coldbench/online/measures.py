"""The metrics of a simulated test: by user, and of the set of new items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from coldbench.online.tally import COUNTS

ENOUGH = 20  # exposures after which a new item counts as started


@dataclass(frozen=True)
class Measure:
    """A metric of a test.

    Attributes:
        title: Its name in tables.
        higher_is_better: Whether more of it is better for new items or users.
        by_user: Whether it is a mean over users, so that users are its sample.
        guard: Whether it is a guard rail, which a test should not harm.
    """

    title: str
    higher_is_better: bool = True
    by_user: bool = True
    guard: bool = False


MEASURES = {
    "exposure_rate": Measure("new items shown (exposure rate)", by_user=False),
    "started": Measure(f"new items with {ENOUGH} exposures", by_user=False),
    "days_to_first": Measure("days to the first exposure", higher_is_better=False, by_user=False),
    "days_to_start": Measure(f"days to {ENOUGH} exposures", higher_is_better=False, by_user=False),
    "gini": Measure("Gini of exposures of new items", higher_is_better=False, by_user=False),
    "new_impressions": Measure("impressions of new items"),
    "new_suited": Measure("impressions of new items that suit the user"),
    "new_fit": Measure("share of new impressions that suit the user"),
    "new_views": Measure("views of new items"),
    "views": Measure("video views"),
    "long_deep": Measure("deep views, long videos"),
    "short_deep": Measure("deep views, short videos"),
    "old_views": Measure("views of old items", guard=True),
}
_RATIOS = {"new_fit": ("new_suited", "new_impressions")}
BY_USER = tuple(name for name, measure in MEASURES.items() if measure.by_user)
OF_SET = tuple(name for name, measure in MEASURES.items() if not measure.by_user)


def by_user(counts: np.ndarray, name: str) -> np.ndarray:
    """(users, counts) of a run -> (users,) float64 values of a metric, which is their mean.

    A metric that is a ratio of sums over users is linearised, so that the tests of means have the errors of the delta
    method (Deng et al. 2018, DOI 10.1145/3219819.3219919).
    """
    if name not in _RATIOS:
        return counts[:, COUNTS.index(name)].astype(np.float64)
    part, whole = (by_user(counts, own) for own in _RATIOS[name])
    if not whole.any():
        return np.zeros(len(counts))
    ratio = part.sum() / whole.sum()
    values: np.ndarray = ratio + (part - ratio * whole) / whole.mean()
    return values


def covariate_of(name: str) -> str:
    """The metric of the days before the test that CUPED adjusts a metric with: nothing is new then."""
    return "views" if name.startswith("new") else name


def exposures(arrays: dict[str, np.ndarray]) -> sparse.csr_matrix:
    """(users, new items * days) how often each user was shown each new item on each day, from a run's arrays."""
    new = np.flatnonzero(arrays["arrival"] >= 0)
    days = _days(arrays)
    place = np.searchsorted(new, arrays["fresh_item"]) * days + arrays["fresh_day"]
    shape = len(arrays["member"]), len(new) * days
    return sparse.csr_matrix((np.ones(len(place), np.float32), (arrays["fresh_user"], place)), shape=shape)


def of_set(arrays: dict[str, np.ndarray], counts: np.ndarray, group: int = 0) -> dict[str, np.ndarray]:
    """The metrics of the set of new items.

    Args:
        arrays: A run's arrays.
        counts: (new items * days, splits) exposures of each new item on each day.
        group: The group whose new items count.

    Returns:
        By name: (splits,) values. An item without enough exposures counts with the days that it had.
    """
    new = arrays["arrival"] >= 0
    own = arrays["allowed"][group][new]
    arrival, days = arrays["arrival"][new][own], _days(arrays)
    total = np.cumsum(counts.reshape(int(new.sum()), days, -1)[own], 1)  # (items, days, splits)
    whole = total[:, -1]
    return {
        "exposure_rate": 100 * (whole >= 1).mean(0),
        "started": 100 * (whole >= ENOUGH).mean(0),
        "days_to_first": _waits(total, arrival, 1),
        "days_to_start": _waits(total, arrival, ENOUGH),
        "gini": gini(whole),
    }


def _waits(total: np.ndarray, arrival: np.ndarray, enough: int) -> np.ndarray:
    """(items, days, splits) exposures so far -> (splits,) mean days from an item's arrival until it has enough."""
    return ((total < enough) & (np.arange(total.shape[1]) >= arrival[:, None])[..., None]).sum(1).mean(0)


def gini(counts: np.ndarray) -> np.ndarray:
    """(items, splits) counts -> (splits,) Gini coefficients; 0 where all counts are equal or 0."""
    items = len(counts)
    ordered = np.sort(counts, 0)
    weights = 2 * np.arange(1, items + 1) - items - 1
    total = ordered.sum(0)
    return np.where(total > 0, (weights @ ordered) / (items * np.maximum(total, 1)), 0.0)


def _days(arrays: dict[str, np.ndarray]) -> int:
    """The days of the test."""
    return int(arrays["days"])
