"""The README's examples do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from coldbench import __version__
from coldbench.plugins.file import PluginFile
from coldbench.plugins.registry import Registry

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
NUMBER = re.compile(r"-?\d+\.\d+")


def block(containing: str, language: str = "python") -> str:
    """The README's code block that contains a text."""
    (found,) = [code for code in re.findall(rf"```{language}\n(.*?)```", README, re.S) if containing in code]
    return found


def test_images_of_a_cluster_have_the_releases_tag():
    page = (ROOT / "docs" / "cluster.md").read_text()
    assert set(re.findall(r"/coldbench:([\w.]+)", page)) == {__version__}


def test_the_five_lines_print_what_follows_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(block("cb.run"), "README.md", "exec"), {})
    printed, shown = capsys.readouterr().out, block("warm-a", "text")
    assert NUMBER.sub("0", printed).split() == NUMBER.sub("0", shown).split()
    measured, published = (np.array(NUMBER.findall(text), dtype=float) for text in (printed, shown))
    np.testing.assert_allclose(measured, published, atol=0.002)  # another processor rounds otherwise


def test_the_quickstart_shows_the_same_lines():
    page = (ROOT / "docs" / "quickstart.md").read_text()
    assert block("cb.run") in page
    assert block("warm-a", "text") in page


def test_the_example_method_runs(dataset, make_cell, tmp_path):
    path = tmp_path / "average.py"
    path.write_text(block("class Average"))
    cell = make_cell("fm", "average", registry=Registry([PluginFile.read(path)]), scale="2")
    stages = cell.on(dataset)
    pretrained = stages.pretrain()
    mean = pretrained.state["item_table.weight"].mean(0)
    outcome = next(stages.phases(pretrained, stages.fit(pretrained)))
    np.testing.assert_allclose(outcome.embeddings, np.tile(2 * mean, (len(outcome.embeddings), 1)), rtol=1e-4)
    assert np.isfinite(outcome.logits).all()
