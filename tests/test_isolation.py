"""What a plugin does to its process reaches no other method's cell, computed before it or after it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SIZES = ["users=150", "items=120", "interactions=6000", "n=60", "k=5"]
FLAGS = [part for size in SIZES for part in ("--set", f"synthetic.{size}")]
FLAGS += ["--backbones", "deepfm", "--seeds", "1", "--jobs", "1"]
PLUGIN = '''"""{name} (nobody 2026, DOI 10.0/none): the plain baseline, and something that its process remembers."""

from dataclasses import dataclass

import torch

from coldbench.plugin import Method, MethodConfig

{on_import}


@dataclass(frozen=True)
class Config(MethodConfig):
    """Nothing of its own."""


class Spoiler(Method):
    def fit(self, backbone, base):
        {in_fit}
'''
IN_FIT = {
    "raising": "torch.set_default_dtype(torch.float64); torch.set_grad_enabled(False); raise RuntimeError('too late')",
    "settings": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); torch.set_num_threads(2); "
    "torch.set_float32_matmul_precision('medium'); torch.use_deterministic_algorithms(False)",
    "patched": "import coldbench.protocol.phases as phases; phases.all_metrics = lambda *given: {'auc': 0.88}; "
    "torch.manual_seed = lambda seed: None; torch.nn.functional.softplus = torch.exp; "
    "torch.Tensor.sigmoid = lambda values: values",
}
ON_IMPORT = {
    "imported": "import coldbench.model.phase as phase\nphase.ctr_loss = lambda logits, batch: logits.square().mean()"
}
BEFORE, AFTER = ["base"], ["cvar", "base[item_lr=0.01]"]


@pytest.fixture(scope="module")
def plugins(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("plugins")
    for name, line in IN_FIT.items():
        (folder / f"{name}.py").write_text(PLUGIN.format(name=name, on_import="", in_fit=line))
    for name, lines in ON_IMPORT.items():
        (folder / f"{name}.py").write_text(PLUGIN.format(name=name, on_import=lines, in_fit="pass"))
    return sorted(folder.iterdir())


def run(out: Path, methods: list[str], plugins: list[Path]) -> dict[str, tuple]:
    """What each method's cell came to: the digest of its predictions and its AUCs."""
    command = [sys.executable, "-m", "coldbench", "run", *FLAGS, "--methods", ",".join(methods), "--out", str(out)]
    for path in plugins:
        command += ["--plugin", str(path)]
    subprocess.run(command, capture_output=True, text=True, timeout=500)
    records = [json.loads(path.read_text()) for path in (out / "cells").iterdir()]
    return {
        each["labels"]["method"]: (each["predictions_digest"], [p["auc"] for p in each["phases"]]) for each in records
    }


def test_a_plugin_reaches_no_other_cell_before_or_after_it(plugins, tmp_path):
    names = [path.stem for path in plugins]
    clean = run(tmp_path / "clean", [*BEFORE, *AFTER], [])
    made = run(tmp_path / "between", [*BEFORE, *names, *AFTER], plugins)
    assert {name: made[name] for name in clean} == clean
    assert set(made) == {*BEFORE, *AFTER, *names} - {"raising"}


def test_verify_computes_each_cell_in_a_fresh_process(plugins, tmp_path):
    """A plugin that counts its own runs in its process: every cell is the first."""
    path = tmp_path / "counts.py"
    line = "torch.runs = getattr(torch, 'runs', 0) + 1; self.bias = torch.full((self.dim,), float(torch.runs))"
    text = PLUGIN.format(name="counts", on_import="", in_fit=line)
    text += "\n    def embed(self, backbone, items):\n        return backbone.item_table(items.number) + self.bias\n"
    path.write_text(text)
    made = run(tmp_path / "out", ["counts", "counts[item_lr=0.01]"], [path])
    assert made
    command = [sys.executable, "-m", "coldbench", "verify", str(tmp_path / "out"), "--plugin", str(path), "--jobs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert "2 of 2 cells are the same, bit for bit" in done.stdout, done.stdout + done.stderr
