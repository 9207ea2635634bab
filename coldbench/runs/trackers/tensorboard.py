"""TensorBoard: one folder of event files per entry."""

from __future__ import annotations

from pathlib import Path

from tensorboardX import SummaryWriter
from tensorboardX.summary import hparams

from coldbench.core.errors import InputError
from coldbench.core.storage import Place
from coldbench.runs.trackers.tracker import Entry, Tracker


class TensorBoard(Tracker):
    """Writes event files.

    Args:
        folder: The folder for the entries; None for ``tensorboard`` in the run folder.
        out: The run folder.

    Raises:
        InputError: No folder is given, and the run folder is in remote storage.
    """

    def __init__(self, folder: str | None, out: Place) -> None:
        place = out / "tensorboard" if folder is None else Path(folder)
        if not isinstance(place, Path):
            raise InputError("--track tensorboard writes to a local folder; give one: --track tensorboard=FOLDER")
        self._folder = place

    def log(self, entry: Entry) -> None:
        """Writes one folder."""
        texts = {**entry.about, **({"failed": entry.reason} if entry.reason else {})}
        with SummaryWriter(str(self._folder / entry.key)) as writer:
            for step, point in enumerate(entry.curve):
                for name, value in point.items():
                    writer.add_scalar(name, value, step)
            writer.add_text("about", "\n".join(f"- {name}: {text}" for name, text in texts.items()))
            for name, value in entry.final.items():
                writer.add_scalar(name, value)
            for part in hparams(dict(entry.config), dict(entry.final)):  # add_hparams would open the file twice
                writer.file_writer.add_summary(part)
