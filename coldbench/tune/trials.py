"""The trials of a search: one JSON file per trial, all trials as a frame, and the best values as TOML."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import tomli_w

from coldbench.core.atomic import write_text
from coldbench.core.config import as_dict, digest
from coldbench.core.storage import Place
from coldbench.plugins.file import PluginFile
from coldbench.plugins.spec import Spec
from coldbench.run.cell import Cell
from coldbench.run.plan import TRAINING
from coldbench.run.runfile import located, plugin_path
from coldbench.tune.samplers import Values
from coldbench.tune.studies import Study


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


def write_best(out: Place, results: Results, samples: int) -> list[Place]:
    """Writes the best values as TOML for ``coldbench run --config``, one file per dataset, backbone and protocol.

    If fields of a backbone were searched, each method has its own backbone and therefore its own file.
    """
    groups: dict[tuple[str, ...], list[tuple[Study, Sequence[Trial]]]] = {}
    for study, trials in results:
        cell = study.cells[0]
        group = [cell.dataset.label, cell.backbone.label, cell.protocol.label]
        group += [cell.method.label] if _own_backbone(study) else []
        groups.setdefault(tuple(group), []).append((study, trials))
    written: list[Place] = []
    stems: Counter[str] = Counter()
    for members in groups.values():
        cells = [_chosen(study, trials) for study, trials in members]
        plain = members[0][0].cells[0]
        values: dict[str, Any] = {TRAINING: as_dict(plain.settings)}
        methods = []
        for (study, _), cell in zip(members, cells, strict=True):
            variants = sum(other.method.name == cell.method.name for other in cells)
            methods.append(cell.method.name if variants == 1 else cell.method.label)
            for spec in (cell.backbone, cell.method) if variants == 1 else (cell.backbone,):
                values.setdefault(spec.name, {}).update(_spelled(spec, study))
        content = {
            "methods": methods,
            "backbones": plain.backbone.name,
            "datasets": located(plain.dataset).label,
            "protocol": plain.protocol.label,
            "split": plain.split.label,
            "shots": list(plain.shots),
            "tuned": tuned(members, samples),
            "plugin": [plugin_path(file) for file in _plugin_files(members)],
            "set": {name: fields for name, fields in values.items() if fields},
        }
        stem = ["best"]
        if len(groups) > 1:
            stem += [plain.dataset.name, plain.backbone.name, plain.protocol.label]
            stem += [plain.method.name] if _own_backbone(members[0][0]) else []
        stems["-".join(stem)] += 1
        stem += [str(stems["-".join(stem)])] if stems["-".join(stem)] > 1 else []  # the file of a second variant
        path = out / f"{'-'.join(stem)}.toml"
        write_text(path, tomli_w.dumps(content))
        written.append(path)
    return written


def _plugin_files(members: Results) -> list[PluginFile]:
    files = [file for study, _ in members for file in study.cells[0].plugin_files]
    return list(dict.fromkeys(files))


def _own_backbone(study: Study) -> bool:
    """Whether the backbone's fields were searched for this method."""
    return any(target.startswith(f"{study.cells[0].backbone.name}.") for target in study.space)


def _chosen(study: Study, trials: Sequence[Trial]) -> Cell:
    """A cell with the best values, or with the values before the search if no trial finished."""
    chosen = best(trials)
    return study.at(chosen.values if chosen else {})[0]


def _spelled(spec: Spec, study: Study) -> dict[str, Any]:
    """The fields of a configuration that were searched or differ from their defaults, with their values."""
    if spec.config is None:
        return {}
    defaults = as_dict(type(spec.config)())
    return {
        field: value
        for field, value in as_dict(spec.config).items()
        if f"{spec.name}.{field}" in study.space or value != defaults[field]
    }


def tuned(members: Results, samples: int) -> str:
    """The sentence in a tuned run's report that says how the run was tuned."""
    cell = members[0][0].cells[0]
    plain = [study.cells[0].method.label for study, _ in members if not study.space]
    counts = {study.cells[0].method.label: len(trials) for study, trials in members if study.space}
    text = f"tuned on pseudo-cold items of {cell.dataset.label} with {cell.backbone.label}, "
    text += f"protocol {cell.protocol.label}, by {members[0][0].metric}, seeds {len(members[0][0].cells)}: "
    text += ", ".join(f"{name} {count} trials" for name, count in counts.items())
    if any(count != samples for count in counts.values()):
        text += f" of {samples} asked for"
    return text + (f"; nothing to tune in {', '.join(plain)}" if plain else "")
