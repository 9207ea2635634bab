"""A cell's key covers the code that computes it, and nothing else."""

from __future__ import annotations

import pytest

from coldbench.run import code

PLUGINS = ("coldbench.methods.cvar", "coldbench.backbones.deepfm")
CLOSURE = sorted(code.closure(code.ROOT, *PLUGINS))


@pytest.fixture
def changed(monkeypatch):
    """The digest with a module's source changed."""
    source = code._source

    def forget():
        for cached in (code._code, code._needs, code._passed_on):
            cached.cache_clear()

    def digest(module: str, change) -> str:
        monkeypatch.setattr(
            code, "_source", lambda loader, name: (change if name == module else str)(source(loader, name))
        )
        forget()
        try:
            return code.code_digest(*PLUGINS)
        finally:
            monkeypatch.setattr(code, "_source", source)
            forget()

    return digest


@pytest.mark.parametrize("module", CLOSURE)
def test_a_changed_constant_in_any_module_that_computes_changes_the_digest(module, changed):
    plain = code.code_digest(*PLUGINS)
    assert changed(module, lambda text: text + "\n_A_CONSTANT = 2\n") != plain
    assert changed(module, lambda text: text + "\n# a comment\n") == plain
    assert changed(module, lambda text: text.replace('"""', '"""Reworded: ', 1)) == plain


def test_the_closure_holds_what_computes_and_no_reader_report_or_engine():
    assert {"coldbench.protocol.stages", "coldbench.protocol.split", "coldbench.model.optimizer"} <= set(CLOSURE)
    assert {"coldbench.core.seeds", "coldbench.core.config", *PLUGINS} <= set(CLOSURE)
    rooms = {name.split(".")[1] for name in CLOSURE}
    assert rooms == {"core", "data", "model", "protocol", "methods", "backbones"}
    assert "coldbench.data.cache" not in CLOSURE


def test_a_package_of_plugins_counts_with_its_helpers_and_bases(tmp_path, monkeypatch):
    package = tmp_path / "their_methods"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "base.py").write_text("RATE = 1\n")
    (package / "helpers.py").write_text("from .base import RATE\n")
    (package / "mine.py").write_text("import numpy\n\nfrom their_methods.helpers import RATE\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert {"their_methods.mine", "their_methods.helpers", "their_methods.base"} <= code.closure("their_methods.mine")
    assert not any(name.startswith("numpy") for name in code.closure("their_methods.mine"))


def test_versions_of_torch_and_numpy_are_in_the_key(make_cell, monkeypatch):
    from coldbench.run import cell as cells
    from coldbench.run.provenance import versions

    plain = make_cell()
    known = plain.key, plain.pretrained_key
    for library in ("torch", "numpy"):
        monkeypatch.setattr(cells, "versions", lambda library=library: versions() | {library: "0"})
        other = make_cell()
        assert other.key != known[0]
        assert other.pretrained_key != known[1]
