"""The search for hyper-parameters: where it looks, what it keeps, and what it says was best."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import signal
import subprocess
import sys
import time
import tomllib

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from coldbench.cli import main
from coldbench.core.errors import InputError
from coldbench.core.space import Choice, LogUniform, Uniform, parse
from coldbench.plugins.kinds import METHODS
from coldbench.plugins.registry import Registry
from coldbench.runs.folder import FITTED, PRETRAINED, Folder
from coldbench.runs.jobs import Workshop
from coldbench.runs.options import read_options
from coldbench.runs.plan import make_plan
from coldbench.tuning.best import write_best
from coldbench.tuning.samplers import Listed, proposals
from coldbench.tuning.search import TrialJob
from coldbench.tuning.studies import Study, TuneOptions, studies
from coldbench.tuning.trials import Trial, Trials, best

SPACE = {"a": LogUniform(1e-2, 1e2), "b": Uniform(0.0, 1.0), "c": Choice((1, 3, 10))}
DEFAULTS = {"a": 1.0, "b": 0.5, "c": 3}
SMALL = [f"--set=synthetic.{size}" for size in ("users=150", "items=120", "interactions=6000", "n=60", "k=5")]


@pytest.mark.parametrize("where", [Uniform(-1, 3), LogUniform(1e-3, 1e3), Choice((1, 3, 10))])
def test_a_range_goes_from_end_to_end_and_back(where):
    ends = where.extremes()
    assert where.at(0.0) == ends[0]
    assert where.at(1.0) == ends[-1]
    for share in (0.1, 0.5, 0.8):
        assert where.at(where.share(where.at(share))) == where.at(share)
    assert LogUniform(1e-2, 1e2).at(0.5) == 1.0


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("uniform(0, 2)", Uniform(0, 2)),
        (" loguniform(1e-2,10)", LogUniform(1e-2, 10)),
        ("choice(1, 3)", Choice(("1", "3"))),
    ],
)
def test_ranges_are_read(text, where):
    assert parse(text) == where


@pytest.mark.parametrize(
    "text", ["", "uniform(1)", "uniform(2,1)", "loguniform(0,1)", "choice()", "normal(0,1)", "1,2"]
)
def test_what_is_no_range_is_refused(text):
    with pytest.raises(ValueError, match=r"it should be uniform\(LOW,HIGH\)"):
        parse(text)


@pytest.mark.parametrize("search", ["random", "optuna"])
def test_a_search_begins_with_the_defaults_repeats_and_stays_within_its_ranges(search):
    def asked():
        made, samples = proposals(search, SPACE, 12, DEFAULTS, "seed")
        found = []
        for number in range(samples):
            found.append(made.ask())
            made.tell(found[-1], -abs(np.log(found[-1]["a"])) if number % 3 else None)
        return found

    first = asked()
    assert first == asked()
    assert first[0] == DEFAULTS
    assert len({json.dumps(values) for values in first}) > 8
    for values in first:
        assert 1e-2 <= values["a"] <= 1e2
        assert 0 <= values["b"] <= 1
        assert values["c"] in (1, 3, 10)


def test_methods_draw_the_same_values_of_the_fields_that_they_share():
    """In any order of their fields, and beside fields that others lack; a backbone's field has draws of its own."""

    def drawn(method, *fields):
        space = {field: Uniform(0, 1) for field in fields}
        made, samples = proposals("random", space, 8, dict.fromkeys(fields, 0.5), "data", "fm", method=method)
        return pd.DataFrame([made.ask() for _ in range(samples)])

    base, cvar = drawn("base", "base.item_lr"), drawn("cvar", "cvar.alpha", "cvar.item_lr", "fm.item_lr")
    assert list(base["base.item_lr"]) == list(cvar["cvar.item_lr"])
    assert len(set(base["base.item_lr"])) == 8
    assert not set(cvar["cvar.alpha"][1:]) & set(cvar["cvar.item_lr"])
    assert not set(cvar["fm.item_lr"][1:]) & set(cvar["cvar.item_lr"])


def test_optuna_learns_where_it_is_good_and_random_does_not():
    def late(search):
        made, samples = proposals(search, {"a": LogUniform(1e-3, 1e3)}, 60, {"a": 1e-3}, "seed")
        distances = []
        for _ in range(samples):
            values = made.ask()
            distances.append(abs(np.log10(values["a"]) - 2))
            made.tell(values, -distances[-1])
        return np.median(distances[30:])

    assert late("optuna") < 0.5 * late("random")


def test_a_grid_has_both_ends_of_every_range_and_says_what_it_needs():
    made, samples = proposals("grid", SPACE, 30, DEFAULTS)
    points = [made.ask() for _ in range(samples)]
    assert samples == 3 * 3**2
    assert {point["a"] for point in points} == {1e-2, 1.0, 1e2}
    assert {point["c"] for point in points} == {1, 3, 10}
    with pytest.raises(InputError, match="at least 12 points; --samples 11 is fewer"):
        proposals("grid", SPACE, 11, DEFAULTS)


def test_what_is_known_is_not_asked_for_again():
    made, samples = proposals("random", SPACE, 6, DEFAULTS, "seed")
    points = [made.ask() for _ in range(samples)]
    again, _ = proposals("random", SPACE, 6, DEFAULTS, "seed")
    for values in points[1:4]:
        again.know(json.loads(json.dumps(values)), 0.5)
    assert [again.ask() for _ in range(3)] == [points[0], *points[4:]]
    assert isinstance(made, Listed)


def study(make_cell, dataset, space=None, seeds=1):
    cells = tuple(dataclasses.replace(make_cell(method="cvar", seed=seed), validation=True) for seed in range(seeds))
    return Study(cells, space or {"cvar.alpha": LogUniform(1e-2, 1e2), "fm.dim": Choice((8, 16, 32))}, "mean-auc")


def test_a_trial_is_the_mean_over_warm_phases_and_seeds_of_validation_cells(dataset, make_cell, tmp_path):
    folder = Folder(tmp_path)
    folder.prepare()
    made = study(make_cell, dataset, seeds=2)
    cells = made.at({"cvar.alpha": 3.0, "fm.dim": 8})
    assert all(cell.validation and cell.method.config.alpha == 3.0 for cell in cells)
    assert all(cell.backbone.config.dim == 8 for cell in cells)
    shop = Workshop({cells[0].dataset.label: dataset}, folder)

    def curve(cells, metric):
        job = TrialJob(cells, "a study", metric, "{}")
        return [(report["phase"], report["score"]) for report in job.run(shop)]

    points = curve(cells, "mean-auc")
    assert [phase for phase, _ in points] == 2 * ["cold", "warm-a", "warm-b", "warm-c"]
    aucs = [outcome.metrics["auc"] for cell in cells for outcome in cell.on(dataset).run()[1:]]
    assert points[-1][1] == pytest.approx(np.mean(aucs))
    assert points[1][1] == pytest.approx(aucs[0])
    assert points[4][1] == pytest.approx(np.mean(aucs[:3]))  # the second seed's cold changes nothing
    assert all(folder.trained(stage, cell) is not None for cell in cells for stage in (PRETRAINED, FITTED))
    losses = curve(cells[:1], "mean-logloss")
    assert losses[-1][1] < 0  # higher is better


def test_a_trials_processor_time_leaves_out_what_it_fits_for_others(dataset, make_cell, tmp_path, monkeypatch):
    folder = Folder(tmp_path)
    folder.prepare()
    cells = study(make_cell, dataset, seeds=2).cells
    shop, clock = Workshop({cells[0].dataset.label: dataset}, folder), itertools.count()
    fitted = shop.fitted

    def slow(*stages):
        for _ in range(1_000):
            next(clock)
        return fitted(*stages)

    monkeypatch.setattr(Workshop, "fitted", lambda shop, *stages: slow(*stages))
    monkeypatch.setattr("coldbench.tuning.search.time.process_time", lambda: float(next(clock)))
    seconds = [report["cpu_seconds"] for report in TrialJob(cells, "a study", "mean-auc", "{}").run(shop)]
    assert seconds == sorted(seconds)
    assert 8 <= seconds[-1] < 1_000


def trial(study, number, score, state="finished", **values):
    return Trial(study.name, number, study.full(values), [0.5, score], state, 1.0)


def test_trials_on_disk_come_back_and_a_broken_one_is_made_again(dataset, make_cell, tmp_path):
    made, trials = study(make_cell, dataset), Trials(tmp_path)
    kept = [trial(made, number, 0.6 + number / 100, **{"cvar.alpha": float(number + 1)}) for number in range(3)]
    for each in kept:
        trials.save(made, each)
    trials.save(made, trial(made, 3, 0.1, "failed", **{"cvar.alpha": 9.0}))
    assert trials.of(made) == kept
    assert best(trials.of(made)) == kept[2]
    first = next(tmp_path.rglob("*.json"))
    first.write_text(first.read_text().replace("0.6", "0.9"))
    assert len(trials.of(made)) == 2
    other = dataclasses.replace(made, metric="mean-logloss")
    assert trials.of(other) == []


def test_stopped_trials_are_never_the_best(dataset, make_cell):
    made = study(make_cell, dataset)
    assert best([trial(made, 0, 0.9, "stopped"), trial(made, 1, 0.6)]).number == 1
    assert best([trial(made, 0, 0.9, "stopped")]) is None


def test_the_best_values_are_a_file_that_run_takes(dataset, make_cell, tmp_path):
    made = study(make_cell, dataset, {"cvar.alpha": LogUniform(1e-2, 1e2)})
    plain = dataclasses.replace(study(make_cell, dataset), space={})
    plain = dataclasses.replace(
        plain,
        cells=tuple(dataclasses.replace(cell, method=Registry().spec(METHODS, "base", {})) for cell in made.cells),
    )
    members = [(made, [trial(made, 0, 0.6), trial(made, 1, 0.7, **{"cvar.alpha": 7.5})])]
    content = tomllib.loads(write_best(tmp_path, members, 2).read_text())
    (table,) = content["tuned"]
    assert table["methods"] == {"cvar": "alpha=7.5"}
    assert content["methods"] == ["cvar"]
    assert "2 trials per method, 1 seed per trial" in table["how"]
    assert "pseudo-cold" in table["how"]


def test_what_the_search_was_started_with_and_variants_are_in_the_files(tmp_path):
    asked = {"methods": "cvar,cvar[adapt=false]", "backbones": "deepfm,deepfm[dropout=0.3]", "seeds": "1"}
    overrides = (*(s[6:] for s in SMALL), "cvar.repeats=3", "protocol.batch_size=64")
    options = read_options({**asked, "set": overrides}, None)
    _, found = studies(options, TuneOptions(fields="alpha"))
    made = [(each, [trial(each, n, 0.6, **{"cvar.alpha": 2.0 + n})]) for n, each in enumerate(found)]
    cells = make_plan(read_options({"seeds": "1"}, write_best(tmp_path, made, 1))).cells
    tuned = [dataclasses.replace(each.at(trials[0].values)[0], validation=False) for each, trials in made]
    assert [cell.recipe for cell in cells] == [cell.recipe for cell in tuned]
    assert {cell.method.config.alpha for cell in cells} == {2.0, 3.0, 4.0, 5.0}
    assert all(cell.method.config.repeats == 3 for cell in cells)


def test_every_method_is_searched_in_its_own_space_and_fields_narrow_it():
    flags = {"methods": "base,cvar,avaew", "backbones": "fm", "seeds": "2", "set": tuple(s[6:] for s in SMALL)}
    options = read_options(flags, None)
    _, found = studies(options, TuneOptions(fields="alpha,xi", space=("cvar.beta=uniform(0,1)",)))
    spaces = {each.cells[0].method.name: set(each.space) for each in found}
    assert spaces == {"base": set(), "cvar": {"cvar.alpha"}, "avaew": {"avaew.alpha", "avaew.xi"}}
    assert all(len(each.cells) == 2 and all(cell.validation for cell in each.cells) for each in found)
    _, found = studies(options, TuneOptions(space=("cvar.repeats=choice(1,2)", "fm.dim=choice(8,32)")))
    cvar = next(each for each in found if each.cells[0].method.name == "cvar")
    assert cvar.space["cvar.repeats"] == Choice((1, 2))
    assert cvar.space["fm.dim"] == Choice((8, 32))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--search", "annealing"], "unknown search 'annealing'"),
        (["--scheduler", "hyperband"], "unknown scheduler 'hyperband'"),
        (["--metric", "auc"], "unknown metric 'auc'; did you mean 'mean-auc'?"),
        (["--fields", "alfa"], "unknown field in --fields 'alfa'; did you mean 'alpha'?"),
        (["--space", "cvar.alpha"], "should be NAME.FIELD=RANGE"),
        (["--space", "cvar.alpha=uniform(1)"], "it should be uniform(LOW,HIGH)"),
        (["--space", "cvar.alpha=uniform(-2,-1)"], "cvar.alpha is -2.0"),
        (["--space", "mwuf.alpha=uniform(1,2)"], "unknown name in --space"),
        (["--search", "grid", "--samples", "5"], "--samples 5 is fewer"),
        (["--set", "synthetic.n=400"], "2 old items, too few"),
    ],
)
def test_wrong_searches_end_in_one_line(flags, message, tmp_path):
    out = tmp_path / "out"
    done = CliRunner().invoke(
        main, ["tune", *SMALL, "--methods", "cvar", "--backbones", "fm", "--out", str(out), *flags]
    )
    assert done.exit_code == 2, done.output
    assert message in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert not out.exists()


def test_a_search_through_ray_keeps_its_trials_and_goes_on_with_more(tmp_path):
    out = tmp_path / "tune"
    command = ["tune", *SMALL, "--methods", "base,cvar", "--backbones", "fm", "--jobs", "2", "--out", str(out)]
    command += ["--set", "protocol.batch_size=256", "--set", "cvar.repeats=1"]
    first = CliRunner().invoke(main, [*command, "--fields", "alpha", "--samples", "4"])
    assert first.exit_code == 0, first.output
    made = pd.read_parquet(out / "trials.parquet")
    assert made.groupby("method").size().to_dict() == {"base": 1, "cvar[repeats=1]": 4}  # base has no alpha
    assert set(made["state"]) <= {"finished", "stopped"}
    plain = made[(made["method"] != "base") & (made["cvar.alpha"] == 1.0)]
    assert len(plain) == 1  # the defaults are among the trials
    files = {path: path.read_bytes() for path in out.rglob("trials/**/*.json")}
    second = CliRunner().invoke(main, [*command, "--fields", "alpha", "--samples", "5"])
    assert second.exit_code == 0, second.output
    assert len(list(out.rglob("trials/**/*.json"))) == 6
    assert all(path.read_bytes() == content for path, content in files.items())
    written = (out / "report" / "tuning.md").read_text()
    assert "No importance of hyper-parameters for cvar[repeats=1] on fm" in written  # five trials say nothing
    figures = [
        name for name in re.findall(r"\(figures/([^)]*)\)", written) if (out / "report" / "figures" / name).is_file()
    ]
    assert [name.rpartition("-")[2] for name in figures] == ["fields.svg", "parallel.svg"]
    assert (out / "report" / "index.html").read_text().count("<svg") == 2
    best_file = tomllib.loads((out / "best.toml").read_text())
    assert best_file["methods"] == ["base", "cvar[repeats=1]"]
    (table,) = best_file["tuned"]
    assert "5 trials per method, 1 seed per trial; nothing to tune in base" in table["how"]
    assert table["methods"]["base"] == ""
    assert "cvar[repeats=1]" in table["methods"]  # not searched, but what was tuned has it


def test_a_random_search_makes_no_trial_twice_and_all_of_a_few_choices():
    space = {"a": Choice((1, 2)), "b": Choice((True, False))}
    made, samples = proposals("random", space, 16, {"a": 2, "b": True}, "seed")
    points = [made.ask() for _ in range(samples)]
    assert points[0] == {"a": 2, "b": True}
    assert sorted((point["a"], point["b"]) for point in points) == [(1, False), (1, True), (2, False), (2, True)]
    made, samples = proposals("random", space | {"c": Choice((1, 2, 3, 4, 5))}, 16, {"a": 2, "b": True, "c": 1}, "seed")
    points = [tuple(made.ask().values()) for _ in range(samples)]
    assert len(set(points)) == len(points) <= 16


def test_a_trial_that_takes_longer_than_allowed_ends_and_is_named(tmp_path):
    """One that loops for ever in fit; the others go on."""
    (tmp_path / "slow.py").write_text(SLOW)
    command = ["tune", *SMALL, "--plugin", str(tmp_path / "slow.py"), "--methods", "base,slow", "--backbones", "fm"]
    command += ["--samples", "1", "--cell-timeout", "8", "--jobs", "2", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1, done.output
    assert "it took longer than --cell-timeout, 8 s" in done.output
    assert "1 trial to do" in done.output
    made = pd.read_parquet(tmp_path / "out" / "trials.parquet")
    assert made.groupby("method")["state"].first().to_dict() == {"base": "finished"}


SLOW = '''"""Slow (nobody 2026, DOI 10.0/none): never done."""

import time
from dataclasses import dataclass

from coldbench.plugin import Method, MethodConfig


@dataclass(frozen=True)
class Config(MethodConfig):
    """Nothing of its own."""


class Slow(Method):
    def fit(self, backbone, base):
        while True:
            time.sleep(0.01)
'''


def test_an_interrupted_search_leaves_its_finished_trials_and_a_report(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "coldbench", "tune", *SMALL, "--methods", "cvar", "--backbones", "fm"]
    command += ["--samples", "200", "--scheduler", "none", "--jobs", "1", "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 300
    while len(list(out.rglob("trials/**/*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert "stopping after what is being computed" in said
    kept = pd.read_parquet(out / "trials.parquet")
    assert 2 <= len(kept) < 200
    assert set(kept["state"]) == {"finished"}
    assert (out / "report" / "tuning.md").is_file()
    assert (out / "best.toml").is_file()
    assert (out / "tune.toml").is_file()
    assert "trials to do; the same command goes on where this one ended" in said
