"""The equations of methods and generators against brute force."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from coldbench.model.generator import FrozenBatch, Gaussian, wasserstein
from coldbench.model.layers import initialise
from coldbench.model.phase import step
from coldbench.plugins.kinds import BACKBONES, METHODS
from coldbench.plugins.registry import Registry


@pytest.fixture
def setting(dataset, first_batch):
    """A batch with repeated items, and a frozen deepfm."""
    torch.manual_seed(0)
    batch = first_batch(300)
    owner = Registry().get(BACKBONES, "deepfm")
    backbone = owner(owner.Config(dropout=0.0), dataset.schema)
    initialise(backbone)
    with torch.no_grad():
        backbone.item_table.weight.normal_()
    return batch, backbone.frozen().eval()


def make(name, dataset, backbone, **values):
    owner = Registry().get(METHODS, name)
    torch.manual_seed(1)
    if name in ("cvar", "avaew"):
        values["noise"] = 0.0
    method = owner(owner.Config(**values), dataset.schema, backbone)
    for parameter in method.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return method


def freeze(batch, backbone):
    return FrozenBatch(batch, backbone.frozen_context(batch), backbone.item_table(batch.items.number))


def per_row(batch, values):
    """What the distinct items' values are, row by row of the log."""
    items = batch.items.number.tolist()
    return torch.stack([values[items.index(item)] for item in batch.item.tolist()])


def by_hand(method, batch, backbone):
    """v_I, D(z) and D(z_p) and both distributions, row by row."""
    made = method.generator(batch.items, backbone.item_table(batch.items.number))
    real = backbone.item_table(batch.item)
    encoded, prior = ([per_row(batch, part) for part in made[place]] for place in (0, 1))
    return real, encoded, prior, per_row(batch, made.reconstructed), per_row(batch, made.warm)


def test_wasserstein_distance_of_equation_6_equals_a_sampled_one():
    """In one dimension the optimal plan pairs sorted samples, as scipy's distance does for its first power."""
    random = torch.Generator().manual_seed(0)
    first, second = (
        Gaussian(torch.tensor([[0.5]]), torch.tensor([[2.0]])),
        Gaussian(torch.tensor([[-1.0]]), torch.tensor([[0.5]])),
    )
    n = 400_000
    a = (first.mean + first.deviation * torch.randn(n, 1, generator=random)).squeeze().sort().values
    b = (second.mean + second.deviation * torch.randn(n, 1, generator=random)).squeeze().sort().values
    assert wasserstein(first, second).item() == pytest.approx((a - b).square().mean().item(), rel=0.01)
    wide = Gaussian(torch.randn(5, 3), torch.rand(5, 3)), Gaussian(torch.randn(5, 3), torch.rand(5, 3))
    expected = [
        sum(
            (wide[0].mean[i, d] - wide[1].mean[i, d]) ** 2 + (wide[0].deviation[i, d] - wide[1].deviation[i, d]) ** 2
            for d in range(3)
        )
        for i in range(5)
    ]
    torch.testing.assert_close(wasserstein(*wide), torch.stack(expected))


@pytest.mark.parametrize("name", ["cvar", "avaew"])
def test_equations_4_6_7_and_their_weights(name, dataset, setting):
    batch, backbone = setting
    alpha, beta = 0.7, 1.3
    extra = {"xi": 0.0, "xi_prime": 0.0} if name == "avaew" else {}
    method = make(name, dataset, backbone, alpha=alpha, beta=beta, **extra)
    real, encoded, prior, reconstructed, warm = by_hand(method, batch, backbone)
    frozen = freeze(batch, backbone)
    chance = torch.sigmoid(backbone.score(warm, frozen.context))
    ctr = -(batch.click * chance.log() + (1 - batch.click) * (1 - chance).log()).mean()
    reconstruction = ((real - reconstructed) ** 2).sum(1).mean()
    distance = ((encoded[0] - prior[0]) ** 2 + (encoded[1] - prior[1]) ** 2).sum(1).mean()
    expected = ctr + alpha * reconstruction + beta * distance
    loss = method.loss if name == "cvar" else lambda *given: method.generator_loss(*given)[0]
    got = loss(backbone, frozen)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_equations_8_to_11(dataset, setting):
    batch, backbone = setting
    frozen = freeze(batch, backbone)
    distinct = frozen.real

    def loss(**values):
        return make("avaew", dataset, backbone, alpha=0.0, beta=0.0, **values).generator_loss(backbone, frozen)[0]

    method = make("avaew", dataset, backbone)
    real, _, _, _, warm = by_hand(method, batch, backbone)
    features = [torch.relu(v @ method.classifier.hidden.weight.T + method.classifier.hidden.bias) for v in (real, warm)]
    group = ((features[0].mean(0) - features[1].mean(0)) ** 2).mean()
    pairs = ((features[0] - features[1]) ** 2).mean()
    plain = loss(xi=0.0, xi_prime=0.0)
    torch.testing.assert_close(loss(xi=2.0, xi_prime=0.0) - plain, 2 * group, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(loss(xi=0.0, xi_prime=3.0) - plain, 3 * pairs, rtol=1e-3, atol=1e-5)
    judged = [torch.sigmoid(method.classifier(v)) for v in (real, warm)]
    expected = -(judged[0].log().mean() + (1 - judged[1]).log().mean())
    distinct_warm = method.generator(batch.items, distinct).warm.detach()
    torch.testing.assert_close(
        method.classifier_loss(batch, torch.stack([distinct, distinct_warm])), expected, rtol=1e-4, atol=1e-5
    )


def test_each_network_of_avaew_gets_only_its_own_gradient(dataset, setting):
    batch, backbone = setting
    method = make("avaew", dataset, backbone)
    frozen = freeze(batch, backbone)
    loss, warm = method.generator_loss(backbone, frozen)
    loss.backward(inputs=list(method.generator.parameters()))
    assert all(p.grad is not None for p in method.generator.parameters())
    assert all(p.grad is None for p in method.classifier.parameters())
    assert all(p.grad is None for p in backbone.parameters())
    before = [p.grad.clone() for p in method.generator.parameters()]
    method.classifier_loss(batch, torch.stack([frozen.real, warm.detach()])).backward()
    assert all(torch.equal(a, p.grad) for a, p in zip(before, method.generator.parameters(), strict=True))
    assert all(p.grad is not None for p in method.classifier.parameters())


def test_a_deviation_is_half_the_exponent_of_a_variance(dataset, setting):
    _, backbone = setting
    method = make("cvar", dataset, backbone)
    embedding = torch.randn(4, 16)
    encoder = method.generator.encoder
    log_variance = functional.linear(embedding, encoder.weight[16:], encoder.bias[16:])
    torch.testing.assert_close(method.generator.encoded(embedding).deviation ** 2, log_variance.exp())


def test_the_decoder_sees_the_count_and_only_where_it_should(dataset, setting):
    batch, backbone = setting
    more = dataclasses.replace(batch.items, numeric=batch.items.numeric + 1)
    latent = torch.randn(len(batch.items.number), 16)
    for on_count in (True, False):
        method = make("avaew", dataset, backbone, on_count=on_count)
        moved = not torch.equal(method.generator.decode(latent, batch.items), method.generator.decode(latent, more))
        assert moved == on_count


@pytest.mark.parametrize(("per_row", "rate"), [(False, 0.3), (True, 0.3), (False, 0.0), (False, 1.0)])
def test_dropoutnet_drops_at_its_rate_the_mean_without_gradient(per_row, rate, dataset, setting):
    batch, backbone = setting
    owner = Registry().get(METHODS, "dropoutnet")
    method = owner(owner.Config(rate=rate, per_row=per_row), dataset.schema, backbone)
    backbone.requires_grad_(True)

    def logits():
        """What the method scores with, seen through its loss: the gradient of the loss tells each row's logit."""
        captured = []
        score = type(backbone).score
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(backbone), "score", lambda *given: captured.append(score(*given)) or captured[-1])
            loss = method.pretrain_loss(backbone, batch)
        torch.testing.assert_close(loss, functional.binary_cross_entropy_with_logits(captured[0], batch.click))
        return captured[0]

    plain = backbone(batch)
    mean = backbone.item_table.weight.mean(0).expand(len(batch), -1)
    dropped = backbone.score(mean, backbone.encode(batch))
    torch.manual_seed(3)
    share = []
    for _ in range(200):
        given = logits()
        is_dropped = torch.isclose(given, dropped, rtol=1e-5, atol=1e-7)
        assert (is_dropped | torch.isclose(given, plain, rtol=1e-5, atol=1e-7)).all()
        share.append(is_dropped.float().mean().item())
        assert per_row or share[-1] in (0.0, 1.0)
    tolerance = 4 * math.sqrt(rate * (1 - rate) / (200 * (len(batch) if per_row else 1))) + 1e-9
    assert sum(share) / 200 == pytest.approx(rate, abs=tolerance)
    if rate == 1.0:
        method.pretrain_loss(backbone, batch).backward()
        gradient = backbone.item_table.weight.grad
        assert gradient is None or not gradient.any()


def test_meta_e_differentiates_through_the_inner_step(dataset, setting):
    """The gradient of equation 9 equals finite differences, which it only does with the second derivatives."""
    batch, backbone = setting
    method = make("meta_e", dataset, backbone, inner_lr=5.0, gamma=0.1).double()
    backbone.double()
    first = dataclasses.replace(batch, log=as_double(batch.log))
    second = dataclasses.replace(first, log=first.log._replace(click=1 - first.log.click))
    parameter = method.generator[2].bias
    (gradient,) = torch.autograd.grad(method.loss(backbone, first, second), parameter)
    for place in range(3):
        with torch.no_grad():
            values = []
            for shift in (1e-5, -1e-5):
                parameter[place] += shift
                with torch.enable_grad():
                    values.append(method.loss(backbone, first, second).item())
                parameter[place] -= shift
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(gradient[place].item(), rel=1e-4, abs=1e-8)


def test_meta_e_weighs_the_two_losses_and_steps_the_embedding(dataset, setting):
    batch, backbone = setting
    other = dataclasses.replace(batch, log=batch.log._replace(click=1 - batch.log.click))
    gamma, rate = 0.25, 3.0
    method = make("meta_e", dataset, backbone, inner_lr=rate, gamma=gamma)
    embedding = method.generate(backbone, batch.items).detach().requires_grad_()
    context = backbone.frozen_context(batch)
    loss_a = functional.binary_cross_entropy_with_logits(backbone.score(batch.spread(embedding), context), batch.click)
    (gradient,) = torch.autograd.grad(loss_a, embedding)
    moved = backbone.score(batch.spread(embedding - rate * gradient), context)
    loss_b = functional.binary_cross_entropy_with_logits(moved, other.click)
    torch.testing.assert_close(method.loss(backbone, batch, other), gamma * loss_a + (1 - gamma) * loss_b)


def test_meta_e_pairs_rows_of_one_item_from_neighbouring_quarters_of_its_time(dataset, split, make_phase):
    item, time = dataset.item[split.base], dataset.time[split.base]
    parts = make_phase("base").parts_in_time(4).numpy()
    assert (item[parts] == item[parts[0]]).all()
    assert len(set(parts.ravel())) == parts.size
    for number in np.unique(item):
        mine = [part[item[part] == number] for part in parts]
        assert len(mine[0]) == (item == number).sum() // 4
        for earlier, later in itertools.pairwise(mine):
            assert time[earlier].max() <= time[later].min()


def as_double(log):
    return log._replace(click=log.click.double(), numeric=log.numeric.double())


def test_mwuf_takes_the_mean_of_the_right_users_and_none_from_the_future(dataset, split, setting, make_phase):
    _, backbone = setting
    method = make("mwuf", dataset, backbone)
    base, warm = (make_phase(name, batch_size=256) for name in ("base", "warm-a"))
    method.fit(backbone, base)
    of_user = backbone.users(base.view.users(torch.arange(dataset.schema.users))).flatten(1)
    everyone = of_user[dataset.user[split.base]].mean(0)
    cold = torch.from_numpy(split.new_items)
    torch.testing.assert_close(method.mean_users(cold), everyone.expand(len(cold), -1), rtol=1e-4, atol=1e-5)
    method.see(backbone, warm)
    for item in split.new_items[:5]:
        rows = split.warm["warm-a"][dataset.item[split.warm["warm-a"]] == item]
        expected = of_user[dataset.user[rows]].mean(0)
        torch.testing.assert_close(method.mean_users(torch.tensor([item]))[0], expected, rtol=1e-4, atol=1e-5)
    old = int(split.old_items[0])
    expected = of_user[dataset.user[dataset.item == old]].mean(0)
    torch.testing.assert_close(method.mean_users(torch.tensor([old]))[0], expected, rtol=1e-4, atol=1e-5)


def test_mwuf_scales_shifts_and_updates_what_each_loss_should(dataset, split, setting, make_phase):
    _, backbone = setting
    method = make("mwuf", dataset, backbone)
    before = [parameter.clone() for parameter in method.parameters()]
    base = make_phase("base", batch_size=256)
    method.fit(backbone, base)
    assert base.steps == 2 * -(-len(split.base) // 256)
    assert not any(torch.equal(a, b) for a, b in zip(before, method.parameters(), strict=True))
    items = base.cold
    mean = backbone.item_table.weight[split.old_items].mean(0)
    side = backbone.items(items).flatten(1)
    expected = method.scale(side) * mean + method.shift(method.mean_users(items.number))
    torch.testing.assert_close(method.embed(backbone, items), expected)
    warm = make_phase("warm-a", batch_size=256)
    old_shift = method.shift(method.mean_users(items.number))
    adapted = method.adapt(backbone, warm)
    new_shift = method.shift(method.mean_users(items.number))
    assert not torch.allclose(old_shift, new_shift)
    torch.testing.assert_close(adapted, backbone.item_table.weight[split.new_items] - old_shift + new_shift)


def test_mwuf_trains_its_new_items_through_scale_and_shift_where_asked(dataset, split, setting, make_phase):
    _, backbone = setting
    method = make("mwuf", dataset, backbone, through=True, item_lr=0.02, item_epochs=2)
    method.fit(backbone, make_phase("base", batch_size=256))
    other = copy.deepcopy(method)
    before = other.start.expand(len(split.new_items), -1)
    for name in ("warm-a", "warm-b"):
        phase, again = (make_phase(name, batch_size=100) for _ in range(2))
        found = method.warm(backbone, phase)
        other.see(backbone, again)
        items = again.cold
        scale = other.scale(backbone.items(items).flatten(1)).detach()
        shift = other.shift(other.mean_users(items.number)).detach()
        new = torch.nn.Parameter(before.clone())
        optimizer = torch.optim.Adam([new], lr=0.02, weight_decay=1e-6)
        cold = items.number.tolist()
        for batch in again.batches(2):
            place = torch.tensor([cold.index(item) for item in batch.item.tolist()])
            logits = backbone.score((scale * new + shift)[place], backbone.encode(batch))
            optimizer.zero_grad()
            functional.binary_cross_entropy_with_logits(logits, batch.click).backward()
            optimizer.step()
        before = new.detach()
        torch.testing.assert_close(found, scale * before + shift)


def test_a_generators_tables_start_as_in_the_public_code_unless_told_otherwise(dataset, setting):
    _, backbone = setting
    for name in ("cvar", "avaew"):
        owner = Registry().get(METHODS, name)
        side = owner(owner.Config(), dataset.schema, backbone).generator.side
        assert side.fields.padding is not None
        assert not side.fields.table[0].any()
        for table in (side.fields.table[1:], side.item.weight):
            assert table.std().item() == pytest.approx(1, abs=0.05)
        plain = owner(owner.Config(normal_tables=False, padding=False), dataset.schema, backbone).generator.side
        assert plain.fields.padding is None
        assert plain.fields.table.abs().max() <= 0.01


@pytest.mark.parametrize("ctr", [0.0, 0.6])
def test_gars_two_losses_and_whom_they_move(ctr, dataset, setting):
    batch, backbone = setting
    alpha, beta, frozen = 0.3, 0.2, freeze(batch, backbone)
    method = make("gar", dataset, backbone, alpha=alpha, beta=beta, ctr=ctr, towers=(8, 8))
    embedded = torch.cat([backbone.users(batch.users), backbone.context(batch.context)], 1).flatten(1)
    distinct = backbone.item_table(batch.items.number)
    clicked = [row for row, click in enumerate(batch.click.tolist()) if click]
    made = per_row(batch, method.generate(batch.items))
    real = backbone.item_table(batch.item)

    def r(row, vector):
        return (method.user_tower(embedded[row]) * method.item_tower(vector)).sum()

    critic, generator = [], []
    for place, row in enumerate(clicked):
        negative = real[clicked[place - 1]]
        margin = r(row, real[row]) - (1 - beta) * r(row, made[row]) - beta * r(row, negative)
        critic.append(-torch.sigmoid(margin).log())
        fooled = -torch.sigmoid(r(row, made[row]) - r(row, real[row])).log()
        generator.append((1 - alpha) * fooled + alpha * (made[row] - real[row]).abs().sum())
    critic_loss = method.critic_loss(batch, embedded, distinct)
    generator_loss = method.generator_loss(backbone, frozen, embedded)
    clicks = functional.binary_cross_entropy_with_logits(backbone.score(made, frozen.context), batch.click)
    torch.testing.assert_close(critic_loss, torch.stack(critic).mean(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(generator_loss, torch.stack(generator).mean() + ctr * clicks, rtol=1e-4, atol=1e-5)
    critic_loss.backward()
    assert all(p.grad is None for p in [*method.generator.parameters(), *method.side.parameters()])
    assert all(p.grad is None for p in backbone.parameters())


def test_avaew_alternates_and_each_step_moves_its_own_network(dataset, split, setting, make_phase, monkeypatch):
    _, backbone = setting
    method = make("avaew", dataset, backbone, repeats=2, classifier_steps=3)
    parts = {"generator": method.generator, "classifier": method.classifier, "backbone": backbone}
    module, moved = inspect.getmodule(type(method)), []

    def spy(optimizer, loss):
        before = {name: [p.clone() for p in part.parameters()] for name, part in parts.items()}
        step(optimizer, loss)
        moved.append(
            {
                name
                for name, part in parts.items()
                if any(not torch.equal(a, b) for a, b in zip(before[name], part.parameters(), strict=True))
            }
        )

    monkeypatch.setattr(module, "step", spy)
    phase = make_phase("base", batch_size=len(split.base))
    method.train_generator(backbone, phase, epochs=1)
    assert moved == 2 * [{"generator"}, {"classifier"}, {"classifier"}, {"classifier"}]


def test_under_a_limit_avaews_classifier_judges_the_batch_of_its_step(dataset, setting, make_phase, monkeypatch):
    _, backbone = setting
    method = make("avaew", dataset, backbone)
    loss, judged = method.classifier_loss, []

    def spy(batch, both):
        assert torch.equal(both[0], backbone.item_table(batch.items.number))
        judged.append(batch)
        return loss(batch, both)

    monkeypatch.setattr(method, "classifier_loss", spy)
    method.train_generator(backbone, make_phase("warm-a", limit=9, batch_size=100), 1)
    assert len(judged) == 6  # a generator's step, then three of the classifier's


def test_cvar_adapts_only_where_it_should(dataset, setting, make_phase):
    _, backbone = setting
    phase = make_phase("warm-a")
    assert make("cvar", dataset, backbone, adapt=False).adapt(backbone, phase) is None
    assert phase.steps == 0
    method = make("cvar", dataset, backbone, repeats=2, adapt_epochs=3)
    replaced = method.adapt(backbone, phase)
    torch.testing.assert_close(replaced, method.generator.warm(phase.cold))
    assert phase.steps == 6 * -(-len(phase) // phase.settings.batch_size)
