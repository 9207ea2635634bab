"""The trials of a search: on disk, as a frame, and the best of them as TOML."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import tomli_w

from coldbench.config import as_dict, digest
from coldbench.proposals import Values
from coldbench.records import write_text
from coldbench.storage import Place
from coldbench.tuning import Study


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        study: The study's name.
        number: In the order they ended.
        values: ``NAME.FIELD`` to value, of every field searched.
        scores: After each point of evaluation, the mean so far over the warm-up phases.
        state: ``finished``, ``stopped`` by the scheduler, or ``failed``.
        seconds: It took in all.
        reason: Why it failed.
    """

    study: str
    number: int
    values: Values
    scores: list[float]
    state: str
    seconds: float
    reason: str | None = None

    @property
    def score(self) -> float | None:
        """Of a finished trial, its mean over seeds and warm-up phases."""
        return self.scores[-1] if self.state == "finished" else None


@dataclass(frozen=True)
class Trials:
    """The trials of a search on disk, one JSON file each."""

    path: Place

    def of(self, study: Study) -> list[Trial]:
        """A study's trials that ended well or were stopped, as they ended; failed ones are tried again."""
        found = []
        for file in self._folder(study).glob("*.json"):
            try:
                content = json.loads(file.read_bytes())
                if content.pop("digest") == digest(content) and content["state"] != "failed":
                    found.append(Trial(**content))
            except (OSError, ValueError, KeyError, TypeError):
                continue  # cut off or edited: that trial is made again
        return sorted(found, key=lambda trial: trial.number)

    def save(self, study: Study, trial: Trial) -> None:
        """Writes one."""
        content = dataclasses.asdict(trial)
        name = digest(trial.values)[:16]
        write_text(self._folder(study) / f"{name}.json", json.dumps(content | {"digest": digest(content)}, indent=1))

    def _folder(self, study: Study) -> Place:
        cell = study.cells[0]
        return self.path / "trials" / f"{cell.dataset.name}-{cell.backbone.name}-{cell.method.name}-{study.key[:16]}"


Made = Sequence[tuple[Study, Sequence[Trial]]]


def best(trials: Sequence[Trial]) -> Trial | None:
    """The finished trial with the highest score; of equals the first."""
    finished = [trial for trial in trials if trial.score is not None]
    return max(finished, key=lambda trial: (trial.score, -trial.number)) if finished else None


def frame(made: Made) -> pd.DataFrame:
    """All trials, one row each: study, backbone, method, state, score, and a column per field."""
    rows = []
    for study, trials in made:
        cell = study.cells[0]
        about = {
            "dataset": cell.dataset.label,
            "backbone": cell.backbone.name,
            "method": cell.method.name,
            "protocol": cell.protocol.label,
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
                    **values,
                }
            )
    return pd.DataFrame(rows)


def _cell_value(value: Any) -> Any:
    return "x".join(map(str, value)) if isinstance(value, list) else value


def write_best(out: Place, made: Made, samples: int) -> list[Place]:
    """Writes what ``coldbench run --config`` takes: one TOML file per dataset, backbone and protocol.

    Where a backbone's fields were searched each method has a backbone, and a file, of its own.
    """
    groups: dict[tuple[str, ...], list[tuple[Study, Sequence[Trial]]]] = {}
    for study, trials in made:
        cell = study.cells[0]
        own = any(target.startswith(f"{cell.backbone.name}.") for target in study.space)
        group = (cell.dataset.name, cell.backbone.name, cell.protocol.label, *([cell.method.name] if own else []))
        groups.setdefault(group, []).append((study, trials))
    written = []
    for group, members in groups.items():
        values: dict[str, Any] = {}
        for _, trials in members:
            chosen = best(trials)
            for target, value in (chosen.values if chosen else {}).items():
                name, _, field = target.partition(".")
                values.setdefault(name, {})[field] = value
        cell = members[0][0].cells[0]
        content = {
            "methods": [study.cells[0].method.name for study, _ in members],
            "backbones": cell.backbone.name,
            "datasets": cell.dataset.label,
            "protocol": cell.protocol.label,
            "tuned": tuned(members, samples),
            "set": values | {"protocol": as_dict(cell.settings)},
        }
        name = "best.toml" if len(groups) == 1 else f"best-{'-'.join(group)}.toml"
        write_text(out / name, tomli_w.dumps(content))
        written.append(out / name)
    return written


def tuned(members: Made, samples: int) -> str:
    """What the report of a tuned run says about it."""
    cell = members[0][0].cells[0]
    plain = [study.cells[0].method.name for study, _ in members if not study.space]
    counts = {study.cells[0].method.name: len(trials) for study, trials in members if study.space}
    text = f"tuned on pseudo-cold items of {cell.dataset.label} with {cell.backbone.name}, "
    text += f"protocol {cell.protocol.label}, by {members[0][0].metric}, seeds {len(members[0][0].cells)}: "
    text += ", ".join(f"{name} {count} trials" for name, count in counts.items())
    if any(count != samples for count in counts.values()):
        text += f" of {samples} asked for"
    return text + (f"; nothing to tune in {', '.join(plain)}" if plain else "")
