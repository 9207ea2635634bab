"""FuxiCTR's DeepFM on the same rows, fields and sizes: its layers, its loader of NPZ files and its training loop."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from clock import Cost
from fuxictr.features import FeatureMap
from fuxictr.pytorch.dataloaders.npz_dataloader import NpzDataLoader
from fuxictr.pytorch.layers import FactorizationMachine, FeatureEmbedding, MLP_Block
from fuxictr.pytorch.models import BaseModel
from stand_in import columns
from torch import Tensor

from coldbench.data.dataset import Dataset
from coldbench.data.schema import SideName

DIM = 16


class DeepFM(BaseModel):
    """The sum of a factorization machine and a perceptron on shared embeddings; the package itself ships no DeepFM."""

    def __init__(self, fields: FeatureMap, folder: Path) -> None:
        super().__init__(fields, verbose=0, model_root=str(folder), metrics=["AUC"])
        self.embedding = FeatureEmbedding(fields, DIM)
        self.machine = FactorizationMachine(fields)
        self.perceptron = MLP_Block(fields.sum_emb_out_dim(), [16, 16], "ReLU", 1, None, 0.2, batch_norm=True)
        self.compile("adam", "binary_crossentropy", 1e-3)
        self.reset_parameters()

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Probabilities of a click."""
        values = self.get_inputs(inputs)
        embedded = self.embedding(values)
        logits = self.machine(values, embedded) + self.perceptron(embedded.flatten(start_dim=1))
        return {"y_pred": self.output_activation(logits)}


def prepare(log: Dataset, rows: np.ndarray, folder: Path) -> FeatureMap:
    """Writes the rows as the package's loader reads them, and describes their columns; not timed."""
    fields = FeatureMap("peer", str(folder))
    fields.labels, fields.default_emb_dim = ["click"], DIM
    values: dict[str, np.ndarray] = {"item_id": log.item[rows], "click": log.click[rows]}
    fields.features["item_id"] = {"type": "categorical", "source": "", "vocab_size": log.schema.items}
    for name in ("time", "count"):
        values[name] = np.zeros(len(rows))
        fields.features[name] = {"type": "numeric", "source": ""}
    sides: dict[SideName, np.ndarray] = {"user": log.user[rows], "item": log.item[rows]}
    for side, index in sides.items():
        for name, (size, ids) in columns(log, side).items():
            spec = {"type": "categorical", "source": "", "vocab_size": size, "padding_idx": 0}
            if ids.shape[1] > 1:
                spec |= {"type": "sequence", "max_len": ids.shape[1], "feature_encoder": "layers.MaskedSumPooling()"}
            fields.features[name] = spec
            values[name] = ids[index] if ids.shape[1] > 1 else ids[index, 0]
    fields.num_fields = fields.get_num_fields()
    fields.set_column_index()
    np.savez(folder / "rows.npz", **values)
    return fields


def epoch(fields: FeatureMap, folder: Path, batch_size: int = 2048) -> Cost:
    """One epoch over all rows without workers; what building the model and reading the file take is its fixed part."""
    start = time.process_time()
    model = DeepFM(fields, folder)
    loader = NpzDataLoader(fields, str(folder / "rows.npz"), batch_size, shuffle=True, num_workers=0)
    built = time.process_time()
    model._total_steps, model._max_gradient_norm, model._stop_training = 0, 10.0, False  # as ``fit`` sets them
    model._eval_steps = np.inf  # no evaluation
    model.train_epoch(loader)
    return Cost(time.process_time() - built, built - start)
