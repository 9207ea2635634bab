"""Vectors of texts in the cache: one NPZ file per prepared dataset and text, next to the dataset.

The file holds ``vectors``, (items, width) float16 in the order of the prepared items, and the ``model`` that made them.
NPZ has a checksum for each array, so a byte that changed on disk does not go unnoticed.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from urllib.parse import quote

import numpy as np

from coldbench.core.atomic import write_bytes
from coldbench.core.errors import InputError
from coldbench.data import cache

_LONGEST = 100  # characters of a text's name in a file's name


def save(name: str, fingerprint: str, text: str, vectors: np.ndarray, model: str) -> Path:
    """Writes the vectors of a dataset's text, in place of any from before.

    Args:
        name: The dataset's name in the cache.
        fingerprint: The fingerprint of the prepared dataset.
        text: The name of the text, such as ``title``.
        vectors: (items, width) float16.
        model: The name of the model that made the vectors.

    Raises:
        InputError: The cache folder cannot be written.
    """
    content = io.BytesIO()
    np.savez(content, vectors=vectors, model=np.array(model))
    path = _place(name, fingerprint, text)
    try:
        write_bytes(path, content.getvalue())
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror})") from None
    return path


def load(name: str, fingerprint: str, text: str, items: int, shown: str) -> tuple[np.ndarray, str]:
    """Reads the vectors of a dataset's text.

    Args:
        name: The dataset's name in the cache.
        fingerprint: The fingerprint of the prepared dataset.
        text: The name of the text.
        items: The number of the dataset's items.
        shown: The dataset's name as the user gave it, for the message.

    Returns:
        (items, width) float16 vectors, and the SHA-256 of their bytes.

    Raises:
        InputError: There are no such vectors, or the file is damaged; the message says how to make them.
    """
    path = _place(name, fingerprint, text)
    how = f"make them with: coldbench data embed {shown} --field {text}"
    if not path.is_file():
        raise InputError(f"{shown} has no vectors of {text!r:.60} yet; {how}")
    try:
        with np.load(path, allow_pickle=False) as content:
            vectors = content["vectors"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        vectors = np.zeros(0)
    if vectors.dtype != np.float16 or vectors.ndim != 2 or len(vectors) != items:
        raise InputError(f"the vectors of {text!r:.60} of {shown} are damaged ({path}); {how}")
    return vectors, hashlib.sha256(np.ascontiguousarray(vectors).data).hexdigest()


def _place(name: str, fingerprint: str, text: str) -> Path:
    quoted = quote(text, safe="", errors="surrogateescape")
    short = quoted if len(quoted) <= _LONGEST else hashlib.sha256(quoted.encode()).hexdigest()
    return cache.root() / name / f"{fingerprint}-{short}.npz"
