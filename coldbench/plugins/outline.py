"""What the file of a built-in plugin says, read without running it, because importing torch takes seconds.

The file is parsed. Of its code only ``Config`` is evaluated, by Python itself, with the definitions that it needs, from
this file and from other files of coldbench. Every default therefore has one definition, and the rules of dataclasses
stay Python's.
"""

from __future__ import annotations
import __future__

import ast
import importlib
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

from coldbench.core.config import as_dict
from coldbench.plugins.description import Summary, first_paragraph

_OWN = "coldbench."


def outline(module: str) -> Summary:
    """Summarises a built-in plugin from the text of its file.

    Args:
        module: The name of the plugin's module.

    Raises:
        Exception: Any kind of it: the file is no Python, has no ``Config``, or its ``Config`` raises something.
    """
    part = _part(module)
    about = ast.get_docstring(part.tree) or ""
    return Summary(part.text("title"), part.text("group"), first_paragraph(about), as_dict(part.value("Config")()))


class _Part:
    """A module of which single definitions are evaluated.

    Args:
        module: The name of the module.
    """

    def __init__(self, module: str) -> None:
        self.path = str(cast(Any, importlib.util.find_spec(module)).origin)
        self.tree = ast.parse(Path(self.path).read_text(encoding="utf-8"))
        self.definitions = {name: statement for statement in self.tree.body for name in _defined(statement)}
        self._values: dict[str, Any] = {"__name__": __name__}  # dataclasses look their module up

    def value(self, name: str) -> Any:
        """Evaluates a definition of the module, after the definitions that it needs."""
        statement = self.definitions[name]
        if isinstance(statement, ast.ImportFrom):
            self._values[name] = _imported(statement, name)
        elif name not in self._values:
            self._values[name] = None  # a function may need itself
            for needed in _needs(statement):
                if needed in self.definitions and needed not in self._values:
                    self.value(needed)
            flags = __future__.annotations.compiler_flag  # annotations are not evaluated
            code = compile(ast.Module([statement], []), self.path, "exec", flags, dont_inherit=True)
            exec(code, self._values)
        return self._values[name]

    def text(self, attribute: str) -> str:
        """The text that a class of the module sets as an attribute in its own body; empty if no class does."""
        for owner in self.tree.body:
            for statement in owner.body if isinstance(owner, ast.ClassDef) else ():
                if isinstance(statement, ast.Assign) and _defined(statement) == [attribute]:
                    return str(ast.literal_eval(statement.value))
        return ""


_part = cache(_Part)


def _defined(statement: ast.stmt) -> list[str]:
    """The names that a statement defines."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name for alias in statement.names]
    if isinstance(statement, ast.ClassDef | ast.FunctionDef):
        return [statement.name]
    return [part.id for part in ast.walk(statement) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]


def _needs(node: ast.AST) -> Iterator[str]:
    """The names that a definition reads, those of annotations excepted."""
    if isinstance(node, ast.Name):
        yield node.id
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns"):
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, ast.AST):
                    yield from _needs(part)


def _imported(statement: ast.ImportFrom, name: str) -> Any:
    """The value of a name that a statement imports."""
    alias = next(alias for alias in statement.names if name == (alias.asname or alias.name))
    module = statement.module or ""
    if module.startswith(_OWN):
        return _part(module).value(alias.name)
    return getattr(importlib.import_module(module), alias.name)
