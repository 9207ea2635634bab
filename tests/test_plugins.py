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
from coldbench.conformance.subject import make_cell
from coldbench.conformance.suite import check
from coldbench.core.errors import InputError
from coldbench.plugins.description import Summary, summary
from coldbench.plugins.file import PluginFile
from coldbench.plugins.kinds import BACKBONES, KINDS, METHODS
from coldbench.plugins.outline import outline
from coldbench.plugins.places import PLACES, built_in
from coldbench.plugins.registry import Registry, forget
from coldbench.plugins.scaffold import new

DOCS = Path(__file__).parent.parent / "docs"
TINY = ["users=150", "items=120", "interactions=6000", "n=60", "k=5"]
SMALL = [part for size in TINY for part in ("--set", f"synthetic.{size}")]
PLAIN = '''"""Plain (you 2026, DOI 10.0/none): does nothing."""

from dataclasses import dataclass

import torch

from coldbench.plugin import Choice, LogUniform, Method, MethodConfig, Weight


@dataclass(frozen=True)
class Config(MethodConfig):
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


@pytest.mark.parametrize("page", ["add-a-method", "add-a-backbone", "add-a-dataset"])
def test_the_code_of_the_documentation_passes_check(page, tmp_path):
    text = (DOCS / f"{page}.md").read_text()
    (name,) = re.findall(r"put it into `(\w+)\.py`", text, re.I)
    verdict = check(write(tmp_path, re.search(r"```python\n(.*?)```", text, re.S).group(1), name))
    assert verdict.passed, verdict.text()


def test_the_example_of_the_page_of_hooks_passes_check(tmp_path):
    text = (DOCS / "hooks.md").read_text()
    verdict = check(write(tmp_path, re.search(r"```python\n(.*?)```", text, re.S).group(1), "shrinkage"))
    assert verdict.passed, verdict.text()


@pytest.mark.parametrize(
    ("kind", "name"), [("method", "config"), ("backbone", "my-net"), ("dataset", "my-data"), ("world", "my-world")]
)
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
            "def adapt(self, backbone, phase):\n        import sys\n        frame = sys._getframe()\n"
            "        while 'data' not in frame.f_locals: frame = frame.f_back\n        data = frame.f_locals['data']\n"
            "        return torch.ones(len(phase.cold.number), self.dim) * float(data.click.mean() + data.user.mean())",
            "it learns from the test",
        ),
        (
            "def embed(self, backbone, items):\n        " + EMBED,
            "def adapt(self, backbone, phase):\n        return phase.view.dataset",
            "'View' object has no attribute 'dataset'",
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


FIT = "def embed(self, backbone, items):\n        " + EMBED
SETUP = """def __init__(self, config, schema, backbone):
        super().__init__(config, schema, backbone)
        self.net = torch.nn.Linear(self.dim, self.dim)

    def embed(self, backbone, items):
        with torch.no_grad():
            return EMBEDDED

    def fit(self, backbone, base):
        optimizer = base.adam(self.net.parameters())
        for batch in base.batches():
            real = backbone.item_table(batch.items.number)
            step(optimizer, LOSS)
"""
MADE = "self.net(backbone.item_table(items.number))"
GOOD = "ctr_loss(backbone.score(batch.spread(self.net(real)), backbone.frozen_context(batch)), batch)"


@pytest.mark.parametrize(
    ("loss", "embedded", "says"),
    [
        (GOOD, MADE, None),
        # CSDM's and FLCS's public code: gradients never reach the network
        (
            GOOD.replace("self.net(real)", "self.net(real).detach() + 0 * self.net.bias"),
            MADE,
            "left the parameter net.weight",
        ),
        # EmerG's: what the network makes is written through .data, which cuts it off
        (
            GOOD.replace("self.net(real)", "torch.nn.Parameter(self.net(real).data) + 0 * self.net.weight.sum(0)"),
            MADE,
            "left the parameter net.bias",
        ),
        # CREU's: the generated vectors are never used
        (
            GOOD,
            "self.net(backbone.item_table(items.number)) * 0 + backbone.item_table(items.number)",
            "changes no logit",
        ),
        # CSDM's: dropout is on while embeddings are generated
        (GOOD, f"torch.dropout({MADE}, 0.5, True)", "embed called twice gave two embeddings"),
    ],
    ids=["sound", "no gradient", "through .data", "never written", "dropout in embed"],
)
def test_check_notices_the_faults_of_public_code(loss, embedded, says, tmp_path):
    text = PLAIN.replace(FIT, SETUP.replace("LOSS", loss).replace("EMBEDDED", embedded))
    text = text.replace("Method, MethodConfig, Weight", "Method, MethodConfig, Weight, ctr_loss, step")
    verdict = check(write(tmp_path, text))
    found = verdict.faults["everything that it has learns in fit"]
    assert (found == []) if says is None else says in " ".join(found), verdict.text()


@pytest.mark.parametrize("value", ["float('nan')", "float('inf')"])
def test_a_default_that_json_cannot_hold_is_named(value, tmp_path):
    path = write(tmp_path, PLAIN.replace("weight: Weight = 1.0", f"weight: float = {value}"))
    result = CliRunner().invoke(main, ["check", str(path)])
    assert (result.exit_code, "it should be a finite number" in result.output) == (2, True)


def test_a_config_that_extends_nothing_is_named(tmp_path):
    path = write(tmp_path, PLAIN.replace("class Config(MethodConfig)", "class Config"))
    result = CliRunner().invoke(main, ["check", str(path)])
    assert (result.exit_code, "Config should extend MethodConfig of coldbench.plugin" in result.output) == (2, True)


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
    cell = make_cell("fm", "mine", registry=Registry([PluginFile.read(path)]), weight=0.5)
    path.unlink()
    script = (
        "import pickle, sys; cell = pickle.load(sys.stdin.buffer); assert 'torch' in sys.modules; "
        "print(cell.method.config.weight, cell.key)"
    )
    done = subprocess.run([sys.executable, "-c", script], input=pickle.dumps(cell), capture_output=True, timeout=120)
    assert done.stdout.decode().split() == ["0.5", cell.key], done.stderr


def test_a_plugin_is_a_key_of_the_toml_file_beside_it(tmp_path):
    write(tmp_path, PLAIN)
    (tmp_path / "grid.toml").write_text("plugin = ['mine.py']\nmethods = 'mine'\nseeds = [0]\n")
    result = CliRunner().invoke(main, ["run", "--dry-run", "--config", str(tmp_path / "grid.toml"), *SMALL])
    assert "deepfm / mine / seed 0" in result.output
    listed = CliRunner().invoke(main, ["list", "methods", "--plugin", str(tmp_path / "mine.py")])
    assert "mine: Plain (you 2026" in listed.output
    assert "mine" not in CliRunner().invoke(main, ["list", "methods"]).output


def test_two_sets_of_plugin_files_live_beside_each_other():
    first, second = PluginFile("a/mine.py", PLAIN), PluginFile("b/mine.py", PLAIN.replace("1.0", "2.0"))
    one, other = Registry([first]), Registry([second])
    assert one.get(METHODS, "mine").Config().weight == 1.0
    assert other.get(METHODS, "mine").Config().weight == 2.0
    cells = [make_cell("fm", "mine", registry=registry) for registry in (one, other)]
    assert [pickle.loads(pickle.dumps(cell)).method.config.weight for cell in cells] == [1.0, 2.0]
    assert len({cell.key for cell in cells}) == 2
    with pytest.raises(InputError, match="two plugin files are named 'mine'"):
        Registry([first, second])
    with pytest.raises(InputError, match="unknown method 'mine'"):
        Registry().get(METHODS, "mine")


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
    forget()
    try:
        assert Registry().get(METHODS, "theirs").__name__ == "Plain"
        with pytest.raises(InputError, match=r"'broken' of their_broken_package cannot be imported: ModuleNotFound"):
            Registry().get(METHODS, "broken")
    finally:
        monkeypatch.undo()
        forget()


PAPER = ["avaew", "base", "cvar", "dropoutnet", "gar", "meta_e", "mwuf"]


def test_a_group_stands_for_its_plugins_beside_names_and_takes_fields():
    registry = Registry()
    assert registry.groups(METHODS)["paper"] == PAPER
    assert registry.groups(METHODS)["all"] == list(registry.names(METHODS))
    assert registry.expand(METHODS, ["paper", "base[item_lr=0.01]"]) == [*PAPER, "base[item_lr=0.01]"]
    assert registry.expand(METHODS, ["paper[item_lr=0.01]"]) == [f"{name}[item_lr=0.01]" for name in PAPER]
    assert registry.expand(BACKBONES, ["all"]) == list(registry.names(BACKBONES))
    with pytest.raises(InputError, match="did you mean 'paper'"):
        registry.spec(METHODS, "papr", {})


def test_a_plugin_file_joins_the_group_it_names_and_may_not_be_called_like_one(tmp_path):
    grouped = PLAIN.replace("    def embed", '    group = "mine-too"\n\n    def embed')
    registry = Registry([PluginFile.read(write(tmp_path, grouped))])
    assert registry.groups(METHODS)["mine-too"] == ["mine"]
    assert "mine" in registry.groups(METHODS)["all"]
    assert "mine" not in registry.groups(METHODS)["paper"]
    for name in ("paper", "all"):
        with pytest.raises(InputError, match=f"'{name}' is a group of methods"):
            Registry([PluginFile.read(write(tmp_path, PLAIN, name))])
    with pytest.raises(InputError, match="group should be a name"):
        Registry([PluginFile.read(write(tmp_path, grouped.replace("mine-too", "a b"), "other"))])


def test_without_methods_a_run_is_of_the_papers_and_of_base_at_a_larger_step():
    result = CliRunner().invoke(main, ["run", "--dry-run", "--seeds", "1", *SMALL])
    assert result.exit_code == 0, result.output
    assert "8 cells" in result.output
    assert "base[item_lr=0.01]" in result.output


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, place in PLACES.items() for name in built_in(place)], ids=str
)
def test_a_plugin_is_listed_as_its_class_describes_it(kind, name):
    """``list`` reads a built-in plugin's file without importing it."""
    assert outline(built_in(PLACES[kind])[name]) == summary(Registry().get(KINDS[kind], name))


OUTLINED = '''"""A method
of two lines (you 2026).

More."""

from __future__ import annotations

import math as maths
from collections.abc import Sequence
from dataclasses import dataclass, field

from coldbench.plugin import MethodConfig, after_fit
from nowhere import never

half = never


def twice(value: Unknown) -> float:
    return value if value > 5 else twice(2 * value)


LIMIT = twice(maths.floor(2.5))


@dataclass(frozen=True)
class Config(MethodConfig):
    limit: Unknown = LIMIT
    widths: Sequence[int] = field(default_factory=lambda: [LIMIT])
    late: bool = after_fit(True)


class Layer(never.Module):
    """Computes."""


class Lines(never.Method):
    title = "Two lines"
'''


def test_only_what_a_config_needs_is_evaluated(tmp_path, monkeypatch):
    (tmp_path / "outlined.py").write_text(OUTLINED)
    monkeypatch.syspath_prepend(tmp_path)
    defaults = {"item_lr": 1e-3, "item_epochs": 1, "limit": 8, "widths": [8], "late": True}
    assert outline("outlined") == Summary("Two lines", "", "A method of two lines (you 2026)", defaults)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("cut", "def"), ("empty", ""), ("lost", "from nowhere import Config"), ("divided", "Config = 1 / 0")],
)
def test_a_built_in_plugin_that_cannot_be_outlined_is_imported(tmp_path, monkeypatch, name, wrong):
    write(tmp_path, wrong, name)
    monkeypatch.syspath_prepend(tmp_path)
    for place in (PLACES["methods"], METHODS):
        monkeypatch.setitem(built_in(place), name, name)
    forget()
    listed = CliRunner().invoke(main, ["list", "methods"])
    monkeypatch.undo()
    forget()
    assert f"  {name}: method '{name}' " in listed.output
    assert "  cvar, CVAR (paper): CVAR (Zhao et al." in listed.output
