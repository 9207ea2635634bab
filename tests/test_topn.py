"""Top-N: pure functions against their definitions, and a cell's lists against a brute-force loop."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from coldbench.cli import main
from coldbench.commands.verify import compare
from coldbench.conformance.subject import TINY
from coldbench.model.batching import shuffled
from coldbench.protocol import topn
from coldbench.protocol.metrics import METRICS
from coldbench.protocol.ranking import gini, ndcg, recall, top
from coldbench.protocol.topn import TopN, TopNSettings
from coldbench.report.analysis.contents import contents
from coldbench.report.analysis.findings import find
from coldbench.report.analysis.measured import measure
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.writers.files import files
from coldbench.runs import runfile
from coldbench.runs.folder import Folder
from coldbench.runs.options import Options, read_options
from coldbench.runs.plan import make_plan

HOW = TopNSettings(users=40, k=7)


def test_a_list_holds_the_highest_scores_with_ties_in_the_order_of_items():
    random = np.random.default_rng(0)
    for _ in range(50):
        scores = random.integers(0, 6, 30).astype(np.float32)
        scores[random.random(30) < 0.3] = -np.inf
        order = sorted((-score, item) for item, score in enumerate(scores) if score > -math.inf)
        for k in (1, 5, 40):
            assert top(scores, k).tolist() == [item for _, item in order][:k]


def test_recall_and_ndcg_on_an_example():
    listed, relevant = np.array([4, 9, 2, 7]), np.array([2, 4, 5])
    assert recall(listed, relevant) == pytest.approx(2 / 3)
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert ndcg(listed, relevant, 4) == pytest.approx((1 + 1 / math.log2(4)) / ideal)
    assert ndcg(np.array([5, 4]), np.array([3, 4, 5]), 2) == 1  # more are relevant than fit into the list
    assert ndcg(np.array([5]), np.array([5, 6]), 20) == pytest.approx(1 / (1 + 1 / math.log2(3)))  # a short list
    assert math.isnan(recall(listed, np.array([])))
    assert math.isnan(ndcg(listed, np.array([]), 4))


def test_gini_is_half_the_relative_mean_difference():
    counts = np.random.default_rng(0).integers(0, 9, 50)
    expected = np.abs(counts[:, None] - counts).mean() / (2 * counts.mean())
    assert gini(counts) == pytest.approx(expected)
    assert gini(np.full(4, 3)) == 0
    assert gini(np.array([0, 0, 0, 8])) == 0.75
    assert math.isnan(gini(np.zeros(3)))


def brute_force(stages, backbone, method, how):
    """Every user with every item, one pair at a time, and Python's own sorting."""
    data, split, warm_up = stages.dataset, stages.split, stages.protocol
    lists = TopN(how, data, split, *warm_up.seed)
    backbone.eval(), method.eval()
    values, places = {"recall": [], "ndcg": [], "cold_recall": [], "cold_ndcg": []}, []
    new = set(split.new_items.tolist())
    catalogue = sorted({*split.old_items.tolist(), *new})
    for row in lists.rows:
        user = data.user[row]
        mine = [one for one in split.test if data.user[one] == user]
        assert row == min(mine, key=lambda one: (data.time[one], split.test.tolist().index(one)))
        before = np.concatenate([split.base, *split.warm.values()])
        known = {data.item[one] for one in before if data.user[one] == user and data.click[one]}
        relevant = {data.item[one] for one in mine if data.click[one]} - known
        batch = next(shuffled(warm_up.view, warm_up.view.interactions(data, np.array([row])), 1, None))[0]
        scored = []
        for item in catalogue:
            log = batch.log._replace(item=torch.tensor([item], dtype=batch.item.dtype))
            pair = dataclasses.replace(batch, log=log)
            with torch.no_grad():
                logit = method.logits(backbone, pair, backbone.item_table.weight[[item]])
            scored += [(-float(logit), item)] if item not in known else []
        for name, among in (("", catalogue), ("cold_", new)):
            best = [item for _, item in sorted(scored) if item in among][: how.k]
            places += best if not name else []
            if relevant:
                values[f"{name}recall"].append(len(relevant & set(best)) / len(relevant))
                gain = sum(1 / math.log2(2 + place) for place, item in enumerate(best) if item in relevant)
                ideal = sum(1 / math.log2(2 + place) for place in range(min(how.k, len(relevant))))
                values[f"{name}ndcg"].append(gain / ideal)
    counts = np.array([places.count(item) for item in catalogue])
    return {name: np.mean(each) for name, each in values.items()} | {
        "cold_share": sum(place in new for place in places) / len(places),
        "cold_coverage": len(set(places) & new) / len(new),
        "gini": np.abs(counts[:, None] - counts).mean() / (2 * counts.mean()),
    }


@pytest.mark.parametrize("blocks", [(65_536, 2**22), (100, 200)])
def test_a_cells_lists_equal_brute_force(make_cell, dataset, monkeypatch, blocks):
    how = TopNSettings(users=15, k=7)
    monkeypatch.setattr(topn, "_PAIRS", blocks[0])
    monkeypatch.setattr(topn, "_SCORES", blocks[1])
    stages = make_cell("deepfm").on(dataset)
    backbone, method = stages._pretrained(stages.pretrain())
    got = TopN(how, dataset, stages.split, *stages.protocol.seed).measure(stages.protocol.view, backbone, method)
    expected = brute_force(stages, backbone, method, how)
    assert set(got) == {name for name, metric in METRICS.items() if metric.asked == "topn"}
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, abs=1e-12), name


def test_test_labels_decide_only_what_is_relevant(make_cell, dataset):
    """Poisoned test labels reach no score, so that what is exposed stays the same."""
    poisoned = dataclasses.replace(dataset, click=dataset.click.copy())
    cell = dataclasses.replace(make_cell(method="cvar"), topn=HOW)
    test = cell.on(dataset).split.test
    poisoned.click[test] = 1 - poisoned.click[test]
    plain, other = ([outcome.metrics for outcome in cell.on(data).run()] for data in (dataset, poisoned))
    for ours, theirs in zip(plain, other, strict=True):
        for name in ("cold_share", "cold_coverage", "gini"):
            assert ours[name] == theirs[name]
    assert plain != other


def test_measuring_changes_no_other_result(make_cell, dataset):
    cell = make_cell("deepfm", "meta_e")
    plain, measured = cell.on(dataset).run(), dataclasses.replace(cell, topn=HOW).on(dataset).run()
    for ours, theirs in zip(plain, measured, strict=True):
        assert ours.logits.tobytes() == theirs.logits.tobytes()
        assert ours.embeddings.tobytes() == theirs.embeddings.tobytes()
        assert ours.metrics.items() < theirs.metrics.items()


def test_users_are_a_seeded_sample(dataset, split):
    rows = [TopN(HOW, dataset, split, seed).rows for seed in (0, 0, 1)]
    assert np.array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[0], rows[2])
    every = TopN(TopNSettings(users=10**6), dataset, split, 0).rows
    assert np.array_equal(dataset.user[every], np.unique(dataset.user[split.test]))


def test_a_record_serves_cells_that_ask_for_less(make_cell, save_cell, tmp_path):
    """The key leaves top-N out: what lacks it is computed again, what has it need not be."""
    folder = Folder(tmp_path)
    folder.prepare()
    plain = make_cell()
    asking = dataclasses.replace(plain, topn=HOW)
    assert plain.key == asking.key
    save_cell(folder, plain)
    assert folder.record(asking) is None
    record = save_cell(folder, asking)
    assert record["config"]["topn"] == {"users": 40, "k": 7}
    assert folder.record(plain) == record
    assert folder.record(dataclasses.replace(asking, topn=TopNSettings(k=3))) is None
    again = Folder(tmp_path / "again")
    again.prepare()
    save_cell(again, asking)
    assert not compare(tmp_path, record, tmp_path / "again", asking, "").differences
    record["phases"][0]["recall"] = 2.0
    assert "recall 2 then" in compare(tmp_path, record, tmp_path / "again", asking, "").differences[0]


def report(path, **question):
    findings = find(measure(path, ReportOptions(**question)))
    return files(findings, contents(findings))["report.md"]


def test_a_report_shows_top_n_where_records_hold_it(make_cell, save_cell, tmp_path):
    folder = Folder(tmp_path)
    folder.prepare()
    save_cell(folder, dataclasses.replace(make_cell(seed=0), topn=TopNSettings(users=9, k=3)))
    for method in ("base", "dropoutnet"):
        for seed in (1, 2):
            save_cell(folder, dataclasses.replace(make_cell(method=method, seed=seed), topn=HOW))
    text = report(tmp_path)
    assert "## Top-N" in text
    assert "40 users and lists of 7" in text
    assert "Top-N counts for 40 users and lists of 7; 1 cell measured it otherwise." in text
    assert "recall of the method minus" in report(tmp_path, metric="recall")


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["run", "--metrics", "topm"], "unknown metric to ask for 'topm'; did you mean 'topn'?"),
        (["run", "--metrics", "topn[k=0]"], "topn.k is '0'"),
        (["run", "--metrics", "topn[size=3]"], "unknown field of topn 'size'"),
        (["run", "--metrics", "topn,topn[k=5]"], "asks for topn in 2 ways"),
        (["tune", "--metrics", "topn"], "--metrics is of coldbench run"),
    ],
)
def test_what_metrics_cannot_mean_is_one_line(flags, text):
    result = CliRunner().invoke(main, [*flags, "--dry-run"])
    assert result.exit_code == 2
    assert text in result.output
    assert result.output.count("\n") == 1


def test_a_metric_that_was_not_asked_for_is_one_line(saved_run):
    result = CliRunner().invoke(main, ["report", str(saved_run.path), "--metric", "ndcg"])
    assert result.exit_code == 2
    assert "run it again with --metrics topn" in result.output


def test_a_run_toml_repeats_top_n(tmp_path):
    sizes = tuple(f"synthetic.{name}={value}" for name, value in TINY.items())
    plan = make_plan(Options(methods=("base",), backbones=("fm",), set=sizes, metrics=("topn[k=5]",)))
    runfile.keep(plan, tmp_path)
    again = make_plan(read_options({}, tmp_path / "run.toml"))
    assert [cell.topn for cell in again.cells] == [TopNSettings(users=1000, k=5)] * 3
    assert make_plan(Options(set=sizes)).cells[0].topn is None
