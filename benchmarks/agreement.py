"""Backbones against other libraries' models of the same name: the same rows, fields, sizes and optimiser."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable

import numpy as np
import torch
from deepctr_peer import DIM
from deepctr_torch.inputs import SparseFeat, VarLenSparseFeat
from deepctr_torch.models import AFN, DCN, AutoInt, xDeepFM
from deepctr_torch.models.basemodel import BaseModel
from stand_in import columns
from torch import Tensor, nn
from torch.nn import functional
from workbench import BATCH, bench

from coldbench.data.dataset import Dataset
from coldbench.data.schema import SideName
from coldbench.model.batching import shuffled
from coldbench.model.layers import INITIAL
from coldbench.protocol.metrics import auc
from coldbench.protocol.split import warm_up_split

HELD_OUT = 0.1  # share of base that is drawn by chance and scored
NEAR = 0.003  # difference in AUC that counts as agreement
MLP = {"dnn_hidden_units": (16, 16), "dnn_use_bn": True, "dnn_dropout": 0.2}
NONE = {"l2_reg_linear": 0, "l2_reg_embedding": 0}


def final_mlp(features: list) -> BaseModel:
    """FinalMLP from FuxiCTR's layers, on DeepCTR-Torch's embeddings; the gates read what coldbench's gates read."""
    from fuxictr.pytorch.layers import MLP_Block
    from model_zoo.LongCTR.FinalMLP.FinalMLP import InteractionAggregation

    places = {side: [n for n, f in enumerate(ordered(features)) if side in f.name] for side in ("user:", "item:")}

    class Model(BaseModel):
        def __init__(self) -> None:
            super().__init__([], features, l2_reg_linear=0, l2_reg_embedding=0)
            width = len(features) * DIM
            block = {"hidden_activations": "ReLU", "dropout_rates": 0.2, "batch_norm": True}
            self.streams = nn.ModuleList(MLP_Block(width, [16, 16], **block) for _ in range(2))
            self.gates = nn.ModuleList(
                MLP_Block(len(where) * DIM, [64], output_dim=width, output_activation="Sigmoid")
                for where in places.values()
            )
            self.fusion = InteractionAggregation(16, 16)

        def forward(self, values: Tensor) -> Tensor:
            embedded, _ = self.input_from_feature_columns(values, self.dnn_feature_columns, self.embedding_dict)
            fields = torch.cat(embedded, 1)
            gated = [
                stream(2 * gate(fields[:, where].flatten(1)) * fields.flatten(1))
                for stream, gate, where in zip(self.streams, self.gates, places.values(), strict=True)
            ]
            return self.fusion(*gated).sigmoid()

    return Model()


def x_deep_fm(features: list) -> BaseModel:
    """DeepCTR-Torch's xDeepFM without biases in the CIN, which equation 6 of its paper does not have.

    They lower its AUC by 0.002 on average: seeds 0 to 2 gave .7847 .7856 .7818 with them and .7865 .7850 .7872 without.
    """
    model = xDeepFM([], features, cin_layer_size=(16, 16), cin_split_half=False, cin_activation="linear", **MLP, **NONE)
    for layer in model.cin.conv1ds:
        layer.bias = None
    return model


def ordered(features: list) -> list:
    """The features in the order in which DeepCTR-Torch stacks their embeddings."""
    return sorted(features, key=lambda feature: isinstance(feature, VarLenSparseFeat))


PEERS: dict[str, tuple[str, Callable[[list], BaseModel]]] = {
    "dcnv2": ("DeepCTR-Torch", lambda f: DCN([], f, cross_parameterization="matrix", l2_reg_cross=0, **MLP, **NONE)),
    "autoint": ("DeepCTR-Torch", lambda f: AutoInt([], f, dnn_hidden_units=(), l2_reg_embedding=0)),
    "finalmlp": ("FuxiCTR's layers", final_mlp),
    "afn": (
        "DeepCTR-Torch",
        lambda f: AFN([], f, ltl_hidden_size=32, afn_dnn_hidden_units=(16, 16), dnn_dropout=0.2, **NONE),
    ),
    "xdeepfm": ("DeepCTR-Torch", x_deep_fm),
}


def agreement(log: Dataset, options: argparse.Namespace) -> dict:
    """The AUC of each backbone and of its peer on rows of base that neither was trained on."""
    fields = tuple(field for field in log.schema.fields if field.kind != "numeric")
    log = dataclasses.replace(log, schema=dataclasses.replace(log.schema, fields=fields))
    base = np.random.default_rng(0).permutation(warm_up_split(log).base)[: options.rows]
    held, train = np.split(base, [round(HELD_OUT * len(base))])
    held, train = np.sort(held), np.sort(train)
    known = json.loads(options.results.read_text()) if options.results.exists() else {}
    rows = {row[0]: row for row in known.get("agreement", {}).get("rows", [])}
    for name in options.models.split(","):
        library, build = PEERS[name]
        ours, theirs = our_auc(log, name, train, held), peer_auc(log, build, train, held)
        rows[name] = [name, library, f"{ours:.4f}", f"{theirs:.4f}", f"{ours - theirs:+.4f}", f"{len(train):,}"]
        print(*rows[name], flush=True)
    return {
        "title": "the same model of another library, trained on the same rows",
        "header": ["backbone", "library", "AUC, ours", "AUC, theirs", "difference", "rows trained on"],
        "rows": list(rows.values()),
        "note": f"One epoch, batches of {BATCH} rows in orders of their own, Adam, parameters from "
        f"U(-{INITIAL}, {INITIAL}) (in both libraries AutoInt's layers from Xavier's distribution, AFN's logarithmic "
        "layer from its own), token fields alone, no first-order weights; the peer's CIN has no biases, as xDeepFM's "
        f"equation 6 has none. AUC on the {HELD_OUT:.0%} of base that was drawn by chance and trained neither; no "
        f"part holds a row of the test. One seed. Goal: within {NEAR}. Made by `python benchmarks/bench.py agreement "
        f"--models {','.join(rows)} --rows {options.rows}`, with deepctr-torch and fuxictr installed.",
    }


def our_auc(log: Dataset, name: str, train: np.ndarray, held: np.ndarray) -> float:
    """AUC on the held-out rows after one epoch on the others."""
    torch.manual_seed(0)
    made = bench(log, name, "base")
    made.pretrain(train)
    model, view = made.backbone.eval(), made.warm_up.view
    with torch.no_grad():
        parts = [model(batch) for batch, _ in shuffled(view, view.interactions(log, held), BATCH, random=None)]
    return auc(log.click[held], torch.cat(parts).numpy())


def peer_auc(log: Dataset, build: Callable[[list], BaseModel], train: np.ndarray, held: np.ndarray) -> float:
    """AUC of the library's model on the held-out rows after one epoch on the others."""
    torch.manual_seed(0)
    features, values = inputs(log)
    model = build(features)
    for name, parameter in model.named_parameters():  # as in coldbench: AutoInt and AFN have values of their own
        if name.startswith("int_layers"):
            nn.init.xavier_uniform_(parameter)
        elif not name.startswith("ltl"):
            nn.init.uniform_(parameter, -INITIAL, INITIAL)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-6)
    click = torch.from_numpy(log.click.astype(np.float32))
    model.train()
    for part in torch.from_numpy(train)[torch.randperm(len(train))].split(BATCH):
        if len(part) == BATCH:
            adam.zero_grad()
            functional.binary_cross_entropy(model(values(part)).squeeze(1), click[part]).backward()
            adam.step()
    model.eval()
    with torch.no_grad():
        parts = [model(values(part)).squeeze(1) for part in torch.from_numpy(held).split(BATCH)]
    return auc(log.click[held], torch.cat(parts).numpy())


def inputs(log: Dataset) -> tuple[list, Callable[[Tensor], Tensor]]:
    """The library's features, and what gives their matrix for some rows; names say the side."""
    features = [SparseFeat("item_id", log.schema.items, DIM)]
    tables: dict[SideName, list[Tensor]] = {"user": [], "item": []}
    for side, table in tables.items():
        for name, (size, ids) in columns(log, side).items():
            feature = SparseFeat(f"{side}:{name}", size, DIM)
            wide = ids.shape[1] > 1
            features.append(VarLenSparseFeat(feature, maxlen=ids.shape[1], combiner="sum") if wide else feature)
            table.append(torch.from_numpy(ids))
    user, item = torch.from_numpy(log.user), torch.from_numpy(log.item)
    by_user, by_item = torch.cat(tables["user"], 1), torch.cat(tables["item"], 1)

    def matrix(rows: Tensor) -> Tensor:
        return torch.cat([item[rows, None], by_user[user[rows]], by_item[item[rows]]], 1).float()

    return features, matrix
