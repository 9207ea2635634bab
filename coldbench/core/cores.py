"""``usable_cores``: how many processor cores this process may use."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """The number of cores that this process may use, to which a scheduler such as Slurm may limit it."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return len(affinity(0)) if affinity else os.cpu_count() or 1
