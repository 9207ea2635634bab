"""``Folder``: a run folder on disk or in remote storage, with all the files in it.

It contains ``cells/*.json`` (one record per finished cell), ``predictions/*.parquet`` (its logits on the test rows),
``embeddings/*.npz`` (its cold items' embeddings), ``pretrained/*.npz`` (backbones) and ``fitted/*.npz`` (what methods
learned in ``fit``). Each file appears whole or not at all.
"""

from __future__ import annotations

import glob
import hashlib
import io
import json
import uuid
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from coldbench.core.atomic import write_bytes
from coldbench.core.errors import InputError
from coldbench.core.storage import Place, make_folder, size
from coldbench.data.dataset import Dataset
from coldbench.protocol.phases import Outcome
from coldbench.protocol.split import WarmUpSplit
from coldbench.protocol.stages import Trained
from coldbench.runs.cell import Cell
from coldbench.runs.record import Record, make_record, parse_record

CELLS, PREDICTIONS, EMBEDDINGS, PRETRAINED, FITTED = "cells", "predictions", "embeddings", "pretrained", "fitted"
PARTS = (CELLS, PREDICTIONS, EMBEDDINGS, PRETRAINED, FITTED)
FAILURES = "failures.json"
ITEM_TABLE = "item_table.weight"  # key of the item table in a backbone's state
COSTS = ("steps", "seconds", "cpu_seconds", "rows_seen", "distinct_rows_seen")  # a stage's costs, as ordered on disk


@dataclass(frozen=True)
class Folder:
    """The folder of one run.

    Attributes:
        path: The folder.
        parts: The folders in it; a result is complete when its file in the first of them is.
    """

    path: Place
    parts: ClassVar[tuple[str, ...]] = PARTS

    def prepare(self) -> None:
        """Creates the folder and checks that it can be written.

        Raises:
            InputError: The folder cannot be created or written.
        """
        try:
            for part in self.parts:
                make_folder(self.path / part)
            trial = self.path / self.parts[0] / f".writing-{uuid.uuid4().hex}"
            trial.write_bytes(b"")
            trial.unlink()
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"--out {self.path} cannot be written ({reason}); give a folder that can") from None

    def record(self, cell: Cell) -> Record | None:
        """The record of a finished cell, or None if it or its predictions are missing or damaged.

        The predictions are not read: their size has to be the recorded one. Whether they were edited since is checked
        by who uses them (``is_whole``). A record that lacks metrics that the cell asks for is None as well; one that
        holds more is not.
        """
        record = parse_record(self.path / CELLS / f"{cell.stem}.json")
        if isinstance(record, str) or record["key"] != cell.key or not self._is_there(record):
            return None
        return record if cell.further.items() <= record["config"].items() else None

    def _is_there(self, record: Record) -> bool:
        if "predictions_size" not in record:  # a record of coldbench 0.2.0
            return self.is_whole(record)
        return size(self.path / record["predictions"]) == record["predictions_size"]

    def is_whole(self, record: Record) -> bool:
        """Whether a record's predictions exist and are unchanged since the record was written."""
        try:
            content = (self.path / record["predictions"]).read_bytes()
        except OSError:
            return False
        return hashlib.sha256(content).hexdigest() == record.get("predictions_digest")

    def records(self) -> tuple[list[Record], dict[str, str]]:
        """All valid records, sorted by file name, and the reasons why other files are invalid, by file name.

        Raises:
            InputError: The folder is not a run folder.
        """
        cells = self.path / CELLS
        if not cells.is_dir():
            raise InputError(f"{self.path} holds no run: it has no folder cells; give the --out of a coldbench run")
        files: list[Place] = sorted(cells.glob("*.json"), key=str)
        read = {file.name: parse_record(file) for file in files}
        unread = {name: reason for name, reason in read.items() if isinstance(reason, str)}
        return [record for record in read.values() if not isinstance(record, str)], unread

    def finished(self) -> tuple[list[Record], dict[str, str]]:
        """All valid records and the reasons why other files are invalid; there must be at least one valid record.

        Raises:
            InputError: The folder has no valid record, or is not a run folder.
        """
        records, unread = self.records()
        if records:
            return records, unread
        if not unread:
            raise InputError(f"{self.path} holds no finished cell yet; run coldbench run --out {self.path}")
        counts = Counter(unread.values())
        held = ", ".join(f"{count} record{'s' * (count != 1)} {reason}" for reason, count in counts.items())
        raise InputError(f"{self.path} holds {held}, and no other; run the same command again")

    def save(
        self,
        cell: Cell,
        dataset: Dataset,
        outcomes: list[Outcome],
        split: WarmUpSplit,
        stages: dict[str, dict[str, Any]],
    ) -> Record:
        """Writes a finished cell's predictions and embeddings, then its record, and returns the record."""
        columns = {"row": split.test, "user": dataset.user[split.test], "item": dataset.item[split.test]}
        columns["click"] = dataset.click[split.test]
        columns |= {outcome.phase: outcome.logits for outcome in outcomes}
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink, compression="zstd")
        embeddings = {"old_items": split.old_items, "new_items": split.new_items}
        embeddings |= {outcome.phase: outcome.embeddings for outcome in outcomes}
        files: dict[str, Any] = {
            "predictions": f"{PREDICTIONS}/{cell.stem}.parquet",
            "predictions_digest": hashlib.sha256(sink.getvalue()).hexdigest(),
            "predictions_size": len(sink.getvalue()),
            "embeddings": f"{EMBEDDINGS}/{cell.stem}.npz",
        }
        write_bytes(self.path / files["predictions"], sink.getvalue())
        write_bytes(self.path / files["embeddings"], _npz(embeddings))
        about = files | {"generation": self._generation(cell)}
        record = make_record(cell, dataset.label, outcomes, split, stages, about)
        write_bytes(self.path / CELLS / f"{cell.stem}.json", json.dumps(record, indent=1).encode())
        return record

    def _generation(self, cell: Cell) -> int:
        """One more than the highest generation by other versions of the code: a clock may be set back."""
        name = cell.stem.rpartition("-")[0]
        files: list[Place] = [*(self.path / CELLS).glob(f"{glob.escape(name)}-*.json")]
        records = [record for file in files if not isinstance(record := parse_record(file), str)]
        return 1 + max((record["generation"] for record in records if record["key"] != cell.key), default=0)

    def save_failures(self, reasons: Mapping[str, str]) -> None:
        """Writes the reasons why cells failed in the latest run, by cell name, for its report."""
        write_bytes(self.path / FAILURES, json.dumps(reasons, indent=1).encode())

    def failures(self) -> dict[str, str]:
        """The reasons why cells failed in the latest run, by cell name."""
        try:
            reasons = json.loads((self.path / FAILURES).read_text())
        except (OSError, ValueError, RecursionError):
            return {}
        return {str(cell): str(reason) for cell, reason in reasons.items()} if isinstance(reasons, dict) else {}

    def predictions(self, record: Record) -> pa.Table | None:
        """A cell's logits on the test rows, or None if their file is missing or truncated."""
        try:
            return pq.read_table(io.BytesIO((self.path / record["predictions"]).read_bytes()))
        except (OSError, KeyError, pa.ArrowException):
            return None

    def save_trained(self, stage: str, cell: Cell, trained: Trained) -> None:
        """Writes the result of a stage for all cells that share it."""
        content = {f"state.{name}": value for name, value in trained.state.items()}
        content["about"] = np.array([float(getattr(trained, name)) for name in COSTS])
        write_bytes(self.path / self.trained_file(stage, cell), _npz(content))

    def trained(self, stage: str, cell: Cell) -> Trained | None:
        """The saved result of a cell's stage, or None if it is missing or damaged."""
        try:
            content = self._arrays(self.trained_file(stage, cell))
            costs = dict(zip(COSTS, content.pop("about").tolist(), strict=True))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        counts = {name: int(value) for name, value in costs.items() if "seconds" not in name}
        state = {name.removeprefix("state."): value for name, value in content.items()}
        return Trained(state, **counts, seconds=costs["seconds"], cpu_seconds=costs["cpu_seconds"])

    def has_trained(self, stage: str, cell: Cell) -> bool:
        """Whether the file of a cell's stage exists; a worker that cannot read it makes the stage again."""
        return size(self.path / self.trained_file(stage, cell)) is not None

    def trained_file(self, stage: str, cell: Cell) -> str:
        """The path of the file of a stage, ``pretrained`` or ``fitted``, relative to this folder."""
        method, key = ("", cell.pretrained_key) if stage == PRETRAINED else (f"-{cell.method.name}", cell.fitted_key)
        return f"{stage}/{cell.dataset.name}-{cell.backbone.name}{method}-{key[:16]}.npz"

    def embeddings(self, record: Record) -> dict[str, np.ndarray] | None:
        """The old items' embeddings under ``old`` and the cold items' by phase; None if a file is missing."""
        try:
            content = self._arrays(record["embeddings"])
            found = {phase["phase"]: content[phase["phase"]] for phase in record["phases"]}
            table = self._arrays(record["pretraining"]["file"])[f"state.{ITEM_TABLE}"]
            return {"old": table[content["old_items"]], **found}
        except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile):
            return None

    def _arrays(self, name: str) -> dict[str, np.ndarray]:
        with np.load(io.BytesIO((self.path / name).read_bytes()), allow_pickle=False) as content:
            return {key: content[key] for key in content.files}


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    sink = io.BytesIO()
    np.savez(sink, allow_pickle=False, **arrays)
    return sink.getvalue()
