"""Which trackers ``--track`` asks for, checked before anything runs and without importing them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec

from coldbench.core.errors import InputError, unknown

PACKAGES = {  # the packages that a tracker needs; it is also the name of coldbench's extra that installs them
    "mlflow": ("mlflow", "sqlalchemy", "alembic"),
    "tensorboard": ("tensorboardX",),
    "wandb": ("wandb",),
}


@dataclass(frozen=True)
class Asked:
    """A tracker that the user asks for.

    Attributes:
        name: ``mlflow``, ``tensorboard`` or ``wandb``.
        target: Where its entries go: a tracking URI, a folder or a project; None for the tracker's own default.
    """

    name: str
    target: str | None

    def __str__(self) -> str:
        return f"--track {self.name}" + (f"={self.target}" if self.target else "")


def asked(texts: Iterable[str]) -> list[Asked]:
    """Reads texts such as ``mlflow`` or ``mlflow=https://tracking.example``, each tracker once.

    Raises:
        InputError: A tracker is unknown, or its package is not installed.
    """
    found = []
    for text in dict.fromkeys(texts):
        name, equals, target = text.partition("=")
        if name not in PACKAGES:
            raise unknown("tracker", name, PACKAGES)
        if equals and not target.strip():
            raise InputError(f"--track {text!r} should be {name}, or {name}=TARGET")
        if not installed(name):
            raise InputError(f"--track {name} needs a package that is not installed: pip install 'coldbench[{name}]'")
        found.append(Asked(name, target or None))
    return found


def installed(name: str) -> bool:
    """Whether the packages that a tracker needs are installed."""
    return all(find_spec(package) is not None for package in PACKAGES[name])
