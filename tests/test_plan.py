"""``coldbench plan``: how many seeds are enough."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from click.testing import CliRunner

from coldbench.cli import main
from coldbench.commands.plan import Aim, deviations, plan
from coldbench.core.errors import InputError
from coldbench.run.options import read_options
from coldbench.run.plan import make_plan
from coldbench.significance import MARGIN, seeds_to_detect, seeds_to_equate

TINY = ("synthetic.users=100", "synthetic.items=80", "synthetic.interactions=3000", "synthetic.n=40", "synthetic.k=3")


@pytest.mark.parametrize(("command", "option"), [("report", "margin"), ("plan", "effect")])
def test_the_command_lines_default_is_the_margin(command, option):
    (found,) = (parameter for parameter in main.commands[command].params if parameter.name == option)
    assert found.default == MARGIN


def test_a_given_scatter():
    text = plan(Aim(0.002), 0.002, None)
    assert f"one comparison: {seeds_to_detect(0.002, 0.002)}\n" in text
    assert f"the reference named beforehand, Holm over 6: {seeds_to_detect(0.002, 0.002, 6)}\n" in text
    assert f"the best picked by looking, Holm over 21: {seeds_to_detect(0.002, 0.002, 21)}\n" in text
    *_, alone, named, picked = text.splitlines()
    assert alone.endswith(f"one comparison: {seeds_to_equate(0.002, 0.002)}")
    assert named.endswith(f"beforehand: {seeds_to_equate(0.002, 0.002)}")
    assert picked.endswith(f"looking: {seeds_to_equate(0.002, 0.002, 0.05 / 6)}")
    assert "more than 10,000" in plan(Aim(1e-6), 0.002, None)
    assert "Holm" not in plan(Aim(0.002, methods=2), 0.002, None)


def test_the_scatter_of_a_run(saved_run):
    found, methods = deviations(saved_run.path, "auc")
    assert methods == 2
    aucs = {}
    for record, phase in itertools.chain.from_iterable(
        ((record, phase) for phase in record["phases"]) for record in saved_run.records()[0]
    ):
        aucs.setdefault((record["method"], phase["phase"]), []).append(phase["auc"])
    for (*_, phase, one, other), deviation in found.items():
        expected = np.std(np.subtract(aucs[one, phase], aucs[other, phase]), ddof=1)
        assert deviation == pytest.approx(expected)
    text = plan(Aim(0.002), None, saved_run.path)
    assert "root mean square of 4 comparisons" in text
    assert "one comparison:" in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "give either --seeds-sd or a run's folder"),
        (["nowhere", "--seeds-sd", "0.1"], "give either --seeds-sd or a run's folder"),
        (["nowhere"], "nowhere"),
        (["--seeds-sd", "0"], "--seeds-sd 0 should be a positive number"),
        (["--seeds-sd", "nan"], "--seeds-sd nan should be a positive number"),
        (["--seeds-sd", "0.1", "--effect", "-1"], "--effect -1 should be a positive number"),
        (["--seeds-sd", "0.1", "--power", "1"], "--power 1 should be between 0 and 1"),
        (["--seeds-sd", "0.1", "--alpha", "0"], "--alpha 0 should be between 0 and 1"),
        (["--seeds-sd", "0.1", "--power", "0.04"], "should be above --alpha"),
        (["--seeds-sd", "0.1", "--metric", "acu"], "did you mean 'auc'"),
        (["--seeds-sd", "0.1", "--methods", "1"], "--methods"),
    ],
)
def test_bad_input_is_one_line_and_code_2(arguments, says):
    result = CliRunner().invoke(main, ["plan", *arguments])
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_run_without_enough_seeds_says_so(tmp_path, make_cell, save_cell):
    from coldbench.run.folder import Folder

    folder = Folder(tmp_path)
    folder.prepare()
    cell = make_cell(method="base", seed=0)
    save_cell(folder, cell)
    with pytest.raises(InputError, match="no two methods with 3 seeds in common"):
        plan(Aim(0.002), None, tmp_path)


def test_minus_zero_is_zero_and_infinity_no_value():
    names = "avaew[alpha=-0],avaew[alpha=-0.0],avaew[alpha=0]"
    cells = make_plan(read_options({"methods": names, "backbones": "fm", "seeds": "1", "set": TINY}, None)).cells
    assert [cell.labels["method"] for cell in cells] == ["avaew[alpha=0]"]
    with pytest.raises(InputError, match=r"avaew\.alpha is 'inf'; it should be a finite number"):
        make_plan(read_options({"methods": "avaew[alpha=inf]", "seeds": "1", "set": TINY}, None))
