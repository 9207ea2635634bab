"""The public plugin interface: every name that a method, a backbone, a dataset or a world may import.

A plugin imports from this module and from nowhere else in coldbench. Methods and backbones use the first three groups
below, datasets and worlds mainly the first and their own. docs/hooks.md describes what each hook receives, with shapes.
"""

# ruff: noqa: I001 - imports are grouped by purpose
from __future__ import annotations

# configurations and search spaces
from coldbench.core.errors import InputError
from coldbench.core.space import Choice, Count, LogUniform, Range, Rate, Share, Space, Uniform, Weight, Width
from coldbench.core.config import after_fit, as_dict, digest

# what a hook receives
from coldbench.data.schema import COUNT, TIME, Field, Schema, SideName
from coldbench.model.batching import Batch
from coldbench.model.budget import Budget
from coldbench.model.optimizer import Adam
from coldbench.model.phase import Phase, RowsByItem, ctr_loss, descend, step
from coldbench.model.rows import Interactions, Rows
from coldbench.model.view import View

# base classes and building blocks
from coldbench.model.backbone import Backbone, TwoTower
from coldbench.model.method import ITEM_SPACE, Method, MethodConfig
from coldbench.model.generator import FrozenBatch, Generated, Gaussian, SideInformation, VariationalGenerator
from coldbench.model.generator import frozen_turns, gaussian, wasserstein
from coldbench.model.decoder import CountDecoder, dense
from coldbench.model.generating import Generating
from coldbench.model.item_graph import GraphNetwork, HyperNetwork, refined
from coldbench.model.meta import paired_batches, paired_items, two_batch_loss
from coldbench.model.neighbours import Near, nearest, sharing
from coldbench.model.sinkhorn import sinkhorn_divergences
from coldbench.model.embedding import FieldEmbedding, lookup
from coldbench.model.layers import MLP, Dropout, FactorizationMachine, SplitMLP, blocks, initialise, two_layers

# datasets
from coldbench.data.dataset import Dataset, Table
from coldbench.data.files.delimited import (
    CSV,
    DAT,
    LATEST,
    TSV,
    Format,
    codes,
    column,
    read_blocks,
    read_csv,
)
from coldbench.data.files.download import Publication
from coldbench.data.files.ids import conform, distinct, known, renumbered
from coldbench.data.files.parquet import parquet_columns, read_parquet
from coldbench.data.files.provenance import provenance
from coldbench.data.files.raw import RawFiles
from coldbench.data.files.vectors import article_vectors, unit_vectors
from coldbench.data.contents import Contents
from coldbench.data.prepared import Prepared, Step, categorical, multi
from coldbench.data.source import FileSource, ProposedShots, Shots, Source

# worlds of the simulated online test
from coldbench.data.world import Factors, Ground, Learned, Tabled, Truth, World

__all__ = [
    "COUNT",
    "CSV",
    "DAT",
    "ITEM_SPACE",
    "LATEST",
    "MLP",
    "TIME",
    "TSV",
    "Adam",
    "Backbone",
    "Batch",
    "Budget",
    "Choice",
    "Contents",
    "Count",
    "CountDecoder",
    "Dataset",
    "Dropout",
    "FactorizationMachine",
    "Factors",
    "Field",
    "FieldEmbedding",
    "FileSource",
    "Format",
    "FrozenBatch",
    "Gaussian",
    "Generated",
    "Generating",
    "GraphNetwork",
    "Ground",
    "HyperNetwork",
    "InputError",
    "Interactions",
    "Learned",
    "LogUniform",
    "Method",
    "MethodConfig",
    "Near",
    "Phase",
    "Prepared",
    "ProposedShots",
    "Publication",
    "Range",
    "Rate",
    "RawFiles",
    "Rows",
    "RowsByItem",
    "Schema",
    "Share",
    "Shots",
    "SideInformation",
    "SideName",
    "Source",
    "Space",
    "SplitMLP",
    "Step",
    "Table",
    "Tabled",
    "Truth",
    "TwoTower",
    "Uniform",
    "VariationalGenerator",
    "View",
    "Weight",
    "Width",
    "World",
    "after_fit",
    "article_vectors",
    "as_dict",
    "blocks",
    "categorical",
    "codes",
    "column",
    "conform",
    "ctr_loss",
    "dense",
    "descend",
    "digest",
    "distinct",
    "frozen_turns",
    "gaussian",
    "initialise",
    "known",
    "lookup",
    "multi",
    "nearest",
    "paired_batches",
    "paired_items",
    "parquet_columns",
    "provenance",
    "read_blocks",
    "read_csv",
    "read_parquet",
    "refined",
    "renumbered",
    "sharing",
    "sinkhorn_divergences",
    "step",
    "two_batch_loss",
    "two_layers",
    "unit_vectors",
    "wasserstein",
]
