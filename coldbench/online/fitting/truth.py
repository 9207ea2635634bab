"""A truth fitted on a real log: three models, one calibrated combination, and a table for every user and item."""

from __future__ import annotations

import numpy as np

from coldbench.data.dataset import Dataset
from coldbench.online.fitting.card import card
from coldbench.online.fitting.design import Rows, columns, parts
from coldbench.online.fitting.models import additive, factors, logit, trees

_NEWTON, _USERS = 25, 64


def fit(data: Dataset, users: np.ndarray, items: np.ndarray, seed: int) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """Fits the truth.

    Args:
        data: The log.
        users: (users,) the users of the world.
        items: (items,) the items of the world.
        seed: Seeds the parts and the models; the same for all seeds of a world.

    Returns:
        (users, items) float32 log-odds, and the lines of the card.
    """
    random = np.random.default_rng(seed)
    inside = np.flatnonzero(np.isin(data.user, users) & np.isin(data.item, items))
    rows = Rows(
        np.searchsorted(users, data.user[inside]),
        np.searchsorted(items, data.item[inside]),
        data.click[inside].astype(np.float64),
    )
    train, tune, check = parts(rows, random)
    user, item = additive(train, len(users), len(items))
    first, second = factors(train, len(users), len(items), random)
    person, thing = columns(data, users, items)
    counts = np.bincount(train.item, minlength=len(items))

    def inputs(who: np.ndarray, what: np.ndarray) -> np.ndarray:
        taste = np.einsum("rt,rt->r", first[who], second[what])
        return np.c_[user[who], item[what], taste, np.log1p(counts[what]), person[who], thing[what]].astype(np.float32)

    model = trees(inputs(tune.user, tune.item), tune, seed)  # on rows that the other models have not seen

    def parts_of(who: np.ndarray, what: np.ndarray) -> np.ndarray:
        taste = np.einsum("rt,rt->r", first[who], second[what])
        boosted = logit(model.predict_proba(inputs(who, what))[:, 1])
        return np.c_[np.ones(len(who)), user[who] + item[what], taste, boosted]

    half = random.random(len(check.user)) < 0.5
    blend, last = check.at(np.flatnonzero(half)), check.at(np.flatnonzero(~half))
    weights = logistic(parts_of(blend.user, blend.item), blend.click)
    table = np.empty((len(users), len(items)), np.float32)
    every = np.arange(len(items))
    for start in range(0, len(users), _USERS):
        some = np.arange(start, min(start + _USERS, len(users)))
        pairs = parts_of(np.repeat(some, len(every)), np.tile(every, len(some)))
        table[some] = (pairs @ weights).reshape(len(some), -1)
    return table, card(last, table[last.user, last.item], counts, float(train.click.mean()), item)


def logistic(inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(rows, inputs), (rows,) -> (inputs,) weights of a logistic regression with a small ridge, by Newton's method."""
    weights = np.zeros(inputs.shape[1])
    ridge = 1e-3 * np.eye(len(weights))
    for _ in range(_NEWTON):
        chance = 1 / (1 + np.exp(-inputs @ weights))
        curve = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + ridge
        weights += np.linalg.solve(curve, inputs.T @ (labels - chance) - ridge @ weights)
    return weights
