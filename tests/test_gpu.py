"""What needs a GPU; skipped without one."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from coldbench.plugins.kinds import METHODS
from coldbench.plugins.registry import Registry

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


@pytest.mark.parametrize("method", Registry().names(METHODS))
def test_auc_on_the_gpu_is_the_cpus_within_noise(method, dataset, make_cell):
    cell = make_cell("deepfm", method)
    on_gpu = dataclasses.replace(cell, device="cuda")
    outcomes = [each.on(dataset).run() for each in (cell, on_gpu)]
    for cpu, gpu in zip(*outcomes, strict=True):
        assert gpu.metrics["auc"] == pytest.approx(cpu.metrics["auc"], abs=0.02)  # a few hundred test rows


def test_a_phase_stays_on_the_device(dataset, split, make_cell):
    phase = dataclasses.replace(make_cell(), device="cuda").on(dataset).protocol.phase("base", split.base)
    batch = next(phase.batches())
    assert all(tensor.is_cuda for tensor in (batch.item, batch.users.ids, batch.items.bags.words, batch.context.ids))
