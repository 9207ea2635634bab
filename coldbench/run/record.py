"""Makes the record of a finished cell, and reads it back."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import torch

from coldbench.core.config import digest
from coldbench.core.storage import Place
from coldbench.protocol.phases import Outcome
from coldbench.protocol.split import WarmUpSplit
from coldbench.protocol.stages import Trained
from coldbench.run.cell import Cell
from coldbench.run.provenance import commit, machine, versions
from coldbench.run.schema import VERSION, is_record

CUT, OLDER, NEWER = "cut off or edited", "of an older coldbench", "of a newer coldbench"  # why a file is not a record

Record = dict[str, Any]


def make_record(
    cell: Cell,
    dataset_label: str,
    outcomes: Sequence[Outcome],
    split: WarmUpSplit,
    stages: dict[str, dict[str, Any]],
    files: dict[str, Any],
) -> Record:
    """Builds the record of a finished cell.

    Args:
        cell: The cell that was computed.
        dataset_label: The name of its data in tables.
        outcomes: One outcome per evaluation point.
        split: The split of the data.
        stages: ``pretraining`` and ``fitting``, as ``stage_of`` returns them.
        files: Names and digests of the cell's other files, and its generation.
    """
    record: Record = {"schema": VERSION, **cell.describe(), "key": cell.key, "dataset_label": dataset_label}
    record["phases"] = [_phase(outcome) for outcome in outcomes]
    record |= stages
    record["split"] = split.sizes()
    record |= files
    record["finished"] = datetime.now(UTC).isoformat(timespec="seconds")
    record["provenance"] = {
        "versions": versions(),
        "commit": commit(),
        "code": cell.code,
        "machine": machine(torch.device(cell.device)),
    }
    record = _finite(record)
    record["digest"] = digest(record)
    return record


def stage_of(trained: Trained, key: str, file: str | None, shared: bool) -> dict[str, Any]:
    """The part of a record that describes a stage before the phases.

    Args:
        trained: The result of the stage.
        key: The digest of everything that affects the stage.
        file: The stage's file in the run folder; None if there is nothing to keep.
        shared: Whether the stage had already been made for another cell.
    """
    return {
        "steps": trained.steps,
        "rows_seen": trained.rows_seen,
        "distinct_rows_seen": trained.distinct_rows_seen,
        "seconds": trained.seconds,
        "cpu_seconds": trained.cpu_seconds,
        "key": key,
        "shared": shared,
        **({"file": file} if file else {}),
    }


def _phase(outcome: Outcome) -> dict[str, Any]:
    return {
        "phase": outcome.phase,
        "shots": outcome.shots,
        **outcome.metrics,
        **outcome.gap,
        "steps": outcome.steps,
        "rows_seen": outcome.rows_seen,
        "distinct_rows_seen": outcome.distinct_rows_seen,
        "seconds": outcome.seconds,
        "cpu_seconds": outcome.cpu_seconds,
    }


def parse_record(path: Place) -> Record | str:
    """Reads a record, or says why the file is not one: a correct digest on another form means another version."""
    try:
        record = json.loads(path.read_text())
        whole = record["digest"] == digest({name: value for name, value in record.items() if name != "digest"})
    except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return CUT
    if not whole:
        return CUT
    if is_record(record):
        return record
    schema = record.get("schema")
    return NEWER if isinstance(schema, int) and schema > VERSION else OLDER


def _finite(value: Any) -> Any:
    """Replaces NaN and infinities, which JSON cannot represent, by None in plain values."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
