"""``make mutate``: breaks one thing at a time in a copy of the code; the tests named beside it must notice.

First all of these tests have to pass on the code as it is. Exit code 1 if a mutation survives or its tests cannot run.
``python benchmarks/mutations.py WORD ...`` tries the mutations whose names hold one of the words.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SECONDS = 300  # after which a test that does not end has noticed
# imported once, before processes are forked: most of what a test of one module would take
SLOW_TO_IMPORT = (
    "jsonschema",
    "pandas",
    "pyarrow.parquet",
    "pytest",
    "scipy.stats",
    "sklearn.metrics",
    "torch._dynamo",
)


@dataclass(frozen=True)
class Mutation:
    """One thing broken.

    Attributes:
        name: What breaks.
        file: Where, from the repository's root.
        old: Text that is in the file once.
        new: What stands there instead.
        tests: The files or single tests that must notice.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def _group(file: str, tests: str, *rows: tuple[str, str, str]) -> list[Mutation]:
    """Mutations of one file, which the same tests (separated by blanks) must notice: name, old and new text."""
    paths = tuple(f"tests/{name}" for name in tests.split())
    return [Mutation(name, file, old, new, paths) for name, old, new in rows]


MATCHED = "test_protocols.py::test_under_matched_every_method_takes_the_same_steps_on_the_same_rows"
KEYS = "test_keys.py::test_what_every_stage_depends_on_is_in_every_key"

LOSSES = [
    *_group(
        "coldbench/model/generator.py",
        "test_losses.py",
        ("generator loses L_CTR, eq. 7", "return ctr + batch", "return 0 * ctr + batch"),
        ("generator loses L_R, eq. 4", "mean(alpha * reconstruction", "mean(0 * reconstruction"),
        ("generator loses L_WD, eq. 6", "+ beta * distance)", "+ 0 * distance)"),
        ("L_WD without deviations", "+ vecdot(deviations", "+ 0 * vecdot(deviations"),
        ("deviation is not exp(half)", "(0.5 * log_variance)", "(1.0 * log_variance)"),
        ("own tables start like all the rest", "if normal_tables:", "if False:"),
        ("own tables' padding starts from noise", "self.fields.table[0] = 0.0", "pass"),
    ),
    *_group(
        "coldbench/model/batching.py",
        "test_losses.py",
        (
            "mean over items, not rows",
            "return self._distinct[2] / len(self)",
            "return torch.full_like(self._distinct[2] / len(self), 1 / len(self._distinct[2]))",
        ),
    ),
    *_group(
        "methods/avaew.py",
        "test_losses.py",
        ("avaew loses L_GD, eq. 9", "config.xi * group", "0 * group"),
        ("avaew loses L'_GD, eq. 10", "config.xi_prime * pairs", "0 * pairs"),
        ("L_GD as mean of squares", "batch.mean(apart).square().mean()", "batch.mean(apart.square()).mean()"),
        (
            "L_D with labels swapped, eq. 8",
            "softplus(-real) + functional.softplus(warm)",
            "softplus(real) + functional.softplus(-warm)",
        ),
        ("L_D loses the generated half", "+ functional.softplus(warm)", ""),
        (
            "generator's step moves the classifier",
            "phase.adam(self.generator.parameters(), ",
            "phase.adam(self.parameters(), ",
        ),
        ("one classifier step", "*[_CLASSIFIER] * self.config.classifier_steps", "_CLASSIFIER"),
    ),
    *_group(
        "coldbench/model/decoder.py",
        "test_losses.py",
        ("decoder blind to count", "if self.count is None:", "if True:"),
    ),
    *_group(
        "coldbench/model/generating.py",
        "test_losses.py",
        ("cvar always adapts", "if not self.config.adapt:", "if False:"),
        ("cvar adapts one epoch", "phase, self.config.adapt_epochs)", "phase, 1)"),
    ),
    *_group(
        "coldbench/model/meta.py",
        "test_losses.py",
        ("meta_e without second derivatives", "create_graph=True", "retain_graph=True"),
        ("meta_e loses loss_a, eq. 9", "weight * loss_a +", "0 * loss_a +"),
        ("meta_e steps uphill, eq. 7", "embedding - inner_lr", "embedding + inner_lr"),
    ),
    *_group(
        "methods/mwuf.py",
        "test_losses.py",
        ("mwuf looks users up with item ids", "phase.view.users(log.user)", "phase.view.users(log.item)"),
        (
            "mwuf adds items' means to users",
            "self.user_sum.index_add_(0, log.item, users)",
            "self.user_sum.index_add_(0, log.user, users)",
        ),
        ("mwuf keeps the old shift", "            self.see(backbone, phase)\n", ""),
        ("mwuf sees the future", "trained = backbone", "self.see(backbone, phase); trained = backbone"),
        (
            "mwuf starts from all items' mean",
            "backbone.item_table(base.by_item.items).mean(0)",
            "backbone.item_table.weight.mean(0)",
        ),
        ("mwuf trains v where it should train new", "warm = (scale * new + shift)", "warm = new"),
        ("mwuf begins each phase anew", "self.new = new.detach()", "self.new = self.start.expand(len(scale), -1)"),
    ),
    *_group(
        "methods/gar.py",
        "test_losses.py",
        ("gar's critic without the negative", "+ beta * items.roll(1, 0)", ""),
        ("gar's negative is the positive", "items.roll(1, 0)", "items"),
        ("gar loses the similarity", "+ self.config.alpha * apart", ""),
        ("gar's generator fools nobody", "softplus(-(users * gain)", "softplus((users * gain)"),
        (
            "gar's critic moves the generator",
            "with torch.no_grad():\n            generated =",
            "if True:\n            generated =",
        ),
        ("gar loses the CTR loss", "return game + self.config.ctr", "return game + 0"),
    ),
    *_group(
        "methods/generator.py",
        "test_since.py",
        (
            "the generator's loss is of v_I",
            "batch.spread(made), frozen.context)",
            "batch.spread(frozen.real + 0 * made), frozen.context)",
        ),
    ),
    *_group(
        "methods/mean.py",
        "test_since.py",
        (
            "the mean is over all items",
            "backbone.item_table(base.by_item.items).mean(0)",
            "backbone.item_table.weight.mean(0)",
        ),
    ),
    *_group(
        "methods/neighbours.py",
        "test_since.py",
        ("neighbours weigh alike", "weight = near.score.clamp(min=0)", "weight = (near.score > 0).float()"),
        ("without neighbours an item is zero", "torch.where(total > 0, mean, old.mean(0))", "mean"),
    ),
    *_group(
        "coldbench/model/neighbours.py",
        "test_since.py",
        ("an item is its own neighbour", ".masked_fill(items[part].unsqueeze(1) == old, -torch.inf)", ""),
        ("padding is shared", "row, column = np.nonzero(matrix)", "row, column = np.nonzero(matrix >= 0)"),
        ("nearest by inner product", "functional.normalize(old_vectors, dim=1)", "old_vectors"),
        ("what shares nothing is a neighbour", "shared.masked_fill(shared == 0, -torch.inf)", "shared"),
    ),
    *_group(
        "methods/knn_content.py",
        "test_vectors.py",
        ("knn_content ignores vectors", "if items.vectors is not None:", "if False:"),
        ("a longer part of the content counts for more", "functional.normalize(part, dim=1) for part", "part for part"),
    ),
    *_group(
        "methods/csdm.py",
        "test_since.py",
        ("csdm loses L_diff", "self.config.rho * batch.mean", "0 * batch.mean"),
        ("csdm loses L_CTR", "return ctr + self", "return 0 * ctr + self"),
        ("csdm's noisy sample lacks side information", "+ faded * dropped", ""),
        ("csdm's noisy sample lacks v_I", "kept.sqrt() * self.item_encoder(real)", "0 * self.item_encoder(real)"),
        ("csdm's step back forgets h", "+ self.faded[before] * side", ""),
        ("csdm's step back forgets the noise", "(1 - self.kept[before]).sqrt() * noise", "0 * noise"),
        ("csdm's clean end keeps h", "(latent - self.faded[now] * side - spread", "(latent - spread"),
        ("csdm's fading is not scaled to one", "faded / faded[-1]", "faded"),
        ("csdm drops no side information", "functional.dropout(side, self.config.dropout, self.training)", "side"),
        ("csdm's U-Net is blind to the step", "when.expand(len(latent), -1)", "0 * when.expand(len(latent), -1)"),
        ("csdm's U-Net is frozen as released", "requires_grad_(not config.frozen_unet)", "requires_grad_(False)"),
        ("csdm's U-Net cannot be frozen", "requires_grad_(not config.frozen_unet)", "requires_grad_(True)"),
    ),
    *_group(
        "coldbench/model/sinkhorn.py",
        "test_since.py",
        ("Sinkhorn without debiasing", "return whole - 0.5 * (", "return whole - 0.0 * ("),
        ("Sinkhorn's cost is no distance", "- centred[first] @", "- 2 * centred[first] @"),
        ("Sinkhorn without a gradient", "(plan * (costs - constant))", "(plan * (constant - constant))"),
    ),
    *_group(
        "methods/creu.py",
        "test_since.py",
        ("creu loses L_EU, as released", "self.config.eu * uncertainty", "0 * uncertainty"),
        ("creu loses L_R", "self.config.alpha * reconstruction", "0 * reconstruction"),
        ("creu loses L_WD", "self.config.beta * distance", "0 * distance"),
        (
            "creu's first generator alone makes clicks, as released",
            "batch.spread(warm.mean(0))",
            "batch.spread(warm[0])",
        ),
        ("creu's generators have tables of their own", "part.side = parts[0].side", "pass"),
    ),
    *_group(
        "methods/gme.py",
        "test_since.py",
        ("gme's padding takes part", "raw.masked_fill(~present, -torch.inf)", "raw"),
        (
            "gme attends to neighbours alone",
            "functional.pad(known, (1, 0), value=True)",
            "functional.pad(known, (1, 0), value=False)",
        ),
        ("gme without ELU", "return functional.elu(", "return ("),
        ("gme's P is G", 'self.old_embeddings if variant == "P"', 'self.made(self.old_values) if variant == "P"'),
        ("gme steps on the batch's mean", "per_item=True", "per_item=False"),
    ),
    *_group(
        "coldbench/model/item_graph.py",
        "test_since.py",
        ("the hypernetwork is linear", "hidden.relu() if number else hidden", "hidden"),
        ("graphs keep all edges", "(scaled >= scaled.flatten(1).median(1).values[:, None, None])", "(scaled >= 0)"),
        ("graphs are not symmetric", "0.5 * (scaled + scaled.mT)", "scaled"),
        ("messages are added", "hidden = sent * hidden", "hidden = sent + hidden"),
        ("fields are not gated", "self.gate(mixed.flatten(1)).sigmoid() *", "1 *"),
        ("attention is not scaled", ".flatten(1) * dim**-0.5", ".flatten(1)"),
        ("values are projected by another head's part", '"hdi,ohd->iho", value', '"hdi,ohd->iho", value.flip(0)'),
    ),
    *_group(
        "coldbench/model/meta.py",
        "test_since.py",
        ("pairs are of the same part", "base.at(parts[first + 1, chosen])", "base.at(parts[first, chosen])"),
    ),
    *_group(
        "methods/emerg.py",
        "test_since.py",
        ("emerg loses loss_q", "(1 - self.config.support) * loss_q", "0 * loss_q"),
        ("emerg's inner step is uphill", "value - self.config.inner_lr * move", "value + self.config.inner_lr * move"),
        ("emerg's step is on the mean over items", "autograd.grad(losses_s.sum()", "autograd.grad(losses_s.mean()"),
        ("emerg's gradient of loss_s is that of the sum", "gradient / len(losses_s)", "gradient"),
        (
            "emerg cuts the hypernetwork off, as released",
            "raw, own = self.raw_graphs(support.items, made_from)",
            "raw, own = self.raw_graphs(support.items, made_from).detach().requires_grad_()",
        ),
        ("emerg forgets the graphs of a phase", "graph.detach()\n", "self.graphs[chosen]\n"),
    ),
    *_group(
        "methods/dropoutnet.py",
        "test_losses.py",
        ("dropoutnet drops twice as often", "< self.config.rate", "< 2 * self.config.rate"),
        ("dropoutnet's mean has a gradient", ".weight.detach().mean(0)", ".weight.mean(0)"),
    ),
]

OPTIMISER = [
    *_group(
        "coldbench/model/optimizer.py",
        "test_optimizer.py",
        ("a spent budget stops no step", "if self.budget.spent:", "if False:"),
        ("Adam's beta2 is 0.99", "= 0.9, 0.999, 1e-8", "= 0.9, 0.99, 1e-8"),
        ("no weight decay", "weight_decay=self.weight_decay,", "weight_decay=0.0,"),
        (
            "a stale gradient moves its parameter",
            "            parameter.grad = None\n",
            "            parameter.grad = None if parameter.grad is None else parameter.grad.zero_()\n",
        ),
        ("a step is counted twice", "self.budget.count()", "self.budget.count(); self.budget.count()"),
        ("touched rows do not coast", "value = value - self.rate * series * mean / deviation", "pass"),
        ("the first moment does not fall", "first * _BETA1**passed", "first"),
        ("coasting without bias correction", "mean = first / (1 - _BETA1**since)", "mean = first"),
        ("settle forgets touched rows", "for rows in old.split(_POINTS):", "for rows in ():"),
        (
            "settle forgets untouched rows",
            "            self._decay(self.curve)\n",
            "            pass\n",
        ),
        (
            "a settled row decays a second time",
            "(moments[:, : value.shape[1]] if self.settled_at else value)",
            "value",
        ),
        ("an untouched row decays a second time", "(places if self.settled_at else self.table)", "self.table"),
        ("an untouched row keeps a moved value", "if not self.settled_at:", "if False:"),
        ("lazy tables do not decay", "DecayCurve(table) if weight_decay else None", "None"),
        ("the decay curve has steps", "torch.lerp(below, above, share)", "below"),
        ("negative values decay to positive ones", "return value * sign,", "return value,"),
        ("a row looked up twice counts once", ".index_add_(0, place, values)", ".index_copy_(0, place, values)"),
    ),
    *_group(
        "coldbench/model/budget.py",
        "test_optimizer.py",
        ("shares are rounded up", "left * weight // sum(weights)", "-(-left * weight // sum(weights))"),
        ("an inner limit lifts the outer one", "min(self.taken + steps, end)", "self.taken + steps"),
        ("one step too many", "self.taken >= self._end", "self.taken > self._end"),
    ),
    *_group(
        "coldbench/model/embedding.py",
        "test_optimizer.py test_backbones.py",
        (
            "the gradient of an id looked up twice is that of one",
            "gradient.new_zeros(shape).index_add_(",
            "gradient.new_zeros(shape).index_copy_(",
        ),
    ),
    *_group(
        "coldbench/model/batching.py",
        "test_optimizer.py::test_no_batch_is_a_remainder_of_a_few_rows",
        ("a batch of a few rows is left over", "_LEAST = 0.25", "_LEAST = 0.0"),
    ),
]

TURNS = [
    *_group(
        "coldbench/model/phase.py",
        "test_optimizer.py test_losses.py test_conformance.py::"
        "test_batches_come_in_another_order_each_pass_and_in_the_same_one_for_every_method",
        (
            "one pass whatever the epochs",
            "self._one_pass() for _ in range(epochs)",
            "self._one_pass() for _ in range(1)",
        ),
        ("repeats are ignored", "itertools.repeat(players, repeats)", "(players,)"),
        ("every pass in the same order", "self._passes += 1", "self._passes += 0"),
        ("rows of the first step alone are no distinct ones", "steps == self._given_at + 1", "False"),
        ("rows are grouped out of time order", "np.lexsort((self._time, item))", "np.lexsort((-self._time, item))"),
        ("parts in time are all the first part", "rows[first + part * step]", "rows[first]"),
        ("the CTR loss with labels swapped", "(logits, batch.click)", "(logits, 1 - batch.click)"),
    ),
    *_group(
        "coldbench/model/phase.py",
        f"{MATCHED}[1]",
        ("a limit begins its batches anew for each hook", "if self._in_turn is None:", "if True:"),
    ),
    *_group(
        "coldbench/model/phase.py",
        "test_warm_up.py",
        (
            "a learning rate of one's own is ignored",
            "rate = settings.learning_rate if learning_rate is None else learning_rate",
            "rate = settings.learning_rate",
        ),
    ),
    *_group(
        "coldbench/model/method.py",
        "test_warm_up.py",
        ("items are trained for one epoch", "phase.batches(self.config.item_epochs)", "phase.batches()"),
        ("items are trained at the settings' rate", "phase.adam([rows], self.config.item_lr)", "phase.adam([rows])"),
        (
            "items are trained from zero",
            "nn.Parameter(backbone.item_table.weight[phase.cold.number])",
            "nn.Parameter(torch.zeros_like(backbone.item_table.weight[phase.cold.number]))",
        ),
        ("items and adapt share alike", "shares(self.config.item_epochs, self.adapt_steps)", "shares(1, 1)"),
    ),
    *_group(
        "coldbench/model/method.py",
        "test_warm_up.py::test_items_and_adapt_share_a_limit_in_the_proportion_of_their_steps",
        ("adapt without a step replaces what was trained", "if for_adapt == 0 and self.adapt_steps:", "if False:"),
    ),
    *_group(
        "methods/avaew.py",
        "test_losses.py::test_under_a_limit_avaews_classifier_judges_the_batch_of_its_step",
        (
            "a classifier step on another batch's items",
            "if both is None or frozen.batch is not of:",
            "if both is None:",
        ),
    ),
]

PROTOCOL = [
    *_group(
        "coldbench/protocol/rules.py",
        "test_warm_up.py::test_a_protocol_knows_the_rows_that_it_says",
        ("strict knows the phase to come", "[:phases]", "[: phases + 1]"),
        (
            "strict never knows more than base",
            "np.concatenate([split.base, *warm]) if warm else split.base",
            "split.base",
        ),
        ("paper knows more than the split lets it", "return split.known", "return slice(None)"),
        ("every budget is one epoch", "return self.budget * batches", "return batches"),
    ),
    *_group(
        "coldbench/protocol/phases.py",
        "test_warm_up.py",
        ("one epoch of pretraining", "batch), self.settings.pretrain_epochs)", "batch), 1)"),
        ("pretraining is not seeded", '        self._seed_torch("pretrain")\n', ""),
        ("fit is not seeded", '        self._seed_torch("fit")\n', ""),
        ("phases are not seeded", "            self._seed_torch(name)\n", ""),
        ("strict keeps the view of cold", "if self.rules.strict:", "if False:"),
        ("the view is never strict", "known, self.device, self.rules.strict)", "known, self.device)"),
        (
            "what embed gives is dropped",
            "backbone.place(self.cold, method.embed(backbone, self.view.items(self.cold)))",
            "method.embed(backbone, self.view.items(self.cold))",
        ),
        ("what warm gives is dropped", "if replaced is not None:", "if False:"),
        ("the test is scored with batch statistics", "        backbone.eval()\n", "        backbone.train()\n"),
        ("NaN is a score", "        if wrong:\n", "        if False:\n"),
        (
            "users and items swapped in the metrics",
            "data.user[rows], data.item[rows])",
            "data.item[rows], data.user[rows])",
        ),
    ),
    *_group(
        "coldbench/protocol/phases.py",
        f"{MATCHED}[1]",
        (
            "no phase is limited",
            "self.rules.limit(len(starts(len(rows), settings.batch_size)))",
            "None",
        ),
    ),
    *_group(
        "coldbench/protocol/stages.py",
        "test_warm_up.py",
        ("methods are not seeded", '        torch.manual_seed(derive(*self.recipe.seed, "method"))\n', ""),
        ("what is pretrained along is lost", "getattr(method, name).load_state_dict(part)", "pass"),
        ("cold hides what fit cost", "if outcome.phase == COLD else outcome", "if False else outcome"),
    ),
    *_group(
        "coldbench/protocol/stages.py",
        "test_conformance.py::test_methods_are_paired_and_seeds_are_not",
        ("every seed is the same", "return seed, dataset, backbone", "return dataset, backbone"),
    ),
    *_group(
        "coldbench/protocol/stages.py",
        "test_conformance.py::test_a_registered_plugin_holds_what_it_must[mwuf-what&fit&learns&can&be&written&down] "
        "test_conformance.py::test_a_registered_plugin_holds_what_it_must[cvar-what&fit&learns&can&be&written&down]",
        ("fit's batch statistics are lost", "state | _arrays(buffers)", "state"),
        ("what fit learned is lost", "restore(method, own, self.recipe.device)", "pass"),
        ("tensors that fit left are lost", "if name not in own:", "if False:"),
    ),
    *_group(
        "coldbench/protocol/stages.py",
        "test_protocols.py::test_tuning_never_sees_a_row_of_the_new_items",
        ("tuning is on the new items", "if self.validation:", "if False:"),
    ),
    *_group(
        "coldbench/protocol/shots.py",
        "test_split.py test_splits.py::test_frequency_equals_a_count_by_hand",
        (
            "phases are not cut in time",
            "np.lexsort((dataset.time[rows], dataset.item[rows]))",
            "np.argsort(dataset.item[rows], kind='stable')",
        ),
        ("a phase has one row too many per item", 'rank, side="right")', 'rank, side="left")'),
        ("the test begins at the last evaluation point", "rows[rank >= 3 * k]", "rows[part == len(warm)]"),
    ),
    *_group(
        "coldbench/protocol/release.py",
        "test_splits.py",
        ("base ends after the moment", "early = dataset.time < moment", "early = dataset.time <= moment"),
        ("a new item needs no test row", "(counts > 3 * dataset.k)", "(counts >= 3 * dataset.k)"),
        ("validation uses rows after the moment", "else dataset.time < until", "else dataset.time < until + 10**9"),
        ("validation counts rows after the moment", "known=np.flatnonzero(dataset.time < moment), ", ""),
        ("validation takes batches of the test's size", ", batch_scale=scale)", ")"),
        ("dates are in seconds in every log", "timestamp() * _unit(high)", "timestamp()"),
    ),
    *_group(
        "coldbench/runs/cell.py",
        "test_splits.py::test_evaluation_points_share_pretraining_and_fit_and_splits_do_not",
        ("all evaluation points have one key", "protocol, self.shots, method", "protocol, method"),
        ("all splits share their backbones", "knowledge, split, self.validation]", "knowledge, self.validation]"),
    ),
    *_group(
        "coldbench/protocol/split.py",
        "test_protocols.py::test_a_budget_buys_the_same_steps_in_validation_as_in_the_test",
        ("a search takes fewer steps", "batch_scale=len(pseudo) / len(split.new_items)", "batch_scale=1.0"),
    ),
    *_group(
        "coldbench/protocol/split.py",
        "test_split.py test_protocols.py::test_pseudo_cold_items_are_old_ones_cut_like_new_ones",
        ("N interactions make an item old", "old = counts > n", "old = counts >= n"),
        ("3 K interactions are too few", "new = (counts >= 3 * k)", "new = (counts > 3 * k)"),
        (
            "pseudo-cold items keep all their rows",
            "rows, rank = rows[rank < dataset.n], rank[rank < dataset.n]",
            "pass",
        ),
        ("pseudo-cold items stay in base", "base = split.base[~new[dataset.item[split.base]]]", "base = split.base"),
        ("validation counts hidden rows", "known=np.sort(np.concatenate([base, rows]))", "known=slice(None)"),
        ("every seed draws the same pseudo-cold items", 'derive(*seed, "pseudo-cold")', 'derive("pseudo-cold")'),
    ),
    *_group(
        "coldbench/model/view.py",
        "test_protocols.py test_warm_up.py::"
        "test_what_a_method_may_know_grows_with_the_phases_under_strict_and_is_whole_under_paper",
        ("counts see every row", "np.bincount(dataset.item[seen], minlength", "np.bincount(dataset.item, minlength"),
        ("strict knows every word", "known = _met(ids[rows].ravel(), int(ids.max()) + 1)", "return ids"),
        (
            "times are scaled by every row",
            "dataset.time[seen].min(), dataset.time[seen].max()",
            "dataset.time.min(), dataset.time.max()",
        ),
    ),
]

RUN = [
    *_group(
        "coldbench/runs/cell.py",
        f"{KEYS} test_keys.py::test_other_data_and_another_backbone_are_in_every_key "
        "test_keys.py::test_a_methods_field_is_in_the_keys_of_the_stages_that_read_it "
        "test_keys.py::test_a_protocol_is_in_the_keys_of_the_stages_that_it_changes "
        "test_keys.py::test_a_method_that_is_pretrained_along_has_a_backbone_of_its_own_by_its_code_alone "
        "test_keys.py::test_versions_of_torch_and_numpy_are_in_the_key",
        ("the seed is in no key", "self.fingerprint, self.seed, protocol", "self.fingerprint, protocol"),
        ("the data are in no key", "parts, self.fingerprint, self.seed", "parts, self.seed"),
        (
            "the device is in no key",
            "as_dict(self.settings), self.device, libraries]",
            "as_dict(self.settings), libraries]",
        ),
        ("the settings are in no key", "as_dict(self.settings), self.device", "self.device"),
        (
            "validation is in no key",
            "[self.protocol.config.knowledge, split, self.validation]",
            "[self.protocol.config.knowledge, split]",
        ),
        (
            "what a protocol knows is in no shared key",
            "[self.protocol.config.knowledge, split, self.validation]",
            "[split, self.validation]",
        ),
        ("the protocol is in no key", "self._shared, protocol, self.shots, method", "self._shared, self.shots, method"),
        ("a backbone's fields are in no key", "(spec.name, identity(spec.config))", "(spec.name,)"),
        ("numpy's version is in no key", '_LIBRARIES = ("torch", "numpy")', '_LIBRARIES = ("torch",)'),
        (
            "a method's fields are not in its cell's key",
            "method = [self.method.name, as_dict(self.method.config)]",
            "method = [self.method.name]",
        ),
        (
            "cells that differ after fit alone fit apart",
            'before_warm(self.method.config)]\n        return digest(["fitted"',
            'as_dict(self.method.config)]\n        return digest(["fitted"',
        ),
        ("what is pretrained along shares a backbone", " or bool(owner.pretrained)", ""),
        ("the method's code is not in its key", "*([self.method] if with_method else [])", ""),
    ),
    *_group(
        "coldbench/runs/chosen.py",
        "test_tuned.py",
        ("values tuned for one budget serve every budget", '        "protocol": cell.protocol.full,\n', ""),
        ("values tuned with one backbone serve every backbone", '        "backbone": cell.backbone.label,\n', ""),
        ("a cell without tuned values runs as it is", "    if lacking:\n", "    if False:\n"),
    ),
    *_group(
        "coldbench/tuning/samplers.py",
        "test_tuning.py",
        ("each method draws step sizes of its own", 'field.removeprefix(f"{method}.")', "field"),
    ),
    *_group(
        "coldbench/tuning/search.py",
        "test_tuning.py",
        ("a trial is charged with what it fits for others", "time.process_time() - spent", "0.0"),
    ),
    *_group(
        "coldbench/tuning/search.py",
        "test_tuned.py",
        ("a trial waits for the fits of no seed", "{first.fitted_key} if first.fits else set()", "set()"),
        ("backbones of later seeds are made by each trial", "if not cell.changes_pretraining)", "if False)"),
    ),
    *_group(
        "coldbench/runs/cell.py",
        "test_conformance.py::test_methods_are_paired_and_seeds_are_not",
        ("methods share every backbone", "owner.pretrain_loss is not Method.pretrain_loss", "False"),
    ),
    *_group(
        "coldbench/runs/code.py",
        "test_keys.py::test_the_closure_holds_what_computes_and_no_reader_report_or_engine "
        "test_keys.py::test_a_package_of_plugins_counts_with_its_helpers_and_bases "
        "test_keys.py::test_a_method_that_is_pretrained_along_has_a_backbone_of_its_own_by_its_code_alone "
        "test_keys.py::test_a_changed_constant_in_any_module_that_computes_changes_the_digest[coldbench.core.seeds]",
        ("a plugin's own package is not followed", 'near = {_OWN, name.partition(".")[0]}', "near = {_OWN}"),
        ("names passed on pull everything in", "else _origin(module, alias.name)", "else module"),
        ("relative imports are a level off", "for _ in range(node.level - 1):", "for _ in range(node.level):"),
        ("docstrings are in the key", "node.body = node.body[1:] or [ast.Pass()]", "pass"),
        (
            "a plugin file's comments are in the key",
            'name.rpartition("_")[0] if name.startswith(PREFIX) else name',
            "name",
        ),
    ),
    *_group(
        "coldbench/runs/code.py",
        "test_keys.py::test_the_closure_holds_what_computes_and_no_reader_report_or_engine",
        ("imports are not followed", "waiting += _needs(_loader(name), name)", "waiting += ()"),
    ),
    *_group(
        "coldbench/runs/queue.py",
        "test_grid.py",
        ("one try too many", "if self._tries[job] >= TRIES:", "if self._tries[job] > TRIES:"),
        ("every cell fits by itself", "shared[cell.fitted_key] > 1", "shared[cell.fitted_key] > 100"),
        ("a stage is made several times", "if key in self._made or key in self._making:", "if key in self._made:"),
        ("a stage that is there is made again", "if self._folder.has_trained(stage, cell):", "if False:"),
        ("nobody waits for a stage", "return job.needs & self._making", "return frozenset()"),
        ("cells wait for ever for a stage", "            self._making.discard(job.makes)\n", ""),
        ("a lost backbone leaves the cells of its fits", "return lost + [third", "return lost or [third"),
        (
            "what took longest comes last",
            "return max(ready, key=self._expected",
            "return min(ready, key=self._expected",
        ),
        (
            "what nobody has timed comes last",
            "self._seconds.get(job.similar, math.inf)",
            "self._seconds.get(job.similar, 0.0)",
        ),
        ("a time on another backbone tells nothing", "self._seconds.get(job.similar, math.inf)", "math.inf"),
        ("a queue is finished while jobs run", "return not self.running and (", "return ("),
        ("a stopped queue hands out jobs", "        if self.stopped:\n            return None\n", ""),
        (
            "a job whose worker died is lost",
            "        self._pending.append(job)\n        return True",
            "        return True",
        ),
    ),
]

STATISTICS = [
    *_group(
        "coldbench/significance/paired.py",
        "test_significance.py",
        (
            "an interval by the normal distribution, not by t",
            "stats.t.ppf(1 - alpha / 2, len(values) - 1)",
            "stats.norm.ppf(1 - alpha / 2)",
        ),
        ("a deviation of the sample, not of the population", "values.std(ddof=1)", "values.std()"),
        ("two pairs make a test", "FEWEST = 3 ", "FEWEST = 2 "),
        ("differences without variance make a test", "np.ptp(differences) <= 8", "np.ptp(differences) < -8"),
        ("Wilcoxon counts zero differences", "moved = differences[differences != 0]", "moved = differences"),
        ("Wilcoxon's need without the correction", "alpha / comparisons:", "alpha:"),
    ),
    *_group(
        "coldbench/significance/corrections.py",
        "test_significance.py::test_holm_and_benjamini_hochberg",
        ("Holm does not step down", "np.maximum.accumulate(steps)", "steps"),
        ("Holm as Bonferroni", "(len(order) - np.arange(len(order)))", "len(order)"),
        ("Benjamini and Yekutieli", 'method="bh"', 'method="by"'),
    ),
    *_group(
        "coldbench/significance/correlated.py",
        "test_significance.py",
        ("DeLong's variance of the sample", "change[positive].var(ddof=1)", "change[positive].var()"),
        ("DeLong without the rows of one class", " + change[~positive].var(ddof=1) / other", ""),
        ("DeLong's ties count whole", "np.cumsum(down) - down / 2", "np.cumsum(down) - down"),
        ("DeLong's p-value is one-sided", "2 * stats.norm.sf(", "stats.norm.sf("),
    ),
    *_group(
        "coldbench/significance/items.py",
        "test_significance.py",
        ("rows of an item are never drawn again", "            if within:\n", "            if False:\n"),
        ("the bootstrap's ties count whole", "dtype=np.int64).sum() / 2", "dtype=np.int64).sum()"),
        ("each item is drawn once", "random.integers(len(first), size=len(first))", "np.arange(len(first))"),
    ),
    *_group(
        "coldbench/significance/ranking.py",
        "test_significance.py",
        (
            "Friedman's ranks upside down",
            "stats.rankdata(-values if higher_is_better else values",
            "stats.rankdata(values",
        ),
        ("Nemenyi's difference is too wide", "/ (12 * blocks))", "/ (6 * blocks))"),
        ("permutations of both tails", 'alternative="greater"', 'alternative="two-sided"'),
    ),
    *_group(
        "coldbench/protocol/metrics.py",
        "test_metrics.py",
        (
            "AUC off by half a rank",
            "[positive].sum() - clicked * (clicked + 1) / 2)",
            "[positive].sum() - clicked * clicked / 2)",
        ),
        ("log loss with labels swapped", "- labels * logits", "- (1 - labels) * logits"),
        ("GAUC weighs every user alike", "np.average(areas, weights=sizes[both])", "np.average(areas)"),
        ("GAUC's ties count whole", "((starts + ends + 1) / 2)[run]", "(starts + 1)[run]"),
        ("calibration over bins of any rows", 'np.argsort(logits, kind="stable")', "np.arange(len(logits))"),
        (
            "calibration errors cancel out",
            "sum(abs(label.mean() - chance.mean())",
            "sum((label.mean() - chance.mean())",
        ),
    ),
]

MUTATIONS = [*LOSSES, *OPTIMISER, *TURNS, *PROTOCOL, *RUN, *STATISTICS]


def main() -> None:
    """Tries the mutations and prints whether a test noticed."""
    words = sys.argv[1:]
    chosen = [each for each in MUTATIONS if not words or any(word in each.name for word in words)]
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in SLOW_TO_IMPORT:
        importlib.import_module(name)
    tests = sorted({test for each in chosen for test in each.tests})
    with multiprocessing.get_context("fork").Pool(maxtasksperchild=1) as pool:
        print("the tests on the code as it is", flush=True)
        broken = [test for test, code in zip(tests, pool.map(tried, tests, 1), strict=True) if code != 0]
        if broken:
            sys.exit(f"they do not pass; mend them first: {', '.join(broken)}")
        verdicts = pool.map(judged, chosen, 1)
    noticed = verdicts.count("noticed")
    print(f"{noticed} of {len(chosen)} mutations noticed")
    sys.exit(noticed < len(chosen))


def judged(mutation: Mutation) -> str:
    """``noticed``, ``SURVIVED``, or ``BROKEN`` where the tests could not be run."""
    verdict = {0: "SURVIVED", 1: "noticed"}.get(tried(*mutation.tests, mutation=mutation), "BROKEN")
    print(f"{verdict:8}  {mutation.name}", flush=True)
    return verdict


def tried(*tests: str, mutation: Mutation | None = None) -> int:
    """Pytest's exit code on a copy of the code, in a process that does nothing else; 1 where the tests do not end."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    import pytest

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS)
    with copied() as folder, Path(os.devnull).open("w") as nowhere:
        if mutation is not None:
            path = folder / placed(mutation.file)
            path.write_text(mutated(mutation, path.read_text()))
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        os.environ["PYTHONPATH"] = str(folder)  # of processes that tests start
        names = [test.replace("&", " ") for test in tests]
        try:
            with redirect_stdout(nowhere), redirect_stderr(nowhere):
                return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *names]))
        except TimeoutError:
            return 1
        finally:
            signal.alarm(0)
            os.chdir(ROOT)


def mutated(mutation: Mutation, text: str) -> str:
    """A file's text with the mutation in it.

    Raises:
        ValueError: What it replaces is not there once.
    """
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.name}: {mutation.file} has {mutation.old!r} {text.count(mutation.old)} times")
    return text.replace(mutation.old, mutation.new)


def placed(file: str) -> str:
    """Where a file is in a copy: plugins lie where they are imported from."""
    return file if file.startswith("coldbench/") else f"coldbench/{file}"


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of the code, its tests and the pages that they read, for a while."""
    with tempfile.TemporaryDirectory(prefix="coldbench-mutation-") as scratch:
        copy, without = Path(scratch), shutil.ignore_patterns("__pycache__")
        for folder in ("coldbench", "tests", "docs"):
            shutil.copytree(ROOT / folder, copy / folder, ignore=without)
        for plugins in ("methods", "backbones"):
            shutil.copytree(ROOT / plugins, copy / "coldbench" / plugins, ignore=without)
        yield copy


if __name__ == "__main__":
    main()
