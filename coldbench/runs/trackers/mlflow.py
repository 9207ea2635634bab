"""MLflow: one run per entry in the experiment ``coldbench``."""

from __future__ import annotations

import logging
import time

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from coldbench.core.storage import Place
from coldbench.runs.trackers.tracker import Entry, Tracker

_EXPERIMENT = "coldbench"
_METRICS, _PARAMS = 1000, 100  # the most that MLflow takes in one request


class MLflow(Tracker):
    """Writes to a tracking server or database.

    Args:
        uri: The tracking URI; None for MLFLOW_TRACKING_URI, or else MLflow's own default.
        out: The run folder.

    Raises:
        Exception: Any kind of it, if the server or database cannot be used.
    """

    def __init__(self, uri: str | None, out: Place) -> None:
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # a new database is no news
        self._client = MlflowClient(tracking_uri=uri)
        known = self._client.get_experiment_by_name(_EXPERIMENT)
        self._experiment = known.experiment_id if known else self._client.create_experiment(_EXPERIMENT)

    def log(self, entry: Entry) -> None:
        """Writes one run."""
        now = int(time.time() * 1000)
        steps = [(name, value, step) for step, point in enumerate(entry.curve) for name, value in point.items()]
        steps += [(name, value, 0) for name, value in entry.final.items()]
        metrics = [Metric(name, value, now, step) for name, value, step in steps]
        params = [Param(name, str(value)) for name, value in entry.config.items()]
        texts = {**entry.about, **({"failed": entry.reason} if entry.reason else {})}
        run = self._client.create_run(self._experiment, run_name=entry.name).info.run_id
        self._client.log_batch(run, tags=[RunTag(name, text) for name, text in texts.items()])
        for start in range(0, len(params), _PARAMS):
            self._client.log_batch(run, params=params[start : start + _PARAMS])
        for start in range(0, len(metrics), _METRICS):
            self._client.log_batch(run, metrics=metrics[start : start + _METRICS])
        self._client.set_terminated(run, "FAILED" if entry.reason else "FINISHED")
