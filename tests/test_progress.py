"""What a run says while it goes on."""

from __future__ import annotations

import pytest

from coldbench.runs import progress
from coldbench.runs.progress import Watch


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_the_time_of_shared_stages_is_not_taken_for_that_of_cells(clock, capsys):
    watch = Watch(cells=10, done=0)
    clock[0] = 1000.0
    watch.stage("fitted ml-1m / deepfm / cvar / seed 0")
    for second in (10.0, 20.0):
        clock[0] = 1000.0 + second
        watch.ended("a cell")
    assert capsys.readouterr().err.splitlines()[-1] == "[2/10] a cell  01:20 left"


def test_cells_that_were_finished_before_do_not_count_for_the_pace(clock, capsys):
    watch = Watch(cells=10, done=6)
    clock[0] = 30.0
    watch.ended("a cell")
    assert capsys.readouterr().err.splitlines()[-1] == "[7/10] a cell  01:30 left"


def test_hours_are_told_from_minutes(clock, capsys):
    watch = Watch(cells=101, done=0)
    clock[0] = 50.0
    watch.ended("a cell")
    assert capsys.readouterr().err.splitlines()[-1].endswith("  1:23:20 left")
