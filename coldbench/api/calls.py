"""Functions that do what the commands of the same names do; errors are exceptions, and nothing ends the process."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from coldbench.api.results import Results
from coldbench.commands import tune as commands
from coldbench.core.storage import Place, place
from coldbench.online import plan as online
from coldbench.online import run as simulation
from coldbench.online.folder import Simulations
from coldbench.online.options import SimulateOptions
from coldbench.report.simulation import write_simulation
from coldbench.runs import grid
from coldbench.runs.options import AnyOptions, Options, flags_of, read_into, values_of
from coldbench.runs.plan import make_plan
from coldbench.tuning.search import search
from coldbench.tuning.studies import TuneOptions
from coldbench.tuning.trials import best, frame

_CALLER = Path("the call")  # stands in messages where a TOML file would, and paths are relative to its folder: .


_STOPPED = "stopped; the same call goes on where this one ended"


class RunError(RuntimeError):
    """No cell of a run, or no trial of a search, has a result; the message names each failure."""


@dataclass(frozen=True)
class Tuned:
    """The outcome of a search.

    Attributes:
        best: The TOML file with the best values, which ``run(config=...)`` takes.
        trials: One row per trial: study, state, score, seconds, and one column per searched field.
        failures: The reasons why trials failed, by trial.
        summary: The best values of each study, in words.
    """

    best: Place
    trials: pd.DataFrame
    failures: Mapping[str, str]
    summary: str

    def __repr__(self) -> str:
        return f"{self.summary}\nbest: {self.best}"


def run(config: str | Path | None = None, **options: Any) -> Results:
    """Computes a grid of methods x backbones x datasets x seeds, as ``coldbench run`` does.

    Cells that the run's folder already holds are not computed again. The report is not written; ``Results.report``
    writes it.

    Args:
        config: A TOML file with options, such as the ``best.toml`` of a search; the others take precedence.
        **options: The options of ``coldbench run`` with underscores in their names, as a TOML file would give them:
            ``methods="base,avaew"`` or ``methods=["base", "avaew"]``, ``seeds=5``, ``set={"avaew": {"alpha": 0.5}}``.

    Returns:
        The results. Cells that failed are in ``Results.failures``, and a warning counts them.

    Raises:
        InputError: An option is wrong, a dataset is not available, or the folder cannot be written.
        RunError: No cell has a result.
        KeyboardInterrupt: The run was stopped; what was finished is kept, and the same call goes on.
    """
    plan = make_plan(_options(Options, config, options))
    came = grid.run(plan)
    if came.stopped:
        raise KeyboardInterrupt(_STOPPED)
    failures = {str(failure.cell): failure.reason for failure in came.failures}
    if failures and len(failures) + came.unfinished == came.cells:
        raise RunError("; ".join(f"{cell}: {reason}" for cell, reason in failures.items()))
    if failures:
        warnings.warn(f"{len(failures)} of {came.cells} cells failed; see Results.failures", stacklevel=2)
    return load(plan.options.out)


def tune(config: str | Path | None = None, **options: Any) -> Tuned:
    """Searches hyper-parameters on pseudo-cold items, as ``coldbench tune`` does, and writes its report.

    Args:
        config: A TOML file with options; the others take precedence.
        **options: The options of ``coldbench tune``: those of ``run``, and ``samples``, ``search``, ``scheduler``,
            ``metric``, ``fields`` and ``space``.

    Raises:
        InputError: An option is wrong, a dataset is not available, or the folder cannot be written.
        RunError: No trial has a result.
        KeyboardInterrupt: The search was stopped; what was finished is kept, and the same call goes on.
    """
    names = TuneOptions.__dataclass_fields__
    how = TuneOptions(**{name: _plain(options.pop(name)) for name in names if name in options})
    asked = _options(Options, config, options, **commands.DEFAULTS)
    searched = search(asked, how)
    if searched.stopped:
        raise KeyboardInterrupt(_STOPPED)
    if not any(best(trials) for _, trials in searched.results):
        raise RunError("; ".join(f"{trial}: {reason}" for trial, reason in searched.failures.items()))
    written = commands.write(asked.out, searched, how)
    return Tuned(written.best, frame(searched.results), searched.failures, written.summary)


@dataclass(frozen=True)
class Simulated:
    """The outcome of a simulated online test.

    Attributes:
        report: The report in Markdown; the page, the tables and the figures lie beside it.
        summary: The effects by design.
        failures: The reasons why tasks failed, by task.
    """

    report: Place
    summary: str
    failures: Mapping[str, str]

    def __repr__(self) -> str:
        return f"{self.summary}\nreport: {self.report}"


def simulate(config: str | Path | None = None, **options: Any) -> Simulated:
    """Simulates an online test, as ``coldbench simulate`` does, and writes its report.

    Args:
        config: A TOML file with options; the others take precedence.
        **options: The options of ``coldbench simulate``, as a TOML file would give them.

    Raises:
        InputError: An option is wrong, a dataset is not available, or the folder cannot be written.
        RunError: No task has a result.
        KeyboardInterrupt: The simulation was stopped; what was finished is kept, and the same call goes on.
    """
    plan = online.make_plan(_options(SimulateOptions, config, options))
    came = simulation.run(plan)
    if came.stopped:
        raise KeyboardInterrupt(_STOPPED)
    if len(came.failures) + came.unfinished == came.tasks:
        raise RunError("; ".join(f"{task}: {reason}" for task, reason in came.failures.items()))
    written = write_simulation(Simulations(place(plan.options.out)), plan.options.effects(), plan.named)
    return Simulated(written.path, written.summary, came.failures)


def load(folder: str | Path) -> Results:
    """Opens the results of a run's folder.

    Raises:
        InputError: The folder does not exist or holds no finished cell.
    """
    results = Results(place(str(folder)))
    results.folder.finished()
    return results


def _options(
    kind: type[AnyOptions], config: str | Path | None, given: Mapping[str, Any], **defaults: Any
) -> AnyOptions:
    """The options of a TOML file, with the given ones in place of its own."""
    content = {name: _plain(value) for name, value in given.items() if value is not None}
    options = read_into(kind, {}, None if config is None else Path(config), **defaults)
    return replace(options, **values_of(content, _CALLER, flags_of(kind)))


def _plain(value: Any) -> Any:
    """A Python value as a TOML file would give it: tuples and ranges as lists, paths as texts."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Path):
        return str(value)
    try:
        return [_plain(part) for part in value]
    except TypeError:
        return value
