"""``run.toml`` in a run's folder: the resolved options, so that ``coldbench run --config DIR/run.toml`` repeats it."""

from __future__ import annotations

import dataclasses
import shlex
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomli_w
import torch

from coldbench.core.config import as_dict, digest, spelled
from coldbench.core.storage import Place, Remote
from coldbench.plugins import registry
from coldbench.run.folder import write_text
from coldbench.run.options import PROVENANCE
from coldbench.run.plan import Plan
from coldbench.run.provenance import commit, machine, versions

NAME = "run.toml"
_HOW = (
    "jobs",
    "address",
    "cpus_per_cell",
    "gpus_per_cell",
    "cell_timeout",
    "memory_per_cell",
)  # where and how wide to run: no part of what is repeated


def keep(plan: Plan, folder: Place) -> None:
    """Writes ``run.toml`` and the sources of the plugin files.

    Where another command wrote into the folder before, its file stays, as ``run-<digest>.toml``.
    """
    content = _options(plan, folder)
    before = _read(folder / NAME)
    if before is not None:
        provenance = before.pop(PROVENANCE, {})
        if before == content and provenance.get("versions") == versions() and provenance.get("commit") == commit():
            return
        write_text(folder / f"run-{digest(before)[:8]}.toml", (folder / NAME).read_text(encoding="utf-8"))
    for file in registry.in_use():
        write_text(folder / "plugins" / f"{file.stem}.py", file.source)
    write_text(folder / NAME, tomli_w.dumps(content | {PROVENANCE: _provenance(plan)}))


def _options(plan: Plan, folder: Place) -> dict[str, Any]:
    """The options with every name, value and seed spelled out; paths are relative to the file's folder."""
    given = dataclasses.asdict(plan.options)
    options = {name: value for name, value in given.items() if value not in (None, ()) and name not in _HOW}
    for name in ("dataset", "backbone", "method"):
        specs = [getattr(cell, name) for cell in plan.cells]
        options[f"{name}s"] = list(dict.fromkeys(spelled(spec.name, _found(spec.config)) for spec in specs))
    options["protocol"] = list(dict.fromkeys(spelled(cell.protocol.name, cell.protocol.config) for cell in plan.cells))
    options.pop("budget", None)
    options["seeds"] = list(dict.fromkeys(cell.seed for cell in plan.cells))
    options["device"] = plan.cells[0].device
    options["set"] = {"protocol": as_dict(plan.cells[0].settings)}
    options["out"] = folder.location if isinstance(folder, Remote) else "."
    if registry.in_use():
        options["plugin"] = [f"plugins/{file.stem}.py" for file in registry.in_use()]
    if plan.options.data_dir:
        options["data_dir"] = str(Path(plan.options.data_dir).resolve())
    return options


def _found(config: Any) -> Any:
    """A ``Config`` with absolute paths: its fields that do not compare say where something lies."""
    paths = [field.name for field in dataclasses.fields(config) if not field.compare and getattr(config, field.name)]
    return dataclasses.replace(config, **{name: str(Path(getattr(config, name)).resolve()) for name in paths})


def _provenance(plan: Plan) -> dict[str, Any]:
    """What the run came from; ``coldbench run --config`` passes over it."""
    about = machine(torch.device(plan.cells[0].device))
    return {
        "command": shlex.join(["coldbench", *sys.argv[1:]]),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit() or "unknown",
        "versions": versions(),
        "machine": {name: about[name] for name in ("system", "processor", "cores", "device")},
        "fingerprints": {label: data.fingerprint for label, data in plan.datasets.items()},
    }


def _read(path: Place) -> dict[str, Any] | None:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
