"""Weights & Biases: one run per entry; WANDB_MODE=offline keeps the runs in a folder until ``wandb sync``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import wandb

from coldbench.core.errors import InputError
from coldbench.core.storage import Place
from coldbench.runs.trackers.tracker import Entry, Tracker

_PROJECT = "coldbench"


class WandB(Tracker):
    """Writes to a project.

    Args:
        project: The project's name; None for WANDB_PROJECT, or else ``coldbench``.
        out: The run folder, which also keeps the library's own files if it is a local one.

    Raises:
        InputError: This machine is not logged in, and the mode is not offline.
    """

    def __init__(self, project: str | None, out: Place) -> None:
        self._project = project or os.environ.get("WANDB_PROJECT") or _PROJECT
        self._folder = out if isinstance(out, Path) else None
        self._settings = wandb.Settings(silent=True, console="off")
        self._mode: Any = os.environ.get("WANDB_MODE") or wandb.setup(self._settings).settings.mode  # setup is cached
        if self._mode == "online" and not wandb.login(prompt=False):
            raise InputError("there is no API key; run wandb login, or set WANDB_MODE=offline")

    def log(self, entry: Entry) -> None:
        """Writes one run."""
        run = wandb.init(
            project=self._project,
            name=entry.name,
            config=dict(entry.config),
            dir=self._folder,
            mode=self._mode,
            reinit="create_new",
            settings=self._settings,
        )
        for step, point in enumerate(entry.curve):
            run.log(dict(point), step=step)
        run.summary.update({**entry.final, **entry.about, **({"failed": entry.reason} if entry.reason else {})})
        run.finish(exit_code=1 if entry.reason else 0)
