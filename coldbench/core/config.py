"""Builds ``Config`` dataclasses from names and texts, and derives their labels and digests."""

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

AFTER_FIT = "after_fit"  # key in the metadata of a field made by ``after_fit``
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def resolve(owner: str, config: type, overrides: Mapping[str, Any]) -> Any:
    """Builds a ``Config`` from its defaults and the given values.

    Args:
        owner: The plugin's name for error messages, such as ``cvar``.
        config: The frozen dataclass.
        overrides: Maps field names to values; texts (from the command line) are parsed by the field's type.

    Raises:
        InputError: If a field is unknown, or a value has the wrong type or is out of range.
    """
    hints = get_type_hints(config, include_extras=True)
    values = {}
    for name, value in overrides.items():
        if name not in hints:
            raise unknown(f"field of {owner}", name, hints)
        values[name] = _checked(f"{owner}.{name}", value, hints[name])
    return config(**values)


def check_config(owner: str, config: Any) -> None:
    """Checks that a plugin's ``Config`` can be built, set from texts and stored in a record.

    Raises:
        InputError: If it is not a frozen dataclass, or a field has no default or an unsupported type.
    """
    own = vars(config).get("__dataclass_params__") if isinstance(config, type) else None  # ignores inherited ones
    if own is None or not own.frozen:
        raise InputError(f"{owner} should have a frozen dataclass named Config")
    try:
        hints = get_type_hints(config, include_extras=True)
        default = config()
    except Exception as error:  # an annotation or a __post_init__ may raise anything
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
    """Parses one value and checks it against ``Annotated[type, Range]``, a tuple or a plain type."""
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
        parsed += 0.0  # turns -0.0 into 0.0, so that equal configurations share one key
    for limit in get_args(hint)[1:]:
        if isinstance(limit, Range) and parsed not in limit:
            raise InputError(f"{where} is {value!r}; it should be {limit}")
    return parsed


def _parsed(value: Any, kind: type) -> Any:
    """Converts a value to ``kind``; returns None if that is impossible."""
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
    """Declares a field of a method's ``Config`` that no hook before ``warm`` reads (see ``MethodConfig``)."""
    return dataclasses.field(default=default, metadata={AFTER_FIT: True})


def before_warm(config: Any) -> dict[str, Any]:
    """Returns the values that ``fit`` and the earlier hooks may depend on."""
    later = {field.name for field in dataclasses.fields(config) if field.metadata.get(AFTER_FIT)}
    return {name: value for name, value in as_dict(config).items() if name not in later}


def adopt(owner: type) -> None:
    """Copies ``Config`` and ``space`` from a plugin's module to the class that the module defines."""
    module = vars(sys.modules.get(owner.__module__, object))
    for name in ("Config", "space"):
        if name in module and name not in vars(owner):
            setattr(owner, name, module[name])


def as_dict(config: Any) -> dict[str, Any]:
    """Converts a ``Config`` to plain values for JSON: tuples become lists."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(config).items()
    }


def identity(config: Any) -> dict[str, Any]:
    """Converts the compared fields of a ``Config`` to plain values; the others hold locations, not content."""
    kept = {field.name for field in dataclasses.fields(config) if field.compare}
    return {name: value for name, value in as_dict(config).items() if name in kept}


def label(name: str, config: Any) -> str:
    """The name that tables show: ``cvar``, or ``cvar[adapt=false]`` if a value differs from its default."""
    default = type(config)()
    changed = [
        f"{field.name}={text(getattr(config, field.name))}"
        for field in dataclasses.fields(config)
        if getattr(config, field.name) != getattr(default, field.name)
    ]
    return f"{name}[{','.join(changed)}]" if changed else name


def spelled(name: str, config: Any) -> str:
    """A label with all fields, defaults included, in full precision; it gives the same values in any version."""
    pairs = [f"{field.name}={text(getattr(config, field.name), repr)}" for field in dataclasses.fields(config)]
    return f"{name}[{','.join(pairs)}]" if pairs else name


def _short(value: float) -> str:
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)  # two variants never share a label


def text(value: Any, number: Callable[[float], str] = _short) -> str:
    """Formats a field's value as the command line accepts it: 16x16, true, 0.001."""
    if isinstance(value, tuple | list):
        return "x".join(text(part, number) for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    return number(value) if isinstance(value, float) else str(value)


def digest(content: Any) -> str:
    """SHA-256 of plain values in canonical JSON, as a hexadecimal string."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
