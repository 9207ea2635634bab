"""``run.toml`` of a simulation: its resolved options, with which ``coldbench simulate --config`` repeats it."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomli_w
import torch

from coldbench.core.atomic import write_text
from coldbench.core.config import as_dict, spelled
from coldbench.core.remote import Remote
from coldbench.core.storage import Place
from coldbench.online.plan import ONLINE, SimulationPlan
from coldbench.runs.options import PROVENANCE, flags_of
from coldbench.runs.plan import TRAINING
from coldbench.runs.provenance import commit, machine, versions
from coldbench.runs.runfile import NAME, plugin_path


def keep(plan: SimulationPlan, folder: Place) -> None:
    """Writes ``run.toml`` and the sources of the plugin files into the folder of a simulation."""
    for file in plan.plugins:
        write_text(folder / plugin_path(file), file.source)
    write_text(folder / NAME, tomli_w.dumps(_options(plan, folder) | {PROVENANCE: _provenance(plan)}))


def _options(plan: SimulationPlan, folder: Place) -> dict[str, Any]:
    """The options with every name, value and seed spelled out."""
    given = {name: getattr(plan.options, name) for name, one in flags_of(type(plan.options)).items() if one.repeated}
    options = {name: value for name, value in given.items() if value not in (None, ())}
    first = plan.tasks[0].setting
    arms = [task.setting.arm for task in plan.tasks]
    methods = [spelled(arm.name, arm.config) for arm in arms if not isinstance(arm, str)]
    worlds = [spelled(task.world.name, task.world.config) for task in plan.tasks]
    options |= {"methods": list(dict.fromkeys(methods)), "world": list(dict.fromkeys(worlds))}
    for name in ("control", "backbone", "ranker"):
        spec = getattr(first, name)
        options[name] = spelled(spec.name, spec.config)
    options["seeds"] = list(dict.fromkeys(task.setting.seed for task in plan.tasks))
    options["device"] = first.device
    options["set"] = {ONLINE: as_dict(first.own), TRAINING: as_dict(first.training)}
    options["out"] = folder.location if isinstance(folder, Remote) else "."
    if plan.plugins:
        options["plugin"] = [plugin_path(file) for file in plan.plugins]
    if plan.options.data_dir:
        options["data_dir"] = str(Path(plan.options.data_dir).resolve())
    return options


def _provenance(plan: SimulationPlan) -> dict[str, Any]:
    about = machine(torch.device(plan.tasks[0].setting.device))
    return {
        "command": shlex.join(["coldbench", *sys.argv[1:]]),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit() or "unknown",
        "versions": versions(),
        "machine": {name: about[name] for name in ("system", "processor", "cores", "device")},
        "fingerprints": {task.source.label: task.fingerprint for task in plan.tasks if task.source is not None},
    }
