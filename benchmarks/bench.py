"""``make bench``: each part measured as benchmarks/README.md says, which it writes; the numbers are in results.json.

README.md ends with elsewhere.md, which holds what other commands measured. The parts on the large datasets are made
only when they are named: ``python benchmarks/bench.py scale cells-taobao-ad cells-ml-25m --raw FOLDER``. ``--write``
measures nothing and writes README.md again.
"""

from __future__ import annotations

import argparse
import functools
import json
from pathlib import Path

import online_test
import peers
import scale
import steps
import torch
from fit_once import fit_once
from table_one import table_one
from tabulate import tabulate
from workbench import data

from coldbench.data.dataset import Dataset
from coldbench.runs.arithmetic import prepare
from coldbench.runs.provenance import machine, versions

HERE = Path(__file__).parent
ELSEWHERE = HERE / "elsewhere.md"  # sections of README.md that other commands measured
INTRODUCTION = """# Benchmarks

Every figure that `make bench` makes is a ratio measured in one run, pair by pair. Each part of a pair is timed by its
processor time on one thread, so that a busy machine blurs less; the two parts take turns; what is shown is the median
of the pairs' ratios. Work that grows with the rows is timed on two sizes, and the slope between them counts, so that
building models and loaders is outside the clock. The parts on the large datasets stand for themselves and are made only
when they are named: `python benchmarks/bench.py scale cells-taobao-ad cells-ml-25m --raw FOLDER`. The numbers are in
results.json.
"""


def main() -> None:
    """Runs the benchmarks that are asked for, and writes their results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "parts", nargs="*", default=[part for part in PARTS if part not in SLOW], help=f"of: {', '.join(PARTS)}"
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--batches", type=int, default=10, help="of 2048 rows, the smaller size of the stand-in loop")
    parser.add_argument("--models", default="dcnv2,autoint,finalmlp,afn,xdeepfm", help="of part agreement")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of base, at most, in part agreement")
    parser.add_argument("--raw", type=Path, help="where full-size raw files lie, or are to be generated")
    parser.add_argument(
        "--minutes", type=float, default=5, help="above which a cell on a large dataset is only estimated"
    )
    parser.add_argument("--write", action="store_true", help="measure nothing, write README.md from results.json")
    parser.add_argument("--results", type=Path, default=HERE / "results.json", help="README.md is written beside it")
    options = parser.parse_args()
    prepare()
    log = None if options.write else data()
    for part in options.parts if log is not None else ():
        print(f"-- {part}", flush=True)
        result = PARTS[part](log, options) | {"where": where(log)}
        result["where"]["data"] = result.pop("data", result["where"]["data"])
        print(render(part, result), flush=True)
        options.results.write_text(json.dumps(known(options.results) | {part: result}, indent=1) + "\n")
    results = known(options.results)
    text = [INTRODUCTION, *(render(part, results[part]) for part in PARTS if part in results)]
    text.append(ELSEWHERE.read_text())
    options.results.with_name("README.md").write_text("\n".join(text).rstrip() + "\n")


def known(file: Path) -> dict:
    """The results so far, by part."""
    return json.loads(file.read_text()) if file.exists() else {}


def where(log: Dataset) -> dict:
    """On what a part was measured."""
    return {
        "data": log.label,
        "versions": {name: versions()[name] for name in ("coldbench", "python", "torch", "ray")},
        "machine": {k: v for k, v in machine(torch.device("cpu")).items() if k in ("processor", "cores")},
    }


def render(part: str, result: dict) -> str:
    """A section of the README."""
    at = result["where"]
    place = f"{at['data']}; {at['machine']['processor']}, {at['machine']['cores']} cores; "
    place += ", ".join(f"{name} {version}" for name, version in at["versions"].items())
    table = tabulate(result["rows"], result["header"], tablefmt="github")
    return f"## {part}: {result['title']}\n\n{table}\n\n{result['note']}\n\n{place}.\n"


def prepared(log: Dataset, options: argparse.Namespace) -> dict:
    """Preparing and loading MovieLens-25M and Taobao-Ad at full size."""
    return scale.prepare(options.raw, options.pairs)


def large_cells(name: str, log: Dataset, options: argparse.Namespace) -> dict:
    """Cells of every method on one of them."""
    return scale.cells(name, options.raw, options.minutes)


def agreement(log: Dataset, options: argparse.Namespace) -> dict:
    """Backbones against other libraries' models."""
    from agreement import agreement  # needs deepctr-torch and, for finalmlp, fuxictr

    return agreement(log, options)


PARTS = {
    "libraries": peers.libraries,
    "public": peers.public,
    "pretraining": peers.pretraining,
    "agreement": agreement,
    "cells": peers.cells,
    "levers": steps.levers,
    "limits": steps.limits,
    "fused": steps.fused,
    "table-one": table_one,
    "fit-once": fit_once,
    "table-sizes": steps.table_sizes,
    "scale": prepared,
    "cells-taobao-ad": functools.partial(large_cells, "taobao-ad"),
    "cells-ml-25m": functools.partial(large_cells, "ml-25m"),
    "online": online_test.growth,
    "online-a-a": online_test.a_a,
}
SLOW = {
    "agreement",
    "scale",
    "cells-taobao-ad",
    "cells-ml-25m",
    "online",
    "online-a-a",
}  # only when named: minutes to hours, and 3 GB of disk

if __name__ == "__main__":
    main()
