"""One cell's outcome on disk: schema, atomic write, load.

A run's folder holds ``cells/*.json`` (one record a finished cell), ``predictions/*.parquet`` (its logits on the
test rows), ``embeddings/*.npz`` (its cold items' embeddings) and ``pretrained/*.npz`` (backbones). A file is there
whole or not at all.
"""

from __future__ import annotations

import glob
import hashlib
import io
import json
import math
import os
import tempfile
import uuid
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from coldbench.core.config import digest
from coldbench.core.errors import InputError
from coldbench.core.storage import Place, Remote, make_folder
from coldbench.data.dataset import Dataset
from coldbench.protocol.phases import Outcome
from coldbench.protocol.split import WarmUpSplit
from coldbench.run.cell import Cell, Pretrained
from coldbench.run.provenance import commit, machine, versions
from coldbench.run.schema import VERSION, is_record

PARTS = ("cells", "predictions", "embeddings", "pretrained")
FAILURES = "failures.json"
CUT, OLDER, NEWER = "cut off or edited", "of an older coldbench", "of a newer coldbench"  # why a file is no record
ITEM_TABLE = "item_table.weight"  # in a backbone's state

Record = dict[str, Any]


@dataclass(frozen=True)
class Folder:
    """A run's folder."""

    path: Place

    def prepare(self) -> None:
        """Makes the folder and shows that it can be written.

        Raises:
            InputError: It cannot.
        """
        try:
            for part in PARTS:
                make_folder(self.path / part)
            trial = self.path / "cells" / f".writing-{uuid.uuid4().hex}"
            trial.write_bytes(b"")
            trial.unlink()
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"--out {self.path} cannot be written ({reason}); give a folder that can") from None

    def record(self, cell: Cell) -> Record | None:
        """The record of a finished cell, or None where it or its predictions are missing, cut off or edited."""
        record = _read(self.path / "cells" / f"{cell.stem}.json")
        return record if record and record["key"] == cell.key and self.is_whole(record) else None

    def is_whole(self, record: Record) -> bool:
        """Whether a record's predictions are there, as they were when it was written."""
        try:
            content = (self.path / record["predictions"]).read_bytes()
        except OSError:
            return False
        return hashlib.sha256(content).hexdigest() == record.get("predictions_digest")

    def records(self) -> tuple[list[Record], dict[str, str]]:
        """All valid records, sorted by file name, and why each other file is none, by its name.

        Raises:
            InputError: The folder is no run's.
        """
        cells = self.path / "cells"
        if not cells.is_dir():
            raise InputError(f"{self.path} holds no run: it has no folder cells; give the --out of a coldbench run")
        files: list[Place] = sorted(cells.glob("*.json"), key=str)
        read = {file.name: _parsed(file) for file in files}
        unread = {name: found for name, found in read.items() if isinstance(found, str)}
        return [found for found in read.values() if not isinstance(found, str)], unread

    def finished(self) -> tuple[list[Record], dict[str, str]]:
        """The same of a folder with at least one valid record.

        Raises:
            InputError: It has none, or is no run's.
        """
        records, unread = self.records()
        if records:
            return records, unread
        if not unread:
            raise InputError(f"{self.path} holds no finished cell yet; run coldbench run --out {self.path}")
        counts = Counter(unread.values())
        held = ", ".join(f"{count} record{'s' * (count != 1)} {reason}" for reason, count in counts.items())
        raise InputError(f"{self.path} holds {held}, and no other; run the same command again")

    def predictions(self, record: Record) -> pa.Table | None:
        """A cell's logits on the test rows, or None where their file is gone or cut off."""
        try:
            return pq.read_table(io.BytesIO((self.path / record["predictions"]).read_bytes()))
        except (OSError, KeyError, pa.ArrowException):
            return None

    def save(
        self,
        cell: Cell,
        dataset: Dataset,
        pretrained: Pretrained,
        outcomes: Iterable[Outcome],
        split: WarmUpSplit,
    ) -> Record:
        """Writes a finished cell: its predictions and embeddings, then its record."""
        outcomes = list(outcomes)
        columns = {"row": split.test, "user": dataset.user[split.test], "item": dataset.item[split.test]}
        columns["click"] = dataset.click[split.test]
        columns |= {outcome.phase: outcome.logits for outcome in outcomes}
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink, compression="zstd")
        _write(self.path / "predictions" / f"{cell.stem}.parquet", sink.getvalue())

        embeddings = {"old_items": split.old_items, "new_items": split.new_items}
        embeddings |= {outcome.phase: outcome.embeddings for outcome in outcomes}
        _write(self.path / "embeddings" / f"{cell.stem}.npz", _npz(embeddings))

        record: Record = {"schema": VERSION, **cell.describe(), "dataset_label": dataset.label}
        record["phases"] = [
            {
                "phase": outcome.phase,
                **outcome.metrics,
                **outcome.gap,
                "steps": outcome.steps,
                "seconds": outcome.seconds,
            }
            for outcome in outcomes
        ]
        about = {"steps": pretrained.steps, "seconds": pretrained.seconds}
        record["pretraining"] = about | {"file": f"pretrained/{self._pretrained(cell).name}"}
        record["split"] = split.sizes()
        record["predictions"] = f"predictions/{cell.stem}.parquet"
        record["predictions_digest"] = hashlib.sha256(sink.getvalue()).hexdigest()
        record["embeddings"] = f"embeddings/{cell.stem}.npz"
        record["generation"] = self._generation(cell)
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

    def _generation(self, cell: Cell) -> int:
        """One more than that of the same cell by other versions of the code: what is newer must not hang on a clock."""
        name = cell.stem.rpartition("-")[0]
        files: list[Place] = [*(self.path / "cells").glob(f"{glob.escape(name)}-*.json")]
        older = [record for file in files if (record := _read(file)) and record["key"] != cell.key]
        return 1 + max((record["generation"] for record in older), default=0)

    def save_failures(self, reasons: Mapping[str, str]) -> None:
        """Writes why cells failed in the latest run, for its report; by the cells' names."""
        _write(self.path / FAILURES, json.dumps(reasons, indent=1).encode())

    def failures(self) -> dict[str, str]:
        """Why cells failed in the latest run."""
        try:
            reasons = json.loads((self.path / FAILURES).read_text())
        except (OSError, ValueError, RecursionError):
            return {}
        return {str(cell): str(reason) for cell, reason in reasons.items()} if isinstance(reasons, dict) else {}

    def save_pretrained(self, cell: Cell, pretrained: Pretrained) -> None:
        """Writes a pretrained backbone."""
        content = {f"state.{name}": value for name, value in pretrained.state.items()}
        content["about"] = np.array([pretrained.steps, pretrained.seconds])
        _write(self._pretrained(cell), _npz(content))

    def pretrained(self, cell: Cell) -> Pretrained | None:
        """The pretrained backbone of a cell, or None."""
        try:
            with np.load(io.BytesIO(self._pretrained(cell).read_bytes()), allow_pickle=False) as content:
                state = {name.removeprefix("state."): content[name] for name in content.files if name != "about"}
                steps, seconds = content["about"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        return Pretrained(state, int(steps), float(seconds))

    def embeddings(self, record: Record) -> dict[str, np.ndarray] | None:
        """The old items' embeddings as ``old``, the cold items' by phase; None where a file is gone."""
        try:
            own, backbone = (self.path / record["embeddings"], self.path / record["pretraining"]["file"])
            with np.load(io.BytesIO(own.read_bytes()), allow_pickle=False) as content:
                found = {phase["phase"]: content[phase["phase"]] for phase in record["phases"]}
                items = content["old_items"]
            with np.load(io.BytesIO(backbone.read_bytes()), allow_pickle=False) as content:
                return {"old": content[f"state.{ITEM_TABLE}"][items], **found}
        except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile):
            return None

    def _pretrained(self, cell: Cell) -> Place:
        return self.path / "pretrained" / f"{cell.dataset.name}-{cell.backbone.name}-{cell.pretrained_key[:16]}.npz"


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    sink = io.BytesIO()
    np.savez(sink, allow_pickle=False, **arrays)
    return sink.getvalue()


def _read(path: Place) -> Record | None:
    """A record, or None where the file is missing or holds none."""
    found = _parsed(path)
    return None if isinstance(found, str) else found


def _parsed(path: Place) -> Record | str:
    """A record, or why the file is none: a right digest on a wrong form shows that another version wrote it."""
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


def _write(path: Place, content: bytes) -> None:
    """Writes a file so that it appears whole or not at all, whoever else writes it."""
    if isinstance(path, Remote):
        path.write_bytes(content)
        return
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


def write_text(path: Place, text: str) -> None:
    """Writes a text file whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Place, content: bytes) -> None:
    """Writes a file whole or not at all, with the folders above it."""
    if isinstance(path, Path):
        make_folder(path.parent)
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
