"""Proposals for the next trial of a search: from a grid, at random, or by Optuna. Ray is not needed here."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from coldbench.core.errors import InputError, unknown
from coldbench.core.seeds import derive
from coldbench.core.space import Choice, Space

Values = dict[str, Any]  # value by field; empty for the defaults


class Proposals(Protocol):
    """The interface of every kind of search."""

    def ask(self) -> Values:
        """The next trial's values."""

    def tell(self, values: Values, score: float | None) -> None:
        """Reports the score of a trial that was asked for; higher is better, None if it did not finish."""

    def know(self, values: Values, score: float | None) -> None:
        """Reports the score of a trial from an earlier run, so that it is not proposed again."""


class Listed:
    """A fixed list of values; scores do not influence it."""

    def __init__(self, points: Sequence[Values]) -> None:
        self._left = list(points)

    def ask(self) -> Values:
        """The next values in the list."""
        return self._left.pop(0)

    def tell(self, values: Values, score: float | None) -> None:
        """Ignores the score."""

    def know(self, values: Values, score: float | None) -> None:
        """Removes the values from the list."""
        self._left = [point for point in self._left if _text(point) != _text(values)]


class Guided:
    """Optuna's tree-structured Parzen estimator (Akiba et al. 2019, arXiv:1907.10902), each range mapped to [0, 1]."""

    def __init__(self, space: Space, first: Values, seed: int) -> None:
        try:
            import optuna
        except ImportError:
            raise InputError("--search optuna needs Optuna: pip install 'coldbench[optuna]'") from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space = space
        self._study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
        self._asked: dict[str, Any] = {}
        self._first: Values | None = first

    def ask(self) -> Values:
        """The defaults first, then the most promising values given the scores so far."""
        if self._first is not None:
            values, self._first = self._first, None
            return values
        trial = self._study.ask()
        values = {
            field: where.values[trial.suggest_categorical(field, range(len(where.values)))]
            if isinstance(where, Choice)
            else where.at(trial.suggest_float(field, 0, 1))
            for field, where in self.space.items()
        }
        self._asked[_text(values)] = trial
        return values

    def tell(self, values: Values, score: float | None) -> None:
        """Passes the score of a proposed trial to the estimator."""
        import optuna

        trial = self._asked.pop(_text(values), None)
        if trial is None:
            self.know(values, score)
        elif score is None:
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            self._study.tell(trial, score)

    def know(self, values: Values, score: float | None) -> None:
        """Passes an earlier trial to the estimator, if it finished and lies within the space."""
        import optuna

        if self._first is not None and _text(values) == _text(self._first):
            self._first = None
        distributions: dict[str, Any] = {}
        numbers: dict[str, float] = {}
        for field, where in self.space.items():
            if isinstance(where, Choice):
                texts = [_text(value) for value in where.values]
                if _text(values[field]) not in texts:
                    return
                distributions[field] = optuna.distributions.CategoricalDistribution(range(len(texts)))
                numbers[field] = texts.index(_text(values[field]))
            else:
                distributions[field] = optuna.distributions.FloatDistribution(0, 1)
                numbers[field] = where.share(values[field]) if where.low <= values[field] <= where.high else math.nan
        if score is not None and not any(math.isnan(number) for number in numbers.values()):
            self._study.add_trial(optuna.create_trial(params=numbers, distributions=distributions, value=score))


def proposals(
    search: str, space: Space, samples: int, defaults: Values, *seed: object, method: str = ""
) -> tuple[Proposals, int]:
    """Builds a search over a space; returns it with its number of trials.

    An empty space gives one trial, the defaults. Random and guided searches begin with the defaults too, so that on the
    validation items tuning is never worse than not tuning. A random search repeats no trial; over a space of choices
    only, it tries all combinations if there are at most ``samples``. It draws each field by itself, so that methods
    with the same seed try the same values of the fields that they share, and none is better by a luckier draw.

    Args:
        search: ``grid``, ``random`` or ``optuna``.
        space: The range of each field.
        samples: The number of trials; for a grid, the largest number.
        defaults: The default value of each field.
        seed: The values from which the seed of the draws is derived.
        method: The method's name, which its fields begin with.

    Raises:
        InputError: The search is unknown, the grid has more than ``samples`` points, or Optuna is not installed.
    """
    if search not in ("grid", "random", "optuna"):
        raise unknown("search", search, ("grid", "random", "optuna"))
    if not space:
        return Listed([{}]), 1
    if search == "grid":
        points = list(_grid(space, samples))
        return Listed(points), len(points)
    if search == "optuna":
        return Guided(space, defaults, derive(*seed, method, "search") % 2**32), samples
    if all(isinstance(where, Choice) for where in space.values()) and _choices(space) <= samples:
        drawn = list(_grid(space, samples))  # every combination
    else:
        columns = []
        for field, where in space.items():
            random = np.random.default_rng(derive(*seed, "search", field.removeprefix(f"{method}.")))
            columns.append([where.at(random.random()) for _ in range(samples - 1)])
        drawn = [dict(zip(space, values, strict=True)) for values in zip(*columns, strict=True)]
    points = list({_text(values): values for values in [defaults, *drawn]}.values())[:samples]
    return Listed(points), len(points)


def _text(value: Any) -> str:
    """A canonical text of a value; a tuple and a list with the same elements have the same text."""
    return json.dumps(value, sort_keys=True)


def _choices(space: Space) -> int:
    """The number of combinations of all choices."""
    return math.prod(len(where.values) for where in space.values() if isinstance(where, Choice))


def _grid(space: Space, samples: int) -> Iterator[Values]:
    """Yields a grid: all values of each choice, and as many points per range, ends included, as ``samples`` allows."""
    choices = _choices(space)
    ranges = sum(not isinstance(where, Choice) for where in space.values())
    points = int((samples / choices) ** (1 / ranges) + 1e-9) if ranges else 1
    if choices > samples or (ranges and points < 2):
        raise InputError(
            f"a grid over {', '.join(space)} has at least {choices * 2**ranges} points; --samples {samples} is fewer"
        )
    axes = [
        list(where.values) if isinstance(where, Choice) else [where.at(i / (points - 1)) for i in range(points)]
        for where in space.values()
    ]
    for values in itertools.product(*axes):
        yield dict(zip(space, values, strict=True))
