"""Jobs compute on one thread and without denormal numbers, wherever they run."""

from __future__ import annotations

import subprocess
import sys

import torch

from coldbench.runs import arithmetic

IN_A_WORKER = """
import torch
from coldbench.runs.worker import Worker
Worker.__new__(Worker).setup({"job": b"", "alone": False}, [None])
print(torch.get_num_threads(), float(torch.full((1,), 1e-30) * 1e-9))
"""


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
    done = subprocess.run([sys.executable, "-c", IN_A_WORKER], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0.0"]
