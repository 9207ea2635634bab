"""A real Ray cluster of several nodes on this machine: cells spread, a killed node changes nothing but the time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from coldbench.core.errors import InputError
from coldbench.runs.cluster import connected
from coldbench.runs.folder import Folder
from coldbench.runs.options import Options, read_options
from coldbench.runs.plan import make_plan

SIZES = ["users=150", "items=120", "interactions=6000", "n=60", "k=5"]
TINY = [part for size in SIZES for part in ("--set", f"synthetic.{size}")]
PLUGIN = '''"""Where (nobody 2026, DOI 10.0/none): the plain baseline, which notes the node that it runs on."""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import ray

from coldbench.plugin import Method, MethodConfig


@dataclass(frozen=True)
class Config(MethodConfig):
    number: int = 0  # tells variants apart


space = {}


class Where(Method):
    def fit(self, backbone, base):
        frame = sys._getframe()
        while not hasattr(frame.f_locals.get("self"), "dataset"):
            frame = frame.f_back
        data = frame.f_locals["self"].dataset
        arrays = (data.item, data.user, data.click, data.users.ids)
        note = {"node": ray.get_runtime_context().get_node_id(), "shared": not any(a.flags.writeable for a in arrays)}
        note["pid"] = os.getpid()
        Path("FOLDER", f"{self.config.number}-{time.time_ns()}").write_text(json.dumps(note))
        while not Path("FOLDER.go").exists():
            time.sleep(0.02)
'''


@pytest.fixture
def cluster():
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    yield made
    ray.shutdown()
    for node in (*made.worker_nodes, made.head_node):
        node.kill_all_processes(check_alive=False, allow_graceful=False)


def test_cells_spread_and_a_killed_node_costs_time_and_nothing_else(cluster, tmp_path):
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    notes = tmp_path / "notes"
    notes.mkdir()
    (tmp_path / "where.py").write_text(PLUGIN.replace("FOLDER", str(notes)))
    methods = "base,where," + ",".join(f"where[number={number}]" for number in range(1, 4))
    flags = ["--plugin", tmp_path / "where.py", "--methods", methods, "--backbones", "fm", "--seeds", "1", *TINY]
    flags += ["--address", cluster.address, "--cpus-per-cell", "0.7", "--out", tmp_path / "out"]
    command = [sys.executable, "-m", "coldbench", "run", *map(str, flags)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def noted() -> list[dict]:
        return [json.loads(path.read_text()) for path in notes.iterdir() if path.stat().st_size]

    deadline = time.monotonic() + 180
    while len({note["node"] for note in noted()}) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    lost = [note["pid"] for note in noted() if note["node"] == nodes[0].node_id]
    for pid in (nodes[0].all_processes["raylet"][0].process.pid, *lost):  # what goes when a machine goes
        os.kill(pid, signal.SIGKILL)
    Path(f"{notes}.go").touch()
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert "its worker died" in said
    assert "5 cells, 0 of them reused" in said
    assert all(note["shared"] for note in noted())  # one copy a node, in the object store
    assert len(noted()) > 4  # one was done again

    plan = make_plan(read_options({}, tmp_path / "out" / "run.toml"))
    for cell in plan.cells:
        (dataset,) = plan.datasets.values()
        table = pq.read_table(tmp_path / "out" / Folder(tmp_path / "out").record(cell)["predictions"])
        for outcome in cell.on(dataset).run():
            assert table[outcome.phase].to_numpy().tobytes() == outcome.logits.tobytes()


def test_a_ray_that_does_not_start_in_time_is_said_in_one_line(monkeypatch):
    """As Ray says it on a machine whose other work leaves its processes no processor for half a minute."""

    def late(**given):
        raise Exception("The current node timed out during startup.\nThis could happen because it is overloaded.")

    monkeypatch.setattr("ray.init", late)
    says = r"did not start in time \(The current node timed out during startup. This"
    with pytest.raises(InputError, match=says), connected(Options(jobs=1)):
        pass


INTRUDER = """
import os, sys
import ray
try:
    ray.init(address=sys.argv[1], logging_level=50, log_to_driver=False)
except Exception as error:
    sys.exit(f"refused: {type(error).__name__}")
print("let in")
"""


def test_a_process_without_the_token_is_refused_by_a_local_ray(tmp_path):
    with connected(Options(jobs=1)):
        import ray

        address = ray.get_runtime_context().gcs_address
        own = os.environ | {"RAY_gcs_rpc_server_reconnect_timeout_s": "5"}
        stranger = own | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}
        told = {
            name: subprocess.run(
                [sys.executable, "-c", INTRUDER, address], env=env, capture_output=True, text=True, timeout=120
            )
            for name, env in (("stranger", stranger), ("own", own))
        }
    assert "refused: ConnectionError" in told["stranger"].stderr
    assert "let in" in told["own"].stdout, told["own"].stderr
