"""What is installed from a wheel, outside the tree, does what the tree does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SIZES = {"users": 150, "items": 120, "interactions": 6000, "n": 60, "k": 5}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Runs a command of the installed package in an empty folder; its libraries are those of these tests."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    source = folder / "source"
    copied = ("coldbench", "methods", "backbones", "results/paper", "pyproject.toml", "README.md", "LICENSE")
    for name in copied:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-r", ROOT / name, source / name], check=True)
    subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, source], check=True)
    (wheel,) = folder.glob("coldbench-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True)
    (folder / "work").mkdir()
    environment = os.environ | {"PYTHONPATH": str(folder / "site"), "PYTHONNOUSERSITE": "1"}

    def run(*arguments, python=False):
        command = [sys.executable, *([] if python else ["-m", "coldbench"]), *arguments]
        done = subprocess.run(command, cwd=folder / "work", env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.site, run.work = folder / "site", folder / "work"
    return run


def test_the_package_of_the_wheel_is_the_one_that_runs(installed):
    where = installed("-c", "import coldbench; print(coldbench.__file__)", python=True)
    assert Path(where.strip()).is_relative_to(installed.site)
    assert (installed.site / "coldbench" / "py.typed").exists()


def test_run_report_plugin_and_check(installed):
    sizes = [part for name, value in SIZES.items() for part in ("--set", f"synthetic.{name}={value}")]
    installed("new", "method", "mine")
    assert "mine" in installed("check", "mine.py")
    shown = installed(
        "run", "--methods", "base,mine", "--plugin", "mine.py", "--backbones", "fm", "--seeds", "1", *sizes
    )
    assert "warm-c" in shown
    assert "warm-c" in installed("report", "results/run")
    assert (installed.work / "results/run/report/index.html").stat().st_size > 10_000
