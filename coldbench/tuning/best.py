"""``best.toml``: the best values of every study of a search, for ``coldbench run --config``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import tomli_w

from coldbench.core.atomic import write_text
from coldbench.core.config import as_dict, text
from coldbench.core.storage import Place
from coldbench.runs.chosen import condition
from coldbench.runs.plan import TRAINING
from coldbench.runs.runfile import plugin_path
from coldbench.runs.tuned import Tuned
from coldbench.tuning.samplers import Values
from coldbench.tuning.studies import Study
from coldbench.tuning.trials import Results, Trial, best

NAME = "best.toml"
_ABOUT = """\
# Made by coldbench tune. `coldbench run --config {name}` runs what stands at the top, and each of its cells takes the
# values of the table [[tuned]] that names its dataset, backbone, protocol, split and shots. A table without one of them
# is for all: delete the line `backbone = ...`, and its values serve every backbone.

"""


def write_best(out: Place, results: Results, samples: int) -> Place:
    """Writes the best values of all studies, one table per dataset, backbone and protocol.

    A study without a finished trial is left out; ``coldbench run`` then says that its values are missing.

    Args:
        out: The search's folder.
        results: Each study with its trials.
        samples: The number of trials that was asked for.
    """
    cells = [study.cells[0] for study, _ in results]
    files = dict.fromkeys(file for cell in cells for file in cell.plugin_files)
    settings = {TRAINING: as_dict(cells[0].settings)}
    content = {
        "methods": _unique(cell.method.label for cell in cells),
        "backbones": _unique(cell.backbone.label for cell in cells),
        "datasets": _unique(cell.dataset.located.label for cell in cells),
        "protocol": _unique(cell.protocol.full for cell in cells),
        "split": cells[0].split.full,
        "shots": list(cells[0].shots),
        "plugin": [plugin_path(file) for file in files],
        "set": settings,
        "tuned": [table.as_toml() for table in _tables(results, samples) if table.methods],
    }
    path = out / NAME
    write_text(path, _ABOUT.format(name=NAME) + tomli_w.dumps({name: part for name, part in content.items() if part}))
    return path


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _tables(results: Results, samples: int) -> list[Tuned]:
    conditions: dict[str, list[tuple[Study, Sequence[Trial]]]] = {}
    for study, trials in results:
        conditions.setdefault(str(condition(study.cells[0])), []).append((study, trials))
    return [_table(members, samples) for members in conditions.values()]


def _table(members: Results, samples: int) -> Tuned:
    chosen = [(study, trial) for study, trials in members if (trial := best(trials)) is not None]
    values = {study.cells[0].method.label: _values(study, trial) for study, trial in chosen}
    return Tuned(values, how(members, samples), **condition(members[0][0].cells[0]))


def _values(study: Study, chosen: Trial) -> str:
    """The searched values as text; the fields of the method go without its name."""
    cell = study.cells[0]
    full: Values = study.full(chosen.values)
    own = f"{cell.method.name}."
    return ", ".join(f"{target.removeprefix(own)}={text(value, repr)}" for target, value in full.items())


def how(members: Results, samples: int) -> str:
    """How the values of one dataset, backbone and protocol were chosen, in words for a report.

    Args:
        members: The studies of this condition with their trials.
        samples: The number of trials that was asked for.
    """
    cell = members[0][0].cells[0]
    counts = {study.cells[0].method.label: len(trials) for study, trials in members if study.space}
    if not counts:
        return ""
    seeds = len(members[0][0].cells)
    trials = (
        f"{samples} trials per method"
        if set(counts.values()) == {samples}
        else f"{samples} trials asked for, " + ", ".join(f"{name} {count}" for name, count in counts.items())
    )
    plain = [study.cells[0].method.label for study, _ in members if not study.space]
    about = ", ".join(filter(None, [cell.protocol.full, cell.division]))
    return (
        f"tuned on pseudo-cold items of {cell.dataset.label} with {cell.backbone.label}, protocol {about}, "
        f"by {members[0][0].metric}: {trials}, {seeds} seed{'s' * (seeds != 1)} per trial"
        + (f"; nothing to tune in {', '.join(plain)}" if plain else "")
    )
