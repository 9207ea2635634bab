"""Effects of an online test, with the user as the unit: relative differences of means, CUPED, and permutations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Relative:
    """A relative difference of two means, in percent of the control's.

    Attributes:
        percent: 100 (arm / control - 1); NaN where the control's mean is 0.
        error: Its standard error, in percentage points; NaN where there is none.
        p_value: Two-sided, of no difference; None where there is no test.
    """

    percent: float
    error: float
    p_value: float | None

    def interval(self, alpha: float = 0.05) -> tuple[float, float]:
        """The normal interval at level 1 - alpha, in percent."""
        half = float(stats.norm.ppf(1 - alpha / 2)) * self.error
        return self.percent - half, self.percent + half


def difference_of_means(control: np.ndarray, arm: np.ndarray) -> Relative:
    """Two samples of users: the error by the delta method (Deng et al. 2018, DOI 10.1145/3219819.3219919).

    Args:
        control: (users,) values.
        arm: (users,) values of other users.
    """
    means, squares = (control.mean(), arm.mean()), (control.var(ddof=1) / len(control), arm.var(ddof=1) / len(arm))
    return _relative(means, squares, 0.0)


def difference_of_pairs(control: np.ndarray, arm: np.ndarray) -> Relative:
    """The same users in two runs of one world: (users,) values each, in the same order."""
    users = len(control)
    together = np.cov(control, arm) / users
    return _relative((control.mean(), arm.mean()), (together[0, 0], together[1, 1]), float(together[0, 1]))


def cuped(values: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Values less what the days before the test tell (Deng et al. 2013, DOI 10.1145/2433396.2433413).

    Args:
        values: (users,) values of all users, both arms together.
        before: (users,) a covariate that no arm has touched.

    Returns:
        (users,) values with the same mean and a smaller or equal variance.
    """
    spread = before.var()
    if not spread > 0:
        return values
    centred = before - before.mean()
    return values - (centred @ (values - values.mean())) / (len(values) * spread) * centred


def permutation_p(observed: float, reference: np.ndarray, share: float) -> float:
    """Two-sided p-value of a difference among (splits,) differences under random splits.

    A count of few items takes few values, and then any p-value that is fixed by the data has too small a level. Ties
    therefore count with a random share (Geyer and Meeden 2005, DOI 10.1214/088342305000000340), so that the level is
    exact.

    Args:
        observed: The difference.
        reference: (splits,) differences.
        share: Uniform in [0, 1], drawn independently of the data.
    """
    size, sizes = abs(observed), np.abs(reference)
    tied = np.isclose(sizes, size, rtol=1e-9, atol=1e-12)
    return float(((sizes > size) & ~tied).mean() + share * tied.mean())


def power(effect: float, error: float, alpha: float = 0.05) -> float:
    """The chance that a two-sided z-test finds an effect with the right sign, both in one unit."""
    if not error > 0:
        return math.nan
    return float(stats.norm.sf(stats.norm.ppf(1 - alpha / 2) - abs(effect) / error))


def _relative(means: tuple[float, float], squares: tuple[float, float], shared: float) -> Relative:
    """From both means, their squared errors and the covariance of the means."""
    control, arm = (float(mean) for mean in means)
    spread = squares[0] + squares[1] - 2 * shared
    if control == 0:
        return Relative(math.nan, math.nan, None)
    ratio = arm / control
    error = 100 * math.sqrt(max(squares[1] - 2 * ratio * shared + ratio**2 * squares[0], 0.0)) / abs(control)
    p = 2 * float(stats.norm.sf(abs(arm - control) / math.sqrt(spread))) if spread > 0 else None
    return Relative(100 * (ratio - 1), error, p)
