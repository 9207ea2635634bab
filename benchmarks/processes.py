"""Commands as a user gives them, with what their processes took."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time

COLDBENCH = (sys.executable, "-m", "coldbench")
SOME_FAILED = 1  # exit code of a run or search with cells or trials that failed


def measured(
    command: list[str], environment: dict[str, str] | None = None
) -> tuple[float, resource.struct_rusage, str]:
    """Wall seconds, resource usage and output of a command."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True)
    out = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - started, usage, out
