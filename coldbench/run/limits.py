"""What one cell may take of its worker: seconds and memory."""

from __future__ import annotations

import faulthandler
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

GIB = 2**30


@contextmanager
def limited(seconds: float | None, gib: float | None) -> Iterator[None]:
    """Ends the process when time is up, and refuses memory past a limit.

    A method may hang where no Python runs, so time is kept by a thread that needs no interpreter. An allocation that
    is refused raises where it is asked for: the cell fails, its worker goes on with the next one.

    Args:
        seconds: Until the process ends, or None.
        gib: Private memory that may be added to what the process has now, or None.
    """
    with open(os.devnull, "w") as nowhere:
        if seconds is not None:
            faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        before = resource.getrlimit(resource.RLIMIT_DATA)
        if gib is not None:
            allowed = _private_bytes() + int(gib * GIB)
            if before[1] != resource.RLIM_INFINITY:  # a limit from outside, such as a batch system's, stays
                allowed = min(allowed, before[1])
            resource.setrlimit(resource.RLIMIT_DATA, (allowed, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, before)
            faulthandler.cancel_dump_traceback_later()


def _private_bytes() -> int:
    """Private writable memory of this process; the datasets in shared memory are not in it."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return 0
