"""Click's usage errors in the words of all other messages: what is wrong, then what would be right."""

from __future__ import annotations

import click


def explained(error: click.UsageError) -> str:
    """The message of a usage error, without a capital letter and a full stop of its own."""
    parameter = getattr(error, "param", None)
    if isinstance(error, click.MissingParameter) and parameter is not None:
        return f"{_named(parameter)} is missing"
    if isinstance(error, click.NoSuchOption):
        near = f"; did you mean {' or '.join(error.possibilities)}?" if error.possibilities else ""
        return f"unknown option {error.option_name}{near}"
    if isinstance(error, click.BadOptionUsage) and "requires an argument" in error.message:
        return f"{error.option_name} needs a value"
    if isinstance(error, click.BadParameter) and parameter is not None:
        value, refused, _ = error.message.partition(" is not ")
        if refused and (wanted := _wanted(parameter.type)):
            return f"{_named(parameter)} is {value}; it should be {wanted}"
    message = error.format_message().rstrip(".")
    return message[:1].lower() + message[1:]


def _named(parameter: click.Parameter) -> str:
    return parameter.opts[0] if isinstance(parameter, click.Option) else parameter.human_readable_name


def _wanted(kind: click.ParamType) -> str:
    """What a numeric parameter takes; empty for other kinds."""
    whole = isinstance(kind, click.types.IntParamType)
    if not whole and not isinstance(kind, click.types.FloatParamType):
        return ""
    low, high = getattr(kind, "min", None), getattr(kind, "max", None)
    limits = f" from {low} to {high}" if high is not None else f" of at least {low}" if low is not None else ""
    return f"a {'whole ' if whole else ''}number{limits}"
