"""The equations of the methods since 2021 and of the controls, against plain loops on tiny inputs."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
import torch
from test_losses import freeze, make, per_row, setting
from torch.nn import functional

from coldbench.core.errors import InputError
from coldbench.model.item_graph import GraphNetwork, HyperNetwork, refined
from coldbench.model.meta import paired_items
from coldbench.model.neighbours import Near, nearest, sharing
from coldbench.model.sinkhorn import sinkhorn_divergences
from coldbench.plugins.kinds import METHODS
from coldbench.plugins.registry import Registry

__all__ = ["setting"]
BETAS = {"beta_first": 0.01, "beta_last": 0.2, "diffusion_steps": 7, "stride": 2, "dropout": 0.0}


def loss_of(logits, batch):
    return functional.binary_cross_entropy_with_logits(logits, batch.click)


def values(rows, number):
    """The values of one item, padding excluded."""
    return {int(word) for word in rows.ids[number] if word}


# ---- controls


def test_mean_starts_from_old_items_alone(dataset, split, setting, make_phase):
    _, backbone = setting
    base = make_phase("base")
    method = make("mean", dataset, backbone)
    method.fit(backbone, base)
    expected = backbone.item_table.weight[split.old_items].mean(0)
    torch.testing.assert_close(method.embed(backbone, base.cold), expected.expand(len(split.new_items), -1))


def test_neighbours_weigh_old_items_by_what_they_share(dataset, split, setting, make_phase):
    _, backbone = setting
    base = make_phase("base")
    method = make("neighbours", dataset, backbone, k=30)
    method.fit(backbone, base)
    old = base.view.items(torch.from_numpy(split.old_items))
    ids = base.cold.ids.clone()
    ids[:6] = old.ids[:6]  # share everything with an old item
    ids[6] = 0  # shares nothing
    cold = dataclasses.replace(base.cold, ids=ids)
    given = method.embed(backbone, cold)
    table = backbone.item_table.weight[split.old_items]
    different = []
    for number in range(12):
        shared = [len(values(cold, number) & values(old, place)) for place in range(len(split.old_items))]
        best = sorted(range(len(shared)), key=lambda place: (-shared[place], place))[:30]
        best = [place for place in best if shared[place]]
        different.append(len({shared[place] for place in best}))
        total = sum(shared[place] for place in best)
        expected = sum(shared[place] * table[place] for place in best) / total if total else table.mean(0)
        torch.testing.assert_close(given[number], expected, rtol=1e-4, atol=1e-5)
    assert max(different) > 1
    assert min(different) == 0


def test_an_item_is_no_neighbour_of_itself_nor_of_what_it_shares_nothing_with(make_phase):
    base = make_phase("base")
    old = base.view.items(base.by_item.items)
    near = sharing(old, old.number, old.ids, 5)
    itself = near.place == torch.arange(len(old.number)).unsqueeze(1)
    assert (near.score[itself] == -torch.inf).all()
    alone = sharing(base.cold, old.number, torch.zeros_like(old.ids), 5)
    assert (alone.score == -torch.inf).all()
    close = nearest(old.number, torch.eye(len(old.number)), old.number, torch.eye(len(old.number)), 1)
    assert not (close.place[:, 0] == torch.arange(len(old.number))).any()


def test_nearest_compares_directions_and_not_lengths():
    vectors = torch.tensor([[1.0, 0.0]])
    near = nearest(torch.tensor([7]), vectors, torch.arange(3), torch.tensor([[5.0, 5.0], [0.0, 9.0], [0.1, 0.0]]), 2)
    assert near.place.tolist() == [[2, 0]]
    torch.testing.assert_close(near.score, torch.tensor([[1.0, math.sqrt(0.5)]]))


def test_knn_takes_the_old_items_of_largest_cosine(dataset, split, setting, make_phase):
    _, backbone = setting
    base = make_phase("base")
    method = make("knn_content", dataset, backbone, k=4)
    method.fit(backbone, base)
    given = method.embed(backbone, base.cold)
    tokens = len(dataset.schema.side("item").tokens)
    both = [base.view.items(torch.from_numpy(part)) for part in (split.new_items, split.old_items)]
    content = [backbone.items(rows)[:, :tokens].flatten(1) for rows in both]
    cosine = functional.cosine_similarity(content[0].unsqueeze(1), content[1], dim=2)
    for number in range(6):
        best = cosine[number].topk(4).indices
        torch.testing.assert_close(given[number], backbone.item_table.weight[split.old_items][best].mean(0))


def test_the_generators_loss_is_that_of_clicks_alone(dataset, setting):
    batch, backbone = setting
    method = make("generator", dataset, backbone)
    side = method.side(batch.items) @ method.encoder.weight.T + method.encoder.bias
    counted = torch.cat([side, batch.items.numeric[:, -1:]], 1)
    made = counted @ method.decoder.layers.weight.T + method.decoder.layers.bias
    torch.testing.assert_close(method.generate(batch.items), made)
    frozen = freeze(batch, backbone)
    expected = loss_of(backbone.score(per_row(batch, made), frozen.context), batch)
    torch.testing.assert_close(method.loss(backbone, frozen), expected)


# ---- CSDM


def test_csdm_fades_by_the_schedule_and_ends_in_side_information(dataset, setting):
    method = make("csdm", dataset, setting[1], **BETAS)
    beta = [0.01 + (0.2 - 0.01) * step / 6 for step in range(7)]
    kept, faded = [1.0], [0.0]
    for step in range(7):
        kept.append(kept[-1] * (1 - beta[step]))
        faded.append(sum(math.sqrt(kept[-1] * beta[s] / kept[s + 1]) for s in range(step + 1)))
    torch.testing.assert_close(method.kept, torch.tensor(kept))
    torch.testing.assert_close(method.faded, torch.tensor(faded) / faded[-1])


def test_csdms_reverse_process_is_the_posteriors_mean(dataset, setting):
    """Mean k_t z_t + l_t z_0^ + n_t h of equation 2, with sigma 0, over the sub-sequence 1, 3, 5, 7."""
    method = make("csdm", dataset, setting[1], **BETAS).eval()
    a, c = method.kept.tolist(), method.faded.tolist()
    h = torch.randn(3, 16)
    z = h
    for t, s in ((7, 5), (5, 3), (3, 1), (1, 0)):
        e = method.unet(z, torch.full((3,), float(t)))
        clean = (z - c[t] * h - math.sqrt(1 - a[t]) * e) / math.sqrt(a[t])
        k = math.sqrt((1 - a[s]) / (1 - a[t]))
        z = k * z + (math.sqrt(a[s]) - math.sqrt(a[t]) * k) * clean + (c[s] - c[t] * k) * h
    torch.testing.assert_close(method.reverse(h), z, rtol=1e-4, atol=1e-5)


def test_csdms_two_losses(dataset, setting, monkeypatch):
    batch, backbone = setting
    frozen = freeze(batch, backbone)
    method = make("csdm", dataset, backbone, rho=0.7, **BETAS)
    side, time = torch.randn(4, 16), torch.tensor([1, 7, 3, 3])
    real = torch.randn(4, 16)
    torch.manual_seed(5)
    given = method.noise_error(real, side, time)
    torch.manual_seed(5)
    noise = torch.randn_like(side)
    for row, t in enumerate(time.tolist()):
        clean = method.item_encoder.weight @ real[row] + method.item_encoder.bias
        a, c = method.kept[t], method.faded[t]
        noisy = a.sqrt() * clean + c * side[row] + (1 - a).sqrt() * noise[row]
        predicted = method.unet(noisy.unsqueeze(0), torch.tensor([float(t)]))[0]
        torch.testing.assert_close(given[row], ((predicted - noise[row]) ** 2).mean(), rtol=1e-4, atol=1e-5)
    errors = torch.arange(float(len(batch.items.number)))
    monkeypatch.setattr(method, "noise_error", lambda *_: errors)
    made = method.decoder(method.reverse(method.side_encoder(method.side(batch.items))), batch.items)
    expected = loss_of(backbone.score(per_row(batch, made), frozen.context), batch)
    expected = expected + 0.7 * per_row(batch, errors).mean()
    torch.testing.assert_close(method.loss(backbone, frozen), expected)


def test_csdms_unet_reads_the_step_beside_the_latent(dataset, setting):
    unet = make("csdm", dataset, setting[1]).unet.eval()
    latent, parts = torch.randn(3, 16), list(unet.layers)[::2]
    for t in (1.0, 60.0):
        angles = torch.tensor([t / 10_000 ** (k / 16) for k in range(16)])
        when = unet.time.weight @ torch.cat([angles.sin(), angles.cos()]) + unet.time.bias
        for row in range(3):
            hidden = torch.cat([latent[row], when])
            for part in parts[:-1]:
                hidden = (part.weight @ hidden + part.bias).tanh()
            expected = parts[-1].weight @ hidden + parts[-1].bias
            torch.testing.assert_close(unet(latent, torch.full((3,), t))[row], expected, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(unet(latent, torch.tensor([t]))[row], expected, rtol=1e-4, atol=1e-5)


def test_csdm_drops_side_information_from_the_noisy_sample_alone(dataset, setting):
    """Of the inputs of the U-Net, ``dropout`` concerns h in the noisy sample, and nothing once the training is over."""
    method = make("csdm", dataset, setting[1], **(BETAS | {"dropout": 1.0}))
    method.unet.dropout.rate = 0.0  # the U-Net's own
    real, side, time = torch.randn(4, 16), torch.randn(4, 16), torch.tensor([1, 7, 3, 3])
    errors = []
    for given, training in ((side, True), (torch.zeros_like(side), True), (side, False)):
        method.train(training)
        torch.manual_seed(5)
        errors.append(method.noise_error(real, given, time))
    torch.testing.assert_close(errors[0], errors[1])
    assert not torch.allclose(errors[0], errors[2])


@pytest.mark.parametrize("frozen", [False, True])
def test_csdms_unet_is_trained_unless_it_is_frozen_as_released(frozen, dataset, setting, make_phase):
    _, backbone = setting
    method = make("csdm", dataset, backbone, frozen_unet=frozen, repeats=1)
    before = [parameter.clone() for parameter in method.unet.parameters()]
    method.train_generator(backbone, make_phase("warm-a"), 1)
    after = method.unet.parameters()
    assert all(torch.equal(a, b) == frozen for a, b in zip(before, after, strict=True))


# ---- CREU


def plain_sinkhorn(one, other, temperature):
    """Entropic transport cost by many plain updates of the scalings."""
    costs = 0.5 * (one.unsqueeze(1) - other).square().sum(2)
    kernel, points = (-costs / temperature).exp(), len(one)
    left = right = torch.ones(points, dtype=one.dtype)
    for _ in range(500):
        left = points / (kernel @ right)
        right = points / (kernel.T @ left)
    return temperature * (left.log().mean() + right.log().mean())


@pytest.mark.parametrize("blur", [0.5, 1.0])
def test_sinkhorn_divergences_are_debiased_transport_costs(blur):
    random = torch.Generator().manual_seed(0)
    samples = torch.randn(3, 8, 2, generator=random, dtype=torch.float64)
    given = sinkhorn_divergences(samples, blur)
    torch.testing.assert_close(given.diagonal(), torch.zeros(3, dtype=torch.float64))
    for one, other in itertools.combinations(range(3), 2):
        a, b = samples[one], samples[other]
        own = plain_sinkhorn(a, a, blur**2) + plain_sinkhorn(b, b, blur**2)
        expected = plain_sinkhorn(a, b, blur**2) - own / 2
        assert given[one, other].item() == pytest.approx(expected.item(), rel=0.03)
        assert given[other, one] == given[one, other]


def test_sinkhorn_divergence_has_the_gradient_of_its_value():
    samples = torch.randn(2, 6, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    leaf = samples.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(sinkhorn_divergences(leaf, 1.0)[0, 1], leaf)
    moved = samples.clone()
    for place in ((0, 0, 0), (1, 3, 1)):
        change = []
        for shift in (1e-4, -1e-4):
            moved[place] += shift
            change.append(sinkhorn_divergences(moved, 1.0)[0, 1].item())
            moved[place] -= shift
        assert (change[0] - change[1]) / 2e-4 == pytest.approx(gradient[place].item(), rel=0.02, abs=1e-4)


def test_creus_loss(dataset, setting, monkeypatch):
    batch, backbone = setting
    frozen = freeze(batch, backbone)
    items = len(batch.items.number)
    method = make("creu", dataset, backbone, alpha=0.007, beta=0.013, eu=0.4, sample=items, noise=0.0)
    made = [part(batch.items, frozen.real) for part in method.generators]
    clicks = loss_of(backbone.score(per_row(batch, sum(each.warm for each in made) / 3), frozen.context), batch)
    terms = []
    for each in made:
        apart = (per_row(batch, each.reconstructed) - backbone.item_table(batch.item)).square().sum(1).mean()
        means, deviations = each.encoded.mean - each.prior.mean, each.encoded.deviation - each.prior.deviation
        distance = per_row(batch, means.square().sum(1) + deviations.square().sum(1)).mean()
        terms.append(0.007 * apart + 0.013 * distance)
    between = sinkhorn_divergences(torch.stack([each.warm for each in made]), 0.05)
    uncertainty = -sum(math.log(sum(math.exp(-between[n, m].item()) for m in range(3)) / 3) for n in range(3)) / 3
    monkeypatch.setattr(torch, "randperm", lambda number, device: torch.arange(number))
    expected = clicks + sum(terms) / 3 + 0.4 * uncertainty
    torch.testing.assert_close(method.loss(backbone, frozen), expected, rtol=2e-5, atol=2e-5)
    alone = loss_of(backbone.score(per_row(batch, made[0].warm), frozen.context), batch)
    assert abs(alone - clicks) > 1e-3
    assert uncertainty > 0.01
    torch.testing.assert_close(method.generate(batch.items), sum(each.warm for each in made) / 3)


def test_creus_generators_share_tables_and_all_learn(dataset, setting, make_phase):
    _, backbone = setting
    method = make("creu", dataset, backbone, repeats=1)
    assert len({id(part.side) for part in method.generators}) == 1
    before = {name: value.clone() for name, value in method.named_parameters()}
    method.train_generator(backbone, make_phase("warm-a"), 1)
    assert all(not torch.equal(value, before[name]) for name, value in method.named_parameters())


def test_samples_that_are_not_finite_are_named_as_such():
    samples = torch.zeros(2, 3, 4)
    samples[1, 0, 0] = torch.nan
    with pytest.raises(FloatingPointError, match="not finite; a smaller learning rate may help"):
        sinkhorn_divergences(samples, 0.1)


# ---- GME


@pytest.mark.parametrize("variant", ["P", "G", "A"])
def test_gme_attends_to_known_neighbours_and_to_the_item(variant, dataset, setting, make_phase):
    _, backbone = setting
    base = make_phase("base")
    items = base.view.items(base.by_item.items)
    method = make("gme", dataset, backbone, variant=variant, gamma=0.8)
    x = backbone.items(items)[:, : backbone.items.tokens].flatten(1)
    method.old, method.old_ids = items.number, items.ids
    method.old_values, method.old_embeddings = x, backbone.item_table(items.number)
    place = torch.tensor([[1, 2, 3], [4, 0, 0]])
    score = torch.tensor([[3.0, 2.0, 1.0], [1.0, -torch.inf, -torch.inf]])
    given = method.generate(x[:2], Near(place, score))
    weight, project, half = method.generator.weight, method.project.weight, method.attend.weight

    def made(value):
        return 0.8 * torch.tanh(weight @ value)

    for number, known in ((0, [1, 2, 3]), (1, [4])):
        if variant == "A":
            nodes = [x[number], *(x[j] for j in known)]
        else:
            table = method.old_embeddings
            nodes = [made(x[number]), *(table[j] if variant == "P" else made(x[j]) for j in known)]
        nodes = [project @ node for node in nodes]
        raw = [half[0] @ nodes[0] + half[1] @ node for node in nodes]
        raw = torch.stack([value if value > 0 else 0.2 * value for value in raw])
        mixed = sum(w * node for w, node in zip(raw.exp() / raw.exp().sum(), nodes, strict=True))
        mixed = torch.where(mixed > 0, mixed, mixed.exp() - 1)
        torch.testing.assert_close(given[number], made(mixed) if variant == "A" else mixed, rtol=1e-4, atol=1e-5)


def test_gme_weighs_the_two_losses_and_steps_on_each_items_mean(dataset, setting, make_phase):
    batch, backbone = setting
    base = make_phase("base")
    method = make("gme", dataset, backbone, alpha=0.25, eta=3.0)
    method.fit(backbone, base)
    own = torch.searchsorted(method.old, batch.items.number.long())
    near = sharing(base.view.items(method.old), method.old, method.old_ids, 10)
    near = Near(near.place[own], near.score[own])
    x = backbone.items(batch.items)[:, : backbone.items.tokens].flatten(1)
    embedding = method.generate(x, near).detach().requires_grad_()
    context = backbone.frozen_context(batch)
    loss_a = loss_of(backbone.score(batch.spread(embedding), context), batch)
    (gradient,) = torch.autograd.grad(loss_a, embedding)
    rows = torch.tensor([(batch.item == item).sum() for item in batch.items.number])
    stepped = embedding - 3.0 * gradient * len(batch) / rows.unsqueeze(1)
    loss_b = loss_of(backbone.score(batch.spread(stepped), context), batch)
    torch.testing.assert_close(method.loss(backbone, (batch, batch), near), 0.25 * loss_a + 0.75 * loss_b)


def test_gme_has_three_variants():
    config = Registry().get(METHODS, "gme").Config
    with pytest.raises(InputError, match="it should be P, G or A"):
        config(variant="B")


# ---- EmerG


def test_a_hypernetwork_is_one_network_per_row_of_the_graph():
    network, features = HyperNetwork(5, 3), torch.randn(2, 5)
    given = network(features)
    for item, row in itertools.product(range(2), range(3)):
        hidden = features[item]
        for number in range(3):
            hidden = hidden.relu() if number else hidden
            hidden = hidden @ network.weights[number][row] + network.biases[number][row]
        torch.testing.assert_close(given[item, row], hidden)


def test_refined_graphs_are_scaled_thinned_symmetric_and_powers():
    raw = torch.tensor([[[5.0, 0.0, 4.0], [1.0, 2.0, 3.0], [0.5, 6.0, 1.0]]])
    first, second = refined(raw, 2)[0]
    # in sixths: 1 on the diagonal, 4 and 3 and 6 stay, of the rest 0, 1, 0.5 are below the median, which is 4 / 6
    expected = torch.tensor([[1.0, 0.0, 2 / 6], [0.0, 1.0, 0.5], [2 / 6, 0.5, 1.0]])
    torch.testing.assert_close(first, expected)
    product = (first @ first) * (first > 0)
    torch.testing.assert_close(second, product / product.max())


def test_the_graph_network_against_loops():
    torch.manual_seed(0)
    fields, dim, layers, heads = 3, 4, 2, 2
    network = GraphNetwork(fields, dim, layers, heads)
    embeddings, graphs = torch.randn(2, fields, dim), torch.randn(2, layers, fields, fields)
    given = network(embeddings, graphs)
    for row in range(2):
        hidden, tokens = embeddings[row], []
        for layer in range(layers):
            sent = [
                sum(graphs[row, layer, i, j] * (network.messages[layer].weight @ hidden[j]) for j in range(fields))
                for i in range(fields)
            ]
            sent = [functional.leaky_relu(each) if layer < layers - 1 else each for each in sent]
            hidden = torch.stack([sent[i] * hidden[i] for i in range(fields)])
            tokens += list(hidden)
        parts = network.attend.weight.view(3, heads, dim, dim)
        joined = []
        for token in tokens:
            mixed = []
            for head in range(heads):
                query, keys = parts[0, head] @ token, [parts[1, head] @ other for other in tokens]
                weights = torch.stack([query @ key / math.sqrt(dim) for key in keys]).softmax(0)
                mixed.append(sum(w * (parts[2, head] @ other) for w, other in zip(weights, tokens, strict=True)))
            joined.append((network.join.weight @ torch.cat(mixed)).relu())
        final = [joined[i] + joined[fields + i] for i in range(fields)]
        gates = torch.sigmoid(network.gate.weight @ torch.cat(final))
        expected = sum(gates[i] * (network.last.weight[0] @ final[i]) for i in range(fields))
        torch.testing.assert_close(given[row], expected, rtol=1e-4, atol=1e-5)


def test_the_graph_networks_attention_is_torchs_own_with_its_gradients():
    """Over more rows than attend at once."""
    torch.manual_seed(0)
    heads, dim = 3, 4
    network = GraphNetwork(5, dim, 2, heads).double()
    tokens = torch.randn(1100, 10, dim, dtype=torch.float64, requires_grad=True)
    learned = [tokens, network.attend.weight, network.join.weight]
    weight = torch.randn_like(tokens)
    given = network.attended(tokens)
    query, key, value = network.attend(tokens).unflatten(-1, (3, heads, dim)).permute(2, 0, 3, 1, 4)
    mixed = functional.scaled_dot_product_attention(query, key, value)
    expected = network.join(mixed.transpose(1, 2).flatten(2))
    torch.testing.assert_close(given, expected)
    torch.testing.assert_close(
        torch.autograd.grad((given * weight).sum(), learned), torch.autograd.grad((expected * weight).sum(), learned)
    )


def test_pairs_of_whole_items_come_from_neighbouring_parts(make_phase):
    base = make_phase("base", batch_size=300)
    parts = base.parts_in_time(4)
    users = [[], []]
    for pair in paired_items(base, 1, 300):
        assert pair[0].item.tolist() == pair[1].item.tolist()
        assert len(pair[0]) < 600
        for found, batch in zip(users, pair, strict=True):
            found += batch.log.user.tolist()
    for found, part in zip(users, (1, 2), strict=True):
        assert sorted(found) == sorted(base.log.user[parts[part]].tolist())


def test_emergs_meta_loss_is_that_of_its_items_one_by_one(dataset, setting, make_phase):
    _, backbone = setting
    base = make_phase("base")
    method = make("emerg", dataset, backbone, inner_lr=0.5, support=0.3)
    support, query = next(paired_items(base, 0, 200))
    total = []
    for item in support.items.number.tolist():
        first, second = (base_batch(base, batch, item) for batch in (support, query))
        made_from = method.item[[item]]
        raw, own = method.raw_graphs(first.items, made_from), made_from.clone()
        loss_s = loss_of(method.score(first, own, raw), first)
        moves = torch.autograd.grad(loss_s, (own, raw), retain_graph=True)
        loss_q = loss_of(method.score(second, own - 0.5 * moves[0], raw - 0.5 * moves[1]), second)
        total.append(0.3 * loss_s + 0.7 * loss_q)
    given, expected = method.meta_loss(support, query), torch.stack(total).mean()
    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-5)
    assert all(p.grad is None for p in method.parameters())
    learned = {name: each for name, each in method.named_parameters() if each.numel() and name != "shared"}
    slopes = (torch.autograd.grad(loss, list(learned.values())) for loss in (given, expected))
    for name, ours, theirs in zip(learned, *slopes, strict=True):
        assert theirs.abs().sum() > 0, name
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3 * float(theirs.abs().max()), msg=name)


def base_batch(base, batch, item):
    """The rows of one item of a batch, as a batch."""
    chosen = (batch.item == item).nonzero().squeeze(1)
    return type(batch)(base.view, batch.log.at(chosen))


@pytest.mark.parametrize("refine", [True, False])
def test_emerg_trains_cold_items_as_if_one_by_one(refine, dataset, split, setting, make_phase):
    _, backbone = setting
    method = make("emerg", dataset, backbone, refine=refine, item_epochs=4)
    phase, again = (make_phase("warm-a", batch_size=100) for _ in range(2))
    rows = method.embed(backbone, phase.cold)
    backbone.place(phase.cold.number, rows)
    graphs = method.graphs.clone()
    given = method.warm(backbone, phase)
    assert phase.steps == 4 * phase.batch_count
    items, starts, order = again.by_item
    for number in (0, 17, len(items) - 1):
        place = int((phase.cold.number == items[number]).nonzero())
        pair = torch.nn.Parameter(rows[[place]]), torch.nn.Parameter(graphs[[place]])
        optimizer = torch.optim.Adam(pair, lr=method.config.item_lr, weight_decay=1e-6)
        batch = again.at(order[starts[number] : starts[number + 1]])
        for _ in range(4):
            optimizer.zero_grad()
            loss_of(method.score(batch, *pair), batch).backward()
            optimizer.step()
        torch.testing.assert_close(given[place], pair[0][0].detach(), rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(method.graphs[place], pair[1][0].detach(), rtol=1e-3, atol=1e-4)


def test_emergs_cold_items_keep_their_graphs_and_others_get_made_ones(dataset, setting, make_phase):
    _, backbone = setting
    method = make("emerg", dataset, backbone)
    phase = make_phase("warm-a")
    own = method.embed(backbone, phase.cold)
    batch = next(phase.batches())
    place = method.place[batch.items.number]
    method.graphs += 1.0 * torch.randn_like(method.graphs)
    expected = method.score(batch, own[place], method.graphs[place])
    torch.testing.assert_close(method.logits(backbone, batch, own[method.place[batch.item]]), expected)
    method.place.fill_(-1)
    made = method.score(batch, own[place], method.raw_graphs(batch.items, method.item[batch.items.number]))
    torch.testing.assert_close(method.logits(backbone, batch, own[place][batch._distinct[1]]), made)
