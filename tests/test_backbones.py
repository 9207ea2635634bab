"""Every backbone: shapes, its formula against brute force, and the encode / score split."""

from __future__ import annotations

import importlib
import inspect
import itertools
from pathlib import Path

import pytest
import torch
from torch import nn

from coldbench.conformance.backbones import its_towers_agree_with_score
from coldbench.conformance.subject import Subject
from coldbench.core.config import resolve
from coldbench.core.errors import InputError
from coldbench.data.schema import Field, Side
from coldbench.model.embedding import FieldEmbedding, lazy_above
from coldbench.model.layers import initialise
from coldbench.model.rows import Rows
from coldbench.plugins.file import PluginFile
from coldbench.plugins.kinds import BACKBONES
from coldbench.plugins.registry import Registry

ROOT = Path(__file__).parent.parent
NAMES = Registry().names(BACKBONES)


@pytest.fixture(scope="module")
def batch(first_batch):
    return first_batch(64)


def build(name, dataset, spread=0.3, **values):
    owner = Registry().get(BACKBONES, name)
    backbone = owner(resolve(name, owner.Config, values), dataset.schema)
    torch.manual_seed(0)
    for parameter in backbone.parameters():
        nn.init.uniform_(parameter, -spread, spread)
    for part in (backbone.users, backbone.items, backbone.context):
        part.table.data[0] = 0
    return backbone.eval()


def fields(backbone, batch):
    """(rows, 1 + fields, dim): v_I and the others."""
    return torch.cat([backbone.item_table(batch.item).unsqueeze(1), backbone.others(batch)], 1)


def mlp(module, inputs_item, inputs_rest):
    return module.blocks(module.first_item(inputs_item) + module.first_rest(inputs_rest)).squeeze(-1)


def pair_sum(embeddings):
    pairs = itertools.combinations(range(embeddings.shape[1]), 2)
    return sum((embeddings[:, i] * embeddings[:, j]).sum(-1) for i, j in pairs)


def test_fm_is_all_pairwise_products_and_a_linear_term(dataset, batch):
    backbone = build("fm", dataset)
    expected = pair_sum(fields(backbone, batch)) + backbone.machine.linear(backbone.numeric_values(batch)).squeeze(-1)
    torch.testing.assert_close(backbone(batch), expected)


def test_deepfm_is_fm_plus_mlp(dataset, batch):
    backbone = build("deepfm", dataset)
    embeddings = fields(backbone, batch)
    fm = pair_sum(embeddings) + backbone.machine.linear(backbone.numeric_values(batch)).squeeze(-1)
    torch.testing.assert_close(backbone(batch), fm + mlp(backbone.mlp, embeddings[:, 0], embeddings[:, 1:].flatten(1)))


def test_wide_deep_is_mlp_on_tokens_plus_linear_on_numbers(dataset, batch):
    backbone = build("wide_deep", dataset)
    embeddings = fields(backbone, batch)
    wide = backbone.wide(backbone.numeric_values(batch)).squeeze(-1)
    assert embeddings.shape[1] == 7  # item, three of the user's, three of the item's; no numeric field
    torch.testing.assert_close(
        backbone(batch), wide + mlp(backbone.mlp, embeddings[:, 0], embeddings[:, 1:].flatten(1))
    )


def test_dcn_is_its_cross_layers_one_by_one(dataset, batch):
    backbone = build("dcn", dataset)
    embeddings = fields(backbone, batch)
    first = embeddings.flatten(1)
    crossed = first
    for weight, bias in zip(backbone.cross, backbone.bias, strict=True):
        crossed = first * (crossed @ weight).unsqueeze(1) + bias + crossed
    expected = crossed @ backbone.last[0] + mlp(backbone.mlp, embeddings[:, 0], embeddings[:, 1:].flatten(1))
    torch.testing.assert_close(backbone(batch), expected)


def test_ipnn_is_an_mlp_on_all_inner_products(dataset, batch):
    backbone = build("ipnn", dataset)
    embeddings = fields(backbone, batch)
    others = range(1, embeddings.shape[1])
    mine = torch.stack([(embeddings[:, 0] * embeddings[:, j]).sum(-1) for j in others], 1)
    rest = torch.stack([(embeddings[:, i] * embeddings[:, j]).sum(-1) for i, j in itertools.combinations(others, 2)], 1)
    item, flat = torch.cat([embeddings[:, 0], mine], 1), torch.cat([embeddings[:, 1:].flatten(1), rest], 1)
    torch.testing.assert_close(backbone(batch), mlp(backbone.mlp, item, flat))


def test_opnn_is_an_mlp_on_all_weighted_products(dataset, batch):
    backbone = build("opnn", dataset)
    embeddings = fields(backbone, batch)
    others = list(range(1, embeddings.shape[1]))
    mine = torch.stack(
        [torch.einsum("bd,de,be->b", embeddings[:, 0], backbone.item_kernel[j - 1], embeddings[:, j]) for j in others],
        1,
    )
    pairs = list(itertools.combinations(others, 2))
    rest = torch.stack(
        [
            torch.einsum("bd,de,be->b", embeddings[:, i], backbone.kernel[n], embeddings[:, j])
            for n, (i, j) in enumerate(pairs)
        ],
        1,
    )
    item, flat = torch.cat([embeddings[:, 0], mine], 1), torch.cat([embeddings[:, 1:].flatten(1), rest], 1)
    torch.testing.assert_close(backbone(batch), mlp(backbone.mlp, item, flat))


def test_dssm_is_gamma_times_the_cosine_of_two_towers(dataset, batch):
    backbone = build("dssm", dataset, gamma=3.0)
    users = torch.cat([backbone.users(batch.users), backbone.context(batch.context)], 1).flatten(1)
    items = backbone.items(batch.view.items(batch.item)).flatten(1)
    user, tower = backbone.user_tower(users), backbone.item_tower
    item = tower.blocks(tower.first_item(backbone.item_table(batch.item)) + tower.first_rest(items))
    torch.testing.assert_close(backbone(batch), 3.0 * torch.cosine_similarity(user, item))


def test_two_towers_score_all_pairs_in_one_product(dataset, batch):
    backbone = build("dssm", dataset)
    catalogue = batch.view.items(torch.arange(dataset.schema.items))
    pairs = (
        backbone.user_vector(batch.users, batch.context) @ backbone.item_vector(catalogue, backbone.item_table.weight).T
    )
    assert pairs.shape == (len(batch), dataset.schema.items)
    torch.testing.assert_close(pairs[torch.arange(len(batch)), batch.item.long()], backbone(batch))


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        (
            "return self.gamma * functional.normalize(self.item_tower(embeddings",
            "return functional.normalize(self.item_tower(embeddings",
            "not the logit of score",
        ),
        (
            "return functional.normalize(self.user_tower(fields), dim=-1)",
            "return functional.normalize(self.user_tower(fields), dim=-1)[:1]",
            "for 64 requests",
        ),
    ],
)
def test_check_compares_two_towers_with_score(tmp_path, right, wrong, fault):
    source = inspect.getsource(importlib.import_module("coldbench.backbones.dssm"))
    assert source.count(right) == 1
    (tmp_path / "broken.py").write_text(source.replace(right, wrong))
    registry = Registry([PluginFile.read(tmp_path / "broken.py")])
    found = list(its_towers_agree_with_score(Subject("backbone", "broken", registry)))
    assert any(fault in line for line in found), found


def test_the_page_of_backbones_lists_every_one_with_its_title_and_group():
    page, registry = (ROOT / "docs" / "backbones.md").read_text(), Registry()
    for name in NAMES:
        owner = registry.get(BACKBONES, name)
        assert f"| `{name}` | {owner.title} | {owner.group} |".replace("|  |", "| |") in page


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_dcnv2_is_its_cross_layers_one_by_one(dataset, batch, layers):
    backbone = build("dcnv2", dataset, layers=layers)
    embeddings = fields(backbone, batch)
    first = crossed = embeddings.flatten(1)
    for weight, bias in zip(backbone.cross, backbone.bias, strict=True):
        crossed = first * (crossed @ weight.T + bias) + crossed
    expected = crossed @ backbone.weight + mlp(backbone.mlp, embeddings[:, 0], embeddings[:, 1:].flatten(1))
    torch.testing.assert_close(backbone(batch), expected)


@pytest.mark.parametrize("cin", ["5", "5x3", "4x5x3"])
def test_xdeepfm_is_every_feature_map_of_its_cin(dataset, batch, cin):
    backbone = build("xdeepfm", dataset, cin=cin)
    start = layer = fields(backbone, batch)
    expected = backbone.linear(backbone.numeric_values(batch)).squeeze(-1)
    for weight, out in zip(backbone.cin, backbone.weights, strict=True):
        layer = torch.einsum("hij,bid,bjd->bhd", weight, layer, start)
        expected = expected + layer.sum(2) @ out
    expected = expected + mlp(backbone.mlp, start[:, 0], start[:, 1:].flatten(1))
    torch.testing.assert_close(backbone(batch), expected)


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (3, 2)])
def test_autoint_is_attention_among_all_fields(dataset, batch, layers, heads):
    backbone = build("autoint", dataset, layers=layers, heads=heads)
    embeddings = fields(backbone, batch)
    for weight in backbone.layers:
        query, key, value, residual = weight.chunk(4)
        attended = []
        for own in torch.arange(backbone.dim).chunk(heads):
            scores = (embeddings @ query[own].T) @ (embeddings @ key[own].T).transpose(1, 2)
            attended.append(scores.softmax(-1) @ (embeddings @ value[own].T))
        embeddings = (torch.cat(attended, -1) + embeddings @ residual.T).relu()
    torch.testing.assert_close(backbone(batch), backbone.last(embeddings.flatten(1)).squeeze(-1))


def test_afn_is_an_mlp_on_products_of_powers(dataset, batch):
    backbone = build("afn", dataset, neurons=6)
    embeddings = fields(backbone, batch).abs().clamp(min=1e-7)
    scale = torch.cat([backbone.item_norm.weight, backbone.rest_norm.weight]) / (1 + 1e-5) ** 0.5
    shift = torch.cat([backbone.item_norm.bias, backbone.rest_norm.bias])
    orders = torch.cat([backbone.item_orders.weight, backbone.rest_orders.weight], 1)
    crosses = []
    for neuron, order in enumerate(orders):
        powers = embeddings ** (order * scale).view(1, -1, 1) * (order * shift).exp().view(1, -1, 1)
        crosses.append(powers.prod(1) * backbone.rest_orders.bias[neuron].exp())
    normal = backbone.norm.weight * torch.stack(crosses, 2) / (1 + 1e-5) ** 0.5 + backbone.norm.bias
    torch.testing.assert_close(backbone(batch), backbone.mlp(normal.flatten(1)).squeeze(-1))


def test_finalmlp_is_two_gated_streams_and_their_bilinear_fusion(dataset, batch):
    backbone = build("finalmlp", dataset, second="12x8", heads=4)
    flat = fields(backbone, batch).flatten(1)
    sides = backbone.users(batch.users), backbone.items(batch.view.items(batch.item))
    out = []
    for side, gate, stream in zip(
        sides, (backbone.user_gate, backbone.item_gate), (backbone.first, backbone.second), strict=True
    ):
        gated = 2 * gate(side.flatten(1)).sigmoid() * flat
        item, rest = gated[:, : backbone.dim], gated[:, backbone.dim :]
        out.append(stream.blocks(stream.first_item(item) + stream.first_rest(rest)))
    expected = backbone.linear(torch.cat(out, 1)).squeeze(-1)
    for head, kernel in enumerate(backbone.fusion):
        one, two = out[0][:, head * 4 : head * 4 + 4], out[1][:, head * 2 : head * 2 + 2]
        expected = expected + torch.einsum("bd,de,be->b", one, kernel, two)
    torch.testing.assert_close(backbone(batch), expected)


def test_initial_values_let_autoint_and_afn_learn(dataset):
    autoint, afn = build("autoint", dataset), build("afn", dataset)
    initialise(autoint)
    initialise(afn)
    assert all(matrix.std() > 0.1 for layer in autoint.layers for matrix in layer.chunk(4))
    assert torch.equal(afn.norm.weight, torch.ones_like(afn.norm.weight))
    assert afn.rest_orders.weight.std() > 0.05
    assert autoint.item_table.weight.abs().max() <= 0.01


@pytest.mark.parametrize(("name", "message"), [("autoint", "divide dim, 16"), ("finalmlp", "both streams, 16 and 16")])
def test_heads_divide_what_they_share(name, message, dataset):
    with pytest.raises(InputError, match=message):
        build(name, dataset, heads=3)


def test_padding_embeds_to_zero_and_stays_there(dataset, batch):
    embedding = FieldEmbedding(dataset.schema.side("item"), 4)
    initialise(embedding)
    assert torch.equal(embedding.table[0], torch.zeros(4))
    embedding(batch.items).sum().backward()
    assert torch.equal(embedding.table.grad[0], torch.zeros(4))
    tags = dataset.schema.side("item").columns[2]
    rows = batch.items.ids[:, tags]
    by_hand = torch.stack([sum((embedding.table[i] for i in row if i > 0), torch.zeros(4)) for row in rows.tolist()])
    torch.testing.assert_close(embedding(batch.items)[:, 2], by_hand)


def test_an_empty_place_adds_its_fields_own_vector_where_asked(dataset, batch):
    side = dataset.schema.side("item")
    embedding = FieldEmbedding(side, 4, padding=True)
    initialise(embedding)
    embedded = embedding(batch.items)
    tags = batch.items.ids[:, side.columns[2]]
    by_hand = torch.stack(
        [sum(embedding.table[i] if i > 0 else embedding.padding[2] for i in row) for row in tags.tolist()]
    )
    assert (tags == 0).any()
    torch.testing.assert_close(embedded[:, 2], by_hand)
    for field in (0, 1):  # one place each, never left empty
        torch.testing.assert_close(
            embedded[:, field], embedding.table[batch.items.ids[:, side.columns[field]]].squeeze(1)
        )


@pytest.mark.parametrize("name", NAMES)
def test_empty_places_count_where_no_bias_does_their_work(name, dataset):
    counts = build(name, dataset).items.padding is not None
    assert counts == (name in ("fm", "deepfm"))
    if counts:
        assert build(name, dataset, padding=False).items.padding is None


def test_padding_stays_zero_where_a_multi_valued_field_has_one_column():
    side = Side((Field("tag", "multi", "item", 3, width=1),))
    embedding = FieldEmbedding(side, 4)
    initialise(embedding)
    ids = torch.tensor([[0], [2]], dtype=torch.int32)
    rows = Rows(torch.arange(2), ids, torch.zeros(2, 0), torch.from_numpy(side.field_of), side.vocabulary)
    embedded = embedding(rows)
    assert torch.equal(embedded[0, 0], torch.zeros(4))
    assert torch.equal(embedded[1, 0], embedding.table[2])
    embedded.sum().backward()
    assert torch.equal(embedding.table.grad[0], torch.zeros(4))


@pytest.mark.parametrize("name", NAMES)
def test_large_tables_get_the_same_gradient_sparsely(name, dataset, batch):
    backbone = build(name, dataset)
    backbone(batch).square().sum().backward()
    dense = {key: p.grad.clone() for key, p in backbone.named_parameters() if p.grad is not None}
    backbone.zero_grad()
    with lazy_above(1):
        backbone(batch).square().sum().backward()
    sparse = {key: p.grad for key, p in backbone.named_parameters() if p.grad is not None}
    assert dense.keys() == sparse.keys()
    assert any(gradient.is_sparse for gradient in sparse.values())
    for key, gradient in sparse.items():
        torch.testing.assert_close(gradient.to_dense() if gradient.is_sparse else gradient, dense[key])
