"""Derived seeds: every random stream of a run has its own name and its own seed."""

from __future__ import annotations

import hashlib


def derive(*parts: object) -> int:
    """Hashes the given parts into a seed that is the same in every process and on every machine.

    A cell derives its seeds from (seed, dataset, backbone, purpose) and never from
    the method, so that methods are paired: they share the pretraining and the batch order.

    Returns:
        An integer in [0, 2**63).
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
