"""Texts -> vectors, by a small language model that an installed package carries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from coldbench.core.errors import InputError, unknown
from coldbench.data.files.vectors import unit_vectors


def embed_texts(model: str, texts: Sequence[str]) -> np.ndarray:
    """Computes one vector per text.

    Args:
        model: The model's name.
        texts: The texts; an empty one gets zeros.

    Returns:
        (texts, width) float16, each of length 1 or 0.

    Raises:
        InputError: The model is unknown, its package is not installed, or no text has a word.
    """
    if model not in _MODELS:
        raise unknown("model", model, _MODELS)
    filled = [place for place, text in enumerate(texts) if text.strip()]
    if not filled:
        raise InputError("all texts are empty")
    found = _MODELS[model]([texts[place] for place in filled])
    vectors = np.zeros((len(texts), found.shape[1]), np.float16)
    vectors[filled] = unit_vectors(np.nan_to_num(found))
    return vectors


def _wordllama(texts: list[str]) -> np.ndarray:
    """(texts, 256) means of token embeddings by WordLlama (Miller 2024, github.com/dleemiller/WordLlama)."""
    try:
        import wordllama
    except ImportError:
        raise InputError("vectors of texts need the package wordllama: pip install 'coldbench[text]'") from None
    carried = Path(wordllama.__file__).parent  # the wheel contains weights and tokenizer; nothing is downloaded
    return wordllama.WordLlama.load(cache_dir=carried, disable_download=True).embed(texts)


_MODELS: dict[str, Callable[[list[str]], np.ndarray]] = {"wordllama": _wordllama}
