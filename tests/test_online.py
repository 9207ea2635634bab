"""The simulated online test: chance by counter, the funnel, the designs, one run of each method, and the command."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from scipy import stats

from coldbench.cli import main
from coldbench.core.counter import normal, uniform
from coldbench.data.world import Ground
from coldbench.model.settings import Settings
from coldbench.online.assumptions import Assumptions
from coldbench.online.behaviour import Behaviour
from coldbench.online.designs import groups
from coldbench.online.experiment import Experiment, Setting
from coldbench.online.folder import Simulations, packed, read
from coldbench.online.jobs import Simulate
from coldbench.online.matching import Matching
from coldbench.online.measures import by_user
from coldbench.online.names import AB, CODIVERTED, DIVERTED, GLOBAL
from coldbench.online.page import spread
from coldbench.online.tally import COUNTS
from coldbench.online.task import Task
from coldbench.online.wishes import least_suited
from coldbench.plugins.kinds import BACKBONES, METHODS, WORLDS
from coldbench.plugins.registry import Registry
from coldbench.report.simulation import write_simulation
from coldbench.runs.jobs import Workshop

USERS, DAYS = 240, 2
SMALL = {"items": 120, "arrivals": 12, "history": 20, "categories": 6}
OWN = Assumptions(
    near=30,
    of_category=12,
    trending=12,
    quota=8,
    preranked=20,
    ranked=14,
    pretrain_steps=60,
    night_steps=4,
    warm_steps=4,
)
REGISTRY = Registry()


def setting(design: str = GLOBAL, arm: str = "base", **changes: object) -> Setting:
    known = arm in REGISTRY.names(METHODS)
    named = REGISTRY.spec(METHODS, arm, REGISTRY.get(METHODS, arm).quick) if known else arm
    own = Setting(
        *(design, REGISTRY.spec(METHODS, "base", {}), named, REGISTRY.spec(BACKBONES, "dssm", {})),
        *(REGISTRY.spec(BACKBONES, "fm", {}), OWN, Settings(batch_size=512), "cpu", USERS, DAYS, 0),
    )
    return dataclasses.replace(own, **changes)


def task(design: str = GLOBAL, arm: str = "base") -> Task:
    return Task(REGISTRY.spec(WORLDS, "planted", SMALL), None, "", setting(design, arm))


@pytest.fixture(scope="module")
def ground() -> Ground:
    return task().ground(None, {})


def run(ground: Ground, design: str, arm: str) -> dict[str, np.ndarray]:
    experiment = Experiment(setting(design, arm), ground)
    assert list(experiment.days()) == [1, 2, 3]
    return experiment.arrays()


@pytest.fixture(scope="module")
def runs(ground) -> dict[str, dict[str, np.ndarray]]:
    return {arm: run(ground, GLOBAL, arm) for arm in ("base", "random", "oracle", "side", "bonus")}


def test_numbers_by_counter_are_uniform_independent_and_the_same_in_any_order():
    users, items = np.arange(300)[:, None], np.arange(200)
    drawn = uniform(0, "view", users, items, 3)
    assert stats.kstest(drawn.ravel(), "uniform").pvalue > 1e-3
    for other in (
        uniform(0, "view", users, items, 4),
        uniform(1, "view", users, items, 3),
        uniform(0, "deep", users, items, 3),
    ):
        assert abs(np.corrcoef(drawn.ravel(), other.ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(drawn[1:].ravel(), drawn[:-1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(drawn[:, 1:].ravel(), drawn[:, :-1].ravel())[0, 1]) < 0.02
    order = np.random.default_rng(0).permutation(300)
    assert np.array_equal(uniform(0, "view", users[order], items, 3), drawn[order])
    assert uniform(0, "view", 7, 9, 3) == drawn[7, 9]
    assert uniform(0, "view", 9, 7, 3) != drawn[7, 9]
    assert stats.kstest(normal(0, "watched", np.arange(20_000)), "norm").pvalue > 1e-3


def test_what_comes_of_a_page_follows_its_definitions(ground):
    users = np.arange(USERS)
    behaviour = Behaviour(ground, dataclasses.replace(OWN, patience=0.7), 0)
    pages = np.random.default_rng(0).integers(120, size=(USERS, 10)).astype(np.int32)
    pages[0, 4:] = -1
    came = behaviour.of(users, pages, 0)
    assert not came.seen[0, 4:].any()
    assert (np.diff(came.seen[1:].astype(int), axis=1) <= 0).all()  # nobody comes back to a page that was left
    assert came.seen[1:].mean(0) == pytest.approx(0.7 ** np.arange(10), abs=0.12)
    assert not (came.viewed & ~came.seen).any()
    length = ground.seconds[np.maximum(pages, 0)]
    deep = came.viewed & ((came.seconds > 30) | (came.seconds > 0.8 * length))
    assert np.array_equal(came.deep, deep)
    assert (came.seconds[came.viewed] > 0).all()
    assert (came.seconds <= length).all()
    chance = 1 / (1 + np.exp(-ground.truth.pairs(np.repeat(users, 10), np.maximum(pages, 0).ravel())))
    assert came.viewed.ravel()[came.seen.ravel()].mean() == pytest.approx(chance[came.seen.ravel()].mean(), abs=0.05)


def test_a_page_is_filled_from_the_top_with_few_items_of_one_category():
    random = np.random.default_rng(0)
    items = np.stack([random.permutation(40)[:14] for _ in range(50)])
    items[:5, 6:] = -1
    kinds = np.maximum(items, 0) % 3
    pages = spread(items, kinds, 8, 2)
    for own, page in zip(items, pages, strict=True):
        chosen: list[int] = []
        for item in own[own >= 0]:
            if len(chosen) < 8 and sum(other % 3 == item % 3 for other in chosen) < 2:
                chosen.append(item)
        rest = [item for item in own[own >= 0] if item not in chosen][: 8 - len(chosen)]
        expected = [item for item in own if item in chosen or item in rest]
        assert page[page >= 0].tolist() == expected


def test_matching_passes_on_only_what_is_there_and_was_not_shown(ground):
    experiment = Experiment(setting(), ground)
    log = experiment._platforms[0].log
    there = ground.arrival < 1
    matching = Matching(ground, OWN, experiment.taste, log, there, 2, 0)
    users = np.arange(USERS)
    shown = np.full((USERS, 3), -1)
    before = matching.of(users, ground.profile, shown).numpy()
    assert not before[:, ~there].any()
    assert (before.sum(1) <= OWN.matched).all()
    assert (before[:, ground.arrival == 0].sum(1) >= OWN.quota).all()
    shown[:, 1] = before.argmax(1)
    after = matching.of(users, ground.profile, shown).numpy()
    assert not after[users, shown[:, 1]].any()
    assert after.sum() == before.sum() - USERS


def test_designs_split_users_and_new_items_as_they_say(ground):
    (everyone,) = groups(GLOBAL, "base", "cvar", USERS, ground.arrival, 0)
    assert len(everyone.users) == USERS
    split = {design: groups(design, "base", "cvar", USERS, ground.arrival, 0) for design in (AB, DIVERTED, CODIVERTED)}
    for design, (first, second) in split.items():
        assert sorted([*first.users, *second.users]) == list(range(USERS))
        assert len(first.users) == len(second.users)
        assert np.array_equal(first.users, split[AB][0].users)
        assert (first.platform == second.platform) == (design == AB)
        new = ground.arrival >= 0
        assert (first.items & second.items)[~new].all()
        both = (first.items & second.items)[new]
        assert not both.any() if design == CODIVERTED else both.all()


def test_the_orders_that_must_hold_do(runs):
    views = {arm: own["test"][:, COUNTS.index("views")].astype(float) for arm, own in runs.items()}
    for better, worse in (("oracle", "side"), ("side", "random"), ("oracle", "base"), ("base", "random")):
        test = stats.ttest_rel(views[better], views[worse], alternative="greater")
        assert test.pvalue < 0.01, (better, worse)
    new = {arm: own["test"][:, COUNTS.index("new_impressions")].sum() for arm, own in runs.items()}
    assert new["bonus"] > new["base"]
    fit = {arm: by_user(own["test"], "new_fit") for arm, own in runs.items()}
    assert stats.ttest_rel(fit["oracle"], fit["base"], alternative="greater").pvalue < 0.01
    assert fit["base"].mean() > fit["random"].mean()  # of new items, the right ones come through


def test_what_suits_a_user_is_the_best_tenth_of_all_items(ground, runs):
    odds = ground.truth.table(ground.profile)
    least = least_suited(ground)
    for user in range(0, USERS, 40):
        best = np.argsort(-odds[user])[: round(0.1 * odds.shape[1])]
        assert set(best) == set(np.flatnonzero(odds[user] >= least[ground.profile[user]]))
    for own in runs.values():
        suited = odds[own["fresh_user"], own["fresh_item"]] >= least[ground.profile[own["fresh_user"]]]
        found = own["test"][:, COUNTS.index("new_suited")]
        assert np.array_equal(np.bincount(own["fresh_user"], suited, USERS), found)


def test_a_night_with_one_row_of_a_cold_item_passes(ground):
    """Batch normalisation has no variance in one row; the row is logged, and the method waits for more."""
    experiment = Experiment(setting(), ground)
    platform = experiment._platforms[0]
    platform.begin(experiment._serving)
    model = platform.pre_rankers[0]
    before = model.backbone.item_table.weight.clone()
    old, new = np.flatnonzero(ground.arrival < 0), np.flatnonzero(ground.arrival == 0)
    pages = np.r_[np.tile(old[:10], 20), new[0]][:, None].astype(np.int32)
    users = np.arange(len(pages))
    platform.add(ground.profile[users], pages, experiment.behaviour.of(users, pages, 0))
    platform.night(0)
    after = model.backbone.item_table.weight
    assert torch.equal(after[new], before[new])
    assert not torch.equal(after[old], before[old])


def test_a_night_takes_no_more_than_one_pass_over_a_days_rows(ground):
    experiment = Experiment(setting(own=dataclasses.replace(OWN, night_steps=500)), ground)
    taken = []
    for model in [experiment._platforms[0].ranker]:
        phases = model._phase
        model._phase = lambda *given, phases=phases: taken.append(phases(*given)) or taken[-1]
    list(experiment.days())
    nights = [phase for phase in taken if phase.name == "night"]
    assert len(nights) == DAYS
    for phase in nights:
        assert phase.rows_seen == phase.distinct_rows_seen == len(phase)


def test_what_a_run_counts_adds_up(runs, ground):
    for own in runs.values():
        counts = dict(zip(COUNTS, own["test"].sum(0), strict=True))
        assert counts["views"] == counts["new_views"] + counts["old_views"]
        assert counts["new_impressions"] == len(own["fresh_item"])
        assert (ground.arrival[own["fresh_item"]] >= 0).all()
        assert (own["fresh_day"] >= ground.arrival[own["fresh_item"]]).all()
        assert (own["before"][:, COUNTS.index("new_impressions")] == 0).all()
        assert np.array_equal(own["daily"].sum((0, 1)), (own["test"] + own["before"]).sum(0))
        assert (np.diff(own["stages"][..., 1], axis=-1) <= 0).all()
    assert len({own["before"].tobytes() for own in runs.values()}) == 1  # everyone has the control before the test


@pytest.mark.parametrize("method", [name for name in REGISTRY.names(METHODS) if name != "base"])
def test_every_method_runs_as_it_stands(method, ground, runs):
    own = run(ground, GLOBAL, method)
    assert own["test"][:, 0].sum() == runs["base"]["test"][:, 0].sum()  # as many items come onto screens
    assert own["test"].tobytes() != runs["base"]["test"].tobytes()


@pytest.mark.parametrize("design", [AB, DIVERTED, CODIVERTED])
def test_arms_without_a_difference_differ_by_chance_alone(design, ground):
    own = run(ground, design, "bonus") if design != AB else run(ground, design, "cvar")
    assert own["daily"].shape[0] == 2
    allowed = own["allowed"][own["member"][own["fresh_user"]], own["fresh_item"]]
    assert allowed.all()


def test_the_platform_knows_nothing_of_the_test_before_it_happens(ground, runs):
    """A world with other wishes for new items on the last day gives the same funnel until then."""
    other = dataclasses.replace(ground, truth=dataclasses.replace(ground.truth, items_=ground.truth.items_.copy()))
    other.truth.items_[ground.arrival == DAYS - 1] *= -3
    again = run(other, GLOBAL, "base")
    assert np.array_equal(again["stages"], runs["base"]["stages"])
    assert again["daily"][:, :-1].tobytes() == runs["base"]["daily"][:, :-1].tobytes()


def test_a_task_gives_the_same_bytes_again_and_only_a_change_gives_a_new_key(tmp_path):
    done = []
    for name in ("first", "second"):
        folder = Simulations(tmp_path / name)
        folder.prepare()
        job = Simulate((), task(AB, "dropoutnet"))
        reports = list(job.run(Workshop({}, folder)))
        assert [report["day"] for report in reports] == [1, 2, 3]
        assert list(job.run(Workshop({}, folder))) == []  # it is done
        done.append(hashlib.sha256(folder.file(job.task).read_bytes()).hexdigest())
    assert done[0] == done[1]
    keys = {task(design, arm).key for design in (GLOBAL, AB) for arm in ("base", "cvar", "random")}
    assert len(keys) == 6
    file = Simulations(tmp_path / "first").file(task(AB, "dropoutnet"))
    file.write_bytes(file.read_bytes()[:-40])
    assert read(file) is None
    assert not Simulations(tmp_path / "first").is_done(task(AB, "dropoutnet"))


TOML = re.findall(r"```toml\n(.*?)```", (Path(__file__).parent.parent / "docs" / "online.md").read_text(), re.DOTALL)[0]


def invoke(*words: str):
    return CliRunner().invoke(main, ["simulate", *map(str, words)])


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("simulate")
    (folder / "simulate.toml").write_text(TOML)
    result = invoke("--config", folder / "simulate.toml", "--jobs", 1, "--out", folder / "out")
    assert result.exit_code == 0, result.output
    return folder / "out"


def test_the_command_simulates_reports_and_goes_on_where_it_ended(simulated):
    report = (simulated / "report" / "simulation.md").read_text()
    assert "not a forecast of lift" in report.splitlines()[2]
    for words in (
        "Cold recall",
        "+1.6019",
        "Bias of the designs",
        "A/A",
        "Power",
        "Card of the truth",
        "warm_steps: 4",
        "| CVAR ",
    ):
        assert words in report
    for name in ("index.html", "tables.tex", "effects.csv"):
        assert (simulated / "report" / name).stat().st_size > 500
    assert len(list((simulated / "report" / "figures").glob("*.svg"))) == 3
    files = sorted((simulated / "simulations").glob("*.npz"))
    assert len(files) == 7  # base, cvar and four permanent arms in global, cvar in ab
    before = {file.name: file.read_bytes() for file in files}
    files[0].unlink()
    again = invoke("--config", simulated / "run.toml", "--jobs", 2)
    assert again.exit_code == 0, again.output
    assert "7 tasks, 6 of them reused" in again.output
    assert {file.name: file.read_bytes() for file in (simulated / "simulations").glob("*.npz")} == before


def test_a_simulation_of_one_design_has_a_report(simulated, tmp_path):
    for design in ("global", "ab"):
        folder = tmp_path / design
        shutil.copytree(simulated, folder)
        for file in (folder / "simulations").glob("*.npz"):
            if f"-{design}-" not in file.name:
                file.unlink()
        report = write_simulation(Simulations(folder)).path.read_text()
        assert "mean over seeds and half of the 95 % t-interval" in report
        assert "Bias of the designs" not in report


def test_alone_in_a_grid_and_after_a_kill_a_simulation_has_the_same_bytes(simulated, tmp_path):
    """SIGKILL of the command as soon as its first run is there; it goes on with two workers."""
    out, options = tmp_path / "out", simulated.parent / "simulate.toml"
    command = [
        sys.executable,
        "-m",
        "coldbench",
        "simulate",
        "--config",
        str(options),
        "--out",
        str(out),
        "--jobs",
        "1",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 240
    while not list(out.glob("simulations/*.npz")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(2)  # its workers notice
    expected = {file.name: file.read_bytes() for file in (simulated / "simulations").glob("*.npz")}
    kept = {file.name: file.read_bytes() for file in out.glob("simulations/*.npz")}
    assert 1 <= len(kept) < len(expected)
    again = invoke("--config", options, "--out", out, "--jobs", 2)
    assert again.exit_code == 0, again.output
    assert f"7 tasks, {len(kept)} of them reused" in again.output
    assert {file.name: file.read_bytes() for file in out.glob("simulations/*.npz")} == expected
    alone = invoke("--config", options, "--design", "ab", "--out", tmp_path / "alone", "--jobs", 1)
    assert alone.exit_code == 0, alone.output
    (file,) = (tmp_path / "alone" / "simulations").glob("*.npz")
    assert file.read_bytes() == expected[file.name]


def test_verify_runs_a_simulation_again_and_notices_an_edit(simulated, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(simulated, copy)
    for file in (copy / "simulations").glob("planted-ab-*.npz"):
        found = read(file)
        assert found is not None
        found.arrays["test"][0, 0] += 1
        file.write_bytes(packed({**found.arrays, "about": np.array("{}")}))
    result = CliRunner().invoke(main, ["verify", str(copy), "--jobs", "2"])
    assert result.exit_code == 1, result.output
    assert "6 of 7 runs are the same, bit for bit" in result.output
    assert "other bytes" in result.output


FITTED = "fitted[dataset=synthetic,profiles=150,items=120{}]"


def test_a_world_fitted_on_a_log_runs_to_its_end_and_its_truth_is_kept(tmp_path):
    sizes = {"near": 30, "of_category": 12, "preranked": 20, "pretrain_steps": 60, "night_steps": 4, "warm_steps": 4}
    changed = [word for name, value in sizes.items() for word in ("--set", f"online.{name}={value}")]
    words = ["--methods", "base,cvar", "--design", "ab", "--world", FITTED.format(""), "--users", 100, "--days", 2]
    words += [*changed, "--seeds", 1, "--ranker", "fm", "--jobs", 1, "--out", tmp_path / "out"]
    result = invoke(*words)
    assert result.exit_code == 0, result.output
    report = (tmp_path / "out" / "report" / "simulation.md").read_text()
    assert "used for nothing else" in report
    (truth,) = (tmp_path / "out" / "truths").iterdir()
    again = invoke(*words)
    assert "1 tasks, 1 of them reused" in again.output
    assert truth.exists()


def test_a_log_that_no_world_can_be_fitted_on_is_said_in_one_line(tmp_path):
    words = ["--methods", "base,cvar", "--world", FITTED.format(",least=100000"), "--out", tmp_path / "out"]
    result = invoke(*words)
    assert result.exit_code == 2
    assert "a fitted world needs 20 of each: lower fitted.least or take another log" in result.output
    assert "Traceback" not in result.output


def test_a_dry_run_says_what_is_to_do_and_what_it_takes(simulated):
    result = invoke("--config", simulated / "run.toml", "--dry-run", "--seeds", "0,1")
    assert "7 to do" in result.output
    assert re.search(r"about \d+ (s|min).* of computing and .* GiB per task", result.output)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--design", "abc"], "unknown design 'abc'; did you mean 'ab'?"),
        (["--users", "3"], "--users 3 should be between 20"),
        (["--backbone", "deepfm"], "needs one that has, such as dssm"),
        (["--power", "-1"], "should be positive numbers in percent"),
        (["--world", "planted[own=2]"], "planted.own is '2'; it should be between 0 and 1"),
        (["--world", "fitted[dataset=ml-2m]"], "unknown dataset 'ml-2m'"),
        (["--set", "online.patience=2"], "online.patience is '2'"),
        (["--set", "onlin.patience=1"], "did you mean 'online'?"),
        (["--methods", "base", "--design", "ab"], "nothing but the control"),
        (["--datasets", "ml-1m"], "--datasets"),
    ],
)
def test_wrong_input_is_said_in_one_line(words, says):
    result = invoke(*words)
    assert result.exit_code == 2
    assert says in result.output
    assert len(result.output.strip().splitlines()) == 1
