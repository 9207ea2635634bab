"""``coldbench tune``: studies, their trials, and the best trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldbench.core.atomic import write_bytes
from coldbench.core.errors import InputError
from coldbench.core.storage import place
from coldbench.report.search import write_search
from coldbench.run.options import read_options
from coldbench.tune.best import write_best
from coldbench.tune.search import Searched, search
from coldbench.tune.studies import TuneOptions, studies
from coldbench.tune.trials import best, frame


@dataclass(frozen=True)
class Result:
    """The text for the user, and the exit code: 0, 1 if trials failed or are left over, or 130 after a stop."""

    text: str
    code: int


def tune(flags: Mapping[str, Any], config: Path | None, how: TuneOptions, dry_run: bool) -> Result:
    """Runs the search that the flags describe, and writes the best values, all trials and a report.

    Raises:
        InputError: An option is wrong, a dataset is not available, or the folder cannot be written.
    """
    options = read_options(flags, config, methods=("paper",), seeds=(0,), out="results/tune")
    if options.metrics:
        raise InputError("--metrics is of coldbench run; what tune compares trials by is its --metric")
    if dry_run:
        _, asked = studies(options, how)
        return Result("\n".join(f"{study.name}: {', '.join(study.space) or 'nothing to search'}" for study in asked), 0)
    searched = search(options, how)
    lines = [f"failed: {name}: {reason}" for name, reason in searched.failures.items()]
    if searched.unfinished or searched.failures:
        left = searched.unfinished + len(searched.failures)
        lines += [f"{left} trial{'s' * (left != 1)} to do; the same command goes on where this one ended"]
    if any(best(trials) for _, trials in searched.results):
        lines = [*_written(options.out, searched, how), *lines]
    elif any(trials for _, trials in searched.results):
        lines += ["no trial finished, so nothing was best"]
    code = 130 if searched.stopped else 1 if searched.failures or searched.unfinished else 0
    return Result("\n".join(["stopped", *lines] if searched.stopped else lines), code)


def _written(location: str, searched: Searched, how: TuneOptions) -> list[str]:
    """Writes ``best.toml``, ``trials.parquet`` and the report; returns the summary and one line per file."""
    out = place(location)
    path = write_best(out, searched.results, how.samples)
    try:
        write_bytes(out / "trials.parquet", frame(searched.results).to_parquet(index=False))
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror})") from None
    report = write_search(out, searched.results)
    command = f"run it: coldbench run --config {path} --out FOLDER"
    return [report.summary, command, f"trials: {out / 'trials.parquet'}", f"report: {report.path}"]
