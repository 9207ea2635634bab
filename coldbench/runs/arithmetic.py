"""How every job computes, in whichever process: one thread, no denormal numbers, large tensors on huge pages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

THREADS = 1  # of torch, so that bits do not depend on how many jobs run at once
HUGE_PAGES = "THP_MEM_ALLOC_ENABLE"  # torch looks at this variable when a process allocates its first tensor


def prepare() -> None:
    """Makes this process compute as every job does.

    Weights without a gradient shrink below 1e-38, because Adam divides their weight decay by its own size. Products of
    such numbers take many processors a hundred times as long, so they become zero.

    A batch reads rows from all over an embedding table. On huge pages (Linux) the processor finds them sooner, if no
    tensor was made before and the user has not set ``HUGE_PAGES`` otherwise; no result depends on it.
    """
    os.environ.setdefault(HUGE_PAGES, "1")
    torch.set_num_threads(THREADS)
    torch.set_flush_denormal(True)


@contextmanager
def as_in_a_job() -> Iterator[None]:
    """Computes as every job does inside a ``with`` block, in a process that does other things as well."""
    threads, flushed = torch.get_num_threads(), _flushes()
    prepare()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(flushed)


def _flushes() -> bool:
    return not (torch.full((1,), 1e-30) * 1e-9).any()
