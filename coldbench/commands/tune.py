"""``coldbench tune``: studies, their trials, and the best trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldbench.core.atomic import write_bytes
from coldbench.core.errors import InputError
from coldbench.core.storage import Place, place
from coldbench.report.search import write_search
from coldbench.runs.options import read_options
from coldbench.tuning.best import write_best
from coldbench.tuning.search import Searched, search
from coldbench.tuning.studies import TuneOptions, studies
from coldbench.tuning.trials import best, frame

DEFAULTS: dict[str, Any] = {"methods": ("paper",), "seeds": (0,), "out": "results/tune"}  # where run's are others


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
    options = read_options(flags, config, **DEFAULTS)
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
        lines = [*write(options.out, searched, how).lines(), *lines]
    elif any(trials for _, trials in searched.results):
        lines += ["no trial finished, so nothing was best"]
    code = 130 if searched.stopped else 1 if searched.failures or searched.unfinished else 0
    return Result("\n".join(["stopped", *lines] if searched.stopped else lines), code)


@dataclass(frozen=True)
class Written:
    """The files of a search, and its summary for a terminal."""

    summary: str
    best: Place
    trials: Place
    report: Place

    def lines(self) -> list[str]:
        """The summary and one line per file."""
        command = f"run it: coldbench run --config {self.best} --out FOLDER"
        return [self.summary, command, f"trials: {self.trials}", f"report: {self.report}"]


def write(location: str, searched: Searched, how: TuneOptions) -> Written:
    """Writes ``best.toml``, ``trials.parquet`` and the report.

    Raises:
        InputError: The folder cannot be written.
    """
    out = place(location)
    path, trials = write_best(out, searched.results, how.samples), out / "trials.parquet"
    try:
        write_bytes(trials, frame(searched.results).to_parquet(index=False))
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror})") from None
    report = write_search(out, searched.results)
    return Written(report.summary, path, trials, report.path)
