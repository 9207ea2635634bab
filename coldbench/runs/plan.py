"""Options -> the cells of a run, after checking every name and value."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from coldbench.core.config import digest, identity, resolve
from coldbench.core.errors import InputError, unknown
from coldbench.data.dataset import Dataset
from coldbench.model.settings import Settings
from coldbench.plugins.file import PluginFile
from coldbench.plugins.kinds import BACKBONES, DATASETS, METHODS, Kind
from coldbench.plugins.registry import Registry, class_of
from coldbench.plugins.spec import Spec
from coldbench.protocol.rules import PROTOCOLS
from coldbench.protocol.shots import parse_shots
from coldbench.protocol.splits import SPLITS
from coldbench.protocol.topn import TopNSettings
from coldbench.runs.cell import Cell
from coldbench.runs.chosen import apply
from coldbench.runs.options import Options, check_how

TOPN = "topn"  # in --metrics, and in a record's configuration
TRAINING = "training"  # in --set, the name of the settings that all methods share
EVERY_METHOD = "methods"  # in --set, the name that stands for every method
_FORMER = "protocol"  # the former name of TRAINING; its phase_epochs is now every method's item_epochs


@dataclass(frozen=True)
class Plan:
    """The cells of a run with its options, its datasets by label and its plugin files."""

    options: Options
    cells: tuple[Cell, ...]
    datasets: dict[str, Dataset]
    plugins: tuple[PluginFile, ...] = ()


def make_plan(options: Options) -> Plan:
    """Checks every name and value, loads the datasets and lists the cells.

    Raises:
        InputError: A name, field or value is wrong, or a dataset is not available.
    """
    check_how(options)
    protocols = _protocols(options.protocol, options.budget)
    topn = _topn(options.metrics)
    split, shots = parse_split(options.split), parse_shots(options.shots)
    files = tuple(PluginFile.read(Path(path)) for path in options.plugin)
    registry = Registry(files)
    overrides = parse_overrides(registry, options.set)
    methods, backbones, sources = (
        parse_specs(registry, kind, names, overrides)
        for kind, names in (
            (METHODS, options.methods),
            (BACKBONES, options.backbones),
            (DATASETS, options.datasets),
        )
    )
    settings = resolve(TRAINING, Settings, overrides.pop(TRAINING, {}))
    overrides.pop(EVERY_METHOD, None)
    used = {spec.name for spec in (*methods, *backbones, *sources)}
    for name in overrides:
        if name not in used:
            known = {*used, TRAINING, EVERY_METHOD}
            raise unknown(f"name in --set {name}.{next(iter(overrides[name]))}", name, known)
    device = parse_device(options.device)
    datasets = _loaded(sources, options.data_dir)
    for data in datasets.values():
        split.config.divide(data, shots)  # raises if the split does not suit the data
    _check_fingerprints(datasets, options.fingerprints)
    sources = _settled(sources, datasets)
    datasets = {spec.label: datasets[spec.label] for spec in sources}
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
            topn=topn,
            split=split,
            shots=shots,
        )
        for dataset, seed, backbone, protocol, method in itertools.product(
            sources, options.seeds, backbones, protocols, methods
        )
    ]
    return Plan(options, tuple(apply(cells, options.tuned)), datasets, files)


def parse_spec(registry: Registry, kind: Kind, text: str, overrides: Mapping[str, Mapping[str, str]]) -> Spec:
    """Parses ``name`` or ``name[field=value,...]`` into a plugin with its resolved configuration."""
    text, values = _variant(text)
    name, meant = registry.dataset(text) if kind is DATASETS else (registry.key(kind, text), {})
    every = overrides.get(EVERY_METHOD, {}) if kind is METHODS else {}
    return registry.spec(kind, name, {**meant, **every, **overrides.get(name, {}), **values})


def parse_protocol(text: str) -> Spec:
    """Parses ``name`` or ``name[field=value,...]``, such as ``matched[budget=3]``, into a protocol."""
    name, values = _variant(text)
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    return Spec("protocol", name, resolve(name, PROTOCOLS[name], values))


def parse_split(text: str) -> Spec:
    """Parses ``name`` or ``name[field=value,...]``, such as ``release[at=2001-01-01]``, into a split."""
    name, values = _variant(text)
    if name not in SPLITS:
        raise unknown("split", name, SPLITS)
    return Spec("split", name, resolve(name, SPLITS[name], values))


def _loaded(sources: Sequence[Spec], data_dir: str | None) -> dict[str, Dataset]:
    folder = Path(data_dir) if data_dir else None
    return {spec.label: class_of(spec)().load(spec.config, folder) for spec in sources}


def _settled(sources: Sequence[Spec], datasets: Mapping[str, Dataset]) -> list[Spec]:
    """The datasets with the N and K that their data came with, once each where two are the same."""
    settled = [spec.split_at(datasets[spec.label].n, datasets[spec.label].k) for spec in sources]
    found: dict[str, Spec] = {}
    for spec in settled:
        found.setdefault(digest([spec.name, identity(spec.config), datasets[spec.label].fingerprint]), spec)
    return list(found.values())


def _check_fingerprints(datasets: Mapping[str, Dataset], recorded: Mapping[str, str]) -> None:
    for label, data in datasets.items():
        before = recorded.get(label, data.fingerprint)
        if before != data.fingerprint:
            raise InputError(
                f"{label} is not what it was when the TOML file was written (fingerprint {before[:12]} then, "
                f"{data.fingerprint[:12]} now); give the data of then, or delete the file's table [provenance]"
            )


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


def parse_specs(
    registry: Registry, kind: Kind, names: Sequence[str], overrides: Mapping[str, Mapping[str, str]]
) -> list[Spec]:
    """Parses names and variants, or ``all``, into distinct plugins with their configurations.

    Raises:
        InputError: There is none, a name is unknown, or a field does not accept its value.
    """
    if not names:
        raise InputError(f"no {kind.name} given; known: {', '.join(registry.names(kind))}")
    specs = [parse_spec(registry, kind, name, overrides) for name in registry.expand(kind, names)]
    return list({spec.label: spec for spec in specs}.values())


def _protocols(names: Sequence[str], budgets: Sequence[str]) -> list[Spec]:
    asked = list(names)
    if not asked:
        raise InputError(f"no protocol given; known: {', '.join(PROTOCOLS)}")
    if budgets:
        if "matched" not in asked:
            raise InputError(f"--budget {','.join(budgets)} is of protocol matched; give --protocol matched as well")
        at = asked.index("matched")
        asked[at : at + 1] = [f"matched[budget={part}]" for part in budgets]
    return list({spec.label: spec for spec in map(parse_protocol, asked)}.values())


def _topn(metrics: Sequence[str]) -> TopNSettings | None:
    """The settings of ``topn``, which is the only metric that has to be asked for."""
    asked = {}
    for name, values in map(_variant, metrics):
        if name != TOPN:
            raise unknown("metric to ask for", name, (TOPN,))
        asked[str(values)] = resolve(TOPN, TopNSettings, values)
    if len(asked) > 1:
        raise InputError(f"--metrics {','.join(metrics)} asks for topn in {len(asked)} ways; one is enough")
    return next(iter(asked.values()), None)


def parse_overrides(registry: Registry, pairs: Sequence[str]) -> dict[str, dict[str, str]]:
    """Parses ``NAME.FIELD=VALUE`` pairs into texts by name and field.

    Raises:
        InputError: A pair has another form.
    """
    found: dict[str, dict[str, str]] = {}
    for pair in pairs:
        place, equals, value = pair.partition("=")
        name, dot, field = place.strip().rpartition(".")
        if not (equals and dot and name and field):
            raise InputError(f"--set {pair!r} should be NAME.FIELD=VALUE, such as cvar.alpha=0.5")
        if name == _FORMER:
            name, field = (EVERY_METHOD, "item_epochs") if field == "phase_epochs" else (TRAINING, field)
        target = name if name in (TRAINING, EVERY_METHOD) else registry.target(name)
        found.setdefault(target, {})[field] = value.strip()
    return found


def parse_device(name: str) -> str:
    """Resolves a device to ``cpu`` or ``cuda``; ``auto`` is the CPU, where alone bits are promised to repeat."""
    if name not in ("auto", "cpu", "cuda"):
        raise unknown("device", name, ("auto", "cpu", "cuda"))
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: this machine or this build of torch has no CUDA; use --device cpu")
    return "cuda" if name == "cuda" else "cpu"
