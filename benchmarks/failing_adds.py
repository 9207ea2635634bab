"""Failing ``data add``, many times: each has to end with exit code 2 and one line, and none by a signal.

    python benchmarks/failing_adds.py [--times 200]

The files are generated, in a twentieth of the published size. One log of each dataset is cut off, and is refused for
its number of rows right after it was read: that ended in SIGABRT in 2 of 12 runs while Arrow read a Python stream.
Another one has a time in words in its last row.
"""

from __future__ import annotations

import argparse
import collections
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import raw_files

_LOGS = {"ml-25m": "ratings.csv", "taobao-ad": "raw_sample.csv"}


def broken(folder: Path) -> list[tuple[str, Path]]:
    """The datasets' files, once with a log that is cut off and once with an error at its end."""
    sizes = raw_files.scaled(raw_files.MovieLens(), 0.05), raw_files.scaled(raw_files.Taobao(), 0.05)
    made = raw_files.ml_25m(folder, sizes[0], packed=False), raw_files.taobao_ad(folder, sizes[1])
    found = []
    for (name, log), path in zip(_LOGS.items(), made, strict=True):
        copy = Path(shutil.copytree(path, folder / "cut" / name))
        os.truncate(copy / log, (path / log).stat().st_size // 2)
        with (path / log).open("a") as file:
            file.write("1,noon,1,a,1,0\n" if name == "taobao-ad" else "1,1,4.0,noon\n")
        found += [(name, copy), (name, path)]
    return found


def main() -> None:
    """Writes the files, adds them again and again, and counts the exit codes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=200)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, "COLDBENCH_CACHE": f"{scratch}/cache"}
        files = broken(Path(scratch))
        codes: collections.Counter[tuple[str, int]] = collections.Counter()
        for number in range(times):
            name, path = files[number % len(files)]
            command = [sys.executable, "-m", "coldbench", "data", "add", name, str(path)]
            ended = subprocess.run(command, env=environment, capture_output=True, text=True)
            codes[name, ended.returncode] += 1
            if ended.returncode != 2 or len(ended.stderr.splitlines()) != 1:
                print(f"{name}: exit code {ended.returncode}: {ended.stderr}")
    for (name, code), count in sorted(codes.items()):
        print(f"{name}: exit code {code}, {count} times")
    sys.exit(any(code != 2 for _, code in codes))


if __name__ == "__main__":
    main()
