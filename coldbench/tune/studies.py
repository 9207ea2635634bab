"""``Study``: one search, of a method on a backbone and a dataset under a protocol; options -> studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from coldbench.core.config import as_dict, digest, resolve
from coldbench.core.errors import InputError, unknown
from coldbench.core.space import Choice, Space, parse
from coldbench.plugins.registry import class_of
from coldbench.plugins.spec import Spec
from coldbench.protocol.split import WARM_PHASES
from coldbench.run.cell import Cell
from coldbench.run.options import Options
from coldbench.run.plan import Plan, make_plan
from coldbench.tune.samplers import Values

METRICS = {"mean-auc": ("auc", 1), "mean-gauc": ("gauc", 1), "mean-logloss": ("logloss", -1)}
POINTS = 1 + len(WARM_PHASES)  # points of evaluation per seed: cold and the warm-up phases


@dataclass(frozen=True)
class TuneOptions:
    """How to search; what to search for is in ``Options``.

    Attributes:
        samples: Trials of each study, the same number for every method.
        search: ``grid``, ``random`` or ``optuna``.
        scheduler: ``none``, or ``asha``, which stops poor trials early.
        metric: What to choose by: a mean over warm-a, warm-b and warm-c.
        fields: Comma-separated; None for all that the methods' files give a space for.
        space: ``NAME.FIELD=RANGE`` overrides.
    """

    samples: int = 32
    search: str = "random"
    scheduler: str = "asha"
    metric: str = "mean-auc"
    fields: str | None = None
    space: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """One search.

    Attributes:
        cells: With the values that are not searched, one cell per seed, on pseudo-cold items.
        space: ``NAME.FIELD`` to range; NAME is the method's or the backbone's.
        metric: One of ``METRICS``.
    """

    cells: tuple[Cell, ...]
    space: Space
    metric: str

    @property
    def name(self) -> str:
        """What names it to a person."""
        cell = self.cells[0]
        return f"{cell.dataset.label} / {cell.backbone.name} / {cell.method.label} / {cell.protocol.label}"

    @property
    def key(self) -> str:
        """A digest of everything but the values searched."""
        return digest([[cell.key for cell in self.cells], self.metric])

    @property
    def points(self) -> int:
        """Points of evaluation of a trial that is not stopped."""
        return POINTS * len(self.cells)

    def full(self, values: Values) -> Values:
        """The values of every field searched, defaults included, as JSON holds them."""
        cells = self.at(values)
        configs = {spec.name: as_dict(spec.config) for spec in (cells[0].backbone, cells[0].method)}
        return {target: configs[target.partition(".")[0]][target.partition(".")[2]] for target in self.space}

    def at(self, values: Values) -> tuple[Cell, ...]:
        """The cells of a trial."""
        return tuple(_with(cell, values) for cell in self.cells)


def studies(options: Options, how: TuneOptions) -> tuple[Plan, list[Study]]:
    """The searches that the options ask for.

    Raises:
        InputError: A name, field, range or number is wrong.
    """
    if how.metric not in METRICS:
        raise unknown("metric", how.metric, METRICS)
    if how.scheduler not in ("none", "asha"):
        raise unknown("scheduler", how.scheduler, ("none", "asha"))
    plan = make_plan(options)
    cells = [replace(cell, validation=True) for cell in plan.cells]
    for cell in cells:
        cell.recipe.split(plan.datasets[cell.dataset.label])  # raises where no old item can be spared
    spaces = _spaces(cells, how)
    groups: dict[tuple[str, ...], list[Cell]] = {}
    for cell in cells:
        parts = cell.dataset.label, cell.backbone.label, cell.protocol.label, cell.method.label
        groups.setdefault(parts, []).append(cell)
    return plan, [
        Study(tuple(group), spaces[group[0].backbone.name, group[0].method.name], how.metric)
        for group in groups.values()
    ]


def _spaces(cells: Sequence[Cell], how: TuneOptions) -> dict[tuple[str, str], Space]:
    """Per backbone and method, what is searched: the method's own space, the fields asked for, the ranges given."""
    owners = {spec.name: spec for cell in cells for spec in (cell.method, cell.backbone)}
    ranges: dict[str, Space] = {name: dict(class_of(spec).space) for name, spec in owners.items()}
    given = _given(how.space, owners)
    for name, space in given.items():
        ranges[name] |= space
    asked = [field.strip() for field in how.fields.split(",") if field.strip()] if how.fields else None
    known = {f"{name}.{field}" for name, space in ranges.items() for field in space}
    fields = {target.partition(".")[2] for target in known}
    for field in asked or []:
        if field not in known | fields:
            raise unknown("field in --fields", field, sorted(fields))

    def searched(name: str, own: bool) -> Space:
        if asked is None:
            chosen = [field for field in ranges[name] if own or field in given[name]]
        else:
            chosen = [field for field in ranges[name] if f"{name}.{field}" in asked or (own and field in asked)]
        return {f"{name}.{field}": ranges[name][field] for field in chosen}

    return {
        (cell.backbone.name, cell.method.name): searched(cell.method.name, True) | searched(cell.backbone.name, False)
        for cell in cells
    }


def _given(texts: Sequence[str], owners: dict[str, Spec]) -> dict[str, Space]:
    """The ranges of ``--space``, by plugin and field."""
    given: dict[str, Space] = {name: {} for name in owners}
    for pair in texts:
        target, equals, text = pair.partition("=")
        name, dot, field = target.strip().partition(".")
        if not (equals and dot and field):
            raise InputError(f"--space {pair!r} should be NAME.FIELD=RANGE, such as avaew.alpha=loguniform(1e-2,10)")
        if name not in owners:
            raise unknown(f"name in --space {pair}", name, owners)
        given[name][field] = _range(owners[name], field, text)
    return given


def _range(spec: Spec, field: str, text: str) -> Any:
    try:
        where = parse(text)
    except ValueError as error:
        raise InputError(f"--space {spec.name}.{field}={text}: {error}") from None
    config = type(spec.config)
    values = [getattr(resolve(spec.name, config, {field: value}), field) for value in where.extremes()]
    return Choice(tuple(values)) if isinstance(where, Choice) else where


def _with(cell: Cell, values: Values) -> Cell:
    for target, value in values.items():
        name, _, field = target.partition(".")
        part = "method" if name == cell.method.name else "backbone"
        spec = getattr(cell, part)
        config = resolve(name, type(spec.config), {**as_dict(spec.config), field: value})
        cell = replace(cell, **{part: replace(spec, config=config)})
    return cell
