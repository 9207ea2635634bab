"""Ctrl-C during a run: the first lets the running cells finish, the second stops the run at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)  # batch systems send SIGTERM before they kill a job


@contextmanager
def interrupts(first: Callable[[], None]) -> Iterator[None]:
    """Calls ``first`` on the first SIGINT or SIGTERM, and raises KeyboardInterrupt on the second."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may take signals
        return
    caught = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal caught
        if caught:
            raise KeyboardInterrupt
        caught = True
        first()

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
