"""The house as its imports draw it: counted here, checked by test_architecture.py, printed by ``make architecture``.

The order of the packages stands in pyproject.toml, under ``[tool.coldbench]``. ``python tests/house.py`` prints the
counts and writes the table of docs/architecture.md from the order and the packages' own docstrings.
"""

from __future__ import annotations

import ast
import re
import statistics
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "architecture.md"
ORDER: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coldbench"]["order"]
OUTSIDE = {"methods", "backbones"}  # lie beside coldbench/, and are imported as coldbench.methods and .backbones
_BEGIN, _END = "<!-- made by `make architecture`: -->", "<!-- end -->"


def files(room: str) -> list[Path]:
    """The modules of an entry of the order: a package's, or the one module."""
    place = ROOT / room if room in OUTSIDE else ROOT / "coldbench" / room
    return sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]


def module(path: Path) -> str:
    """The name that a file is imported by."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "coldbench" else ("coldbench", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules() -> dict[str, Path]:
    """Every module of the house by name; packages count by their ``__init__``."""
    return {module(path): path for room in ORDER for path in files(room)}


def imports(path: Path) -> set[str]:
    """The names that a module imports, wherever in it, whole."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module or ''}.{alias.name}" for alias in node.names}
    return found


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of the house that one of them imports."""
    found = set()
    for name in imports(path):
        while name and name not in known:
            name = name.rpartition(".")[0]
        if name and name != "coldbench" and known[name] != path:
            found.add(name)
    return found


def room(name: str) -> str:
    """The entry of the order that a module lies in."""
    return name.split(".")[1] if "." in name else "__init__"


def arrows() -> dict[str, set[str]]:
    """Room to the rooms that it imports from."""
    known = modules()
    found: dict[str, set[str]] = {name: set() for name in ORDER}
    for name, path in known.items():
        found[room(name)] |= {room(other) for other in imported(path, known)} - {room(name)}
    return found


def circles() -> list[str]:
    """The modules of a circle of imports, if there is one."""
    known = modules()
    graph = {name: imported(path, known) - {name} for name, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def depth() -> int:
    """The longest way from one room to the next that it imports from, in rooms."""
    drawn, levels = arrows(), {}
    for name in ORDER:
        levels[name] = 1 + max((levels[other] for other in drawn[name] if other in levels), default=0)
    return max(levels.values())


def functions() -> Iterator[tuple[str, int]]:
    """Every function with its number of lines."""
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name}.{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def lengths() -> list[int]:
    """Lines of every module that is more than a docstring."""
    return [len(path.read_text().splitlines()) for path in modules().values() if path.name != "__init__.py"]


def entries() -> list[str]:
    """What stands right in coldbench/."""
    return sorted(p.name for p in (ROOT / "coldbench").iterdir() if not p.name.startswith(("__pycache__", ".")))


def counts() -> str:
    """The house in numbers."""
    drawn, longest = arrows(), max(functions(), key=lambda found: found[1])
    sizes = ", ".join(f"{name} {len(files(name))}" for name in ORDER)
    up = [(a, b) for a, others in drawn.items() for b in others if ORDER.index(b) > ORDER.index(a)]
    return "\n".join(
        [
            f"{len(ORDER)} rooms (files in each): {sizes}",
            f"{sum(map(len, drawn.values()))} arrows between rooms, {len(up)} up, {bool(circles()):d} circles, "
            f"{depth()} levels deep",
            f"{len(entries())} entries in coldbench/; median module {statistics.median(lengths()):g} lines, longest "
            f"{max(lengths())}; longest function {longest[1]} lines ({longest[0]})",
        ]
    )


def table() -> str:
    """The rooms in their order, each with the first paragraph of its docstring and the rooms that it imports from."""
    drawn = arrows()
    rows = ["| room | what it is for | imports from |", "|---|---|---|"]
    for name in ORDER:
        path = files(name)[0] if name in OUTSIDE or len(files(name)) == 1 else ROOT / "coldbench" / name / "__init__.py"
        text = ast.get_docstring(ast.parse(path.read_text())) or ""
        text = " ".join(re.sub(r"``(.+?)``", r"`\1`", text).split("\n\n")[0].split())
        sources = ", ".join(other for other in ORDER if other in drawn[name])
        rows.append(f"| `{name}` | {text} | {sources} |")
    return "\n".join(rows)


def page() -> str:
    """docs/architecture.md with its table made again."""
    before, _, rest = PAGE.read_text().partition(_BEGIN)
    return f"{before}{_BEGIN}\n\n{table()}\n\n{_END}{rest.partition(_END)[2]}"


if __name__ == "__main__":
    print(counts())
    PAGE.write_text(page())
