"""A whole search: studies, trials, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coldbench.core.errors import InputError
from coldbench.core.storage import place
from coldbench.report.search import write_search
from coldbench.run.folder import write_bytes
from coldbench.run.options import read_options
from coldbench.tune.studies import TuneOptions, studies
from coldbench.tune.trials import frame, write_best


def tune(flags: Mapping[str, Any], config: Path | None, how: TuneOptions, dry_run: bool) -> str:
    """Searches as the flags say, writes what was best, all trials and a report; returns what to tell the user.

    Raises:
        InputError: Anything that the user can put right.
    """
    from coldbench.tune import search

    options = read_options(flags, config, seeds="1", out="results/tune")
    out = place(options.out)
    if dry_run:
        return "\n".join(
            f"{study.name}: {', '.join(study.space) or 'nothing to search'}" for study in studies(options, how)[1]
        )
    made = search.tune(options, how)
    written = write_best(out, made, how.samples)
    try:
        write_bytes(out / "trials.parquet", frame(made).to_parquet(index=False))
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror})") from None
    report = write_search(out, made)
    commands = "\n".join(f"run it: coldbench run --config {path} --out FOLDER" for path in written)
    return f"{report.summary}\n{commands}\ntrials: {out / 'trials.parquet'}\nreport: {report.path}"
