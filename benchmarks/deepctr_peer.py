"""DeepCTR-Torch's DeepFM on the same rows, fields and sizes: what a user would pick instead."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from deepctr_torch.inputs import DenseFeat, SparseFeat, VarLenSparseFeat, get_feature_names
from deepctr_torch.models import DeepFM
from stand_in import columns

from coldbench.data.dataset import Dataset
from coldbench.data.schema import SideName

DIM = 16


def prepare(log: Dataset, rows: np.ndarray) -> tuple[list, dict[str, np.ndarray], np.ndarray]:
    """The columns as the library takes them, the way its documentation does it; not timed."""
    features: list = [SparseFeat("item_id", log.schema.items, DIM), DenseFeat("time", 1), DenseFeat("count", 1)]
    values = {
        "item_id": log.item[rows],
        "time": np.zeros(len(rows), np.float32),
        "count": np.zeros(len(rows), np.float32),
    }
    sides: dict[SideName, np.ndarray] = {"user": log.user[rows], "item": log.item[rows]}
    for side, index in sides.items():
        for name, (size, ids) in columns(log, side).items():
            column = SparseFeat(name, size, DIM)
            if ids.shape[1] > 1:
                column = VarLenSparseFeat(column, maxlen=ids.shape[1], combiner="sum")
            features.append(column)
            values[name] = ids[index] if ids.shape[1] > 1 else ids[index, 0]
    model_inputs = {name: values[name] for name in get_feature_names(features)}
    return features, model_inputs, log.click[rows].astype(np.float32)


def pretrain(features: list, inputs: dict[str, np.ndarray], click: np.ndarray, batch_size: int = 2048) -> None:
    """One epoch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = DeepFM(features, features, dnn_hidden_units=(16, 16), dnn_use_bn=True, dnn_dropout=0.2, device="cpu")
        model.compile(torch.optim.Adam(model.parameters(), lr=1e-3), "binary_crossentropy")
        model.fit(inputs, click, batch_size=batch_size, epochs=1, verbose=0)
