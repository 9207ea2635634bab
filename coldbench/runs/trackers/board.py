"""``Board``: passes entries to the trackers that a command was asked to use."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from coldbench.core.errors import InputError, one_line
from coldbench.core.storage import Place
from coldbench.runs.trackers.asked import Asked, asked
from coldbench.runs.trackers.tracker import Entry, Tracker

_CLASSES = {"mlflow": "MLflow", "tensorboard": "TensorBoard", "wandb": "WandB"}  # each in the module of its name


class Board:
    """The trackers of one command; a context manager, which waits for what is left to write.

    Entries are written in a thread, one after the other, so that a slow server does not hold up the run. A tracker that
    fails is dropped with one line; the run goes on, because its results are in the run folder.

    Args:
        texts: The trackers, as ``--track`` takes them.
        out: The run folder.
        say: Prints a line for the user.

    Raises:
        InputError: A tracker is unknown, is not installed or cannot be used.
    """

    def __init__(self, texts: Iterable[str], out: Place, say: Callable[[str], None]) -> None:
        self._trackers = {each: _opened(each, out) for each in asked(texts)}
        self._say = say
        self._thread = ThreadPoolExecutor(1, "tracker")

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()

    def log(self, entry: Callable[[], Entry]) -> None:
        """Writes an entry to every tracker, later; without trackers, the entry is not made."""
        if self._trackers:
            self._thread.submit(self._write, entry())

    def _write(self, entry: Entry) -> None:
        for each, tracker in [*self._trackers.items()]:
            try:
                tracker.log(entry)
            except Exception as error:  # a service may fail in any way
                del self._trackers[each]
                self._say(f"{each} failed, and the run goes on without it: {_reason(error)}")


def _opened(each: Asked, out: Place) -> Tracker:
    """Opens a tracker.

    Raises:
        InputError: It cannot be used; the message says why.
    """
    try:
        module = importlib.import_module(f"coldbench.runs.trackers.{each.name}")
        tracker: Tracker = getattr(module, _CLASSES[each.name])(each.target, out)
    except Exception as error:  # a service may fail in any way
        raise InputError(f"{each} cannot be used: {_reason(error)}") from None
    return tracker


def _reason(error: Exception) -> str:
    return one_line(str(error) or type(error).__name__)
