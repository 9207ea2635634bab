"""``Study``: the search for one method on one backbone and dataset under one protocol; options -> studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from coldbench.core.config import as_dict, digest, resolve
from coldbench.core.errors import InputError, unknown
from coldbench.core.space import Choice, Space, parse
from coldbench.plugins.registry import Registry, class_of
from coldbench.plugins.spec import Spec
from coldbench.protocol.metrics import METRICS as MEASURED
from coldbench.protocol.shots import phase_names
from coldbench.run.cell import Cell
from coldbench.run.options import Options
from coldbench.run.plan import Plan, make_plan
from coldbench.tune.samplers import Values

METRICS = {f"mean-{name}": (name, MEASURED[name].sign) for name in ("auc", "gauc", "logloss")}


@dataclass(frozen=True)
class TuneOptions:
    """How to search; ``Options`` says which methods to tune and on what.

    Attributes:
        samples: The number of trials per study, the same for every method.
        search: ``grid``, ``random`` or ``optuna``.
        scheduler: ``none``, or ``asha``, which stops poor trials early.
        metric: The metric to select by: a mean over the warm-up phases.
        fields: The fields to search, comma-separated; None for all fields in the methods' own spaces.
        space: Ranges in place of the default ones, as ``NAME.FIELD=RANGE``.
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
        cells: One cell per seed, on pseudo-cold items, with the values that are not searched.
        space: The range of each ``NAME.FIELD``; NAME is the method or the backbone.
        metric: One of ``METRICS``.
    """

    cells: tuple[Cell, ...]
    space: Space
    metric: str

    @property
    def name(self) -> str:
        """The study's name in messages."""
        cell = self.cells[0]
        parts = [cell.dataset.label, cell.backbone.name, cell.method.label, cell.protocol.full]
        return " / ".join([*parts, *filter(None, [cell.division])])

    @property
    def key(self) -> str:
        """A digest of everything except the searched values."""
        return digest([[cell.key for cell in self.cells], self.metric])

    @property
    def points(self) -> int:
        """The number of evaluation points of a trial that runs to its end."""
        return len(phase_names(self.cells[0].shots)) * len(self.cells)

    def full(self, values: Values) -> Values:
        """The values of all searched fields, defaults included, as JSON types."""
        cells = self.at(values)
        configs = {spec.name: as_dict(spec.config) for spec in (cells[0].backbone, cells[0].method)}
        return {target: configs[target.partition(".")[0]][target.partition(".")[2]] for target in self.space}

    def at(self, values: Values) -> tuple[Cell, ...]:
        """The cells of a trial with the given values."""
        return tuple(cell.having(values) for cell in self.cells)


def studies(options: Options, how: TuneOptions) -> tuple[Plan, list[Study]]:
    """Builds the plan and the studies that the options ask for.

    Raises:
        InputError: A name, field, range or number is wrong.
    """
    if how.metric not in METRICS:
        raise unknown("metric", how.metric, METRICS)
    if how.scheduler not in ("none", "asha"):
        raise unknown("scheduler", how.scheduler, ("none", "asha"))
    plan = make_plan(replace(options, tuned=()))  # a search starts from the values before any search
    cells = [replace(cell, validation=True) for cell in plan.cells]
    for cell in cells:
        cell.recipe.split(plan.datasets[cell.dataset.label])  # raises if there are too few old items
    spaces = _spaces(cells, _by_key(Registry(plan.plugins), how))
    groups: dict[tuple[str, ...], list[Cell]] = {}
    for cell in cells:
        parts = cell.dataset.label, cell.backbone.label, cell.protocol.label, cell.method.label
        groups.setdefault(parts, []).append(cell)
    return plan, [
        Study(tuple(group), spaces[group[0].backbone.name, group[0].method.name], how.metric)
        for group in groups.values()
    ]


def _by_key(registry: Registry, how: TuneOptions) -> TuneOptions:
    """The options with the names of plugins in --fields and --space as the registry spells them."""

    def named(text: str) -> str:
        name, dot, rest = text.strip().partition(".")
        return f"{registry.target(name)}.{rest}" if dot else text

    fields = None if how.fields is None else ",".join(map(named, how.fields.split(",")))
    return replace(how, fields=fields, space=tuple(map(named, how.space)))


def _spaces(cells: Sequence[Cell], how: TuneOptions) -> dict[tuple[str, str], Space]:
    """The space of each backbone and method, from the method's own space, --fields and --space."""
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
    """The ranges given by ``--space``, by plugin and field."""
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
