"""A run's records -> one tidy table with one row per measurement, as Parquet, CSV or JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from coldbench.core.atomic import write_bytes
from coldbench.core.errors import InputError, unknown
from coldbench.protocol.shots import phase_names
from coldbench.report.analysis.names import counted
from coldbench.run.cell import PUBLISHED, split_label
from coldbench.run.folder import Folder
from coldbench.run.record import Record
from coldbench.run.runfile import relabelled

PRETRAINING = "pretraining"  # takes the phase's place in rows measured before the first phase
COLUMNS = {
    "dataset": "name, with what of its configuration is not the default",
    "dataset_label": "what tables call the data",
    "fingerprint": "digest of the data's content",
    "protocol": "the protocol's name",
    "split": "the split's name, with its fields",
    "backbone": "name, with what of its configuration is not the default",
    "method": "name, with what of its configuration is not the default",
    "seed": "the replication's seed",
    "phase": f"{PRETRAINING}, or an evaluation point: {', '.join(phase_names())}, or 1 shot, 2 shots, ...",
    "shots": "interactions of each new item before the evaluation",
    "metric": "what was measured: auc, gauc, logloss, ..., steps, seconds",
    "value": "the measurement; empty where it is not defined, as the AUC of one class",
    "dataset_config": "the dataset's whole configuration, as JSON",
    "backbone_config": "the backbone's whole configuration, as JSON",
    "method_config": "the method's whole configuration, as JSON",
    "settings": "what all methods of the run share, as JSON",
    "key": "digest of everything that affects the cell's result, the code included",
    "finished": "when the cell was finished, UTC, ISO 8601",
    "coldbench": "version that computed the cell",
    "torch": "version of torch",
    "commit": "git commit of the code, with + behind it where it was changed since; empty where unknown",
    "device": "cpu, or the GPU's name",
    "processor": "the processor's name",
}
FORMATS = ("parquet", "csv", "json")


def export(folder: Path, to: str, out: Path | None = None) -> str:
    """Writes every measurement in a run folder to one file.

    Args:
        folder: The run folder.
        to: One of ``FORMATS``.
        out: The output file; None for export.FORMAT in the run folder.

    Returns:
        A sentence for the user with the file and the number of measurements.

    Raises:
        InputError: The format is unknown, the folder has no finished cell, or the file cannot be written.
    """
    if to not in FORMATS:
        raise unknown("format", to, FORMATS)
    records, unread = Folder(folder).finished()
    frame = measurements(relabelled(records, folder))
    path = out or folder / f"export.{to}"
    try:
        write_bytes(path, _encoded(frame, to))
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror})") from None
    left = f"; {counted(len(unread), 'file')} without a valid record left out" if unread else ""
    return f"{path}: {counted(len(frame), 'measurement')} of {counted(len(records), 'cell')}{left}"


def measurements(records: list[Record]) -> pd.DataFrame:
    """A frame with one row per cell, phase and metric, and the columns of ``COLUMNS``."""
    rows = [about | measured for record in records for about in [_about(record)] for measured in _measured(record)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"seed": "int64", "value": "float64"})


def _about(record: Record) -> dict[str, Any]:
    provenance = record["provenance"]
    configs = {
        f"{part}_config": json.dumps(record["config"][part], sort_keys=True)
        for part in ("dataset", "backbone", "method")
    }
    return {
        **record["labels"],
        "split": split_label(record) or PUBLISHED.name,
        **{name: record[name] for name in ("dataset_label", "fingerprint", "protocol", "seed", "key", "finished")},
        **configs,
        "settings": json.dumps(record["config"]["settings"], sort_keys=True),
        **{name: provenance["versions"].get(name) for name in ("coldbench", "torch")},
        "commit": provenance["commit"],
        **{name: provenance["machine"].get(name) for name in ("device", "processor")},
    }


def _measured(record: Record) -> Iterator[dict[str, Any]]:
    phases = [{"phase": PRETRAINING, "shots": 0, **record["pretraining"]}, *record["phases"]]
    for phase in phases:
        for metric, value in phase.items():
            if metric not in ("phase", "shots") and (value is None or isinstance(value, int | float)):
                yield {"phase": phase["phase"], "shots": phase.get("shots"), "metric": metric, "value": value}


def _encoded(frame: pd.DataFrame, to: str) -> bytes:
    if to == "parquet":
        sink = io.BytesIO()
        frame.to_parquet(sink, index=False, compression="zstd")
        return sink.getvalue()
    if to == "csv":
        return frame.to_csv(index=False).encode()
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return json.dumps(rows, indent=1, ensure_ascii=False).encode()
