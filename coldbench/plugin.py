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
from coldbench.data.files.delimited import codes, column, conform, distinct, known, read_csv, renumbered
from coldbench.data.files.download import Publication
from coldbench.data.files.raw import RawFiles
from coldbench.data.prepared import Prepared, categorical, multi
from coldbench.data.source import FileSource, Shots, Source, provenance

__all__ = [
    "COUNT",
    "MLP",
    "TIME",
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
    "Gaussian",
    "Generated",
    "InputError",
    "LogUniform",
    "Method",
    "Phase",
    "Prepared",
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
    "provenance",
    "read_csv",
    "renumbered",
    "step",
    "two_layers",
    "wasserstein",
]
