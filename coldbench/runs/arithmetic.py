"""How every job computes, whichever process it runs in: on one thread, and without denormal numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

THREADS = 1  # of torch, so that bits do not depend on how many jobs run at once


def prepare() -> None:
    """Makes this process compute as every job does.

    Weights without a gradient shrink below 1e-38, because Adam divides their weight decay by its own size. Products of
    such numbers take many processors a hundred times as long, so they become zero.
    """
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
