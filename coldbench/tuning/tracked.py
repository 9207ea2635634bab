"""Makes the entry of a trial for trackers."""

from __future__ import annotations

from coldbench.core.config import digest
from coldbench.core.storage import Place
from coldbench.runs.trackers.entries import about
from coldbench.runs.trackers.tracker import Entry, flat
from coldbench.tuning.studies import METRICS, Study
from coldbench.tuning.trials import Trial


def trial_entry(study: Study, trial: Trial, out: Place) -> Entry:
    """The entry of a trial: its curve is the study's metric, as a running mean over phases and seeds.

    Args:
        study: The trial's study.
        trial: A trial that ended.
        out: The run folder.
    """
    cell = study.at(trial.values)[0]
    curve = [{study.metric: METRICS[study.metric][1] * score} for score in trial.scores]
    costs = {"seconds": trial.seconds, "cpu_seconds": trial.cpu_seconds}
    return Entry(
        name=f"{study.name} / trial {trial.number}",
        key=f"{cell.dataset.name}-{cell.backbone.name}-{cell.method.name}-{study.key[:16]}-{digest(trial.values)[:16]}",
        config=flat(cell.describe()["config"]) | {"seeds": ",".join(str(each.seed) for each in study.cells)},
        curve=curve,
        final={name: value for name, value in costs.items() if value is not None} | (curve[-1] if curve else {}),
        about={**about(cell, out), "study": study.name, "state": trial.state},
        reason=trial.reason,
    )
