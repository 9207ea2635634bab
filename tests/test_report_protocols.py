"""The comparison of protocols in a report."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from coldbench.report.analysis.names import protocol_label, protocol_order
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.protocols import against_base, budgets, leak, tables
from coldbench.report.figures.budgets import against_budget
from coldbench.report.figures.style import looks
from coldbench.report.writers import markdown

AUC = ReportOptions()
EFFECT = {"paper": 0.05, "strict": 0.03, "matched[budget=1]": -0.02, "matched[budget=10]": 0.0}
BUDGET = {"matched[budget=1]": 1, "matched[budget=10]": 10}


def frame(seeds=6, protocols=tuple(EFFECT), sign=1):
    random = np.random.default_rng(0)
    rows = []
    for protocol in protocols:
        noise = random.normal(0, 0.003, (seeds, 2, 4))
        for seed in range(seeds):
            for number, method in enumerate(("base", "cvar")):
                for place, phase in enumerate(("cold", "warm-a", "warm-b", "warm-c")):
                    value = 0.7 + 0.01 * place + number * EFFECT[protocol] + noise[seed, number, place]
                    row = ("data", protocol, BUDGET.get(protocol), "fm", method, seed, phase, sign * value)
                    rows.append(row)
    columns = ["dataset", "protocol", "budget", "backbone", "method", "seed", "phase", "auc"]
    return pd.DataFrame(rows, columns=columns)


def test_budgets_are_read_from_the_records_not_from_labels():
    assert budgets(frame()) == BUDGET
    assert budgets(frame(protocols=("paper", "strict"))) == {}


def test_a_protocol_is_labelled_with_every_field_and_sorted_by_their_values():
    rules = [{"name": "matched", "budget": budget} for budget in (30, 3, 1)]
    rules += [{"name": "strict"}, {"name": "own", "a": 1, "b": 2}, {"name": "own", "a": 3, "b": 0}, {"name": "paper"}]
    assert [protocol_label(each) for each in sorted(rules, key=protocol_order)] == [
        "paper",
        "strict",
        "matched[budget=1]",
        "matched[budget=3]",
        "matched[budget=30]",
        "own[a=1,b=2]",
        "own[a=3,b=0]",
    ]


def test_every_budget_is_tested_against_base_with_holm():
    data = frame()
    found = {(each.protocol, each.method): each for each in against_base(data, AUC)}
    warm = data[data["phase"] != "cold"].groupby(["protocol", "method", "seed"])["auc"].mean()
    p_values = {}
    for protocol in EFFECT:
        own, base = warm[protocol, "cvar"].to_numpy(), warm[protocol, "base"].to_numpy()
        each = found[protocol, "cvar"]
        assert each.mean == pytest.approx(own.mean())
        assert each.test.difference == pytest.approx((own - base).mean())
        p_values[protocol] = stats.ttest_rel(own, base).pvalue
        assert each.test.p_value == pytest.approx(p_values[protocol])
    smallest = min(p_values, key=p_values.get)
    assert found[smallest, "cvar"].p_holm == pytest.approx(4 * p_values[smallest])
    assert found["matched[budget=1]", "base"].test is None
    verdicts = {protocol: found[protocol, "cvar"].verdict for protocol in EFFECT}
    assert verdicts == {
        "paper": "better",
        "strict": "better",
        "matched[budget=1]": "worse",
        "matched[budget=10]": "not distinguishable",
    }


def test_the_leak_is_a_methods_own_difference_between_paper_and_strict():
    found = {each.method: each for each in leak(frame(), AUC)}
    assert found["cvar"].test.difference == pytest.approx(0.02, abs=0.004)
    assert found["cvar"].verdict == "better"
    assert found["base"].verdict == "practically equal"
    assert leak(frame(protocols=("paper", "matched[budget=1]")), AUC) == []


def section(data):
    return "\n".join(map(markdown.section, tables(data, AUC)))


def test_the_section_says_at_which_budgets_a_method_beats_base():
    text = section(frame())
    assert "- fm, cvar against base: worse at 1; not distinguishable at 10." in text
    assert "What the leak is worth" in text
    assert section(frame(protocols=("paper",))) == ""
    few = section(frame(seeds=2))
    assert "not tested at 1, 10" in few
    assert ") +" not in few


def test_a_curve_needs_two_budgets():
    data = frame()
    figure = against_budget(data, looks(data["method"]), AUC)
    assert len(figure.axes[0].lines) >= 2
    assert against_budget(data[data["budget"] != 1], looks(data["method"]), AUC) is None


def test_a_budgets_seconds_are_those_of_all_warm_up_phases_without_cold():
    data = frame()
    assert against_budget(data, looks(data["method"]), AUC, seconds=True) is None  # no record says
    data["cpu_seconds"] = np.where(data["phase"] == "cold", 100.0, data["budget"] * (1 + (data["method"] == "cvar")))
    (axes,) = against_budget(data, looks(data["method"]), AUC, seconds=True).axes
    drawn = {tuple(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2}
    assert {(3.0, 30.0), (6.0, 60.0)} <= drawn  # three phases at budgets 1 and 10
