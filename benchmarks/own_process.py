"""What it costs that a plugin's cell has a process of its own: the same cell in-tree and from a plugin file.

    python benchmarks/own_process.py [--pairs 3] [--seeds 2 6]

The plugin file is a copy of methods/base.py. Both commands run one worker on small synthetic data, once with few seeds
and once with more; the slope between them is the cost of one cell without Python's and Ray's start. All processes of a
command count, Ray's included: orphans come to this process, which waits for them.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import statistics
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from processes import COLDBENCH

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
SIZES = {"users": 150, "items": 120, "interactions": 6000, "n": 60, "k": 5}
BASE = Path(__file__).parents[1] / "methods" / "base.py"


def main() -> None:
    """Measures pairs of slopes, and prints them with their medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seeds", type=int, nargs=2, default=(2, 6), help="the two numbers of seeds")
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    costs = []
    for _ in range(options.pairs):
        with tempfile.TemporaryDirectory() as scratch:
            plugin = Path(scratch) / "plain.py"
            plugin.write_text(BASE.read_text())
            tree, own = (slope(method, options.seeds, plugin) for method in ("base", "plain"))
        print(f"one cell in-tree {tree:.2f} s, from a plugin file {own:.2f} s, more {own - tree:.2f} s", flush=True)
        costs.append(own - tree)
    print(f"own process: {statistics.median(costs):.2f} processor seconds per cell (median of {len(costs)} pairs)")


def slope(method: str, seeds: tuple[int, int], plugin: Path) -> float:
    """Processor seconds per seed, between two numbers of seeds."""
    few, many = (used(method, count, plugin) for count in seeds)
    return (many - few) / (seeds[1] - seeds[0])


def used(method: str, seeds: int, plugin: Path) -> float:
    """Processor seconds of all processes of a run."""
    before = children()
    command = [*COLDBENCH, "run", "--methods", method, "--backbones", "fm", "--seeds", str(seeds), "--jobs", "1"]
    command += [part for name, size in SIZES.items() for part in ("--set", f"synthetic.{name}={size}")]
    command += ["--plugin", str(plugin)] if method == plugin.stem else []
    with tempfile.TemporaryDirectory() as out:
        ended = subprocess.run([*command, "--out", out], capture_output=True, text=True)
        if ended.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {ended.returncode}: {ended.stdout}{ended.stderr}")
        with suppress(ChildProcessError):  # none is left
            while True:
                os.wait()
    return children() - before


def children() -> float:
    """Processor seconds of all processes that this one waited for, and of those that they waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
