"""The house: data flows one way, plugins see only what they are meant to see."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# a module may import only modules above it
ORDER = [
    "errors",
    "storage",
    "seeds",
    "space",
    "proposals",
    "config",
    "data.schema",
    "data.dataset",
    "data.prepared",
    "data.raw",
    "data.delimited",
    "data.download",
    "data.cache",
    "data.source",
    "data.movielens",
    "data.synthetic",
    "data.ml_1m",
    "data.ml_25m",
    "data.taobao_ad",
    "data.problems",
    "data.declared",
    "data.own_files",
    "data.folder",
    "split",
    "batching",
    "layers",
    "backbone",
    "training",
    "generator",
    "method",
    "outside",
    "registry",
    "scaffold",
    "info",
    "listing",
    "metrics",
    "gap",
    "protocol",
    "provenance",
    "cell",
    "conformance.cases",
    "conformance.methods",
    "conformance.backbones",
    "conformance.datasets",
    "conformance.suite",
    "options",
    "plan",
    "record_schema",
    "records",
    "repeat",
    "tasks",
    "limits",
    "interrupts",
    "progress",
    "cluster",
    "trials",
    "grid",
    "tuning",
    "tuned",
    "search",
    "significance.paired",
    "significance.corrections",
    "significance.correlated",
    "significance.items",
    "significance.ranking",
    "significance.effects",
    "report.paper",
    "report.frame",
    "report.comparisons",
    "report.predictions",
    "report.entries",
    "report.tables",
    "report.latex",
    "report.across",
    "report.scale",
    "report.importance",
    "report.studies",
    "report.protocols",
    "report.appendix",
    "report.findings",
    "report.text",
    "report.figures.style",
    "report.figures.picture",
    "report.figures.summary",
    "report.figures.budgets",
    "report.figures.phases",
    "report.figures.steps",
    "report.figures.difference",
    "report.figures.critical",
    "report.figures.published",
    "report.figures.embeddings",
    "report.figures.gallery",
    "report.figures.fields",
    "report.figures.parallel",
    "report.figures.importances",
    "report.figures.searched",
    "report.facts",
    "report.grids",
    "report.html",
    "report.page",
    "report.write",
    "report.search",
    "verify",
    "export",
    "compare",
    "runs",
    "tunes",
    "cli",
]
PLUGINS_MAY_IMPORT = {"backbone", "batching", "data.schema", "generator", "layers", "method", "space", "training"}
RAY = {"cluster", "trials", "search"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return found


def own(path: Path) -> set[str]:
    names = {name.removeprefix("coldbench.") for name in imports(path) if name.startswith("coldbench.")}
    return {name for name in names if name in ORDER}


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "coldbench").with_suffix("").parts)


MODULES = [p for p in sorted((ROOT / "coldbench").rglob("*.py")) if not p.name.startswith("__")]
PLUGINS = [p for folder in ("methods", "backbones") for p in sorted((ROOT / folder).glob("*.py")) if p.name[0] != "_"]


def test_every_module_has_its_place():
    assert {module(path) for path in MODULES} == set(ORDER)


@pytest.mark.parametrize("path", MODULES, ids=module)
def test_a_module_imports_only_modules_above_it(path):
    place = ORDER.index(module(path))
    assert own(path) <= set(ORDER[:place]), "imports a module below it"


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.stem)
def test_a_plugin_sees_only_the_interfaces(path):
    assert own(path) <= PLUGINS_MAY_IMPORT


@pytest.mark.parametrize("path", MODULES + PLUGINS, ids=lambda path: path.stem)
def test_no_static_import_of_plugins_and_ray_only_in_the_grid(path):
    names = imports(path)
    assert not {name for name in names if name.split(".")[0] in ("methods", "backbones")}
    if path not in {ROOT / "coldbench" / f"{name}.py" for name in RAY}:
        assert not {name for name in names if name.split(".")[0] == "ray"}


def test_the_protocol_names_no_method():
    text = (ROOT / "coldbench" / "protocol.py").read_text()
    for path in (ROOT / "methods").glob("*.py"):
        if path.stem not in ("__init__", "base"):
            assert path.stem not in text
