"""``Options``: what to run and how, from flags and a TOML file, before any name is looked up.

Each field of ``Options`` is an option. Its ``Flag`` says how the option is read, checked and explained, both on the
command line and in a TOML file.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from coldbench.core.errors import InputError, unknown
from coldbench.core.space import Range
from coldbench.core.storage import place
from coldbench.runs.flags import COUNT, FILES, LISTS, NAMES, NUMBER, PAIRS, PATH, SEEDS, TEXT, Flag, FlagKind
from coldbench.runs.trackers.asked import asked
from coldbench.runs.tuned import Tuned, TunedTables

MOST_JOBS = 4096
PROVENANCE = "provenance"  # the table of a run.toml with its provenance; only the fingerprints are read from it


def flag(default: Any, kind: FlagKind, text: str, shown: str = "", **more: Any) -> Any:
    """Declares an option: its default, its kind, its help and the default that the help shows (see ``Flag``)."""
    return field(default=default, metadata={"flag": Flag(kind, text, shown, **more)})


@dataclass(frozen=True)
class Options:
    """What to run, and how; ``coldbench run --help`` explains every option."""

    without: ClassVar[frozenset[str]] = frozenset()  # options of this class that a subclass does not have
    methods: tuple[str, ...] = flag(
        ("paper", "base[item_lr=0.01]"),
        NAMES,
        "Names, variants such as cvar[adapt=false], groups such as paper, or all.",
        "paper,base[item_lr=0.01]; tune: paper",
    )
    backbones: tuple[str, ...] = flag(("deepfm",), NAMES, "Names, groups or all.", "deepfm")
    datasets: tuple[str, ...] = flag(("synthetic",), NAMES, "Names, or folders of your own.", "synthetic")
    seeds: tuple[int, ...] = flag((0, 1, 2), SEEDS, "A number of seeds, or a list of them.", "3; tune: 1")
    protocol: tuple[str, ...] = flag(("paper",), NAMES, "One or more of paper, strict and matched.", "paper")
    budget: tuple[str, ...] = flag((), NAMES, "Steps per phase of protocol matched, in epochs of base.")
    metrics: tuple[str, ...] = flag((), NAMES, "Metrics beyond the usual: topn, or topn[users=1000,k=20].")
    split: str = flag("frequency", TEXT, "frequency, or release[at=SHARE or DATE].", "frequency")
    shots: tuple[str, ...] = flag((), NAMES, "Interactions per new item at which to evaluate.", "0, K, 2 K, 3 K")
    tuned: tuple[Tuned, ...] = flag((), TunedTables(), "The values that coldbench tune chose.", hidden=True)
    set: tuple[str, ...] = flag((), PAIRS, "Override a hyper-parameter.", metavar="NAME.FIELD=VALUE")
    out: str = flag("results/run", PATH, "The run's folder.", "results/run; tune: results/tune")
    data_dir: str | None = flag(None, PATH, "A folder with the raw files (else COLDBENCH_DATA, else the cache).")
    device: str = flag("auto", TEXT, "The device: auto (the CPU), cpu or cuda.", "auto")
    jobs: int | None = flag(
        None,
        COUNT,
        "The number of cells computed at once.",
        "the number of cores",
        limit=Range(1, MOST_JOBS),
        repeated=False,
    )
    plugin: tuple[str, ...] = flag((), FILES, "Add a method, backbone or dataset from a file.", metavar="FILE.py")
    track: tuple[str, ...] = flag(
        (), LISTS, "Copy results to mlflow, tensorboard or wandb.", metavar="TRACKER[=TARGET]", repeated=False
    )
    address: str | None = flag(None, TEXT, "HOST:PORT of a running Ray cluster.", "a local Ray", repeated=False)
    cpus_per_cell: float = flag(
        1.0, NUMBER, "CPUs that a cell reserves; fractions are allowed.", "1", limit=Range(0.01, 1024), repeated=False
    )
    gpus_per_cell: float | None = flag(
        None, NUMBER, "GPUs that a cell reserves; fractions are allowed.", limit=Range(0.01, 64), repeated=False
    )
    cell_timeout: float | None = flag(
        None, NUMBER, "The time after which a cell is ended.", metavar="SECONDS", limit=Range(0.1, 1e8), repeated=False
    )
    memory_per_cell: float | None = flag(
        None, NUMBER, "Memory that a cell may add to its worker.", metavar="GIB", limit=Range(0.01, 1e6), repeated=False
    )
    fingerprints: Mapping[str, str] = field(default_factory=dict)  # those in a run.toml, by dataset label


def flags_of(kind: type[Options]) -> dict[str, Flag]:
    """The flags of a command's options, by name."""
    fields = (each for each in dataclasses.fields(kind) if "flag" in each.metadata)
    return {each.name: each.metadata["flag"] for each in fields if each.name not in kind.without}


FLAGS = flags_of(Options)
AnyOptions = TypeVar("AnyOptions", bound=Options)


def read_options(flags: Mapping[str, Any], config: Path | None, **defaults: Any) -> Options:
    """Reads the options of ``coldbench run`` (see ``read_into``)."""
    return read_into(Options, flags, config, **defaults)


def read_into(kind: type[AnyOptions], flags: Mapping[str, Any], config: Path | None, **defaults: Any) -> AnyOptions:
    """Merges flags, a TOML file and a command's defaults, in decreasing order of precedence.

    Args:
        kind: The class of the command's options.
        flags: The text of each option on the command line; None or () if it was not given.
        config: A TOML file with the same keys as the flags.
        **defaults: Values by option, in place of those of the class.

    Raises:
        InputError: The file cannot be read or is not TOML, or an option has a value of another kind.
    """
    known = flags_of(kind)
    values = defaults | (_from_toml(config, known) if config else {})
    for name, value in flags.items():
        if value not in (None, ()):
            values[name] = known[name].kind.from_text(f"--{name.replace('_', '-')}", value)
    return kind(**values)


def values_of(content: Mapping[str, Any], path: Path, known: Mapping[str, Flag]) -> dict[str, Any]:
    """Checks and converts the values of options.

    Args:
        content: Values by option, as a TOML file would give them.
        known: The options that there are.
        path: Where they come from, for messages; paths among the values are relative to its folder.

    Raises:
        InputError: An option is unknown, or has a value of another kind.
    """
    values = {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name not in known:
            raise unknown(f"key in {path}", key, known)
        values[name] = known[name].kind.from_toml(path, name, value)
    return values


def check_how(options: Options) -> None:
    """Checks the options that do not name a plugin: numbers, the run folder, the trackers and the address.

    Raises:
        InputError: The run folder, a tracker, the address or a number is wrong.
    """
    for name, flag in flags_of(type(options)).items():
        value, shown = getattr(options, name), f"--{name.replace('_', '-')}"
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and "\0" in text:
                raise InputError(f"{shown} {text!r} holds a null byte")
        if flag.limit is not None and value is not None and value not in flag.limit:
            raise InputError(f"{shown} {value} should be {flag.limit}")
    if not options.out.strip():
        raise InputError("--out '' should be the folder to write to")
    place(options.out)
    asked(options.track)
    if options.address not in (None, "auto"):
        address = re.fullmatch(r"(ray://)?(\S+):([0-9]{1,5})", str(options.address))
        if not address or not 0 < int(address[3]) < 65_536:
            raise InputError(f"--address {options.address!r} should be auto or HOST:PORT")


def _from_toml(path: Path, known: Mapping[str, Flag]) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"--config {path} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # raised by tomllib for texts that are not TOML
        raise InputError(f"--config {path} is no TOML: {error}") from None
    about = content.pop(PROVENANCE, None)
    recorded = about.get("fingerprints") if isinstance(about, dict) else None
    values = values_of(content, path, known)
    if isinstance(recorded, dict):
        values["fingerprints"] = {str(label): str(fingerprint) for label, fingerprint in recorded.items()}
    return values
