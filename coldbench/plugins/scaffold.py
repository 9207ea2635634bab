"""``coldbench new``: writes a commented plugin file that works without changes."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template

from coldbench.core.errors import InputError, unknown
from coldbench.plugins.file import NAME
from coldbench.plugins.kinds import BY_NAME
from coldbench.plugins.registry import Registry


def new(kind: str, name: str, folder: Path = Path()) -> Path:
    """Writes the plugin file ``NAME.py`` into a folder and returns its path.

    Raises:
        InputError: If the kind or name is invalid, the name is taken, or the file exists or cannot be written.
    """
    if kind not in BY_NAME:
        raise unknown("kind", kind, BY_NAME)
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for a {kind}: letters, digits, - and _, a letter first, at most 64")
    if name in Registry().names(BY_NAME[kind]):
        raise InputError(f"there is a {kind} {name!r} already; choose another name")
    path = folder / f"{name}.py"
    text = files("coldbench.plugins").joinpath("templates", f"{kind}.txt").read_text(encoding="utf-8")
    title = "".join(part.capitalize() for part in name.replace("-", "_").split("_"))
    if re.search(rf"\b{title}\b", text):  # the template already uses the name, such as Config
        title += kind.capitalize()
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(Template(text).substitute(name=name, title=title))
    except FileExistsError:
        raise InputError(f"{path} exists already; it is left as it is") from None
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror})") from None
    return path
