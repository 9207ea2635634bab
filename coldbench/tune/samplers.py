"""Where a search looks next: on a grid, at random, or where Optuna expects more. Without Ray."""

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

Values = dict[str, Any]  # field -> value; empty for the defaults


class Proposals(Protocol):
    """What every kind of search can do."""

    def ask(self) -> Values:
        """The next trial's values."""

    def tell(self, values: Values, score: float | None) -> None:
        """How a trial that was asked for came out; higher is better, None where it did not finish."""

    def know(self, values: Values, score: float | None) -> None:
        """The same of a trial that was made before: it is not asked for again."""


class Listed:
    """Values that were fixed beforehand; what comes out does not matter."""

    def __init__(self, points: Sequence[Values]) -> None:
        self._left = list(points)

    def ask(self) -> Values:
        """The next of the list."""
        return self._left.pop(0)

    def tell(self, values: Values, score: float | None) -> None:
        """Nothing is learnt."""

    def know(self, values: Values, score: float | None) -> None:
        """Strikes a point off the list."""
        self._left = [point for point in self._left if _text(point) != _text(values)]


class Guided:
    """Optuna's tree-structured Parzen estimator (Akiba et al. 2019, arXiv:1907.10902), on each range's [0, 1]."""

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
        """The most promising values by what was told so far; first of all the defaults."""
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
        """Teaches the estimator."""
        import optuna

        trial = self._asked.pop(_text(values), None)
        if trial is None:
            self.know(values, score)
        elif score is None:
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            self._study.tell(trial, score)

    def know(self, values: Values, score: float | None) -> None:
        """Teaches it of a trial that it did not ask for, if that finished within the space."""
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


def proposals(search: str, space: Space, samples: int, defaults: Values, *seed: object) -> tuple[Proposals, int]:
    """A search over a space, and how many trials it makes.

    Without anything to search there is one trial, of the defaults. Random and guided searches begin with the
    defaults as well, so that tuning is never worse than not tuning on what it is tuned on. A random search makes no
    trial twice; of choices alone it tries all where they are no more than ``samples``.

    Args:
        search: ``grid``, ``random`` or ``optuna``.
        space: Field to range.
        samples: The number of trials; for a grid the most it may have.
        defaults: Field to default value.
        seed: What the draws derive from.

    Raises:
        InputError: An unknown search, a grid that does not fit into ``samples``, or Optuna is not installed.
    """
    if search not in ("grid", "random", "optuna"):
        raise unknown("search", search, ("grid", "random", "optuna"))
    if not space:
        return Listed([{}]), 1
    if search == "grid":
        points = list(_grid(space, samples))
        return Listed(points), len(points)
    if search == "optuna":
        return Guided(space, defaults, derive(*seed, "search") % 2**32), samples
    if all(isinstance(where, Choice) for where in space.values()) and _choices(space) <= samples:
        drawn = list(_grid(space, samples))  # all there is
    else:
        random = np.random.default_rng(derive(*seed, "search"))
        drawn = [{field: where.at(random.random()) for field, where in space.items()} for _ in range(samples - 1)]
    points = list({_text(values): values for values in [defaults, *drawn]}.values())[:samples]
    return Listed(points), len(points)


def _text(value: Any) -> str:
    """The same for a tuple and for the list that JSON makes of it."""
    return json.dumps(value, sort_keys=True)


def _choices(space: Space) -> int:
    """The number of ways to choose from all choices."""
    return math.prod(len(where.values) for where in space.values() if isinstance(where, Choice))


def _grid(space: Space, samples: int) -> Iterator[Values]:
    """As many points of each range, both ends among them, as fit into ``samples`` together; all of a choice."""
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
