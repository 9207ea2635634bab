"""A whole search: studies, trials, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from coldbench.errors import InputError
from coldbench.options import read_options
from coldbench.records import write_bytes, write_text
from coldbench.storage import place
from coldbench.tuned import Made, best, frame, write_best
from coldbench.tuning import METRICS, TuneOptions, studies


def tune(flags: Mapping[str, Any], config: Path | None, how: TuneOptions, dry_run: bool) -> str:
    """Searches as the flags say, writes what was best, all trials and a report; returns what to tell the user.

    Raises:
        InputError: Anything that the user can put right.
    """
    from coldbench import search

    options = read_options(flags, config, seeds="1", out="results/tune")
    out = place(options.out)
    if dry_run:
        return "\n".join(
            f"{study.name}: {', '.join(study.space) or 'nothing to search'}" for study in studies(options, how)[1]
        )
    made = search.tune(options, how)
    written = write_best(out, made, how.samples)
    text = summary(made)
    try:
        write_bytes(out / "trials.parquet", frame(made).to_parquet(index=False))
        write_text(out / "report" / "tuning.md", page(text))
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror})") from None
    commands = "\n".join(f"run it: coldbench run --config {path} --out FOLDER" for path in written)
    return f"{text}\n{commands}\ntrials: {out / 'trials.parquet'}\nreport: {out / 'report' / 'tuning.md'}"


def summary(made: Made) -> str:
    """The best trial of each study, beside its defaults."""
    rows = []
    for study, trials in made:
        sign = METRICS[study.metric][1]
        chosen = best(trials)
        plain = next((trial.score for trial in trials if trial.values == study.full({})), None)
        cell = study.cells[0]
        rows.append(
            [
                cell.dataset.label,
                cell.backbone.label,
                cell.protocol.label,
                cell.method.label,
                f"{len(trials)}, {sum(trial.state == 'stopped' for trial in trials)} stopped",
                "" if plain is None else f"{sign * plain:.4f}",
                "" if chosen is None or chosen.score is None else f"{sign * chosen.score:.4f}",
                ", ".join(f"{target} {value}" for target, value in (chosen.values if chosen else {}).items()) or "-",
            ]
        )
    metric = made[0][0].metric
    header = ["dataset", "backbone", "protocol", "method", "trials", f"{metric}, defaults", f"{metric}, best", "values"]
    return tabulate(rows, header, tablefmt="github", disable_numparse=True)


def page(table: str) -> str:
    """The report of a search as Markdown."""
    return f"# Hyper-parameter search\n\nChosen on pseudo-cold items; no row of a new item was used.\n\n{table}\n"
