"""Plugins from outside the tree: files, entry points, what `check` says of broken ones, what `new` writes."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from coldbench.cli import main
from coldbench.conformance.cases import make_cell
from coldbench.conformance.suite import check
from coldbench.core.errors import InputError
from coldbench.plugins import registry
from coldbench.plugins.file import PluginFile
from coldbench.plugins.scaffold import new

DOCS = Path(__file__).parent.parent / "docs"
TINY = ["users=150", "items=120", "interactions=6000", "n=60", "k=5"]
SMALL = [part for size in TINY for part in ("--set", f"synthetic.{size}")]
PLAIN = '''"""Plain (you 2026, DOI 10.0/none): does nothing."""

from dataclasses import dataclass

import torch

from coldbench.plugin import Choice, LogUniform, Method, Weight


@dataclass(frozen=True)
class Config:
    weight: Weight = 1.0  # of nothing


space = {}


class Plain(Method):
    def embed(self, backbone, items):
        return backbone.item_table(items.number) * self.config.weight
'''


def write(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.py"
    path.write_text(text)
    return path


@pytest.mark.parametrize("page", ["add-a-method", "add-a-backbone"])
def test_the_code_of_the_documentation_passes_check(page, tmp_path):
    text = (DOCS / f"{page}.md").read_text()
    (name,) = re.findall(r"put it into `(\w+)\.py`", text, re.I)
    verdict = check(write(tmp_path, re.search(r"```python\n(.*?)```", text, re.S).group(1), name))
    assert verdict.passed, verdict.text()


@pytest.mark.parametrize(("kind", "name"), [("method", "config"), ("backbone", "my-net")])
def test_what_new_writes_passes_check(kind, name, tmp_path):
    verdict = check(new(kind, name, tmp_path))
    assert verdict.passed, verdict.text()
    with pytest.raises(InputError, match="exists already"):
        new(kind, name, tmp_path)


EMBED = "return backbone.item_table(items.number) * self.config.weight"


@pytest.mark.parametrize(
    ("old", "replacement", "says"),
    [
        ("you 2026, DOI 10.0/none", "you", "should cite its source"),
        ("  # of nothing", "", "Config.weight should have a comment"),
        ("space = {}", "space = {'wait': LogUniform(1, 2)}", "'wait', which is no field"),
        ("space = {}", "space = {'weight': LogUniform(-1, 2)}", "space reaches -1"),
        (EMBED, "return torch.rand(len(items.number), self.dim + 1)", "it should be shape ("),
        (EMBED, "return torch.zeros(self.dim)", "gave shape (16,)"),
        (EMBED, "return None", "gave a NoneType"),
        (
            EMBED,
            "return torch.full((len(items.number), self.dim), torch.nan)",
            "logits are not finite after phase cold",
        ),
        (EMBED, "return backbone.nothing", "has no attribute 'nothing' (line 20, in embed)"),
        (EMBED, "import random; return random.random() * torch.ones(len(items.number), self.dim)", "gave other logits"),
        (
            EMBED,
            "backbone.item_table.weight += 1; return backbone.item_table(items.number)",
            "ID embeddings of old",
        ),
        (
            EMBED,
            "backbone.users.table += 1; return backbone.item_table(items.number)",
            "moved the backbone's users.table",
        ),
        (
            "def embed(self, backbone, items):\n        " + EMBED,
            "def adapt(self, backbone, phase):\n        data = phase.view.dataset\n"
            "        return torch.ones(len(phase.cold.number), self.dim) * float(data.click.mean() + data.user.mean())",
            "it learns from the test",
        ),
        ("space = {}", "space = {'weight': Choice((1.0, 1e300))}", "with weight = 1e+300 it raised FloatingPointError"),
    ],
)
def test_check_says_what_is_wrong(old, replacement, says, tmp_path):
    assert old in PLAIN
    path = write(tmp_path, PLAIN.replace(old, replacement))
    result = CliRunner().invoke(main, ["check", str(path)])
    assert result.exit_code == 1, result.output
    assert says in result.output


def test_check_of_a_good_one_exits_with_0(tmp_path):
    result = CliRunner().invoke(main, ["check", str(write(tmp_path, PLAIN))])
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "method 'mine' passes")


def test_a_plugin_runs_on_the_workers_and_its_source_is_in_the_key(tmp_path):
    path = write(tmp_path, PLAIN)
    flags = ["--methods", "base,mine", "--backbones", "fm", "--seeds", "1", "--out", str(tmp_path / "out"), *SMALL]
    command = [sys.executable, "-m", "coldbench", "run", "--plugin", str(path), *flags]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    records = [json.loads(file.read_text()) for file in (tmp_path / "out" / "cells").iterdir()]
    aucs = {record["method"]: [phase["auc"] for phase in record["phases"]] for record in records}
    assert aucs["mine"] == aucs["base"]
    dry = ["run", "--dry-run", "--plugin", str(path), *flags]
    assert "2 cells, 0 to do" in CliRunner().invoke(main, dry).output
    write(tmp_path, PLAIN.replace("* self.config.weight", "* 2.0"))
    assert "2 cells, 1 to do" in CliRunner().invoke(main, dry).output


def test_a_process_without_the_file_reads_the_cell(tmp_path):
    path = write(tmp_path, PLAIN)
    registry.use([PluginFile.read(path)])
    cell = make_cell("fm", "mine", weight=0.5)
    path.unlink()
    script = (
        "import pickle, sys; from coldbench.plugins import registry; files, cell = pickle.load(sys.stdin.buffer); "
        "registry.use(files); cell = pickle.loads(cell); print(cell.method.config.weight, cell.key)"
    )
    content = pickle.dumps((registry.in_use(), pickle.dumps(cell)))
    result = subprocess.run([sys.executable, "-c", script], input=content, capture_output=True, timeout=120)
    assert result.stdout.decode().split() == ["0.5", cell.key], result.stderr


def test_a_plugin_is_a_key_of_the_toml_file_beside_it(tmp_path):
    write(tmp_path, PLAIN)
    (tmp_path / "grid.toml").write_text("plugin = ['mine.py']\nmethods = 'mine'\nseeds = [0]\n")
    result = CliRunner().invoke(main, ["run", "--dry-run", "--config", str(tmp_path / "grid.toml"), *SMALL])
    assert "deepfm / mine / seed 0" in result.output
    listed = CliRunner().invoke(main, ["list", "methods", "--plugin", str(tmp_path / "mine.py")])
    assert "mine: Plain (you 2026" in listed.output
    assert "mine" not in CliRunner().invoke(main, ["list", "methods"]).output


def test_files_in_use_replace_each_other(tmp_path):
    first, second = PluginFile("a/mine.py", PLAIN), PluginFile("b/mine.py", PLAIN.replace("1.0", "2.0"))
    registry.use([first])
    assert registry.get(registry.METHODS, "mine").Config().weight == 1.0
    registry.use([second])
    assert registry.get(registry.METHODS, "mine").Config().weight == 2.0
    with pytest.raises(InputError, match="two plugin files are named 'mine'"):
        registry.use([first, second])
    registry.use([])
    with pytest.raises(InputError, match="unknown method 'mine'"):
        registry.get(registry.METHODS, "mine")


def test_an_entry_point_adds_a_method(tmp_path, monkeypatch):
    write(tmp_path, PLAIN, "their_package")
    write(tmp_path, "import nothing_of_this_name\n", "their_broken_package")
    about = tmp_path / "theirs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[coldbench.methods]\ntheirs = their_package\nbroken = their_broken_package\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    registry.forget()
    try:
        assert registry.get(registry.METHODS, "theirs").__name__ == "Plain"
        with pytest.raises(InputError, match=r"'broken' of their_broken_package cannot be imported: ModuleNotFound"):
            registry.get(registry.METHODS, "broken")
    finally:
        monkeypatch.undo()
        registry.forget()
