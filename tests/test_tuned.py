"""The values that a search chose: where they are written, and which cell takes which."""

from __future__ import annotations

import dataclasses
import tomllib
from collections import Counter

import pytest

from coldbench.core.errors import InputError
from coldbench.core.space import LogUniform
from coldbench.plugins.kinds import METHODS
from coldbench.plugins.registry import Registry
from coldbench.protocol.stages import Stages
from coldbench.report.analysis.chosen import chosen, short_names
from coldbench.report.analysis.names import baseline
from coldbench.run import runfile
from coldbench.run.folder import Folder
from coldbench.run.jobs import Workshop
from coldbench.run.options import read_options
from coldbench.run.plan import make_plan
from coldbench.tune.best import write_best
from coldbench.tune.samplers import proposals
from coldbench.tune.search import Search, TrialJob
from coldbench.tune.studies import Study, TuneOptions, studies
from coldbench.tune.trials import Trial, Trials

SMALL = tuple(f"synthetic.{size}" for size in ("users=150", "items=120", "interactions=6000", "n=60", "k=5"))
FLAGS = {"methods": "base,cvar", "backbones": "fm", "protocol": "matched", "budget": "1,10", "set": SMALL, "seeds": "1"}


def searched(**flags):
    """The studies of a search with one trial each, and the values of that trial: item_lr 0.01, 0.02, ..."""
    _, asked = studies(read_options(FLAGS | flags, None), TuneOptions(fields="item_lr"))
    results = []
    for number, study in enumerate(asked, 1):
        (target,) = study.space
        values = study.full({target: number / 100})
        results.append((study, [Trial(study.name, 0, values, [0.5, 0.6], "finished", 1.0)]))
    return results


def rates(path, **flags):
    cells = make_plan(read_options({"seeds": "1"} | flags, path)).cells
    return {(cell.protocol.config.budget, cell.method.name): cell.method.config.item_lr for cell in cells}


def test_each_cell_takes_the_values_of_its_own_budget_and_run_toml_repeats_them(tmp_path):
    path = write_best(tmp_path, searched(), 1)
    assert rates(path) == {(1, "base"): 0.01, (1, "cvar"): 0.02, (10, "base"): 0.03, (10, "cvar"): 0.04}
    assert rates(path, methods="cvar", protocol="matched", budget="10") == {(10, "cvar"): 0.04}
    plan = make_plan(read_options({"seeds": "2"}, path))
    runfile.keep(plan, tmp_path)
    again = make_plan(read_options({}, tmp_path / "run.toml"))
    assert [cell.key for cell in again.cells] == [cell.key for cell in plan.cells]
    assert [cell.describe() for cell in again.cells] == [cell.describe() for cell in plan.cells]
    before = tomllib.loads((tmp_path / "run.toml").read_text())
    runfile.keep(again, tmp_path)  # the same run: its file is not put aside
    assert tomllib.loads((tmp_path / "run.toml").read_text()) == before
    assert [file.name for file in tmp_path.glob("run-*.toml")] == []


def test_a_table_without_its_backbone_serves_every_backbone(tmp_path):
    path = write_best(tmp_path, searched(budget="1"), 1)
    with pytest.raises(InputError, match=r"no values were tuned for .* / opnn / base / matched.budget=1. and 1 more"):
        make_plan(read_options({"seeds": "1", "backbones": "fm,opnn"}, path))
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith("backbone = ")))
    cells = make_plan(read_options({"seeds": "1", "backbones": "fm,opnn"}, path)).cells
    found = {(cell.backbone.name, cell.method.name): cell.method.config.item_lr for cell in cells}
    assert found == {(backbone, m): rate for backbone in ("fm", "opnn") for m, rate in (("base", 0.01), ("cvar", 0.02))}


def test_a_backbones_values_are_those_found_with_the_method(tmp_path):
    _, asked = studies(read_options(FLAGS | {"budget": "1"}, None), TuneOptions(fields="dim"))
    results = [
        (study, [Trial(study.name, 0, study.full({"fm.dim": 8 * number}), [0.6], "finished", 1.0)])
        for number, study in enumerate(
            (dataclasses.replace(each, space={"fm.dim": LogUniform(8, 64)}) for each in asked), 1
        )
    ]
    cells = make_plan(read_options({"seeds": "1"}, write_best(tmp_path, results, 1))).cells
    assert {cell.method.name: cell.backbone.config.dim for cell in cells} == {"base": 8, "cvar": 16}
    records = short_names([record_of(cell) for cell in cells])
    assert {record["labels"]["backbone"] for record in records} == {"fm"}  # one block of a table
    assert [row[-1].text for row in chosen(records).rows] == ["fm.dim 8", "the defaults"]


TABLE = "[[tuned]]\nmethods = {{base = {values}, cvar = ''}}\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("tuned = 'by search'", "is a text, as an older coldbench wrote it; delete the line"),
        ("tuned = 3", "should hold a table methods with the values of each method"),
        ("[[tuned]]\nhow = 'x'", "should hold a table methods"),
        ("[[tuned]]\nmethods = {base = 3}", "it should be a text per method, such as 'item_lr=0.01'"),
        ("[[tuned]]\nmethods = ['base']", "it should be a text per method"),
        (
            TABLE.format(values="''") + "budget = '1'",
            "'budget'; known: backbone, dataset, how, methods, protocol",
        ),
        (TABLE.format(values="''") + "backbone = 3", "backbone of a table [[tuned]] in"),
        (TABLE.format(values="'item_lr'"), "'item_lr' in the table [[tuned]] of base should be FIELD=VALUE"),
        (TABLE.format(values="'item_rl=1'"), "unknown field of base 'item_rl'; did you mean 'item_lr'?"),
        (TABLE.format(values="'item_lr=-1'"), "base.item_lr is '-1'"),
        (TABLE.format(values="'cvar.alpha=1'"), "unknown name 'cvar'; known: base, fm"),
        (2 * TABLE.format(values="''"), "2 tables [[tuned]] hold values for"),
    ],
)
def test_a_wrong_table_is_one_line(content, message, tmp_path):
    path = tmp_path / "best.toml"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        make_plan(read_options(FLAGS, path))
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_study_that_no_trial_finished_is_missing_and_run_says_so(tmp_path):
    results = searched()
    study, (trial,) = results[-1]
    results[-1] = (study, [dataclasses.replace(trial, state="stopped")])
    path = write_best(tmp_path, results, 1)
    with pytest.raises(InputError, match=r"no values were tuned for .* / cvar / matched.budget=10."):
        make_plan(read_options({}, path))
    assert len(make_plan(read_options({"methods": "base"}, path)).cells) == 2 * 3
    with pytest.raises(
        InputError, match=r"no values were tuned for .* / base / matched.budget=1. / shots 0, 1, 2 and 1"
    ):
        make_plan(read_options({"methods": "base", "shots": "0,1,2"}, path))


def record_of(cell):
    return {**cell.describe(), "dataset_label": "data"}


def test_a_tuned_method_is_one_row_over_budgets_and_the_report_lists_its_values(tmp_path):
    cells = make_plan(read_options({"seeds": "1"}, write_best(tmp_path, searched(), 1))).cells
    plain = make_plan(read_options(FLAGS | {"methods": "base"}, None)).cells
    records = short_names([record_of(cell) for cell in (*cells, *plain)])
    methods = [record["labels"]["method"] for record in records]
    assert methods == ["base[tuned]", "cvar[tuned]", "base[tuned]", "cvar[tuned]", "base", "base"]
    assert baseline(methods) == "base[tuned]"
    table = chosen(records)
    assert [[cell.text for cell in row[1:]] for row in table.rows] == [
        ["matched[budget=1]", "fm", "base[tuned]", "item_lr 0.01"],
        ["matched[budget=1]", "fm", "cvar[tuned]", "item_lr 0.02"],
        ["matched[budget=10]", "fm", "base[tuned]", "item_lr 0.03"],
        ["matched[budget=10]", "fm", "cvar[tuned]", "item_lr 0.04"],
    ]
    assert len(table.lines) == 2  # how each budget was tuned
    assert chosen(short_names([record_of(cell) for cell in plain])) is None


def test_tuned_defaults_are_a_cell_of_their_own_with_the_same_result(tmp_path):
    results = searched(budget="1", methods="base")
    study, (trial,) = results[0]
    results[0] = (study, [dataclasses.replace(trial, values=study.full({}))])
    (tuned,) = make_plan(read_options({"seeds": "1"}, write_best(tmp_path, results, 1))).cells
    (plain,) = make_plan(read_options(FLAGS | {"budget": "1", "methods": "base"}, None)).cells
    assert tuned.recipe == plain.recipe
    assert tuned.pretrained_key == plain.pretrained_key
    assert tuned.key != plain.key
    assert short_names([record_of(tuned)])[0]["labels"]["method"] == "base[tuned]"


def test_a_trial_that_leaves_fit_alone_makes_no_stage_again(dataset, make_cell, tmp_path, monkeypatch):
    made = Counter()
    for stage in ("pretrain", "fit"):
        original = getattr(Stages, stage)

        def counted(self, *arguments, stage=stage, original=original):
            made[stage] += 1
            return original(self, *arguments)

        monkeypatch.setattr(Stages, stage, counted)
    folder = Folder(tmp_path)
    folder.prepare()
    cells = tuple(dataclasses.replace(make_cell(method="cvar", seed=seed), validation=True) for seed in range(2))
    study = Study(cells, {"cvar.item_lr": LogUniform(1e-3, 1e-1), "cvar.alpha": LogUniform(1e-2, 1e2)}, "mean-auc")
    shop = Workshop({cells[0].dataset.label: dataset}, folder)

    def scores(**values):
        trial = study.at({f"cvar.{field}": value for field, value in values.items()})
        return [report["score"] for report in TrialJob(trial, study.name, study.metric).run(shop)]

    first = scores(item_lr=1e-3)
    assert made == {"pretrain": 2, "fit": 2}
    others = [scores(item_lr=3e-2), scores(item_epochs=3), scores(adapt_epochs=1), scores(adapt=False)]
    assert made == {"pretrain": 2, "fit": 2}
    assert all(other[-1] != first[-1] for other in others)
    scores(alpha=3.0)
    assert made == {"pretrain": 2, "fit": 4}


def test_a_trial_waits_for_its_first_seeds_stages_and_for_backbones_that_all_share(make_cell):
    def needs(method):
        cells = tuple(dataclasses.replace(make_cell(method=method, seed=seed), validation=True) for seed in range(3))
        return TrialJob(cells).needs, cells

    found, cells = needs("cvar")
    assert found == {*(cell.pretrained_key for cell in cells), cells[0].fitted_key}
    found, cells = needs("dropoutnet")  # its backbones are its own: a trial that is stopped early makes one of three
    assert found == {cells[0].pretrained_key}


def test_budgets_draw_the_same_values_and_every_method_gets_as_many_trials(tmp_path):
    registry = Registry()
    for name in registry.names(METHODS):
        owner = registry.get(METHODS, name)
        assert {"item_lr", "item_epochs"} <= set(owner.space)
        assert ("learning_rate" in owner.space) == hasattr(owner.Config(), "learning_rate")
        defaults = {field: getattr(owner.Config(), field) for field in owner.space}
        made, samples = proposals("random", owner.space, 16, defaults, "data", "fm", name, "random")
        assert samples == 16
        assert len({str(made.ask()) for _ in range(16)}) == 16
    _, asked = studies(read_options(FLAGS, None), TuneOptions())
    one, ten = (next(s for s in asked if s.cells[0].protocol.config.budget == budget) for budget in (1, 10))
    assert [cell.pretrained_key for cell in one.cells] == [cell.pretrained_key for cell in ten.cells]
    assert one.key != ten.key
    both = [Search(study, TuneOptions(samples=4), Trials(tmp_path)) for study in (one, ten)]
    draws = [[search.job().values for _ in range(4)] for search in both]
    assert draws[0] == draws[1]
    assert len(set(draws[0])) == 4


def test_a_search_from_best_toml_starts_from_the_values_before_it(tmp_path):
    path = write_best(tmp_path, searched(), 1)
    _, asked = studies(read_options({"seeds": "1", "budget": "3", "protocol": "matched"}, path), TuneOptions())
    assert {(s.cells[0].method.label, s.cells[0].choosing) for s in asked} == {("base", None), ("cvar", None)}
