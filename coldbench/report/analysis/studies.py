"""The studies of a search and their trials -> what a report shows of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from coldbench.core.config import text
from coldbench.protocol.metrics import METRICS as RECORDED
from coldbench.protocol.shots import phase_names
from coldbench.report.analysis.scale import Scale
from coldbench.tune.samplers import Values
from coldbench.tune.studies import METRICS, Study
from coldbench.tune.trials import Results, Trial, best

EARLY = 1  # the evaluation point that every trial reaches: the scheduler stops none before


@dataclass(frozen=True)
class Attempt:
    """One trial as a report shows it, with scores in the metric's own sign.

    Attributes:
        number: The place in the order in which trials ended.
        state: ``finished`` or ``stopped``.
        values: The value of every field that was searched.
        early: The score at the first warm-up phase of the first seed; None where the trial has none.
        score: The final score; None where the trial was stopped.
        seconds: The time that the trial took.
    """

    number: int
    state: str
    values: Values
    early: float | None
    score: float | None
    seconds: float


@dataclass(frozen=True)
class Searched:
    """A study with its trials.

    Attributes:
        study: The study.
        attempts: The trials.
        scales: The scale of each field that was searched.
        defaults: The trial with the defaults; None without one.
        best: The best finished trial; None without one.
        other_fields: Further fields that trials of an earlier search varied.
    """

    study: Study
    attempts: list[Attempt]
    scales: dict[str, Scale]
    defaults: Attempt | None
    best: Attempt | None
    other_fields: list[str]

    @property
    def title(self) -> str:
        """A description for headings and names of files."""
        cell = self.study.cells[0]
        parts = [cell.dataset.label, *filter(None, [cell.division]), f"protocol {cell.protocol.full}"]
        return f"{cell.method.label} on {cell.backbone.label}, {', '.join(parts)}"

    @property
    def metric(self) -> str:
        """The name of the score."""
        return f"mean {RECORDED[METRICS[self.study.metric][0]].title}"

    @property
    def early(self) -> str:
        """The name of the phase of the early score."""
        return phase_names(self.study.cells[0].shots)[EARLY]

    @property
    def early_metric(self) -> str:
        """The name of the early score."""
        first = f", seed {self.study.cells[0].seed}" if len(self.study.cells) > 1 else ""
        return f"{RECORDED[METRICS[self.study.metric][0]].title} at {self.early}{first}"

    @property
    def higher_is_better(self) -> bool:
        """The metric's direction."""
        return RECORDED[METRICS[self.study.metric][0]].higher_is_better

    @property
    def stopped(self) -> int:
        """The number of trials that the scheduler stopped."""
        return sum(each.state == "stopped" for each in self.attempts)

    def reach(self, kind: str) -> tuple[float, float] | None:
        """The lowest and the highest ``score``, or ``early`` score, of the trials; None where none has one."""
        scores = [score for each in self.attempts if (score := getattr(each, kind)) is not None]
        return (min(scores), max(scores)) if scores else None

    def label(self, field: str) -> str:
        """The name of a field on an axis; a method's own fields go without the method's name."""
        return field.removeprefix(f"{self.study.cells[0].method.name}.")

    def words(self, attempt: Attempt | None) -> str:
        """A trial's values in words."""
        values = attempt.values if attempt else {}
        return ", ".join(f"{self.label(field)} {text(value)}" for field, value in values.items()) or "-"


def read(made: Results) -> list[Searched]:
    """All studies of a search."""
    return [_searched(study, trials) for study, trials in made]


def _searched(study: Study, trials: Sequence[Trial]) -> Searched:
    defaults, sign = study.full({}), METRICS[study.metric][1]
    attempts = [
        Attempt(
            trial.number,
            trial.state,
            {field: trial.values.get(field, default) for field, default in defaults.items()},
            _signed(trial.scores[EARLY] if len(trial.scores) > EARLY else None, sign),
            _signed(trial.score, sign),
            trial.seconds,
        )
        for trial in trials
    ]
    scales = {
        field: Scale.over(where, [each.values[field] for each in attempts]) for field, where in study.space.items()
    }
    plain = [each for each, trial in zip(attempts, trials, strict=True) if study.at(trial.values) == study.cells]
    chosen = best(trials)
    others = dict.fromkeys(field for trial in trials for field in trial.values if field not in defaults)
    return Searched(
        study,
        attempts,
        scales,
        plain[0] if plain else None,
        None if chosen is None else attempts[list(trials).index(chosen)],
        list(others),
    )


def _signed(score: float | None, sign: int) -> float | None:
    return None if score is None or not math.isfinite(score) else sign * score
