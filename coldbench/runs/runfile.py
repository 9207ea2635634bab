"""``run.toml``: the resolved options of a run, so that ``coldbench run --config DIR/run.toml`` repeats it."""

from __future__ import annotations

import shlex
import sys
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomli_w
import torch

from coldbench.core.atomic import write_text
from coldbench.core.config import as_dict, digest, spelled
from coldbench.core.storage import Place
from coldbench.plugins.file import PluginFile
from coldbench.runs.options import FLAGS, PROVENANCE
from coldbench.runs.plan import TOPN, TRAINING, Plan
from coldbench.runs.provenance import commit, machine, versions
from coldbench.runs.record import Record

NAME, TUNE = "run.toml", "tune.toml"
UNKNOWN = "unknown"  # the commit of code that is in no repository


def keep(plan: Plan, folder: Place, name: str = NAME, about: Mapping[str, Any] | None = None) -> None:
    """Writes ``run.toml`` and the sources of the plugin files into a run folder.

    If another command wrote into the folder before, its file is kept as ``run-<digest>.toml``.

    Args:
        plan: The plan of the run.
        folder: The run folder.
        name: The file's name, ``run.toml`` or that of another command.
        about: Further tables for the file's provenance.
    """
    content = _options(plan, folder)
    before = _read(folder / name)
    if before is not None:
        provenance = before.pop(PROVENANCE, {})
        as_before = {"versions": versions(), "commit": commit() or UNKNOWN, "labels": _labels(plan)}
        if before == content and all(provenance.get(part) == value for part, value in as_before.items()):
            return
        kept = f"{name.removesuffix('.toml')}-{digest(before)[:8]}.toml"
        write_text(folder / kept, (folder / name).read_text(encoding="utf-8"))
    for file in plan.plugins:
        write_text(folder / plugin_path(file), file.source)
    provenance = _provenance(plan) | {name: _without_none(part) for name, part in (about or {}).items()}
    write_text(folder / name, tomli_w.dumps(content | {PROVENANCE: provenance}))


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _options(plan: Plan, folder: Place) -> dict[str, Any]:
    """The options with every name, value and seed spelled out, and paths relative to the run folder."""
    given = {name: getattr(plan.options, name) for name, flag in FLAGS.items() if flag.repeated}
    options = {name: value for name, value in given.items() if value not in (None, ())}
    for name in ("dataset", "backbone", "method"):
        specs = [getattr(cell.untuned, name) for cell in plan.cells]
        options[f"{name}s"] = list(dict.fromkeys(spec.located.full for spec in specs))
    options["protocol"] = list(dict.fromkeys(cell.protocol.full for cell in plan.cells))
    options.pop("budget", None)
    if (topn := plan.cells[0].topn) is not None:
        options["metrics"] = [spelled(TOPN, topn)]
    options["split"] = spelled(plan.cells[0].split.name, plan.cells[0].split.config)
    if plan.cells[0].shots:
        options["shots"] = list(plan.cells[0].shots)
    options["seeds"] = list(dict.fromkeys(cell.seed for cell in plan.cells))
    options["device"] = plan.cells[0].device
    options["set"] = {TRAINING: as_dict(plan.cells[0].settings)}
    options["out"] = "." if isinstance(folder, Path) else folder.location
    if plan.options.tuned:
        options["tuned"] = [table.as_toml() for table in plan.options.tuned]
    if plan.plugins:
        options["plugin"] = [plugin_path(file) for file in plan.plugins]
    if plan.options.data_dir:
        options["data_dir"] = str(Path(plan.options.data_dir).resolve())
    return options


def plugin_path(file: PluginFile) -> str:
    """The path of a plugin file's copy, relative to the run folder."""
    return f"plugins/{file.stem}.py"


def _provenance(plan: Plan) -> dict[str, Any]:
    """The provenance of a run; ``coldbench run --config`` reads only the fingerprints."""
    about = machine(torch.device(plan.cells[0].device))
    return {
        "command": shlex.join(["coldbench", *sys.argv[1:]]),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit() or UNKNOWN,
        "versions": versions(),
        "machine": {name: about[name] for name in ("system", "processor", "cores", "device")},
        "fingerprints": {cell.dataset.located.label: cell.fingerprint for cell in plan.cells},
        "labels": _labels(plan),
    }


def _labels(plan: Plan) -> dict[str, str]:
    """What the datasets are called in tables, by fingerprint."""
    return {data.fingerprint: data.label for data in plan.datasets.values()}


def relabelled(records: Sequence[Record], folder: Place) -> list[Record]:
    """Records whose datasets have the labels of the latest run, in case the user has changed a label since."""
    about = (_read(folder / NAME) or {}).get(PROVENANCE)
    labels = about.get("labels") if isinstance(about, dict) else None
    if not isinstance(labels, dict):
        return list(records)
    return [
        record | {"dataset_label": str(labels.get(record["fingerprint"], record["dataset_label"]))}
        for record in records
    ]


def _read(path: Place) -> dict[str, Any] | None:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
