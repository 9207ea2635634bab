"""What to run and how, from flags and a TOML file, before any name in it is looked up."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from coldbench.core.errors import InputError, unknown
from coldbench.core.space import Range
from coldbench.core.storage import place

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


def read_options(flags: Mapping[str, Any], config: Path | None, **defaults: Any) -> Options:
    """Merges a TOML file and the flags that were given; flags win, and both over a command's own defaults.

    Raises:
        InputError: The file cannot be read, is no TOML, or has a key or value of another kind.
    """
    values = defaults | (_from_toml(config) if config else {})
    values |= {name: value for name, value in flags.items() if value not in (None, ())}
    return Options(**values)


def check_how(options: Options) -> None:
    """Checks where and how wide to run.

    Raises:
        InputError: A folder, an address or a number is wrong.
    """
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
