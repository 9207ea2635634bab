"""The digest of the code that computes a cell: what its result depends on, without comments and docstrings."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
from collections.abc import Iterator
from functools import cache
from typing import Any

from coldbench.plugins.file import PREFIX

ROOT = "coldbench.protocol.stages"  # what computes a cell; everything else is found from its imports
_OWN = "coldbench"


def code_digest(*plugins: str) -> str:
    """SHA-256 over all modules that compute a cell.

    They are the closure of imports of ``ROOT`` and of the plugins' modules, inside coldbench and inside each plugin's
    own top-level package. Names that a module only passes on (as ``coldbench.plugin`` does) are followed to where they
    are defined. A module counts by its syntax tree without docstrings, so that a reworded comment changes nothing.

    Args:
        *plugins: Names of the modules of the cell's plugins.
    """
    total = hashlib.sha256()
    for name in sorted(closure(ROOT, *plugins)):
        public = name.rpartition("_")[0] if name.startswith(PREFIX) else name  # without the digest of its comments
        total.update(f"{public}\n{_code(_loader(name), name)}\n".encode())
    return total.hexdigest()


def closure(*roots: str) -> set[str]:
    """The names of all modules that some modules depend on, themselves among them."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _needs(_loader(name), name)
    return found


@cache
def _needs(loader: Any, name: str) -> tuple[str, ...]:
    """The modules of coldbench and of its own top-level package that a module needs."""
    return tuple(dict.fromkeys(_imports(name, ast.parse(_source(loader, name)))))


def _imports(name: str, tree: ast.Module) -> Iterator[str]:
    near = {_OWN, name.partition(".")[0]}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in near)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(name, node)
            for alias in node.names if module.partition(".")[0] in near else ():
                inner = f"{module}.{alias.name}"
                yield inner if _is_module(inner) else _origin(module, alias.name)


def _absolute(name: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = name if _is_package(name) else name.rpartition(".")[0]
    for _ in range(node.level - 1):
        package = package.rpartition(".")[0]
    return f"{package}.{node.module}" if node.module else package


def _origin(module: str, name: str) -> str:
    """The module that defines a name which another module may only pass on."""
    seen: set[str] = set()
    while _is_module(module) and module not in seen:
        seen.add(module)
        passed_on = _passed_on(_loader(module), module)
        if name not in passed_on:
            break
        module, name = passed_on[name]
    return module


@cache
def _passed_on(loader: Any, module: str) -> dict[str, tuple[str, str]]:
    """Name to the module and name that it comes from, of a module that does nothing but import."""
    if module.partition(".")[0] != _OWN:
        return {}
    tree = ast.parse(_source(loader, module))
    rest = [node for node in tree.body if not isinstance(node, ast.ImportFrom | ast.Expr | ast.Assign)]
    assigned = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    if rest or any(not isinstance(target, ast.Name) or target.id != "__all__" for target in assigned):
        return {}
    return {
        alias.asname or alias.name: (_absolute(module, node), alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@cache
def _code(loader: Any, name: str) -> str:
    """A module's syntax tree as text, its docstrings left out."""
    tree = ast.parse(_source(loader, name))
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _source(loader: Any, name: str) -> str:
    """A module's source as its loader has it; that of a plugin file is text, not a file."""
    return str(loader.get_source(name) or "") if hasattr(loader, "get_source") else ""


def _loader(name: str) -> Any:
    return importlib.import_module(name).__loader__


@cache
def _is_module(name: str) -> bool:
    try:
        return bool(name) and importlib.util.find_spec(name) is not None
    except (ImportError, AttributeError, ValueError):
        return False


def _is_package(name: str) -> bool:
    return hasattr(importlib.import_module(name), "__path__")
