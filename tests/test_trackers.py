"""Trackers: what they are given, what they cannot change, and that a run never depends on one."""

from __future__ import annotations

import re
import struct
import tomllib
import warnings
from dataclasses import fields

import pytest
from click.testing import CliRunner

import coldbench
from coldbench.cli import main
from coldbench.core.errors import InputError
from coldbench.runs.options import Options, read_options, values_of
from coldbench.runs.plan import make_plan
from coldbench.runs.trackers import asked as names
from coldbench.runs.trackers import board as boards
from coldbench.runs.trackers.asked import PACKAGES, asked
from coldbench.runs.trackers.board import Board
from coldbench.runs.trackers.entries import cell_entry
from coldbench.runs.trackers.tracker import Entry, Tracker, flat

SMALL = {"synthetic": {"users": 150, "items": 120, "interactions": 6000, "n": 60, "k": 5}}
BROKEN = '''"""Broken (you 2026, DOI 10.0/none): raises."""

from coldbench.plugin import Method, MethodConfig

Config, space = MethodConfig, {}


class Broken(Method):
    def embed(self, backbone, items):
        raise RuntimeError("no embeddings today")
'''


def needs(*packages: str) -> list[pytest.MarkDecorator]:
    """Skips a test, with the reason, where a package of an extra is not installed."""
    lacking = [name for name in packages if names.find_spec(name) is None]
    return [pytest.mark.skipif(bool(lacking), reason=f"not installed: {', '.join(lacking)}")]


MLFLOW, TENSORBOARD, WANDB = (needs(*PACKAGES[name]) for name in PACKAGES)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


def runs_of(uri: str) -> list:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    return client.search_runs([client.get_experiment_by_name("coldbench").experiment_id], max_results=1000)


def entry(name: str = "a / b / c", **changes: object) -> Entry:
    parts = {
        "key": "a-b-c",
        "config": {"method.alpha": 0.5, "method.adapt": True, "settings.device": "cpu"},
        "curve": [{"auc": 0.5, "steps": 0.0}, {"auc": 0.6, "steps": 10.0}],
        "final": {"warm-a/auc": 0.6},
        "about": {"report": "/somewhere/report/index.html"},
    }
    return Entry(name, **(parts | changes))


def written(tracker: str, out, *entries: Entry) -> list[str]:
    said: list[str] = []
    with Board([tracker], out, said.append) as board:
        for each in entries:
            board.log(lambda each=each: each)
    return said


@pytest.mark.parametrize(
    ("track", "says"),
    [
        ("mlfow", "unknown tracker 'mlfow'; did you mean 'mlflow'? known: mlflow, tensorboard, wandb"),
        ("wandb=", "--track 'wandb=' should be wandb, or wandb=TARGET"),
        ("", "--track '' is empty"),
    ],
)
@pytest.mark.parametrize("command", ["run", "tune"])
def test_a_wrong_tracker_ends_the_command_in_one_line(command, track, says, tmp_path):
    done = CliRunner().invoke(main, [command, "--track", track, "--out", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert says in done.output
    assert len(done.output.splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", PACKAGES)
def test_a_tracker_that_is_not_installed_says_what_to_install_before_anything_runs(name, tmp_path, monkeypatch):
    monkeypatch.setattr(names, "find_spec", lambda package: None)
    done = CliRunner().invoke(main, ["run", "--track", name, "--out", str(tmp_path / "run")])
    expected = f"coldbench: --track {name} needs a package that is not installed: pip install 'coldbench[{name}]'\n"
    assert (done.exit_code, done.output) == (2, expected)
    assert not (tmp_path / "run").exists()


def test_trackers_come_in_one_flag_or_in_several_and_from_a_file(tmp_path):
    assert read_options({"track": ("mlflow", "tensorboard,wandb=mine")}, None).track == (
        "mlflow",
        "tensorboard",
        "wandb=mine",
    )
    (tmp_path / "grid.toml").write_text("track = ['mlflow=http://localhost:5000', 'wandb']\n")
    assert read_options({}, tmp_path / "grid.toml").track == ("mlflow=http://localhost:5000", "wandb")
    assert read_options({}, None).track == ()
    assert "--track" not in CliRunner().invoke(main, ["simulate", "--help"]).output


@pytest.mark.parametrize("name", PACKAGES)
def test_a_tracker_is_part_of_no_key_and_no_fingerprint(name, monkeypatch):
    monkeypatch.setattr(names, "find_spec", lambda package: True)
    sizes = [f"synthetic.{size}={value}" for size, value in SMALL["synthetic"].items()]
    plain, tracked = (
        make_plan(read_options({"methods": "base,cvar", "track": track, "set": sizes}, None)) for track in ((), (name,))
    )
    assert [cell.key for cell in plain.cells] == [cell.key for cell in tracked.cells]
    assert [cell.pretrained_key for cell in plain.cells] == [cell.pretrained_key for cell in tracked.cells]
    assert [cell.fingerprint for cell in plain.cells] == [cell.fingerprint for cell in tracked.cells]
    assert not next(each for each in fields(Options) if each.name == "track").metadata["flag"].repeated


def test_the_entry_of_a_cell_holds_its_metrics_its_configuration_and_the_page(saved_run):
    records, _ = saved_run.finished()
    from coldbench.conformance.subject import make_cell

    cell = make_cell("fm", "base", seed=0)
    record = next(record for record in records if record["key"] == cell.key)
    made = cell_entry(cell, record["phases"], saved_run.path)
    aucs = [phase["auc"] for phase in record["phases"]]
    assert [point["auc"] for point in made.curve] == aucs
    assert [made.final[f"{phase['phase']}/auc"] for phase in record["phases"]] == aucs
    assert made.config["method.item_lr"] == 0.001
    assert made.config["seed"] == 0
    assert made.about["report"] == str(saved_run.path / "report" / "index.html")
    assert made.about["phases"] == "cold, warm-a, warm-b, warm-c"
    assert all(isinstance(value, float) for point in made.curve for value in point.values())


def test_nested_values_become_flat():
    nested = {"a": {"b": 1, "c": {"d": [16, 8], "e": None}}, "f": True}
    assert flat(nested) == {"a.b": 1, "a.c.d": "16x8", "a.c.e": "none", "f": True}


@pytest.mark.parametrize("track", [pytest.param("mlflow", marks=MLFLOW)])
def test_mlflow_holds_a_run_per_entry(track, database, tmp_path):
    many = {f"method.field{number}": number for number in range(150)}
    failed = entry("failed one", reason="RuntimeError: no", curve=[], final={})
    assert written(f"{track}={database}", tmp_path, entry("many", config=many), failed) == []
    by_name = {run.info.run_name: run for run in runs_of(database)}
    assert by_name["many"].info.status == "FINISHED"
    assert by_name["many"].data.params == {name: str(value) for name, value in many.items()}
    assert by_name["many"].data.metrics == {"auc": 0.6, "steps": 10.0, "warm-a/auc": 0.6}
    assert by_name["many"].data.tags["report"] == "/somewhere/report/index.html"
    assert by_name["failed one"].info.status == "FAILED"
    assert by_name["failed one"].data.tags["failed"] == "RuntimeError: no"


def scalars(file) -> dict[str, list[float]]:
    """The scalars in an event file of TensorBoard, by tag."""
    from tensorboardX.proto.event_pb2 import Event

    content, found = file.read_bytes(), {}
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        for value in Event.FromString(content[12 : 12 + length]).summary.value:
            found.setdefault(value.tag, []).append(value.simple_value)
        content = content[16 + length :]
    return found


@pytest.mark.parametrize("track", [pytest.param("tensorboard", marks=TENSORBOARD)])
@pytest.mark.parametrize("named", [True, False])
def test_tensorboard_gets_a_folder_per_entry(track, named, tmp_path):
    place = tmp_path / "events" if named else tmp_path / "tensorboard"
    assert written(f"{track}={place}" if named else track, tmp_path, entry(), entry(key="other", reason="no")) == []
    (file,) = (place / "a-b-c").iterdir()
    assert scalars(file)["auc"] == pytest.approx([0.5, 0.6])
    assert scalars(file)["warm-a/auc"] == pytest.approx([0.6])
    assert b"/somewhere/report/index.html" in file.read_bytes()
    assert b"method.alpha" in file.read_bytes()
    assert (place / "other").is_dir()


@pytest.mark.parametrize("track", [pytest.param("wandb", marks=WANDB)])
def test_wandb_offline_keeps_a_folder_per_entry(track, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert written(track, tmp_path, entry(), entry("failed one", reason="RuntimeError: no")) == []
    kept = [path.read_bytes() for path in (tmp_path / "wandb").glob("offline-run-*/run-*.wandb")]
    assert len(kept) == 2
    (good,) = [content for content in kept if b"a / b / c" in content]
    for text in (b"warm-a/auc", b"method.alpha", b"/somewhere/report/index.html"):
        assert text in good


@pytest.mark.parametrize("track", [pytest.param("wandb", marks=WANDB)])
def test_wandb_without_a_key_says_what_to_do(track, tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_MODE", "online")
    with pytest.raises(InputError, match="--track wandb cannot be used: there is no API key; run wandb login, or set"):
        Board([track], tmp_path, print)


@pytest.mark.parametrize("track", [pytest.param("mlflow", marks=MLFLOW)])
def test_a_tracker_that_cannot_be_reached_ends_the_command_before_anything_runs(track, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(InputError, match=f"--track {track}=nonsense://x cannot be used: "):
        coldbench.run(methods="base", backbones="fm", seeds=1, set=SMALL, track=f"{track}=nonsense://x", out=out)
    assert not (out / "run.toml").exists()


class _Failing(Tracker):
    def log(self, entry: Entry) -> None:
        raise ConnectionError("the server\nis down")


class _Listing(Tracker):
    def __init__(self) -> None:
        self.names: list[str] = []

    def log(self, entry: Entry) -> None:
        self.names.append(entry.name)


def test_a_tracker_that_fails_is_dropped_with_one_line_and_the_others_go_on(tmp_path, monkeypatch):
    made = {"mlflow": _Failing(), "wandb": _Listing()}
    monkeypatch.setattr(names, "find_spec", lambda package: True)
    monkeypatch.setattr(boards, "_opened", lambda each, out: made[each.name])
    said: list[str] = []
    with Board(["mlflow=http://x", "wandb"], tmp_path, said.append) as board:
        for name in "abc":
            board.log(lambda name=name: entry(name))
    assert said == ["--track mlflow=http://x failed, and the run goes on without it: the server is down"]
    assert made["wandb"].names == ["a", "b", "c"]


def test_no_entry_is_made_without_a_tracker(tmp_path):
    with Board([], tmp_path, print) as board:
        board.log(lambda: 1 / 0)


@pytest.mark.parametrize(
    "trackers", [pytest.param(["mlflow", "tensorboard", "wandb"], marks=MLFLOW + TENSORBOARD + WANDB)]
)
def test_a_run_and_a_search_are_tracked_and_their_results_are_those_without(trackers, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    (tmp_path / "broken.py").write_text(BROKEN)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    track = [f"mlflow={uri}", *trackers[1:]]
    grid = {"backbones": "fm", "seeds": 1, "set": SMALL, "jobs": 1}
    more = {"methods": ["base", "meta_e", "broken"], "plugin": [str(tmp_path / "broken.py")]}
    out = tmp_path / "run"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = coldbench.run(**grid, **more, track=track, out=out)
    records, _ = results.folder.finished()
    runs = {run.data.tags["method"]: run for run in runs_of(uri)}
    assert {name: run.info.status for name, run in runs.items()} == {
        "base": "FINISHED",
        "meta_e": "FINISHED",
        "broken": "FAILED",
    }
    assert "no embeddings today" in runs["broken"].data.tags["failed"]
    for record in records:
        tracked = runs[record["method"]].data
        assert tracked.tags["key"] == record["key"]
        for phase in record["phases"]:
            assert tracked.metrics[f"{phase['phase']}/auc"] == phase["auc"]
    assert len([*(out / "tensorboard").iterdir()]) == 3
    assert len([*(out / "wandb").glob("offline-run-*")]) == 3
    assert "track" not in tomllib.loads((out / "run.toml").read_text())
    again = coldbench.run(**grid, methods="base,meta_e", out=out)  # nothing is left to do
    assert {record["key"] for record in again.folder.finished()[0]} == {record["key"] for record in records}

    tuned = coldbench.tune(
        **grid, methods="meta_e", samples=2, fields="inner_lr", scheduler="none", track=track[0], out=tmp_path / "tune"
    )
    trials = [run for run in runs_of(uri) if "study" in run.data.tags]
    scores = sorted(run.data.metrics["mean-auc"] for run in trials)
    assert scores == pytest.approx(sorted(tuned.trials["score"]))
    assert all(re.fullmatch(r".*/ trial [01]", run.info.run_name) for run in trials)


def test_the_api_takes_one_tracker_or_a_list():
    from pathlib import Path

    from coldbench.runs.options import FLAGS

    for given in ("tensorboard", ["tensorboard"]):
        assert values_of({"track": given}, Path("the call"), FLAGS)["track"] == ("tensorboard",)
    assert [each.target for each in asked(["tensorboard=here"])] == ["here"]
