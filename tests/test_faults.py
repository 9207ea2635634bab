"""Small copies of faults in the public code of methods since 2024; the checks of a method must notice each."""

from __future__ import annotations

import pytest

from coldbench.conformance.subject import Subject
from coldbench.conformance.suite import CHECKS, faults
from coldbench.plugins.file import PluginFile
from coldbench.plugins.registry import Registry

START = '''"""Faulty (nobody 2026, DOI 10.0/none): a small copy of a fault."""

from dataclasses import dataclass

import torch
from torch import nn

from coldbench.plugin import Method, MethodConfig, SideInformation, ctr_loss, initialise, step


@dataclass(frozen=True)
class Config(MethodConfig):
    """Nothing can be set."""


class Faulty(Method):
    def __init__(self, config, schema, backbone):
        super().__init__(config, schema, backbone)
        self.side = SideInformation(schema, self.dim, True)
        initialise(self.side)
        self.side.start_normal()
        self.network = nn.Linear(self.side.width, self.dim)
        self.dropout = nn.Dropout(0.0)
        self.register_buffer("made", torch.zeros(schema.items, self.dim))

    def generate(self, items):
        return self.network(self.dropout(self.side(items)))

    def fit(self, backbone, base):
        optimizer = base.adam(self.parameters())
        for batch in base.batches():
            made = self.generate(batch.items)
            step(optimizer, ctr_loss(backbone.score(batch.spread(made), backbone.frozen_context(batch)), batch))

    def embed(self, backbone, items):
        with torch.no_grad():
            return self.generate(items)
'''
ADAM = "base.adam(self.parameters())"
EMBED = START[START.index("    def embed") :]
LEARNS, REACHES = "everything that it has learns in fit", "what fit learns reaches the cold items"

FAULTS = {
    "a network without gradient, as in CSDM": (
        ADAM,
        "base.adam([value for name, value in self.named_parameters() if 'side' in name])",
        LEARNS,
        "fit left the parameter network.weight as it was",
    ),
    "embeddings that are never written, as in CREU": (
        EMBED,
        "    def adapt(self, backbone, phase):\n        self.fit(backbone, phase)\n",
        REACHES,
        "what fit learns changes no score of a cold item in any phase",
    ),
    "a hypernetwork cut off through .data, as in EmerG": (
        "made = self.generate(batch.items)",
        "self.made.data[batch.items.number] = self.generate(batch.items).data; "
        "made = self.side(batch.items)[:, : self.dim] + self.made[batch.items.number]",
        LEARNS,
        "fit left the parameter network.weight as it was",
    ),
    "dropout while generating, as in CSDM": (
        "nn.Dropout(0.0)",
        "nn.Dropout(0.5)",
        LEARNS,
        "embed called twice gave two embeddings",
    ),
}


def found(tmp_path, text, check):
    path = tmp_path / "faulty.py"
    path.write_text(text)
    return faults(CHECKS["method"][check], Subject("method", "faulty", Registry([PluginFile.read(path)])))


@pytest.mark.parametrize("check", [LEARNS, REACHES])
def test_without_a_fault_the_method_passes(check, tmp_path):
    assert found(tmp_path, START, check) == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_noticed(name, tmp_path):
    old, new, check, says = FAULTS[name]
    assert START.count(old) == 1
    assert says in "; ".join(found(tmp_path, START.replace(old, new), check))
