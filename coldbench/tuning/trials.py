"""The trials of a search: one JSON file per trial, and all trials as a frame."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from coldbench.core.atomic import write_text
from coldbench.core.config import digest
from coldbench.core.storage import Place
from coldbench.tuning.samplers import Values
from coldbench.tuning.studies import Study


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        study: The study's name.
        number: The trial's place in the order in which trials ended.
        values: The value of each searched ``NAME.FIELD``.
        scores: After each evaluation point, the mean over the warm-up phases so far.
        state: ``finished``, ``stopped`` by the scheduler, or ``failed``.
        seconds: The trial's duration.
        reason: The reason why the trial failed.
        cpu_seconds: Its processor time in all phases, without pretraining and ``fit``; None if unknown.
    """

    study: str
    number: int
    values: Values
    scores: list[float]
    state: str
    seconds: float
    reason: str | None = None
    cpu_seconds: float | None = None

    @property
    def score(self) -> float | None:
        """The mean over seeds and warm-up phases of a finished trial; None otherwise."""
        return self.scores[-1] if self.state == "finished" else None


@dataclass(frozen=True)
class Trials:
    """The trials of a search on disk, one JSON file per trial."""

    path: Place

    def of(self, study: Study) -> list[Trial]:
        """A study's finished and stopped trials, in the order they ended; failed trials are run again."""
        found = []
        for file in self._folder(study).glob("*.json"):
            try:
                content = json.loads(file.read_bytes())
                if content.pop("digest") == digest(content) and content["state"] != "failed":
                    found.append(Trial(**content))
            except (OSError, ValueError, KeyError, TypeError):
                continue  # a truncated or edited file: that trial is run again
        return sorted(found, key=lambda trial: trial.number)

    def save(self, study: Study, trial: Trial) -> None:
        """Writes a trial to its file."""
        content = dataclasses.asdict(trial)
        name = digest(trial.values)[:16]
        write_text(self._folder(study) / f"{name}.json", json.dumps(content | {"digest": digest(content)}, indent=1))

    def _folder(self, study: Study) -> Place:
        cell = study.cells[0]
        return self.path / "trials" / f"{cell.dataset.name}-{cell.backbone.name}-{cell.method.name}-{study.key[:16]}"


Results = Sequence[tuple[Study, Sequence[Trial]]]


def best(trials: Sequence[Trial]) -> Trial | None:
    """The finished trial with the highest score, the first of equals; None if no trial finished."""
    finished = [trial for trial in trials if trial.score is not None]
    return max(finished, key=lambda trial: (trial.score, -trial.number)) if finished else None


def frame(results: Results) -> pd.DataFrame:
    """All trials as a frame with one row per trial: study, state, score, seconds, and one column per searched field."""
    rows = []
    for study, trials in results:
        cell = study.cells[0]
        about = {
            "dataset": cell.dataset.label,
            "backbone": cell.backbone.label,
            "method": cell.method.label,
            "protocol": cell.protocol.full,
        }
        for trial in trials:
            values = {name: _cell_value(value) for name, value in trial.values.items()}
            rows.append(
                {
                    **about,
                    "number": trial.number,
                    "state": trial.state,
                    "score": trial.score,
                    "seconds": trial.seconds,
                    "cpu_seconds": trial.cpu_seconds,
                    **values,
                }
            )
    return pd.DataFrame(rows)


def _cell_value(value: Any) -> Any:
    return "x".join(map(str, value)) if isinstance(value, list) else value
