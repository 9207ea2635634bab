"""Flags and a TOML file -> the cells of a run."""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from coldbench import registry
from coldbench.cell import Cell, Spec
from coldbench.config import resolve
from coldbench.data.dataset import Dataset
from coldbench.errors import InputError, unknown
from coldbench.outside import PluginFile
from coldbench.protocol import PROTOCOLS
from coldbench.registry import BACKBONES, DATASETS, METHODS, Kind
from coldbench.space import Range
from coldbench.split import warm_up_split
from coldbench.storage import place
from coldbench.training import Settings

_SETTINGS = "protocol"  # the name under which --set reaches the settings that all methods share
_MOST_SEEDS = 10_000
MOST_JOBS = 4096
_LIMITS = {
    "cpus_per_cell": Range(0.01, 1024),
    "gpus_per_cell": Range(0.01, 64),
    "cell_timeout": Range(0.1, 1e8),
    "memory_per_cell": Range(0.01, 1e6),
}
_LISTS = ("methods", "backbones", "datasets", "seeds", "protocol", "budget")
PROVENANCE = "provenance"  # the table of a run.toml that says what the run came from; nothing is read from it


@dataclass(frozen=True)
class Options:
    """What to run, as the user said it; the keys of a TOML file are the same.

    Attributes:
        methods: Comma-separated names, each perhaps with a variant, ``cvar[adapt=false]``; or ``all``.
        backbones: The same for backbones.
        datasets: The same for datasets.
        seeds: How many, or a comma-separated list.
        protocol: Comma-separated names of ``PROTOCOLS``.
        tuned: How the hyper-parameters were chosen, as ``coldbench tune`` writes it; for the report.
        budget: Comma-separated budgets of protocol ``matched``, in epochs of the plain baseline.
        set: ``NAME.FIELD=VALUE`` overrides.
        out: The run's folder.
        data_dir: A folder with raw files.
        device: ``auto``, ``cpu`` or ``cuda``.
        jobs: Cells at once; None for as many as there are cores.
        address: Of a Ray cluster; None for a local one.
        cpus_per_cell: CPUs that a cell reserves; torch uses one thread whatever it is, so that results repeat.
        gpus_per_cell: GPUs that a cell reserves; None for a share of one, where the device is ``cuda``.
        cell_timeout: Seconds after which a cell is given up; None for never.
        memory_per_cell: GiB that a cell may add to its worker's memory; None for no limit.
        plugin: Files that add a method, backbone or dataset.
    """

    methods: str = "all"
    backbones: str = "deepfm"
    datasets: str = "synthetic"
    seeds: str = "3"
    protocol: str = "paper"
    budget: str | None = None
    tuned: str | None = None
    set: tuple[str, ...] = ()
    out: str = "results/run"
    data_dir: str | None = None
    device: str = "auto"
    jobs: int | None = None
    address: str | None = None
    cpus_per_cell: float = 1.0
    gpus_per_cell: float | None = None
    cell_timeout: float | None = None
    memory_per_cell: float | None = None
    plugin: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The cells of a run, and the datasets that they need, by label."""

    options: Options
    cells: tuple[Cell, ...]
    datasets: dict[str, Dataset]


def read_options(flags: Mapping[str, Any], config: Path | None, **defaults: Any) -> Options:
    """Merges a TOML file and the flags that were given; flags win, and both over a command's own defaults.

    Raises:
        InputError: The file cannot be read, is no TOML, or has a key or value of another kind.
    """
    values = defaults | (_from_toml(config) if config else {})
    values |= {name: value for name, value in flags.items() if value not in (None, ())}
    return Options(**values)


def make_plan(options: Options) -> Plan:
    """Checks every name and value, loads the datasets and lists the cells.

    Raises:
        InputError: A name, field or value is wrong, or a dataset is not at hand.
    """
    _check_how(options)
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


def _check_how(options: Options) -> None:
    """Checks where and how wide to run."""
    for name, value in vars(options).items():
        if isinstance(value, str) and "\0" in value:
            raise InputError(f"--{name.replace('_', '-')} {value!r} holds a null byte")
    if not options.out.strip():
        raise InputError("--out '' should be the folder to write to")
    place(options.out)
    if options.jobs is not None and not 1 <= options.jobs <= MOST_JOBS:
        raise InputError(f"--jobs {options.jobs} should be between 1 and {MOST_JOBS}")
    for name, limit in _LIMITS.items():
        number = getattr(options, name)
        if number is not None and number not in limit:
            raise InputError(f"--{name.replace('_', '-')} {number:g} should be {limit}")
    if options.address not in (None, "auto"):
        address = re.fullmatch(r"(ray://)?(\S+):([0-9]{1,5})", str(options.address))
        if not address or not 0 < int(address[3]) < 65_536:
            raise InputError(f"--address {options.address!r} should be auto or HOST:PORT")


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


def _from_toml(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"--config {path} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # what tomllib raises for texts that are no TOML
        raise InputError(f"--config {path} is no TOML: {error}") from None
    known = {field.name for field in fields(Options)}
    values: dict[str, Any] = {}
    content.pop(PROVENANCE, None)
    for key, value in content.items():
        name = key.replace("-", "_")
        if name not in known:
            raise unknown(f"key in {path}", key, known)
        values[name] = _from_toml_value(path, name, value)
    return values


def _from_toml_value(path: Path, name: str, value: Any) -> Any:
    """A TOML value as the flag would have it: lists joined by commas, tables as NAME.FIELD=VALUE.

    Paths are relative to the file's folder, so that the two can be moved together.
    """
    if name in ("out", "data_dir") and isinstance(value, str) and value:
        return value if "://" in value else str(path.parent / value)
    if name == "set":
        if isinstance(value, dict):
            return tuple(_flat("", value))
        if isinstance(value, list) and all(isinstance(pair, str) for pair in value):
            return tuple(value)
        raise InputError(f"set in {path} should be a table such as [set.cvar]")
    if name == "plugin":
        files = value if isinstance(value, list) else [value]
        if not all(isinstance(file, str) for file in files):
            raise InputError(f"plugin in {path} is {value!r}; it should be a list of Python files")
        return tuple(str(path.parent / file) for file in files)
    if name in _LIMITS:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{name} in {path} is {value!r}; it should be a number")
        return float(value) if abs(value) < 1e300 else math.inf
    if name == "jobs":
        if isinstance(value, bool) or not isinstance(value, int):
            raise InputError(f"jobs in {path} is {value!r}; it should be a whole number of at least 1")
        return value
    if isinstance(value, list) and name in _LISTS:
        comma = "," if name == "seeds" and len(value) == 1 else ""  # a list of one seed, not a number of seeds
        return ",".join(str(part) for part in value) + comma
    if not isinstance(value, str | int if name in ("seeds", "budget") else str) or isinstance(value, bool):
        raise InputError(f"{name} in {path} is {value!r}; it should be what --{name.replace('_', '-')} takes")
    return str(value)


def _flat(prefix: str, table: Mapping[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            text = "x".join(map(str, value)) if isinstance(value, list) else str(value)
            yield f"{prefix}{name}={text}"
