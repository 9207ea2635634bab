"""One cell's outcome on disk: schema, atomic write, load.

A run's folder holds ``cells/*.json`` (one record a finished cell), ``predictions/*.parquet`` (its logits on the
test rows) and ``pretrained/*.npz`` (backbones). A file is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from coldbench.cell import Cell, Pretrained
from coldbench.config import digest
from coldbench.data.dataset import Dataset
from coldbench.errors import InputError
from coldbench.protocol import Outcome
from coldbench.provenance import commit, machine, versions
from coldbench.split import WarmUpSplit

SCHEMA = 1
_REQUIRED = ("dataset", "backbone", "method", "seed", "protocol", "config", "labels", "key", "phases", "digest")

Record = dict[str, Any]


@dataclass(frozen=True)
class Folder:
    """A run's folder."""

    path: Path

    def prepare(self) -> None:
        """Makes the folder and shows that it can be written.

        Raises:
            InputError: It cannot.
        """
        try:
            for part in ("cells", "predictions", "pretrained"):
                (self.path / part).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path / "cells"):
                pass
        except OSError as error:
            raise InputError(
                f"--out {self.path} cannot be written ({error.strerror}); give a folder that can"
            ) from None

    def record(self, cell: Cell) -> Record | None:
        """The record of a finished cell, or None."""
        record = _read(self.path / "cells" / f"{cell.stem}.json")
        return record if record and record["key"] == cell.key else None

    def records(self) -> tuple[list[Record], list[str]]:
        """All valid records, sorted by file name, and the names of files that are none.

        Raises:
            InputError: The folder is no run's.
        """
        cells = self.path / "cells"
        if not cells.is_dir():
            raise InputError(f"{self.path} holds no run: it has no folder cells; give the --out of a coldbench run")
        read = [(file.name, _read(file)) for file in sorted(cells.glob("*.json"))]
        return [record for _, record in read if record], [name for name, record in read if not record]

    def predictions(self, record: Record) -> pa.Table | None:
        """A cell's logits on the test rows, or None where their file is gone or cut off."""
        try:
            return pq.read_table(self.path / "predictions" / Path(record["predictions"]).name)
        except (OSError, KeyError, pa.ArrowInvalid):
            return None

    def save(
        self,
        cell: Cell,
        dataset: Dataset,
        pretrained: Pretrained,
        outcomes: Iterable[Outcome],
        split: WarmUpSplit,
    ) -> Record:
        """Writes a finished cell: its predictions, then its record."""
        outcomes = list(outcomes)
        columns = {"row": split.test, "user": dataset.user[split.test], "item": dataset.item[split.test]}
        columns["click"] = dataset.click[split.test]
        columns |= {outcome.phase: outcome.logits for outcome in outcomes}
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink, compression="zstd")
        _write(self.path / "predictions" / f"{cell.stem}.parquet", sink.getvalue())

        record: Record = {"schema": SCHEMA, **cell.describe(), "dataset_label": dataset.label}
        record["phases"] = [
            {"phase": outcome.phase, **outcome.metrics, "steps": outcome.steps, "seconds": outcome.seconds}
            for outcome in outcomes
        ]
        record["pretraining"] = {"steps": pretrained.steps, "seconds": pretrained.seconds}
        record["split"] = split.sizes()
        record["predictions"] = f"predictions/{cell.stem}.parquet"
        record["predictions_digest"] = hashlib.sha256(sink.getvalue()).hexdigest()
        record["finished"] = datetime.now(UTC).isoformat(timespec="seconds")
        record["provenance"] = {
            "versions": versions(),
            "commit": commit(),
            "code": cell.code,
            "machine": machine(torch.device(cell.device)),
        }
        record = _finite(record)
        record["digest"] = digest(record)
        _write(self.path / "cells" / f"{cell.stem}.json", json.dumps(record, indent=1).encode())
        return record

    def save_pretrained(self, cell: Cell, pretrained: Pretrained) -> None:
        """Writes a pretrained backbone."""
        sink = io.BytesIO()
        content = {f"state.{name}": value for name, value in pretrained.state.items()}
        content["about"] = np.array([pretrained.steps, pretrained.seconds])
        np.savez(sink, allow_pickle=False, **content)
        _write(self._pretrained(cell), sink.getvalue())

    def pretrained(self, cell: Cell) -> Pretrained | None:
        """The pretrained backbone of a cell, or None."""
        try:
            with np.load(self._pretrained(cell), allow_pickle=False) as content:
                state = {name.removeprefix("state."): content[name] for name in content.files if name != "about"}
                steps, seconds = content["about"]
        except (OSError, ValueError, KeyError):
            return None
        return Pretrained(state, int(steps), float(seconds))

    def _pretrained(self, cell: Cell) -> Path:
        return self.path / "pretrained" / f"{cell.dataset.name}-{cell.backbone.name}-{cell.pretrained_key[:16]}.npz"


def _read(path: Path) -> Record | None:
    """A record, or None where the file is missing, cut off, of another schema or edited."""
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA or any(name not in record for name in _REQUIRED):
        return None
    content = {name: value for name, value in record.items() if name != "digest"}
    return record if digest(content) == record["digest"] else None


def _write(path: Path, content: bytes) -> None:
    """Writes a file so that it appears whole or not at all, whoever else writes it."""
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise


def write_text(path: Path, text: str) -> None:
    """Writes a text file whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, content)


def _finite(value: Any) -> Any:
    """Plain values with None in place of NaN and infinities, which JSON has no words for."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
