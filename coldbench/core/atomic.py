"""Atomic file writes: a file appears whole or not at all, even when several processes write it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from coldbench.core.storage import Place, make_folder


def write_text(path: Place, text: str) -> None:
    """Writes a text file atomically and creates its parent folders."""
    write_bytes(path, text.encode())


def write_bytes(path: Place, content: bytes) -> None:
    """Writes a file atomically and creates its parent folders; an object store is atomic by itself."""
    if not isinstance(path, Path):
        path.write_bytes(content)
        return
    make_folder(path.parent)
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise
