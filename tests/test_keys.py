"""A cell's key covers the code that computes it, and nothing else."""

from __future__ import annotations

import dataclasses

import pytest

from coldbench.conformance import subject
from coldbench.plugins.file import PluginFile
from coldbench.plugins.kinds import BACKBONES
from coldbench.plugins.registry import Registry
from coldbench.protocol.rules import Matched, Paper, Strict
from coldbench.runs import code

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
    from coldbench.runs import cell as cells
    from coldbench.runs.provenance import versions

    plain = make_cell()
    known = plain.key, plain.pretrained_key
    for library in ("torch", "numpy"):
        monkeypatch.setattr(cells, "versions", lambda library=library: versions() | {library: "0"})
        other = make_cell()
        assert other.key != known[0]
        assert other.pretrained_key != known[1]


KEYS = ("pretrained_key", "fitted_key", "key")  # each is of all that the one before it is of, and more


def changed_keys(one, other):
    return [name for name in KEYS if getattr(one, name) != getattr(other, name)]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"fingerprint": "other"},
        {"device": "cuda"},
        {"validation": True},
        {"settings": {"batch_size": 128}},
        {"settings": {"weight_decay": 0.5}},
    ],
    ids=str,
)
def test_what_every_stage_depends_on_is_in_every_key(change, make_cell):
    plain = make_cell(method="cvar")
    if "settings" in change:
        change = {"settings": dataclasses.replace(plain.settings, **change["settings"])}
    assert changed_keys(plain, dataclasses.replace(plain, **change)) == list(KEYS)


def test_other_data_and_another_backbone_are_in_every_key(make_cell):
    plain = make_cell(method="cvar")
    assert changed_keys(plain, make_cell("deepfm", "cvar")) == list(KEYS)
    spec = Registry().spec(BACKBONES, "fm", {"dim": 8})
    assert changed_keys(plain, dataclasses.replace(plain, backbone=spec)) == list(KEYS)


@pytest.mark.parametrize(
    ("values", "changed"),
    [
        ({"alpha": 0.5}, ["fitted_key", "key"]),
        ({"adapt_epochs": 3}, ["key"]),
        ({"item_lr": 0.01}, ["key"]),
        ({"item_epochs": 2}, ["key"]),
    ],
    ids=str,
)
def test_a_methods_field_is_in_the_keys_of_the_stages_that_read_it(values, changed, make_cell):
    assert changed_keys(make_cell(method="cvar"), make_cell(method="cvar", **values)) == changed


@pytest.mark.parametrize(
    ("one", "other", "changed"),
    [
        (Paper(), Strict(), list(KEYS)),
        (Strict(), Matched(1), ["key"]),
        (Matched(1), Matched(3), ["key"]),
    ],
    ids=["paper and strict", "strict and matched", "two budgets"],
)
def test_a_protocol_is_in_the_keys_of_the_stages_that_it_changes(one, other, changed, make_cell):
    assert changed_keys(make_cell(method="cvar", rules=one), make_cell(method="cvar", rules=other)) == changed


PRETRAINS = '''"""Prior (nobody 2026, DOI 10.0/none): a module that is pretrained along."""
from dataclasses import dataclass

import torch

from coldbench.plugin import Method, MethodConfig


@dataclass(frozen=True)
class Config(MethodConfig):
    """Nothing of its own."""


class Prior(Method):
    pretrained = ("prior",)

    def __init__(self, config, schema, backbone):
        super().__init__(config, schema, backbone)
        self.prior = torch.nn.Linear(self.dim, 1)
'''


def test_a_method_that_is_pretrained_along_has_a_backbone_of_its_own_by_its_code_alone(tmp_path, make_cell):
    def cell(text):
        (tmp_path / "prior.py").write_text(text)
        return subject.make_cell("fm", "prior", registry=Registry([PluginFile.read(tmp_path / "prior.py")]))

    plain = cell(PRETRAINS)
    assert plain.pretrained_key != make_cell().pretrained_key
    assert changed_keys(plain, cell(PRETRAINS + "# a comment\n")) == []
    assert changed_keys(plain, cell(PRETRAINS + "RATE = 1\n")) == list(KEYS)
