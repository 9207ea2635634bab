"""What one run of the simulated online test costs by day, and its tests' false-positive rates: in one process, no Ray.

python benchmarks/online_test.py --users 80000 --design ab --arm 'base[item_lr=0.01]'
python benchmarks/online_test.py --users 5000 --design global --arm base --splits 2000
"""

from __future__ import annotations

import argparse
import resource
import time

import torch

from coldbench.online.experiment import Experiment
from coldbench.online.folder import Simulation
from coldbench.online.options import SimulateOptions
from coldbench.online.plan import make_plan
from coldbench.online.splits import false_positives


def main() -> None:
    """Runs one task and prints its processor time, its peak memory and, if asked, the false-positive rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=80_000, help="Users per arm.")
    parser.add_argument("--days", type=int, default=8)
    parser.add_argument("--design", default="ab")
    parser.add_argument("--arm", default="base[item_lr=0.01]")
    parser.add_argument("--world", default="planted")
    parser.add_argument(
        "--splits", type=int, default=0, help="Random splits of the users of a run without a difference."
    )
    own = parser.parse_args()
    torch.set_num_threads(1)
    options = SimulateOptions(
        methods=("base", own.arm), world=(own.world,), design=(own.design,), users=own.users, days=own.days, seeds=(0,)
    )
    task = next(task for task in make_plan(options).tasks if task.setting.label == own.arm)
    began = time.process_time()
    experiment = Experiment(task.setting, task.ground(None, {}))
    print(f"models trained: {time.process_time() - began:.0f} s", flush=True)
    for day in experiment.days():
        print(f"day {day}: {time.process_time() - began:.0f} s", flush=True)
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")
    if own.splits:
        for name, tests in false_positives(Simulation({"key": "a/a"}, experiment.arrays()), splits=own.splits).items():
            print(name, tests)


if __name__ == "__main__":
    main()
