"""Content vectors in the model: one linear map in every backbone and generator, and nothing where there are none."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from coldbench.conformance.subject import make_cell as tiny_cell
from coldbench.data.dataset import Dataset
from coldbench.data.files.vectors import unit_vectors
from coldbench.data.schema import Field, Side
from coldbench.model.embedding import FieldEmbedding
from coldbench.model.generator import SideInformation
from coldbench.model.layers import initialise
from coldbench.model.rows import Rows
from coldbench.plugins.kinds import BACKBONES
from coldbench.plugins.registry import Registry

WIDTHS = (5, 3)


def with_vectors(data: Dataset, values: np.ndarray) -> Dataset:
    fields = tuple(Field(f"vector_{width}", "vector", "item", width=width) for width in WIDTHS)
    schema = dataclasses.replace(data.schema, fields=(*data.schema.fields, *fields))
    return dataclasses.replace(data, schema=schema, items=dataclasses.replace(data.items, vectors=values))


@pytest.fixture(scope="module")
def values(dataset):
    random = np.random.default_rng(0)
    return np.concatenate([unit_vectors(random.standard_normal((dataset.schema.items, width))) for width in WIDTHS], 1)


@pytest.fixture(scope="module")
def data(dataset, values):
    return with_vectors(dataset, values)


def test_vectors_have_length_one_whatever_their_scale():
    random = np.random.default_rng(0)
    vectors = random.standard_normal((70_000, 4)) * 10.0 ** random.integers(-200, 200, (70_000, 1))
    vectors[7] = 0
    scaled = unit_vectors(vectors)
    assert scaled.dtype == np.float16
    assert (scaled[7] == 0).all()
    for row in (0, 1, 40_000, 69_999):
        expected = vectors[row] / np.abs(vectors[row]).max()
        np.testing.assert_allclose(scaled[row], expected / np.sqrt((expected**2).sum()), atol=1e-3)


def test_a_vector_is_mapped_without_a_bias():
    side = Side((Field("a", "categorical", "item", 3), *(Field(f"v{w}", "vector", "item", width=w) for w in WIDTHS)))
    embedding = FieldEmbedding(side, 4, numeric=False)
    initialise(embedding)
    vectors = torch.randn(2, sum(WIDTHS)).half()
    vectors[1] = 0
    ids = torch.tensor([[1], [2]], dtype=torch.int32)
    rows = Rows(torch.arange(2), ids, torch.zeros(2, 0), torch.from_numpy(side.field_of), side.vocabulary, vectors)
    embedded = embedding(rows)
    assert embedded.shape == (2, embedding.fields, 4) == (2, 3, 4)
    for place, (start, stop) in enumerate(((0, 5), (5, 8)), 1):
        by_hand = sum(float(vectors[0, i]) * embedding.maps[place - 1][i - start] for i in range(start, stop))
        torch.testing.assert_close(embedded[0, place], by_hand)
    assert torch.equal(embedded[1, 1:], torch.zeros(2, 4))


@pytest.mark.parametrize("name", Registry().names(BACKBONES))
def test_every_backbone_takes_vectors_and_is_unchanged_without(name, dataset, data):
    cell = tiny_cell(name, "base")
    stages = cell.on(data)
    names = {key for key, _ in stages.new_backbone().named_parameters()}
    assert {key for key in names if key.startswith("items.maps.")} == {"items.maps.0", "items.maps.1"}
    backbone = stages.new_backbone()
    initialise(backbone)
    backbone.eval()
    phase = stages.protocol.phase("base", stages.split.base)
    batch = next(iter(phase.batches()))
    backbone(batch).sum().backward()
    assert all(bool(linear.grad.any()) for linear in backbone.items.maps)
    without = {key for key, _ in cell.on(dataset).new_backbone().named_parameters()}
    assert not any("maps" in key for key in without)
    assert without == names - {"items.maps.0", "items.maps.1"}


@pytest.mark.parametrize("name", ["meta_e", "mwuf", "cvar", "gar", "avaew", "generator", "csdm", "creu"])
def test_embeddings_made_from_side_information_depend_on_vectors(name, dataset, data, values):
    stages = tiny_cell("fm", name).on(data)
    pretrained = stages.pretrain()
    fitted = stages.fit(pretrained)
    made = next(stages.phases(pretrained, fitted)).embeddings
    other = tiny_cell("fm", name).on(with_vectors(dataset, values[::-1].copy()))
    assert not np.array_equal(next(other.phases(pretrained, fitted)).embeddings, made)
    start = stages.new_method(stages.new_backbone()).state_dict()
    maps = [key for key in start if ".maps." in key]
    assert not any(np.array_equal(fitted.state[f"method.{key}"], start[key].numpy()) for key in maps)


def test_knn_content_counts_each_vector_as_much_as_the_other_fields(dataset, values):
    blank = values.copy()
    blank[3, : WIDTHS[0]] = 0  # an item without its first vector
    stages = tiny_cell("fm", "knn_content").on(with_vectors(dataset, blank))
    backbone = stages.new_backbone()
    initialise(backbone)
    rows = stages.protocol.phase("base", stages.split.base).view.items(torch.arange(12))
    tokens = backbone.items(rows)[:, : backbone.items.tokens].flatten(1)
    parts = (tokens, *torch.from_numpy(blank[:12]).float().split(WIDTHS, 1))
    cosines = [torch.nn.functional.cosine_similarity(part.unsqueeze(1), part, dim=2) for part in parts]
    assert not cosines[1][3].any()
    content = stages.new_method(backbone).content(backbone, rows)
    torch.testing.assert_close(content @ content.T, sum(cosines), rtol=0, atol=2e-3)


def test_emergs_graphs_have_a_node_per_vector(dataset, data):
    without, stages = (tiny_cell("fm", "emerg").on(part) for part in (dataset, data))
    fields = [each.new_method(each.new_backbone()).shared.shape[-1] for each in (without, stages)]
    assert fields[1] == fields[0] + len(WIDTHS)
    assert all(np.isfinite(outcome.logits).all() for outcome in stages.run())


def test_vectors_of_new_items_change_nothing_in_pretraining(dataset, data, values):
    stages = tiny_cell("fm", "base").on(data)
    new = stages.split.new_items
    poisoned = values.copy()
    poisoned[new] = np.float16(np.nan)
    other = tiny_cell("fm", "base").on(with_vectors(dataset, poisoned)).pretrain()
    clean = stages.pretrain()
    assert len(new)
    assert all(clean.state[key].tobytes() == other.state[key].tobytes() for key in clean.state)


def test_a_generators_maps_start_like_its_tables(data):
    side = SideInformation(data.schema, 64, item_id=True)
    initialise(side)
    assert all(float(linear.detach().std()) < 0.01 for linear in side.fields.maps)
    side.start_normal()
    assert all(0.8 < float(linear.detach().std()) < 1.2 for linear in side.fields.maps)
