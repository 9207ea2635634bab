"""Wrong input of every kind: one clear line, exit code 2 (1 where a plugin or a cell fails), nothing written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coldbench.cli import main
from coldbench.core.config import digest
from coldbench.runs import arithmetic
from coldbench.runs.schema import is_record


@pytest.fixture(scope="module", autouse=True)
def _with_denormal_numbers():
    """Input may hold such numbers, and hypothesis makes none of them in a process that flushes them."""
    torch.set_flush_denormal(False)
    yield
    arithmetic.prepare()


SIZES = ["users=150", "items=120", "interactions=6000", "n=60", "k=5"]
TINY = [part for size in SIZES for part in ("--set", f"synthetic.{size}")]
LONG = "a" * 5000

NAMES = [
    *(
        "",
        " ",
        ",",
        ",,,",
        "nope",
        "none",
        "*",
        "?",
        "-",
        "--",
        "None",
        "null",
        "0",
        "1e3",
        "\\",
        "'",
        '"',
    ),
    *(
        "метод",
        "方法",
        "🙂",
        "ｂａｓｅ",
        "base\u200b",
        "ba\u0301se",
        "\ufeffbase",
        "\udcff",
        "base\x00",
        "base\x1b[31m",
        LONG,
    ),
    *(
        "../base",
        "/etc/passwd",
        "./base.py",
        "base.py",
        "base;ls",
        "$(ls)",
        "`ls`",
        "base|x",
        "<b>x</b>",
        "{0}",
        "%s",
        "%n",
    ),
    *("base[", "base]", "[x=1]", "base[]", "base[x]", "base[x=1]", "base[=1]", "base[[x=1]]", "base[x=1", "base[,]"),
    *(
        "base,nope",
        "nope,base",
        "base base",
        "base\tx",
        "base\nx",
        "__init__",
        "coldbench.model.method",
        "os",
    ),
]
VARIANTS = [
    *(
        "alpha",
        "alpha=",
        "alpha=x",
        "alpha=-1",
        "alpha=nan",
        "alpha=inf",
        "alpha=1e999",
        "alpha=0x10",
        "alpha=1,5",
        "alpha=1;2",
    ),
    *(
        "alpha==1",
        "alpha=true",
        "alpha=1,alpha=2",
        "Alpha=1",
        "alfa=1",
        "epochs=0",
        "epochs=-3",
        "epochs=1.5",
        "epochs=1e9",
    ),
    *(
        "epochs=99999999999999999999999",
        "adapt=2",
        "adapt=",
        "adapt=maybe",
        "adapt=nan",
        "side_item_id=yess",
        "__class__=1",
    ),
    *(
        "α=1",
        "alpha=１e",
        "alpha=∞",
        "alpha=½",
        "alpha=" + "9" * 5000,
        "alpha=[1]",
        "alpha={}",
        "config=1",
        "alpha=1][",
    ),
]
SETS = [
    *(
        "",
        " ",
        "=",
        ".",
        ".=",
        "a",
        "a.b",
        "a=1",
        ".b=1",
        "a.=1",
        "cvar.alpha",
        "cvar.alpha=",
        "cvar.=1",
        "=1",
        "cvar..alpha=1",
    ),
    *(
        "nope.alpha=1",
        "cvar.alpha=-1",
        "cvar.alpha=x",
        "cvar.beta=nan",
        "cvar.alpha.beta=1",
        "base.alpha=1",
        "cvär.alpha=1",
    ),
    *(
        "protocol.batch_size=0",
        "protocol.batch_size=1e9",
        "protocol.batch_size=-1",
        "protocol.batch_size=2.5",
        "protocol=paper",
    ),
    *(
        "protocol.learning_rate=0",
        "protocol.learning_rate=11",
        "protocol.nope=1",
        "protocol.weight_decay=-1e-9",
        "deepfm.dim=0",
    ),
    *(
        "deepfm.dim=5000",
        "deepfm.hidden=",
        "deepfm.hidden=0",
        "deepfm.hidden=x",
        "deepfm.hidden=16x",
        "deepfm.hidden=16x-1",
    ),
    *(
        "deepfm.hidden=16,",
        "deepfm.hidden=a,b",
        "deepfm.dropout=1.5",
        "deepfm.dropout=-0.1",
        "deepfm.padding=maybe",
        "🙂.x=1",
    ),
    *(
        "synthetic.users=0",
        "synthetic.users=19",
        "synthetic.users=1e12",
        "synthetic.k=0",
        "synthetic.n=-1",
        "synthetic.k=1000000",
    ),
    *(
        "synthetic.n=1000000",
        "synthetic.own=2",
        "synthetic.own=-1",
        "synthetic.seed=-1",
        "synthetic.strength=1e9",
        "synthetic.tags=0",
    ),
    *(
        "synthetic.interactions=999",
        "synthetic.interactions=x",
        "synthetic.nope=1",
        "ml-1m.k=3",
        f"{LONG}.x=1",
        "cvar.alpha=\udcff",
    ),
]
SEEDS = [
    *(
        "",
        " ",
        "0",
        "-1",
        "1.5",
        "a",
        "1e3",
        "10001",
        "99999999999999",
        "1,a",
        "1,,x",
        ",",
        "1;2",
        "0x1",
        "²",
        "1,²",
        "½",
        "ⅷ",
        "true",
    ),
    *("nan", "inf", "1-3", "1..3", "[1]", "1 2", "+1", "9999999999,1", "🙂", LONG, "1,-1", "None"),
]
TOML = [
    *(
        "methods = [",
        "methods",
        "= 1",
        "methods = 1",
        "methods = [1]",
        "methods = [[]]",
        "methods = []",
        "methods = {}",
        "methods = ''",
    ),
    *(
        "methods = true",
        "methods = 1.5",
        "methods = 1979-05-27",
        "methods = [1979-05-27]",
        "methods = [{}]",
        "methods = inf",
    ),
    *(
        "method = 'base'",
        "Methods = 'base'",
        "[methods]",
        "[[methods]]",
        "methods = 'base'\nmethods = 'base'",
        "'' = 1",
        "🙂 = 1",
    ),
    *(
        "seeds = 0",
        "seeds = -1",
        "seeds = 1.5",
        "seeds = true",
        "seeds = [1.5]",
        "seeds = ['a']",
        "seeds = []",
        "seeds = {}",
        "seeds = nan",
    ),
    *("seeds = 99999999999999999999", f"seeds = {'9' * 5000}", "seeds = [true]", "seeds = [[1]]", "seeds = 07:32:00"),
    *("backbones = 'nope'", "backbones = 3", "datasets = 'nope'", "datasets = ['synthetic', 'nope']", "datasets = ''"),
    *(
        "protocol = 1",
        "protocol = ''",
        "protocol = ['paper', 'nope']",
        "protocol = 'Paper'",
        "device = 'tpu'",
        "device = 1",
        "device = []",
    ),
    *(
        "jobs = 0",
        "jobs = -1",
        "jobs = true",
        "jobs = 1.0",
        "jobs = '2'",
        "jobs = [1]",
        f"jobs = {10**30}",
        "jobs = 5000",
        "jobs = {}",
    ),
    *(
        "set = 3",
        "set = [3]",
        "set = 'x'",
        "set = ['x']",
        "set = {cvar = 3}",
        "[set.cvar]\nalpha = -3",
        "[set.cvar]\nalpha = []",
    ),
    *(
        "[set.cvar]\nalpha = {b = 1}",
        "[set.cvar]\nalpha = 'x'",
        "[set.cvar]\nalfa = 1",
        "[set.nope]\nx = 1",
        "[set.'']\nx = 1",
        "set = true",
    ),
    *(
        "[set.deepfm]\nhidden = [16, 'x']",
        "[set.deepfm]\nhidden = [0]",
        "[set.deepfm]\nhidden = [[1]]",
        "[set.cvar]\nadapt = 3",
    ),
    *(
        "[set.cvar]\nalpha = 1979-05-27",
        "[set.cvar]\nalpha = inf",
        "[set.cvar]\nalpha = nan",
        "[set.protocol]\nbatch_size = 0",
    ),
    *("out = 3", "out = ''", "out = []", "out = true", 'out = "a\\u0000b"', "out = {}", "out = 1.5"),
    *(
        "data_dir = 3",
        "data_dir = '/nowhere'\ndatasets = 'ml-1m'",
        "data_dir = []",
        'data_dir = "\\u0000"\ndatasets = "ml-1m"',
    ),
    *(
        "plugin = 3",
        "plugin = [3]",
        "plugin = 'nowhere.py'",
        "plugin = ['x.txt']",
        "plugin = {}",
        "plugin = ''",
        "plugin = ['', '']",
    ),
    *(
        "address = 3",
        "address = 'nowhere'",
        "address = ''",
        "address = []",
        "config = 'x'",
        "dry_run = true",
        "a = " + "[" * 3000,
    ),
    *("\x00", "\ufeffseeds = 1", "seeds = '\x01'", 'seeds = "\\ud800"', "a.b.c = 1", LONG, "provenance = 1\nx = 2"),
]
FLAGS = [
    *(["--methods", name] for name in NAMES),
    *(["--methods", f"cvar[{variant}]"] for variant in VARIANTS),
    *(["--backbones", name] for name in NAMES),
    *(["--datasets", name] for name in NAMES[:30]),
    *(["--methods", "cvar", "--set", pair] for pair in SETS),
    *(["--seeds", seeds] for seeds in SEEDS),
    *(["--protocol", name] for name in ("", "Paper", "paper;", "strickt", "1", "🙂", LONG, "paper,nope")),
    *(["--device", name] for name in ("", "CPU", "tpu", "cuda:0", "cuda", "0", "🙂")),
    *(["--jobs", jobs] for jobs in ("", "0", "-1", "x", "1.5", "4097", "1e3", "²", "9" * 400, "nan")),
    *(["--out", out] for out in ("", "a\x00b", "s3://", "nope://bucket/x", "://", "file://")),
    *(["--plugin", path] for path in ("", ".", "/", "nowhere.py", "a\x00b.py", f"{LONG}.py", "x.txt", "1.py", "é.py", "-.py", ".py")),
    *(["--config", path] for path in ("", ".", "/nowhere", LONG, "/dev/null/x", "\udcff")),
    *(["--data-dir", path, "--datasets", "ml-1m"] for path in ("", "/nowhere", "a\x00b", LONG, "/dev/null")),
    *(["--address", address] for address in ("", "nowhere", "a:b", "127.0.0.1:99999", "ray://", ":", "a b:1", ":6379", "a\x00:1")),
    *(["--protocol", "matched", "--budget", budget] for budget in ("", "0", "-1", "x", "1.5", "1,x", "²", "1e9")), ["--budget", "2"],
    ["--nonsense"], ["--methods"], ["--set"], ["extra"], ["--jobs"], ["--dry-run=1"], ["--seeds=1", "more"], ["-x"], ["--"  , "x"],
]  # fmt: skip
COMMANDS = [
    *(["nope"], ["--nope"], ["-"], ["runn"], ["RUN"], ["🙂"], [""], ["data", "nope"], ["data", "add"], ["data", "info"]),
    *(["data", "add", name, "/nowhere"] for name in ("", "nope", "synthetic", "ml-1m", "../x", "🙂", LONG)),
    *(["data", "info", name] for name in ("", "nope", "ml-1m", "/etc", "../..", "🙂", LONG)),
    *(["data", "prepare", name] for name in ("", "nope", "ml-1m")),
    *(["data", "add", "ml-1m", path] for path in ("", ".", "/dev/null", LONG)),
    *(["data", "card", name] for name in ("", "nope", "/etc", "../..", "🙂", LONG)),
    *(["data", "card", "ml-1m", path] for path in ("", ".", "/dev/null", LONG)),
    *(["data", "embed", name, "--field", "title"] for name in ("", "nope", "synthetic", "ml-1m", "/etc", "🙂", LONG)),
    *(["data", "embed", "ml-1m", path, "--field", "title"] for path in ("", ".", "/dev/null", LONG)),
    ["data", "embed", "ml-1m"],
    *(["list", kind] for kind in ("", "method", "METHODS", "all", "🙂", "../x", LONG)),
    *(["list", "--plugin", path] for path in ("", "nowhere.py", "x.txt")),
    *(["report", path] for path in ("", "/nowhere", "/dev/null", LONG, "/")), ["report"], ["report", "a", "b"],
    *(["verify", path] for path in ("", "/nowhere", "/dev/null", LONG, "/")), ["verify"],
    *(["verify", ".", "--sample", number] for number in ("0", "-1", "x", "1.5")),
    *(["check", path] for path in ("", ".", "/nowhere.py", "x.txt", f"{LONG}.py", "\udcff.py")), ["check"],
    *(["new", "method", name] for name in ("", "1x", "a b", "../x", "/x", "é", "a" * 65, "base", ".", "a\x00", "x.py", "-", "🙂")),
    *(["new", kind, "mine"] for kind in ("", "methods", "planet", "🙂")), ["new"], ["new", "method"], ["new", "method", "a", "b"],
]  # fmt: skip


GOOD = (Path(__file__).parent.parent / "coldbench" / "plugins" / "templates" / "method.txt").read_text()
GOOD = GOOD.replace("$title", "Mine")
CONFIG = GOOD[GOOD.index("@dataclass") : GOOD.index("space: Space")]
CLASS = GOOD[GOOD.index("class Mine") :]
HEAD = GOOD[: GOOD.index("@dataclass")]


def fields(text: str) -> str:
    return CONFIG.replace("alpha: Weight = 1.0", text)


SOURCE = "from coldbench.data.source import Source, Shots\nclass S(Source):\n    key = {}\n    Config = {}\n"
PLUGINS = [
    *("", "\n", "x", "x = 1", "import", "def f(:", "class", "'''", "raise", "1/0", "import nope", "from coldbench import nope"),
    *("raise SystemExit", "raise SystemExit(3)", "import sys; sys.exit('bye')", "raise ValueError", "raise ValueError('a\\nb\\x1b')"),
    *("assert False, 'no'", "open('/nowhere')", "def f(): f()\nf()", "x = (", "\tx = 1\n  y", "€", "\x00", "\udcff", "if True:\nx"),
    *("x = 9 ** 9 ** 0.5; del y", "from coldbench.model.method import Method", "import torch.nope", "int('x')", "[][0]", "{}['a']"),
    *(HEAD, HEAD + CONFIG, HEAD + CLASS, HEAD + CONFIG + CLASS + CLASS.replace("Mine", "Other")),
    *(HEAD + CONFIG.replace("(frozen=True)", "") + CLASS, HEAD + CONFIG.replace("@dataclass(frozen=True)\n", "") + CLASS),
    *(HEAD + text + CLASS for text in ("Config = 3\n", "Config = None\n", "Config = dict\n", "def Config(): pass\n")),
    *(HEAD + fields(text) + CLASS for text in (
        "alpha: Weight", "alpha: Weight = None", "alpha: Weight = 'x'", "alpha: Weight = -1.0", "alpha: Nope = 1.0", "alpha: list = 1",
        "alpha: list[int] = ()", "alpha: dict = None", "alpha: float | None = None", "alpha: object = None", "alpha: Weight = float('nan')",
        "alpha: Count = 0", "alpha: Count = 1.5", "alpha: Width = 5000", "alpha: bool = 3", "alpha: tuple[int, ...] = ()",
        "alpha: tuple[Width, ...] = (0,)", "alpha: complex = 1j", "alpha: bytes = b''", "alpha: 'Weight(' = 1.0", "alpha: Weight = 10**400",
    )),
    *(HEAD + CONFIG + f"space = {text}\n" + CLASS for text in ("3", "[]", "None", "'x'", "{'alpha': 3}", "{'alpha': (0, 1)}", "{'alpha'}")),
    *(HEAD + CONFIG + CLASS.replace("(Method)", base) for base in ("", "(Nope)", "(object)", "(Backbone, Method)")),
    *(HEAD + CONFIG + CLASS + text for text in ("del Mine\n", "\nraise RuntimeError('after all')\n", "Mine = 3\n")),
    *(SOURCE.format(*parts) for parts in (("'../x'", "Shots"), ("3", "Shots"), ("''", "Shots"), ("'ml-1m'", "Shots"), ("'mine'", "3"))),
]  # fmt: skip
HOOKS = [
    *(("return self.generate(items)", text) for text in (
        "return None", "return 3", "return 1 / 0", "raise KeyError('x')", "return torch.zeros(3)", "import sys; sys.exit()",
        "return torch.zeros(len(items.number), self.dim) / 0", "return self.embed(backbone, items)",
    )),
    *(("return None", text) for text in (
        "return phase.nothing", "return 'x'", "return torch.zeros(1, self.dim)", "phase.settings.batch_size = 1",
        "return torch.full((len(phase.cold.number), self.dim), float('inf'))", "backbone.zero_grad(nothing=1)",
    )),
    ("super().__init__(config, schema, backbone)", "pass"), ("(self, config: Config, schema: Schema, backbone: Backbone)", "(self)"),
    ("def embed(self, backbone: Backbone, items: Rows)", "def embed(self)"), ("def fit(self, backbone: Backbone, base: Phase)", "def fit(self, base)"),
    ("initialise(self)", "self.generator = None"), ("step(optimizer,", "step(nothing,"), ("base.batches(self.config.epochs)", "[None]"),
]  # fmt: skip
RECORDS = [
    *("", "{", "null", "[]", "3", "'x'", '"x"', "{}", '{"schema": 1}', '{"schema": 3}', "NaN", "[" * 3000, "\x00", "\udcff", '{"a": 1e999}'),
    *({"phases": value} for value in (3, [], [3], [{}], {"phase": "cold"}, None, [{"phase": 3}], [{"phase": "cold", "auc": "x"}])),
    *({"phases": value} for value in ([{"phase": "nope", "auc": 0.5}], [{"phase": "cold"}], [{"phase": "cold", "auc": {}}])),
    *({"labels": value} for value in (3, {}, {"dataset": 3}, None, {"dataset": [], "backbone": "fm", "method": "base"})),
    *({"config": value} for value in (3, {}, {"settings": 3}, None, {"dataset": 1, "backbone": 2, "method": 3, "settings": {}})),
    *({"seed": value} for value in ("x", None, [1], True, 1.5, -1)), *({"key": value} for value in (3, None, ["x"])),
    *({name: value} for name in ("protocol", "method", "backbone", "dataset", "fingerprint", "dataset_label") for value in (3, None, ["x"])),
    *({"provenance": value} for value in (3, None, {}, {"versions": 3}, {"versions": {}, "commit": None, "machine": 3})),
    *({"split": value} for value in (3, {"base": "x"}, None)), *({"finished": value} for value in (3, None)),
    *({"predictions": value} for value in (3, "../../etc/passwd", "/etc/passwd", None)), {"schema": "1"}, {"schema": None},
]  # fmt: skip


def clean(result, code: int = 2) -> None:
    assert result.exit_code == code, (result.output, result.exception)
    assert isinstance(result.exception, SystemExit), result.exception
    lines = result.output.strip().splitlines()
    assert len(lines) == 1, result.output[:500]
    assert lines[0].startswith("coldbench: ")
    assert 15 < len(lines[0]) < 800, len(lines[0])
    assert lines[0].isprintable(), lines[0]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty working folder, which must stay empty."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    yield place
    assert list(place.iterdir()) == []


def number(values: list) -> list:
    return [pytest.param(value, id=str(place)) for place, value in enumerate(values)]


@pytest.mark.parametrize("arguments", number(FLAGS))
def test_flags(arguments):
    clean(CliRunner().invoke(main, ["run", "--dry-run", *TINY, *arguments]))


@pytest.mark.parametrize("text", number(TOML))
def test_toml(text, tmp_path):
    path = tmp_path / "grid.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    clean(CliRunner().invoke(main, ["run", "--dry-run", "--config", str(path)]))


@pytest.mark.parametrize("text", number(PLUGINS))
@pytest.mark.parametrize("command", ["check FILE", "run --dry-run --plugin FILE --methods mine"])
def test_plugin_files(command, text, tmp_path):
    path = tmp_path / "mine.py"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    clean(CliRunner().invoke(main, command.replace("FILE", str(path)).split()))


@pytest.mark.parametrize(("old", "new"), HOOKS)
def test_hooks_that_break_the_interface(old, new, tmp_path):
    """The file can be imported; check says what is wrong, and exits with 1."""
    assert old in GOOD
    path = tmp_path / "mine.py"
    path.write_text(GOOD.replace(old, new))
    result = CliRunner().invoke(main, ["check", str(path)])
    assert "Traceback" not in result.output
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert "wrong " in result.output


MACHINE = {"processor": "Z80", "device": "cpu", "threads": 1}


def record() -> dict:
    parts = ("dataset", "backbone", "method")
    names = dict(zip(parts, ("synthetic", "fm", "base"), strict=True))
    return {
        **names,
        "schema": 2,
        "seed": 0,
        "protocol": "paper",
        "dataset_label": "Synthetic",
        "labels": names,
        "fingerprint": "f",
        "key": "k",
        "finished": "2026-01-01",
        "config": {**{part: {} for part in parts}, "protocol": {"name": "paper"}, "settings": {"batch_size": 2048}},
        "plugins": {
            part: {"title": "T", "citation": "C", "departs": "", "defaults": {}, "locations": []} for part in parts
        },
        "split": {"base": 3},
        "phases": [{"phase": "cold", "auc": 0.5, "steps": 1, "seconds": 1.0}],
        "predictions": "predictions/x.parquet",
        "predictions_digest": "d",
        "generation": 1,
        "provenance": {"versions": {"torch": "2"}, "commit": None, "machine": MACHINE},
    }


def test_what_the_broken_records_are_made_of_is_a_record():
    assert is_record(record() | {"digest": ""})


@pytest.mark.parametrize("content", number(RECORDS))
def test_records(content, tmp_path):
    """Broken records, most with a digest that is right: no traceback in report or verify, and none is believed."""
    cells = tmp_path / "run" / "cells"
    cells.mkdir(parents=True)
    if isinstance(content, dict):
        full = record() | content
        content = json.dumps(full | {"digest": digest(full)})
    (cells / "x.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    clean(CliRunner().invoke(main, ["report", str(tmp_path / "run")]))
    clean(CliRunner().invoke(main, ["verify", str(tmp_path / "run")]))


@pytest.mark.parametrize("arguments", number(COMMANDS))
def test_commands(arguments):
    clean(CliRunner().invoke(main, arguments))


def test_there_are_at_least_300_of_them():
    assert len(FLAGS) + len(TOML) + 2 * len(PLUGINS) + len(HOOKS) + 2 * len(RECORDS) + len(COMMANDS) >= 300


def clean_or_right(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, ["run", "--dry-run", "--methods", "base", *TINY, *arguments])
    if result.exit_code or result.exception:
        clean(result)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)
generated = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@generated
@given(
    flag=st.sampled_from(
        ["--methods", "--backbones", "--set", "--seeds", "--protocol", "--device", "--address", "--jobs"]
    ),
    value=st.text(max_size=30) | st.from_regex(r"\A(cvar|fm|protocol)[\[.](alpha|dim|batch_size)=.{0,9}\]?\Z"),
)
def test_generated_flags(flag, value):
    clean_or_right([f"{flag}={value}"])


@generated
@given(content=st.dictionaries(st.sampled_from(["methods", "seeds", "set", "jobs", "out", "device", "nope"]), values))
def test_generated_toml(content, tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text("\n".join(f"{key} = {json.dumps(value)}" for key, value in content.items()), "utf-8")
    clean_or_right(["--config", str(path)])


@generated
@given(content=st.dictionaries(st.sampled_from([*record()]), values, min_size=1))
def test_generated_records(content, tmp_path):
    cells = tmp_path / "run" / "cells"
    cells.mkdir(parents=True, exist_ok=True)
    full = record() | content
    try:
        full["digest"] = digest(full)
    except ValueError:
        full["digest"] = "none"  # NaN has no canonical JSON
    (cells / "x.json").write_text(json.dumps(full))
    result = CliRunner().invoke(main, ["report", str(tmp_path / "run")])
    if result.exit_code or result.exception:
        clean(result)


def test_in_a_real_process_with_bytes_that_are_no_unicode(tmp_path):
    command = [
        sys.executable,
        "-m",
        "coldbench",
        "run",
        "--dry-run",
        "--out",
        tmp_path / "out",
        "--methods",
        b"\xff\xfe",
    ]
    result = subprocess.run(command, capture_output=True, timeout=120)
    assert result.returncode == 2
    assert result.stdout == b""
    assert result.stderr.startswith(b"coldbench: unknown method")
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
