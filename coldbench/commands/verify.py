"""``coldbench verify``: recomputes cells of a finished run and compares them byte by byte."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from coldbench.core.config import resolve
from coldbench.core.errors import InputError, unknown
from coldbench.core.storage import Place, place
from coldbench.data.dataset import Dataset
from coldbench.model.settings import Settings
from coldbench.plugins.file import PluginFile
from coldbench.plugins.kinds import BACKBONES, DATASETS, METHODS
from coldbench.plugins.registry import Registry, class_of
from coldbench.plugins.spec import Spec
from coldbench.protocol.rules import PROTOCOLS
from coldbench.protocol.splits import SPLITS
from coldbench.protocol.topn import TopNSettings
from coldbench.run import grid
from coldbench.run.cell import PUBLISHED, Cell, cell_name
from coldbench.run.folder import Folder
from coldbench.run.options import Options
from coldbench.run.plan import TOPN, TRAINING, Plan
from coldbench.run.provenance import commit, machine, versions
from coldbench.run.record import Record

_TIMES = ("seconds", "cpu_seconds")


@dataclass(frozen=True)
class Finding:
    """The comparison of one recorded cell with its recomputation.

    Attributes:
        cell: The cell's name.
        differences: The differences in the results, one line per difference; empty if all bits are the same.
        causes: Changes since then that may explain the differences.
    """

    cell: str
    differences: tuple[str, ...]
    causes: tuple[str, ...]


@dataclass(frozen=True)
class Verification:
    """The outcome of a verification.

    Attributes:
        findings: One finding per cell.
        unread: The reasons why files are not valid records, by file name.
    """

    findings: tuple[Finding, ...]
    unread: dict[str, str]

    @property
    def same(self) -> bool:
        """Whether all files are valid and every cell was reproduced bit for bit."""
        return not self.unread and not any(finding.differences for finding in self.findings)

    def text(self) -> str:
        """One line per cell, followed by its differences and their possible causes."""
        lines = [f"no record  cells/{name}: {why}" for name, why in self.unread.items()]
        for finding in self.findings:
            lines.append(f"{'different' if finding.differences else 'same     '}  {finding.cell}")
            lines += [f"             {difference}" for difference in finding.differences]
            if finding.differences:
                lines += [f"             cause: {cause}" for cause in finding.causes]
        same = sum(not finding.differences for finding in self.findings)
        return "\n".join([*lines, f"{same} of {len(self.findings)} cells are the same, bit for bit"])


def verify(location: str, sample: int | None, data_dir: str | None, options: Options) -> Verification:
    """Recomputes a run's cells in a temporary folder, and compares predictions, metrics and steps.

    Args:
        location: The run folder or its URL; nothing in it is changed.
        sample: The number of cells, drawn at random; None for all.
        data_dir: The folder with the raw files.
        options: Where and how wide to run, and the plugin files.

    Raises:
        InputError: The folder has no finished cell, or a cell needs a plugin or data that are not available.
    """
    files = tuple(PluginFile.read(Path(path)) for path in options.plugin)
    out = place(location)
    records, unread = Folder(out).finished()
    if sample is not None and sample < len(records):
        records = random.SystemRandom().sample(records, sample)
    datasets: dict[str, Dataset] = {}
    cells = [_cell(record, out, Registry(files), datasets, data_dir) for record in records]
    with tempfile.TemporaryDirectory(prefix="coldbench-verify-") as scratch:
        distinct = tuple({cell.key: cell for cell in cells}.values())
        progressed = grid.run(Plan(replace(options, out=scratch), distinct, datasets, files), alone=True)
        reasons = {failure.cell.key: failure.reason for failure in progressed.failures}
        findings = [
            compare(out, record, Path(scratch), cell, reasons.get(cell.key, "it was interrupted"))
            for record, cell in zip(records, cells, strict=True)
        ]
    return Verification(tuple(findings), unread)


def _cell(record: Record, out: Place, registry: Registry, datasets: dict[str, Dataset], data_dir: str | None) -> Cell:
    """Builds the cell of a record for this version of the code and the data available."""
    config = record["config"]
    try:
        dataset, backbone, method = (
            registry.spec(kind, record[kind.name], config[kind.name]) for kind in (DATASETS, BACKBONES, METHODS)
        )
        settings = resolve(TRAINING, Settings, config["settings"])
        protocol = _named("protocol", PROTOCOLS, config["protocol"])
        split = _named("split", SPLITS, config["split"]) if "split" in config else PUBLISHED
        topn = resolve(TOPN, TopNSettings, config[TOPN]) if TOPN in config else None
    except InputError as error:
        kept = out / "plugins"
        hint = f"; the run keeps plugins in {kept}: read them, then give them with --plugin"
        raise InputError(
            f"{cell_name(record)} of commit {record['provenance']['commit']} cannot be computed again: {error}"
            + (hint if kept.is_dir() else "")
        ) from None
    if dataset.label not in datasets:
        folder = Path(data_dir) if data_dir else None
        datasets[dataset.label] = class_of(dataset)().load(dataset.config, folder)
    device = "cpu" if record["provenance"]["machine"]["device"] == "cpu" else "cuda"
    fingerprint = datasets[dataset.label].fingerprint
    cell = Cell(dataset, fingerprint, backbone, method, record["seed"], protocol, settings, device, topn=topn)
    return replace(cell, split=split, shots=tuple(record.get("shots", ())))


def _named(kind: str, known: Mapping[str, type], values: Mapping[str, Any]) -> Spec:
    """The protocol or the split that a record's values describe."""
    name = str(values["name"])
    if name not in known:
        raise unknown(kind, name, known)
    return Spec(kind, name, resolve(name, known[name], {field: values[field] for field in values if field != "name"}))


def compare(out: Place, record: Record, scratch: Place, cell: Cell, reason: str) -> Finding:
    """Compares a record with the recomputation of its cell.

    Args:
        out: The run folder.
        record: One of its records.
        scratch: The folder with the recomputed cell.
        cell: The cell.
        reason: The reason to report if the recomputed cell is missing.
    """
    again = Folder(scratch).record(cell)
    if again is None:
        return Finding(cell_name(record), (f"it could not be computed again: {reason}",), tuple(_causes(record, cell)))
    differences, causes = [], []
    then, now = Folder(out).predictions(record), Folder(scratch).predictions(again)
    if then is None or now is None:
        differences.append("its predictions are gone or damaged")
    else:
        if not Folder(out).is_whole(record):
            causes.append("its predictions were changed after they were written")
        differences += _in_logits(then, now)
    differences += _in_phases(record["phases"], again["phases"])
    causes += _causes(record, cell)
    return Finding(cell_name(record), tuple(differences), tuple(causes or ["none of what is recorded differs"]))


def _in_logits(then: pa.Table, now: pa.Table) -> Iterator[str]:
    if then.column_names != now.column_names or then.num_rows != now.num_rows:
        yield f"{then.num_rows:,} test rows then, {now.num_rows:,} now"
        return
    for name in then.column_names:
        before, after = (np.asarray(table[name].to_numpy()) for table in (then, now))
        if before.tobytes() == after.tobytes():
            continue
        if before.dtype != after.dtype:
            yield f"{name}: {before.dtype} then, {after.dtype} now"
            continue
        wrong = int((before != after).sum())
        apart = np.abs(before.astype(np.float64) - after.astype(np.float64)).max()
        yield f"{name}: {wrong:,} of {len(before):,} values differ, by {apart:.3g} at most"


def _in_phases(then: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]]) -> Iterator[str]:
    for before, after in zip(then, now, strict=False):
        names = [name for name in before if name not in _TIMES and name in after and before[name] != after[name]]
        if names:
            values = ", ".join(f"{name} {_short(before[name])} then, {_short(after[name])} now" for name in names)
            yield f"{before['phase']}: {values}"


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _causes(record: Record, cell: Cell) -> Iterator[str]:
    """Yields the changes since the record was written: data, code, versions, hardware."""
    then = record["provenance"]
    if record["fingerprint"] != cell.fingerprint:
        yield f"data: fingerprint {record['fingerprint'][:16]} then, {cell.fingerprint[:16]} now"
    if then.get("code") != cell.code:
        yield f"code: it changed since (commit {then['commit'] or 'unknown'} then, {commit() or 'unknown'} now)"
    for name, version in versions().items():
        if then["versions"].get(name) != version:
            yield f"versions: {name} {then['versions'].get(name)} then, {version} now"
    about = machine(torch.device(cell.device))
    for name in ("system", "processor", "device"):
        if then["machine"].get(name) != about[name]:
            yield f"hardware: {name} {then['machine'].get(name)} then, {about[name]} now"
