"""The digest of the code that computes a cell, without comments and docstrings."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
from collections.abc import Iterator
from functools import cache
from typing import Any

from coldbench.plugins.file import PREFIX

ROOT = "coldbench.protocol.stages"  # computes a cell; the other modules are found through its imports
_OWN = "coldbench"


def code_digest(*plugins: str) -> str:
    """SHA-256 of all modules that compute a cell.

    These are the import closure of ``ROOT`` and of the plugins' modules, within coldbench and within each plugin's own
    top-level package. Names that a module only re-exports (as ``coldbench.plugin`` does) are followed to where they are
    defined. The digest is of a module's syntax tree without docstrings, so that a reworded comment changes nothing.

    Args:
        *plugins: The module names of the cell's plugins.
    """
    total = hashlib.sha256()
    for name in sorted(closure(ROOT, *plugins)):
        public = name.rpartition("_")[0] if name.startswith(PREFIX) else name  # without its digest of comments
        total.update(f"{public}\n{_code(_loader(name), name)}\n".encode())
    return total.hexdigest()


def closure(*roots: str) -> set[str]:
    """The names of the given modules and of all modules that they depend on."""
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
    """The modules that a module imports from coldbench or from its own top-level package."""
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
    """The module that defines a name, where other modules may only re-export it."""
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
    """Maps each name that a module re-exports to its module and name there; empty unless it only imports."""
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
    """A module's syntax tree as text, without docstrings."""
    tree = ast.parse(_source(loader, name))
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _source(loader: Any, name: str) -> str:
    """A module's source from its loader, because a plugin file may exist only as text."""
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
