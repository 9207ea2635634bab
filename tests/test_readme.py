"""The README's example of a method is a method."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np

from coldbench.core.config import resolve
from coldbench.plugins import registry


def test_the_example_method_runs(dataset, make_cell, tmp_path):
    text = (Path(__file__).parent.parent / "README.md").read_text()
    path = tmp_path / "mean.py"
    path.write_text(re.search(r"```python\n(.*?)```", text, re.S).group(1))
    spec = importlib.util.spec_from_file_location("mean", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    owner = registry.plugin(registry.METHODS, "mean", module)

    cell = make_cell("fm", "base")
    protocol, split = cell.make_protocol(dataset)
    model = cell.new_backbone(dataset)
    method = owner(resolve("mean", owner.Config, {"scale": "2"}), dataset.schema, model)
    protocol.pretrain(model, method)
    mean = model.item_table.weight.mean(0).detach().numpy()
    outcome = next(protocol.warm_up(model, method))
    rows = model.item_table.weight.detach().numpy()[split.new_items]
    np.testing.assert_allclose(rows, np.tile(2 * mean, (len(rows), 1)), rtol=1e-6)
    assert np.isfinite(outcome.logits).all()
