"""Jobs compute on one thread, without denormal numbers and with large tensors on huge pages, wherever they run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from coldbench.runs import arithmetic

IN_A_WORKER = """
import torch
from coldbench.runs.worker import Worker
Worker.__new__(Worker).setup({"job": b"", "alone": False}, [None])
"""
ARITHMETIC = """
print(torch.get_num_threads(), float(torch.full((1,), 1e-30) * 1e-9))
"""
ASKED_FOR = """
def asked():  # KiB for which huge pages are asked; a mapping's lines begin with its size and end with its flags
    total = 0
    for line in open("/proc/self/smaps"):
        name, *words = line.split()
        if name == "Size:":
            size = int(words[0])
        elif name == "VmFlags:" and "hg" in words:
            total += size
    return total

before = asked()
table = torch.zeros(1_000_000, 16)
print(asked() - before)
"""
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage")


def smallest() -> float:
    """A product below the smallest normal number of 32 bits."""
    return float(torch.full((1,), 1e-30) * 1e-9)


def test_a_block_leaves_the_process_as_it_was():
    for flushed in (False, True):
        torch.set_flush_denormal(flushed)
        torch.set_num_threads(2)
        with arithmetic.as_in_a_job():
            assert torch.get_num_threads() == arithmetic.THREADS
            assert smallest() == 0
        assert torch.get_num_threads() == 2
        assert (smallest() == 0) is flushed
    arithmetic.prepare()


def test_a_worker_computes_so_from_its_first_job_on():
    """In a process of its own: Ray must not be imported here before a run has set whom its processes trust."""
    done = subprocess.run([sys.executable, "-c", IN_A_WORKER + ARITHMETIC], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0.0"]


@pytest.mark.skipif(not HUGE_PAGES.exists(), reason="this system has no huge pages")
@pytest.mark.parametrize("chosen", [None, "0"])
def test_a_worker_asks_for_huge_pages_for_large_tensors_unless_the_user_chose_otherwise(chosen):
    environment = {name: value for name, value in os.environ.items() if name != arithmetic.HUGE_PAGES}
    environment |= {} if chosen is None else {arithmetic.HUGE_PAGES: chosen}
    done = subprocess.run(
        [sys.executable, "-c", IN_A_WORKER + ASKED_FOR], capture_output=True, text=True, check=True, env=environment
    )
    assert (int(done.stdout) >= 4 * 16_000_000 / 1024) is (chosen is None)
