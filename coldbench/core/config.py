"""``Config`` dataclasses from names and texts: checked values, labels, digests."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_origin, get_type_hints

from coldbench.core.errors import InputError, unknown
from coldbench.core.space import Range

AFTER_FIT = "after_fit"  # in a field's metadata
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def resolve(owner: str, config: type, overrides: Mapping[str, Any]) -> Any:
    """Builds a ``Config`` from its defaults and the given values.

    Args:
        owner: The plugin's name, for messages (``cvar``).
        config: The frozen dataclass.
        overrides: Field name to value; texts (from the command line) are parsed by the field's type.

    Raises:
        InputError: An unknown field, a value of another type or out of its range.
    """
    hints = get_type_hints(config, include_extras=True)
    values = {}
    for name, value in overrides.items():
        if name not in hints:
            raise unknown(f"field of {owner}", name, hints)
        values[name] = _checked(f"{owner}.{name}", value, hints[name])
    return config(**values)


def check_config(owner: str, config: Any) -> None:
    """Checks that a plugin's ``Config`` can be built, set from texts and put into a record.

    Raises:
        InputError: It is no frozen dataclass, or a field lacks a default or has a type of another kind.
    """
    own = vars(config).get("__dataclass_params__") if isinstance(config, type) else None  # not an inherited one
    if own is None or not own.frozen:
        raise InputError(f"{owner} should have a frozen dataclass named Config")
    try:
        hints = get_type_hints(config, include_extras=True)
        default = config()
    except Exception as error:  # whatever an annotation or a __post_init__ may raise
        reason = " ".join(str(error).split())
        raise InputError(
            f"{owner}: Config() should work without arguments ({type(error).__name__}: {reason})"
        ) from None
    for name, hint in hints.items():
        element = get_args(hint)[0] if get_origin(hint) is tuple else hint
        kind = get_args(element)[0] if get_origin(element) is not None else element
        if kind not in (bool, int, float, str):
            raise InputError(
                f"{owner}: Config.{name} is a {hint}; it should be a bool, int, float, str or tuple of them"
            )
        _checked(f"{owner}: the default of Config.{name}", getattr(default, name), hint)


def _checked(where: str, value: Any, hint: Any) -> Any:
    """Parses and checks one value against ``Annotated[type, Range]``, a tuple or a plain type."""
    if get_origin(hint) is tuple:
        element = get_args(hint)[0]
        parts = value.replace("x", ",").split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple) or not parts:
            raise InputError(f"{where} is {value!r}; it should be a list such as 16x16")
        return tuple(_checked(where, part, element) for part in parts)
    kind = get_args(hint)[0] if get_origin(hint) is not None else hint
    parsed = _parsed(value, kind)
    if parsed is None:
        raise InputError(f"{where} is {value!r}; it should be of type {kind.__name__}")
    if isinstance(parsed, float):
        if not math.isfinite(parsed):
            raise InputError(f"{where} is {value!r}; it should be a finite number")
        parsed += 0.0  # -0.0 is the same value, and one configuration has one key
    for limit in get_args(hint)[1:]:
        if isinstance(limit, Range) and parsed not in limit:
            raise InputError(f"{where} is {value!r}; it should be {limit}")
    return parsed


def _parsed(value: Any, kind: type) -> Any:
    """The value as ``kind``, or None where it is none."""
    if kind is bool:
        return value if isinstance(value, bool) else _TRUTH.get(str(value).strip().lower())
    if isinstance(value, bool):
        return None
    if kind is int and isinstance(value, float):
        return int(value) if value.is_integer() else None
    try:
        return kind(value)
    except (TypeError, ValueError, OverflowError):
        return None


def after_fit(default: Any) -> Any:
    """A field of a method's ``Config`` that no hook before ``warm`` reads (see ``Method.fit``)."""
    return dataclasses.field(default=default, metadata={AFTER_FIT: True})


def before_warm(config: Any) -> dict[str, Any]:
    """The values that ``fit`` and what comes before it may depend on."""
    later = {field.name for field in dataclasses.fields(config) if field.metadata.get(AFTER_FIT)}
    return {name: value for name, value in as_dict(config).items() if name not in later}


def adopt(owner: type) -> None:
    """Makes ``Config`` and ``space`` of a plugin's module attributes of the class that it defines."""
    module = vars(sys.modules.get(owner.__module__, object))
    for name in ("Config", "space"):
        if name in module and name not in vars(owner):
            setattr(owner, name, module[name])


def as_dict(config: Any) -> dict[str, Any]:
    """A ``Config`` as plain values for JSON: tuples become lists."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(config).items()
    }


def identity(config: Any) -> dict[str, Any]:
    """The same without the fields that do not compare: they say where something lies, not what it is."""
    kept = {field.name for field in dataclasses.fields(config) if field.compare}
    return {name: value for name, value in as_dict(config).items() if name in kept}


def label(name: str, config: Any) -> str:
    """The name a table shows: ``cvar``, or ``cvar[adapt=false]`` where it is not the default."""
    default = type(config)()
    changed = [
        f"{field.name}={text(getattr(config, field.name))}"
        for field in dataclasses.fields(config)
        if getattr(config, field.name) != getattr(default, field.name)
    ]
    return f"{name}[{','.join(changed)}]" if changed else name


def spelled(name: str, config: Any) -> str:
    """``label`` with every field, defaults and all, in full precision: what gives the same values in any version."""
    pairs = [f"{field.name}={text(getattr(config, field.name), repr)}" for field in dataclasses.fields(config)]
    return f"{name}[{','.join(pairs)}]" if pairs else name


def _short(value: float) -> str:
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)  # two variants never share a label


def text(value: Any, number: Callable[[float], str] = _short) -> str:
    """A field's value as the command line has it: 16x16, true, 0.001."""
    if isinstance(value, tuple | list):
        return "x".join(text(part, number) for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    return number(value) if isinstance(value, float) else str(value)


def digest(content: Any) -> str:
    """A SHA-256 of plain values, by their canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
