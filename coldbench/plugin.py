"""Everything that a method, a backbone or a dataset may import, in one place.

A plugin imports from here and from nowhere else in coldbench. Methods and backbones are built from the first four
groups, datasets from ``Range`` and its kin and the last group. docs/hooks.md says what each hook receives, with shapes.
"""

# ruff: noqa: I001 - grouped by what a plugin needs them for
from __future__ import annotations

# configurations and search spaces
from coldbench.core.errors import InputError
from coldbench.core.space import Choice, Count, LogUniform, Range, Rate, Share, Space, Uniform, Weight, Width
from coldbench.core.config import as_dict, digest

# what a hook receives
from coldbench.data.schema import COUNT, TIME, Field, Schema, SideName
from coldbench.model.batching import Batch, Rows
from coldbench.model.phase import Phase, ctr_loss, descend, step

# the bases
from coldbench.model.backbone import Backbone
from coldbench.model.method import Method

# parts to build from
from coldbench.model.generator import Generated, Gaussian, SideInformation, VariationalGenerator, gaussian, wasserstein
from coldbench.model.layers import MLP, Dropout, FactorizationMachine, FieldEmbedding, initialise, lookup, two_layers

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
from coldbench.data.files.vectors import vector_components
from coldbench.data.prepared import Prepared, categorical, multi
from coldbench.data.source import FileSource, ProposedShots, Shots, Source

__all__ = [
    "COUNT",
    "CSV",
    "DAT",
    "LATEST",
    "MLP",
    "TIME",
    "TSV",
    "Backbone",
    "Batch",
    "Choice",
    "Count",
    "Dataset",
    "Dropout",
    "FactorizationMachine",
    "Field",
    "FieldEmbedding",
    "FileSource",
    "Format",
    "Gaussian",
    "Generated",
    "InputError",
    "LogUniform",
    "Method",
    "Phase",
    "Prepared",
    "ProposedShots",
    "Publication",
    "Range",
    "Rate",
    "RawFiles",
    "Rows",
    "Schema",
    "Share",
    "Shots",
    "SideInformation",
    "SideName",
    "Source",
    "Space",
    "Table",
    "Uniform",
    "VariationalGenerator",
    "Weight",
    "Width",
    "as_dict",
    "categorical",
    "codes",
    "column",
    "conform",
    "ctr_loss",
    "descend",
    "digest",
    "distinct",
    "gaussian",
    "initialise",
    "known",
    "lookup",
    "multi",
    "parquet_columns",
    "provenance",
    "read_blocks",
    "read_csv",
    "read_parquet",
    "renumbered",
    "step",
    "two_layers",
    "vector_components",
    "wasserstein",
]
