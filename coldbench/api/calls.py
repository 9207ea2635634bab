"""Functions that do what the commands of the same names do; errors are exceptions, and nothing ends the process."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coldbench.api.results import Results
from coldbench.core.storage import place
from coldbench.runs import grid
from coldbench.runs.options import Options, values_of
from coldbench.runs.plan import make_plan

_CALLER = Path("coldbench.run()")  # stands in messages where a TOML file would, and paths are relative to its folder: .


class RunError(RuntimeError):
    """No cell of a run has a result; the message names each failure."""


def run(**options: Any) -> Results:
    """Computes a grid of methods x backbones x datasets x seeds, as ``coldbench run`` does.

    Cells that the run's folder already holds are not computed again. The report is not written; ``Results.report``
    writes it.

    Args:
        **options: The options of ``coldbench run`` with underscores in their names, as a TOML file would give them:
            ``methods="base,avaew"`` or ``methods=["base", "avaew"]``, ``seeds=5``, ``set={"avaew": {"alpha": 0.5}}``.

    Returns:
        The results. Cells that failed are in ``Results.failures``, and a warning counts them.

    Raises:
        InputError: An option is wrong, a dataset is not available, or the folder cannot be written.
        RunError: No cell has a result.
        KeyboardInterrupt: The run was stopped; what was finished is kept, and the same call goes on.
    """
    given = {name: _plain(value) for name, value in options.items() if value is not None}
    plan = make_plan(Options(**values_of(given, _CALLER)))
    came = grid.run(plan)
    if came.stopped:
        raise KeyboardInterrupt("the run was stopped; the same call goes on where it ended")
    failures = {str(failure.cell): failure.reason for failure in came.failures}
    if failures and len(failures) + came.unfinished == came.cells:
        raise RunError("; ".join(f"{cell}: {reason}" for cell, reason in failures.items()))
    if failures:
        warnings.warn(f"{len(failures)} of {came.cells} cells failed; see Results.failures", stacklevel=2)
    return load(plan.options.out)


def load(folder: str | Path) -> Results:
    """Opens the results of a run's folder.

    Raises:
        InputError: The folder does not exist or holds no finished cell.
    """
    results = Results(place(str(folder)))
    results.folder.finished()
    return results


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
