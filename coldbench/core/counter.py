"""Random numbers by counter: a value depends on its keys alone, never on the order in which values are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from coldbench.core.seeds import derive

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SCALE = 2.0**-53


def uniform(seed: object, purpose: str, *keys: Any) -> np.ndarray:
    """Uniform numbers in [0, 1), one per combination of keys.

    The keys are chained through the finaliser of SplitMix64 (Steele et al. 2014, DOI 10.1145/2660193.2660195).

    Args:
        seed: The seed of the world.
        purpose: The name of the quantity that is drawn; different names give independent numbers.
        *keys: Integers or arrays of non-negative integers, such as users, items and days; they are broadcast.

    Returns:
        An array of float64 in the broadcast shape of the keys.
    """
    state = np.asarray(np.uint64(derive(seed, purpose)))
    with np.errstate(over="ignore"):
        for key in keys:
            state = _mixed(state + (np.asarray(key).astype(np.uint64) + np.uint64(1)) * _STEP)
    return (state >> np.uint64(11)) * _SCALE


def normal(seed: object, purpose: str, *keys: Any) -> np.ndarray:
    """Standard normal numbers by counter (Box and Muller 1958, DOI 10.1214/aoms/1177706645); see ``uniform``."""
    radius = np.sqrt(-2 * np.log1p(-uniform(seed, f"{purpose} radius", *keys)))
    return radius * np.cos(2 * np.pi * uniform(seed, f"{purpose} angle", *keys))


def _mixed(state: np.ndarray) -> np.ndarray:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))
