"""``make mutate``: breaks one thing at a time in a copy of the code; the tests of the losses must notice each.

Exit code 1 if a mutation survives.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
MUTATIONS = [
    ("generator loses L_CTR, eq. 7", "coldbench/generator.py", "return ctr + batch", "return 0 * ctr + batch"),
    ("generator loses L_R, eq. 4", "coldbench/generator.py", "mean(alpha * reconstruction", "mean(0 * reconstruction"),
    ("generator loses L_WD, eq. 6", "coldbench/generator.py", "+ beta * distance", "+ 0 * distance"),
    ("L_WD without deviations", "coldbench/generator.py", "+ vecdot(deviations", "+ 0 * vecdot(deviations"),
    ("deviation is not exp(half)", "coldbench/generator.py", "(0.5 * log_variance)", "(1.0 * log_variance)"),
    ("decoder blind to count", "coldbench/generator.py", "if self.count is None:", "if True:"),
    (
        "mean over items, not rows",
        "coldbench/batching.py",
        "return self._distinct[2] / len(self)",
        "return torch.full_like(self._distinct[2] / len(self), 1 / len(self._distinct[2]))",
    ),
    ("avaew loses L_GD, eq. 9", "methods/avaew.py", "config.xi * group", "0 * group"),
    ("avaew loses L'_GD, eq. 10", "methods/avaew.py", "config.xi_prime * pairs", "0 * pairs"),
    (
        "L_GD as mean of squares",
        "methods/avaew.py",
        "batch.mean(apart).square().mean()",
        "batch.mean(apart.square()).mean()",
    ),
    (
        "L_D with labels swapped, eq. 8",
        "methods/avaew.py",
        "softplus(-real) + functional.softplus(warm)",
        "softplus(real) + functional.softplus(-warm)",
    ),
    ("L_D loses the generated half", "methods/avaew.py", "+ functional.softplus(warm)", ""),
    (
        "classifier's step reaches the generator",
        "methods/avaew.py",
        "torch.stack([real, warm.detach()])",
        "torch.stack([real, warm])",
    ),
    (
        "generator's step moves the classifier",
        "methods/avaew.py",
        "phase.adam(self.generator.parameters())",
        "phase.adam(self.parameters())",
    ),
    ("one classifier step", "methods/avaew.py", "range(self.config.classifier_steps)", "range(1)"),
    ("cvar always adapts", "methods/cvar.py", "if not self.config.adapt:", "if False:"),
    ("cvar adapts one epoch", "methods/cvar.py", "phase, self.config.adapt_epochs)", "phase, 1)"),
    ("meta_e without second derivatives", "methods/meta_e.py", "create_graph=True", "retain_graph=True"),
    ("meta_e loses loss_a, eq. 9", "methods/meta_e.py", "self.config.gamma * loss_a +", "0 * loss_a +"),
    (
        "meta_e steps uphill, eq. 7",
        "methods/meta_e.py",
        "embedding - self.config.inner_lr",
        "embedding + self.config.inner_lr",
    ),
    ("meta_e cuts out of time order", "methods/meta_e.py", "np.lexsort((time, item))", "np.lexsort((-time, item))"),
    (
        "mwuf looks users up with item ids",
        "methods/mwuf.py",
        "phase.view.users(log.user)",
        "phase.view.users(log.item)",
    ),
    (
        "mwuf adds items' means to users",
        "methods/mwuf.py",
        "self.total.index_add_(0, log.item, users)",
        "self.total.index_add_(0, log.user, users)",
    ),
    ("mwuf keeps the old shift", "methods/mwuf.py", "            self.users.see(phase)\n", ""),
    ("mwuf sees the future", "methods/mwuf.py", "trained = backbone", "self.users.see(phase); trained = backbone"),
    (
        "mwuf starts from all items' mean",
        "methods/mwuf.py",
        "base.log.item.unique()).mean(0)",
        "torch.arange(self.schema.items)).mean(0)",
    ),
    ("gar's critic without the negative", "methods/gar.py", "+ beta * items.roll(1, 0)", ""),
    ("gar's negative is the positive", "methods/gar.py", "items.roll(1, 0)", "items"),
    ("gar loses the similarity", "methods/gar.py", "+ self.config.alpha * apart", ""),
    ("gar's generator fools nobody", "methods/gar.py", "softplus(-(users * gain)", "softplus((users * gain)"),
    (
        "gar's critic moves the generator",
        "methods/gar.py",
        "self.generate(batch.items).detach()",
        "self.generate(batch.items)",
    ),
    ("gar loses the CTR loss", "methods/gar.py", "return game + self.config.ctr", "return game + 0"),
    ("dropoutnet drops twice as often", "methods/dropoutnet.py", "< self.config.rate", "< 2 * self.config.rate"),
    ("dropoutnet's mean has a gradient", "methods/dropoutnet.py", ".weight.detach().mean(0)", ".weight.mean(0)"),
]


def main() -> None:
    """Tries every mutation and prints whether a test noticed."""
    survived = [name for name, *change in MUTATIONS if not noticed(name, *change)]
    print(f"{len(MUTATIONS) - len(survived)} of {len(MUTATIONS)} mutations noticed")
    sys.exit(bool(survived))


def noticed(name: str, file: str, old: str, new: str) -> bool:
    """Whether the tests fail with one mutation in a copy of the code."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch)
        for folder in ("coldbench", "tests"):
            shutil.copytree(ROOT / folder, copy / folder)
        for plugin in ("methods", "backbones"):
            shutil.copytree(ROOT / plugin, copy / "coldbench" / plugin)
        path = copy / "coldbench" / file if file.startswith("methods/") else copy / file
        text = path.read_text()
        if old not in text:
            raise SystemExit(f"{name}: {file} has no {old!r}")
        path.write_text(text.replace(old, new, 1))
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/test_losses.py"]
        done = subprocess.run(
            command, cwd=copy, env={**os.environ, "PYTHONPATH": scratch}, capture_output=True, text=True
        )
        print(f"{'noticed ' if done.returncode == 1 else 'SURVIVED'}  {name}", flush=True)
        return done.returncode == 1


if __name__ == "__main__":
    main()
