"""``coldbench data embed``: vectors of a dataset's texts, written next to its cache."""

from __future__ import annotations

from pathlib import Path

from coldbench.core.errors import InputError, unknown
from coldbench.data import embedded
from coldbench.data.embedder import embed_texts
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry


def embed(name: str, path: Path | None, text: str, model: str, partial: bool = False) -> str:
    """Computes a vector for each item of a dataset from one of its texts, and says how to use them.

    Args:
        name: The dataset's name, or the folder of the user's own data.
        path: The raw files; None for those of COLDBENCH_DATA or the downloaded ones.
        text: The name of the text, such as ``title``.
        model: The model's name.
        partial: Whether the raw files may be a subset of the published ones.

    Raises:
        InputError: The dataset, its raw files, the text or the model is not available.
    """
    registry = Registry()
    key, values = registry.dataset(name)
    source = registry.get(DATASETS, key)()
    if partial:
        source.accept_partial()
    fingerprint, prepared = source.reread(registry.spec(DATASETS, key, values).config, path)
    if not prepared.texts:
        raise InputError(f"{name} has no texts of its items")
    if text not in prepared.texts:
        raise unknown(f"text of {name}", text, prepared.texts)
    vectors = embed_texts(model, prepared.texts[text])
    embedded.save(key, fingerprint, text, vectors, model)
    without = len(vectors) - int(vectors.any(1).sum())
    lacking = f"; {without:,} of {len(vectors):,} have no text and get zeros" if without else ""
    return (
        f"{prepared.label}: {len(vectors):,} vectors of width {vectors.shape[1]} from {text} by {model}{lacking}\n"
        f"use them: coldbench run --datasets {name} --set {key}.vectors={text}"
    )
