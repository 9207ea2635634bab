"""Options -> the cells of a run, with every name and value in them checked."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from coldbench.core.config import resolve
from coldbench.core.errors import InputError, unknown
from coldbench.data.dataset import Dataset
from coldbench.model.phase import Settings
from coldbench.plugins import registry
from coldbench.plugins.file import PluginFile
from coldbench.plugins.registry import BACKBONES, DATASETS, METHODS, Kind
from coldbench.protocol.phases import PROTOCOLS
from coldbench.protocol.split import warm_up_split
from coldbench.run.cell import Cell, Spec
from coldbench.run.options import Options, check_how

_SETTINGS = "protocol"  # the name under which --set reaches the settings that all methods share
_MOST_SEEDS = 10_000


@dataclass(frozen=True)
class Plan:
    """The cells of a run, and the datasets that they need, by label."""

    options: Options
    cells: tuple[Cell, ...]
    datasets: dict[str, Dataset]


def make_plan(options: Options) -> Plan:
    """Checks every name and value, loads the datasets and lists the cells.

    Raises:
        InputError: A name, field or value is wrong, or a dataset is not at hand.
    """
    check_how(options)
    protocols = _protocols(options.protocol, options.budget)
    registry.use([PluginFile.read(Path(path)) for path in options.plugin])
    overrides = _overrides(options.set)
    chosen = {
        kind.name: _specs(kind, text, overrides)
        for kind, text in ((METHODS, options.methods), (BACKBONES, options.backbones), (DATASETS, options.datasets))
    }
    settings = resolve(_SETTINGS, Settings, overrides.pop(_SETTINGS, {}))
    used = {spec.name for specs in chosen.values() for spec in specs}
    for name in overrides:
        if name not in used:
            raise unknown(f"name in --set {name}.{next(iter(overrides[name]))}", name, {*used, _SETTINGS})
    seeds = _seeds(options.seeds)
    device = _device(options.device)
    data_dir = Path(options.data_dir) if options.data_dir else None
    datasets = {
        spec.label: registry.get(DATASETS, spec.name)().load(spec.config, data_dir) for spec in chosen[DATASETS.name]
    }
    for data in datasets.values():
        warm_up_split(data)  # raises where (N, K) do not suit the data
    cells = [
        Cell(
            dataset,
            datasets[dataset.label].fingerprint,
            backbone,
            method,
            seed,
            protocol,
            settings,
            device,
            tuned=options.tuned,
        )
        for dataset, seed, backbone, protocol, method in itertools.product(
            chosen[DATASETS.name], seeds, chosen[BACKBONES.name], protocols, chosen[METHODS.name]
        )
    ]
    return Plan(options, tuple(cells), datasets)


def split_names(text: str) -> Iterator[str]:
    """Splits at the commas that stand outside brackets."""
    depth, start = 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            yield text[start:at].strip()
            start = at + 1
    yield text[start:].strip()


def parse_spec(kind: Kind, text: str, overrides: Mapping[str, Mapping[str, str]]) -> Spec:
    """``name`` or ``name[field=value,...]`` -> the plugin with its configuration resolved."""
    text, values = _variant(text)
    name, meant = registry.dataset(text) if kind is DATASETS else (text, {})
    config = registry.get(kind, name).Config
    return Spec(name, resolve(name, config, {**meant, **overrides.get(name, {}), **values}))


def parse_protocol(text: str) -> Spec:
    """The same for a protocol, such as ``matched[budget=3]``."""
    name, values = _variant(text)
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    return Spec(name, resolve(name, PROTOCOLS[name], values))


def _variant(text: str) -> tuple[str, dict[str, str]]:
    name, bracket, rest = text.partition("[")
    values: dict[str, str] = {}
    if bracket:
        if not rest.endswith("]"):
            raise InputError(f"{text!r} lacks its closing bracket; a variant is written {name}[field=value]")
        for pair in rest[:-1].split(","):
            field, equals, value = pair.partition("=")
            if not equals:
                raise InputError(f"{pair!r} in {text!r} should be field=value")
            if field.strip() in values:
                raise InputError(f"{field.strip()} is given twice in {text!r}")
            values[field.strip()] = value.strip()
    return name, values


def _specs(kind: Kind, text: str, overrides: Mapping[str, Mapping[str, str]]) -> list[Spec]:
    asked = registry.every(kind) if text.strip() == "all" else [name for name in split_names(text) if name]
    if not asked:
        raise InputError(f"no {kind.name} given; known: {', '.join(registry.names(kind))}")
    specs = [parse_spec(kind, name, overrides) for name in asked]
    return list({spec.label: spec for spec in specs}.values())


def _protocols(names: str, budgets: str | None) -> list[Spec]:
    asked = [name for name in split_names(names) if name]
    if not asked:
        raise InputError(f"no protocol given; known: {', '.join(PROTOCOLS)}")
    if budgets is not None:
        if "matched" not in asked:
            raise InputError(f"--budget {budgets} is of protocol matched; give --protocol matched as well")
        at = asked.index("matched")
        asked[at : at + 1] = [f"matched[budget={part}]" for part in split_names(budgets)]
    return list({spec.label: spec for spec in map(parse_protocol, asked)}.values())


def _overrides(pairs: tuple[str, ...]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for pair in pairs:
        target, equals, value = pair.partition("=")
        name, dot, field = target.strip().rpartition(".")
        if not (equals and dot and name and field):
            raise InputError(f"--set {pair!r} should be NAME.FIELD=VALUE, such as cvar.alpha=0.5")
        found.setdefault(name, {})[field] = value.strip()
    return found


def _seeds(text: str) -> list[int]:
    parts = text.split(",")
    numbers = [part.strip() for part in parts if part.strip()]
    if not numbers or not all(re.fullmatch("[0-9]{1,9}", number) for number in numbers):
        raise InputError(f"--seeds {text!r} should be how many (5) or a list of seeds (0,1,2)")
    if len(parts) > 1:
        return list(dict.fromkeys(int(number) for number in numbers))
    if not 1 <= int(text) <= _MOST_SEEDS:
        raise InputError(f"--seeds {text} should be between 1 and {_MOST_SEEDS}")
    return list(range(int(text)))


def _device(name: str) -> str:
    if name not in ("auto", "cpu", "cuda"):
        raise unknown("device", name, ("auto", "cpu", "cuda"))
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: this machine or this build of torch has no CUDA; use --device cpu")
    return name if name != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
