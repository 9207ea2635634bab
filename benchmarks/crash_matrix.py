"""``make crashes``: produces every fault on real runs and writes what was lost into docs/reliability.md.

Every row is judged the same way: after the fault, what was finished is still there byte for byte; the same command
goes on and computes the rest alone; in the end every prediction equals that of a run that nothing happened to, byte for
byte, and no record is there that the plan does not name. A row that does not hold ends the command with exit code 1.

Full disk and read-only folder need the right to mount a tmpfs (root); the clock needs the program faketime.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "reliability.md"
SIZES = {"users": 150, "items": 120, "interactions": 6000, "n": 60, "k": 5}
SLOW = ["faulty[seconds=1]", "faulty[seconds=1.1]", "faulty[seconds=1.2]"]
FLAGS = ["--plugin", str(HERE / "faulty.py"), "--backbones", "fm", "--jobs", "2"]
FLAGS += [part for name, value in SIZES.items() for part in ("--set", f"synthetic.{name}={value}")]
METHODS = ["--methods", ",".join(["base", *SLOW]), "--seeds", "0,1"]
CELLS = 8


@dataclass
class Outcome:
    """What a fault did: cells finished when it struck, and what came after."""

    kept: int
    said: str


Fault = Callable[[Path], Outcome]
faults: list[tuple[str, str, Fault]] = []


def fault(name: str, how: str) -> Callable[[Fault], Fault]:
    """Registers a row of the table."""

    def register(function: Fault) -> Fault:
        faults.append((name, how, function))
        return function

    return register


class BrokenError(Exception):
    """Something that must hold did not."""


def hold(condition: bool, what: str) -> None:
    if not condition:
        raise BrokenError(what)


def command(out: Path, *more: str, methods: list[str] = METHODS) -> list[str]:
    return [sys.executable, "-m", "coldbench", "run", *FLAGS, *methods, "--out", str(out), *more]


def start(out: Path, *more: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen:
    return subprocess.Popen(
        [*prefix, *command(out, *more)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(out: Path, *more: str, methods: list[str] = METHODS) -> subprocess.CompletedProcess:
    return subprocess.run(command(out, *more, methods=methods), capture_output=True, text=True, timeout=600)


def finished(out: Path) -> dict[str, bytes]:
    """Records and predictions that are there, by name."""
    return {path.name: path.read_bytes() for part in ("cells", "predictions") for path in (out / part).glob("[!.]*")}


def cells(out: Path) -> int:
    return len(list((out / "cells").glob("[!.]*.json")))


def wait_for(out: Path, count: int, process: subprocess.Popen, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while cells(out) < count:
        hold(process.poll() is None and time.monotonic() < deadline, f"{count} cells did not come")
        time.sleep(0.02)


def below(ancestor: int, named: str) -> list[int]:
    """Processes under one whose command line holds a word."""
    parents, names = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int(re.search(r"PPid:\s*(\d+)", (folder / "status").read_text())[1])
            names[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (OSError, TypeError):
            continue

    def descends(pid: int) -> bool:
        while pid in parents:
            pid = parents[pid]
            if pid == ancestor:
                return True
        return False

    return [pid for pid, name in names.items() if named in name and descends(pid)]


WORKER, OWN_PROCESS = "ray::ResourceTrainable.train", "ray::_alone"  # as Ray names processes in the middle of a cell


def at_work(*ancestors: int, named: str = WORKER) -> tuple[int, int]:
    """A process in the middle of a cell, and the ancestor that it is below."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for ancestor in ancestors:
            for worker in below(ancestor, named):
                return worker, ancestor
        time.sleep(0.02)  # between two cells
    raise BrokenError("no worker was found")


def under_way(out: Path, *more: str) -> subprocess.Popen:
    """A run with its first two cells there and others being computed."""
    process = start(out, *more)
    wait_for(out, 2, process)
    return process


def ended(process: subprocess.Popen, code: int = 0) -> str:
    """What a run said, after it ended as it should."""
    said, _ = process.communicate(timeout=600)
    hold("Traceback" not in said, f"a traceback: {said[-2000:]}")
    hold(process.returncode == code, f"ended with {process.returncode}: {said[-2000:]}")
    return said


def goes_on(out: Path) -> None:
    """The same command again: what was finished stays, the rest is computed, all is as if nothing had happened."""
    before, done = finished(out), cells(out)
    again = run(out)
    hold(again.returncode == 0, f"the same command again ended with {again.returncode}: {again.stderr[-2000:]}")
    hold(f"{CELLS} cells, {done} of them reused" in again.stdout, f"not {done} were reused: {again.stdout[-200:]}")
    after = finished(out)
    hold(all(after[name] == content for name, content in before.items()), "something finished was changed")
    equals(out)


def equals(out: Path) -> None:
    """All cells are there, none else, and their predictions are those of the run that nothing happened to."""
    after = finished(out)
    hold(after.keys() == REFERENCE.keys(), f"{len(after)} files, not {len(REFERENCE)}")
    wrong = [name for name in after if name.endswith(".parquet") and after[name] != REFERENCE[name]]
    hold(not wrong, f"other predictions: {wrong}")


ALONE = ("a node killed",)  # with nothing beside it, in the main thread: Ray starts nodes nowhere else
REFERENCE: dict[str, bytes] = {}


@fault("driver killed", "SIGKILL to `coldbench run` when 2 cells were there")
def driver(out: Path) -> Outcome:
    process = under_way(out)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(3)
    kept = cells(out)
    goes_on(out)
    return Outcome(kept, "the same command goes on")


@fault("worker killed", "SIGKILL to one Ray worker when 2 cells were there")
def worker(out: Path) -> Outcome:
    return killed_at_work(out, WORKER)


@fault("a cell's own process killed", "SIGKILL to the process of a cell with a plugin file when 2 cells were there")
def own_process(out: Path) -> Outcome:
    return killed_at_work(out, OWN_PROCESS)


def killed_at_work(out: Path, named: str) -> Outcome:
    process = under_way(out)
    kept = cells(out)
    os.kill(at_work(process.pid, named=named)[0], signal.SIGKILL)
    said = ended(process)
    hold("its worker died" in said, said[-2000:])
    equals(out)
    return Outcome(kept, "the run does the cell again by itself and ends with 0")


@fault("raylet killed", "SIGKILL to the only node's raylet when 2 cells were there")
def raylet(out: Path) -> Outcome:
    process = under_way(out)
    found = below(process.pid, "raylet/raylet")
    hold(bool(found), "no raylet was found")
    os.kill(found[0], signal.SIGKILL)
    process.communicate(timeout=300)
    hold(process.returncode != 0, "the run ended with 0")
    kept = cells(out)
    goes_on(out)
    return Outcome(kept, f"the run ends (code {process.returncode}); the same command goes on")


@fault("Ctrl-C once", "SIGINT when 2 cells were there")
def interrupt(out: Path) -> Outcome:
    process = under_way(out)
    os.kill(process.pid, signal.SIGINT)
    said = ended(process, 1)
    kept = cells(out)
    hold("the same command goes on" in said, said[-2000:])
    hold(f"{CELLS - kept} cells left to do" in said, said[-2000:])
    hold((out / "report" / "report.md").exists(), "no report was written")
    hold(2 < kept < CELLS, f"{kept} cells: what ran was not finished, or everything was")
    goes_on(out)
    return Outcome(kept, "finishes the cells in flight, writes the report, says how to go on (code 1)")


@fault("Ctrl-C twice", "SIGINT twice within 0.3 s when 2 cells were there")
def interrupt_twice(out: Path) -> Outcome:
    process = under_way(out)
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.3)
    started = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    said = ended(process, 130)
    seconds = time.monotonic() - started
    hold("the same command goes on" in said, said[-2000:])
    kept = cells(out)
    goes_on(out)
    return Outcome(kept, f"stops in {seconds:.1f} s (code 130); the same command goes on")


@contextmanager
def disk(size: str) -> Iterator[Path]:
    """A file system of its own, for a while."""
    folder = Path(tempfile.mkdtemp(prefix="coldbench-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


@fault("full disk", "--out on a tmpfs of 180 KB, made larger for the second run")
def full_disk(_: Path) -> Outcome:
    with disk("180k") as folder:
        out = folder / "out"
        first = run(out)
        hold("Traceback" not in first.stderr, first.stderr[-2000:])
        hold("No space left on device" in first.stdout + first.stderr, (first.stdout + first.stderr)[-2000:])
        kept = cells(out)
        hold(kept < CELLS, "the disk was not full")
        remount(folder, "size=50m")
        goes_on(out)
    return Outcome(
        kept, f"cells fail with 'No space left on device' (code {first.returncode}); the same command goes on"
    )


@fault("read-only folder", "--out on a tmpfs mounted read-only")
def read_only(_: Path) -> Outcome:
    with disk("10m") as folder:
        out = folder / "out"
        run(out, methods=["--methods", "base", "--seeds", "0,1"])
        kept = cells(out)
        before = finished(out)
        remount(folder, "ro")
        second = run(out)
        hold(second.returncode == 2, f"ended with {second.returncode}")
        hold(len(second.stderr.splitlines()) == 1 and "cannot be written" in second.stderr, second.stderr[-2000:])
        hold(finished(out) == before, "something was changed")
        remount(folder, "rw")
        goes_on(out)
    return Outcome(kept, "one line, code 2, before anything is computed")


FAILING = {  # what each says
    "raise": "ValueError: as it was told",
    "hang": "it took longer than --cell-timeout",
    "memory": "can't allocate memory",
    "exit": "SystemExit: 3",
    "nan": "test logits are not finite",
    "kill": "its worker died 3 times",
}


@fault(
    "a method raises, hangs, takes all memory, ends or kills its process, gives NaN",
    "one method for each beside the good ones, with --cell-timeout 20 --memory-per-cell 1",
)
def methods_fail(out: Path) -> Outcome:
    bad = ",".join(f"faulty[fault={kind}]" for kind in FAILING)
    limits = ("--cell-timeout", "20", "--memory-per-cell", "1")
    first = run(out, *limits, methods=["--methods", f"{METHODS[1]},{bad}", "--seeds", "0,1"])
    hold("Traceback" not in first.stdout + first.stderr, first.stderr[-2000:])
    hold(first.returncode == 1, f"ended with {first.returncode}")
    report = (out / "report" / "report.md").read_text()
    for kind, says in FAILING.items():
        for text in (first.stdout, report):
            named = [line for line in text.splitlines() if f"fault={kind}]" in line and says in line]
            hold(len(named) == 2, f"{kind} is not named once a cell: {text[-2000:]}")
    kept = cells(out)
    equals(out)
    return Outcome(kept, "each is named with its reason in output and report (code 1); all others are computed")


@fault("a node killed", "SIGKILL to all processes of one of two nodes when 2 cells were there")
def node(out: Path) -> Outcome:
    from ray.cluster_utils import Cluster

    seconds = []
    for place in (out / "whole", out / "killed"):
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        try:
            nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
            started = time.monotonic()
            process = under_way(place, "--address", cluster.address)
            if place.name == "killed":
                kept = cells(place)
                worker, raylet = at_work(*(one.all_processes["raylet"][0].process.pid for one in nodes))
                for pid in (raylet, worker, *below(raylet, "")):  # what goes when a machine goes
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            said = ended(process)
            seconds.append(time.monotonic() - started)
            equals(place)
        finally:
            for one in (*cluster.worker_nodes, cluster.head_node):
                one.kill_all_processes(check_alive=False, allow_graceful=False)
    hold("its worker died" in said, said[-2000:])
    whole, killed = seconds
    return Outcome(kept, f"the run ends with 0 on the other node: {killed:.0f} s, {whole:.0f} s with both nodes")


@fault("two drivers on one folder", "the same command twice, at the same time")
def two(out: Path) -> Outcome:
    both = [start(out), start(out)]
    for process in both:
        ended(process)
    equals(out)
    goes_on(out)
    return Outcome(CELLS, "both end with 0; every cell is there once")


@fault("files cut off or edited", "a record cut off, one edited, predictions cut off, one gone, a backbone cut off")
def edited(out: Path) -> Outcome:
    run(out)
    records = sorted((out / "cells").glob("*.json"))
    records[0].write_bytes(records[0].read_bytes()[:300])
    records[1].write_text(records[1].read_text().replace('"auc": 0.', '"auc": 0.9', 1))
    predictions = [out / json.loads(record.read_text())["predictions"] for record in records[2:4]]
    predictions[0].write_bytes(predictions[0].read_bytes()[:500])
    predictions[1].unlink()
    backbone = min((out / "pretrained").iterdir())
    backbone.write_bytes(backbone.read_bytes()[:1000])
    report = subprocess.run([sys.executable, "-m", "coldbench", "report", str(out)], capture_output=True, text=True)
    hold(report.returncode == 0, report.stderr)
    text = (out / "report" / "report.md").read_text()
    hold(all(record.name in text for record in records[:2]), "the report does not name the broken records")
    again = run(out)
    hold(f"{CELLS} cells, {CELLS - 4} of them reused" in again.stdout, again.stdout[-300:])
    equals(out)
    return Outcome(CELLS - 4, "none is believed; the report names them; the same command does these 4 again")


@fault("clock set back", "the second half of a run under `faketime -400d`")
def clock(out: Path) -> Outcome:
    program = shutil.which("faketime")
    hold(program is not None, "needs the program faketime")
    run(out, methods=["--methods", f"base,{SLOW[0]}", "--seeds", "0,1"])
    before = finished(out)
    kept = cells(out)
    said = ended(start(out, prefix=(str(program), "-f", "-400d")))
    hold(f"{CELLS} cells, {kept} of them reused" in said, said[-300:])
    after = finished(out)
    hold(all(after[name] == content for name, content in before.items()), "something finished was changed")
    dates = {json.loads(content)["finished"][:4] for name, content in after.items() if name.endswith(".json")}
    hold(len(dates) > 1, f"the clock was not set back: {dates}")
    equals(out)
    return Outcome(kept, "nothing changes: keys, reuse and what counts as newer do not depend on the clock")


def judged(row: tuple[str, str, Fault], out: Path) -> tuple[str, bool]:
    """A row of the table, and whether it holds."""
    name, how, function = row
    started = time.monotonic()
    try:
        outcome = function(out)
    except (BrokenError, subprocess.SubprocessError, OSError) as error:
        print(f"BROKEN {name}: {error}", flush=True)
        return f"| {name} | {how} | - | **does not hold**: {type(error).__name__} |", False
    print(f"holds  {name}: {outcome.kept} of {CELLS} kept; {time.monotonic() - started:.0f} s", flush=True)
    return f"| {name} | {how} | {outcome.kept} of {CELLS} | {outcome.said} |", True


def write(rows: dict[str, str]) -> None:
    """Puts rows into the page's table; those of faults that were not produced now stay as they are."""
    before, table, after = re.split(r"(?<=<!-- crashes -->\n)(.*?)(?=<!-- end -->)", PAGE.read_text(), flags=re.S)
    known = {line.split(" | ")[0].removeprefix("| "): line for line in table.splitlines()[2:]} | rows
    ordered = [known[name] for name, *_ in faults if name in known]
    lines = ["| fault | how | cells kept | what happens |", "|---|---|---|---|", *ordered]
    PAGE.write_text(f"{before}{chr(10).join(lines)}\n{after}")


def main() -> None:
    """Runs all faults, or those whose names hold a word that is given; CRASHES_AT_ONCE of them side by side."""
    chosen = [row for row in faults if not sys.argv[1:] or any(word in row[0] for word in sys.argv[1:])]
    with tempfile.TemporaryDirectory(prefix="coldbench-crashes-") as scratch:
        os.environ["COLDBENCH_CACHE"] = f"{scratch}/cache"
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        reference = run(Path(scratch) / "reference")
        hold(reference.returncode == 0, reference.stderr)
        REFERENCE.update(finished(Path(scratch) / "reference"))
        places = [Path(scratch) / f"run-{number}" for number in range(len(chosen))]
        with ThreadPoolExecutor(int(os.environ.get("CRASHES_AT_ONCE", "1"))) as pool:
            results = [
                pool.submit(judged, row, out) if row[0] not in ALONE else None
                for row, out in zip(chosen, places, strict=True)
            ]
        lines, held = zip(
            *(
                result.result() if result else judged(row, out)
                for row, out, result in zip(chosen, places, results, strict=True)
            ),
            strict=True,
        )
    write(dict(zip((row[0] for row in chosen), lines, strict=True)))
    sys.exit(not all(held))


if __name__ == "__main__":
    main()
