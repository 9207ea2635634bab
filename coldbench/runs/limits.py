"""Limits on the time and memory that one cell may take in its worker."""

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
    """Ends the process when its time is up, and refuses memory beyond a limit.

    A method may hang where no Python runs, so a thread that needs no interpreter keeps the time. A refused allocation
    raises where it was requested: the cell fails, and its worker continues with the next one.

    Args:
        seconds: Time after which the process ends, or None for no limit.
        gib: Private memory in GiB that the process may add to what it has now, or None for no limit.
    """
    with open(os.devnull, "w") as nowhere:
        if seconds is not None:
            faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        before = resource.getrlimit(resource.RLIMIT_DATA)
        if gib is not None:
            allowed = _private_bytes() + int(gib * GIB)
            if before[1] != resource.RLIM_INFINITY:  # an outer limit, such as a batch system's, stays
                allowed = min(allowed, before[1])
            resource.setrlimit(resource.RLIMIT_DATA, (allowed, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, before)
            faulthandler.cancel_dump_traceback_later()


def _private_bytes() -> int:
    """Private writable memory of this process in bytes, without the datasets in shared memory."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return 0
