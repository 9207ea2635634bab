"""The README's example of a method is a method."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from coldbench import __version__
from coldbench.plugins.file import PluginFile
from coldbench.plugins.registry import Registry


def test_images_of_a_cluster_have_the_releases_tag():
    page = (Path(__file__).parent.parent / "docs" / "cluster.md").read_text()
    assert set(re.findall(r"/coldbench:([\w.]+)", page)) == {__version__}


def test_the_example_method_runs(dataset, make_cell, tmp_path):
    text = (Path(__file__).parent.parent / "README.md").read_text()
    path = tmp_path / "average.py"
    path.write_text(re.search(r"```python\n(.*?)```", text, re.S).group(1))
    cell = make_cell("fm", "average", registry=Registry([PluginFile.read(path)]), scale="2")
    stages = cell.on(dataset)
    pretrained = stages.pretrain()
    mean = pretrained.state["item_table.weight"].mean(0)
    outcome = next(stages.phases(pretrained, stages.fit(pretrained)))
    np.testing.assert_allclose(outcome.embeddings, np.tile(2 * mean, (len(outcome.embeddings), 1)), rtol=1e-4)
    assert np.isfinite(outcome.logits).all()
