"""``make profile``: where a cell's time goes, and how far it is from what this machine can do.

Sections are timed with the processor clock on one thread, backward passes in the section that caused them (a section is
measured with and without the next one, so that differences add up). Beside them stands the least that the machine
needs: the bytes that a step must move and the multiplications it must do, at this machine's own measured memory
bandwidth and matrix speed. And what a step costs on eight rows, where there is next to nothing to compute: that is the
fixed cost of its torch operations, whatever their size.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from clock import milliseconds
from tabulate import tabulate
from torch.utils._python_dispatch import TorchDispatchMode
from workbench import BATCH, bench, data

from coldbench.data.dataset import Dataset
from coldbench.model.backbone import Backbone
from coldbench.model.batching import Batch
from coldbench.model.generator import FrozenBatch
from coldbench.model.optimizer import Adam
from coldbench.model.phase import Phase, ctr_loss, step
from coldbench.runs.arithmetic import prepare

_FLOAT = 4  # bytes
_FEW = 8  # rows


@dataclass(frozen=True)
class Profile:
    """One kind of step.

    Attributes:
        what: Its name.
        sections: Milliseconds by section.
        whole: Milliseconds of the whole step, measured at once.
        fixed: The same on ``_FEW`` rows.
        operations: Torch operations of a step.
        moved: Bytes that it must move.
        products: Floating-point operations of its matrix products.
    """

    what: str
    sections: dict[str, float]
    whole: float
    fixed: float
    operations: int
    moved: float
    products: float

    def least(self, bandwidth: float, speed: float) -> float:
        """Milliseconds that moving and multiplying take at least."""
        return 1e3 * (self.moved / bandwidth + self.products / speed)


def main() -> None:
    """Prints the profiles of all steps on DeepFM, and what evaluation takes."""
    prepare()
    log = data()
    bandwidth, speed = machine_limits()
    print(f"{log.label}: {limits_text(bandwidth, speed)}\n")
    for profile in profiles(log):
        total = sum(profile.sections.values())
        rows = [[name, f"{ms:.2f}", f"{100 * ms / total:.0f} %"] for name, ms in profile.sections.items()]
        print(f"## {profile.what}\n\n{tabulate(rows, ['section', 'ms', 'share'], tablefmt='github')}\n")
        memory, matrices = 1e3 * profile.moved / bandwidth, 1e3 * profile.products / speed
        print(
            f"measured whole: {profile.whole:.2f} ms; {profile.fixed:.2f} ms on {_FEW} rows, the fixed cost of "
            f"{profile.operations} torch operations. The least: {profile.moved / 1e6:.1f} MB moved in {memory:.2f} ms, "
            f"{profile.products / 1e6:.0f} MFLOP in {matrices:.2f} ms; {profile.whole / (memory + matrices):.1f} times "
            "that.\n"
        )
    made = bench(log, "deepfm", "base")
    evaluation = milliseconds(lambda: made.warm_up.predict(made.backbone, made.method), rounds=5, times=1)
    print(f"evaluation of {len(made.warm_up.split.test):,} test rows: {evaluation:.0f} ms, four times per cell")


def profiles(log: Dataset) -> list[Profile]:
    """A step of pretraining, of cvar and of avaew, on one batch of base."""
    base = bench(log, "deepfm", "base").base()
    return [_pretraining(log, base), *(_generator(log, base, name) for name in ("cvar", "avaew"))]


def limits_text(bandwidth: float, speed: float) -> str:
    """The machine's limits in words."""
    return f"{bandwidth / 1e9:.1f} GB/s of memory bandwidth, {speed / 1e9:.0f} GFLOP/s of matrix products"


def machine_limits() -> tuple[float, float]:
    """Memory bandwidth in bytes a second, copying 256 MB, and matrix speed in operations a second, 1024 x 1024."""
    block = torch.ones(2**25)
    other = torch.empty_like(block)
    square = torch.randn(1024, 1024)
    copy = milliseconds(lambda: other.copy_(block), rounds=7, times=3)
    product = milliseconds(lambda: square @ square, rounds=7, times=3)
    return 2 * _FLOAT * len(block) / copy * 1e3, 2 * 1024**3 / product * 1e3


def _pretraining(log: Dataset, base: Phase) -> Profile:
    model = bench(log, "deepfm", "base").backbone
    optimizer = base.adam(model.parameters())
    loader = base.batches(epochs=10**6)
    batch, few = _batches(base)

    def whole(batch: Batch) -> None:
        step(optimizer, ctr_loss(model(batch), batch))

    whole(batch)
    with_data = milliseconds(lambda: next(loader).items)
    encode = milliseconds(lambda: model.encode(batch))
    forward = milliseconds(lambda: ctr_loss(model(batch), batch))
    both = milliseconds(lambda: ctr_loss(model(batch), batch).backward())
    sections = {"data": with_data, "encode": encode, "score and loss": forward - encode, "backward": both - forward}
    sections |= {"optimiser": milliseconds(optimizer.step)}
    distinct, columns = batch.items.ids.shape
    parameters = sum(parameter.numel() for parameter in model.parameters())
    looked_up = BATCH * batch.users.ids.shape[1] + distinct * columns + BATCH
    moved = _FLOAT * (7 * parameters + 2 * 3 * looked_up * model.dim + 4 * BATCH * (1 + model.fields) * model.dim)
    products = 3 * 2 * BATCH * ((1 + model.fields) * model.dim * 16 + 16 * 16)
    counts = _operations(lambda: whole(batch))
    return Profile("a step of pretraining", sections, *_whole(whole, batch, few), counts, moved, products)


def _generator(log: Dataset, base: Phase, name: str) -> Profile:
    made = bench(log, "deepfm", name)
    model, method = made.backbone, made.method
    model.frozen().train()
    generator = base.adam(method.generator.parameters())
    classifier = base.adam(method.classifier.parameters()) if name == "avaew" else None
    batch, few = _batches(base)
    whole = functools.partial(_round, model, method, generator, classifier)
    frozen, frozen_few = (
        FrozenBatch(b, model.frozen_context(b), model.item_table(b.items.number)) for b in (batch, few)
    )
    whole(frozen)
    sections = _generator_sections(model, method, generator, base, frozen)
    distinct, columns = batch.items.ids.shape
    parameters = sum(parameter.numel() for parameter in method.generator.parameters())
    moved = _FLOAT * (7 * parameters + 2 * 3 * distinct * columns * model.dim + 8 * BATCH * model.dim)
    width = method.generator.side.width
    products = 3 * 2 * (distinct * (2 * width * 16 + 6 * 16 * 16) + BATCH * (16 * 16 + 16 * 16))
    if classifier is not None:
        times, features = method.config.classifier_steps, method.config.features
        both = torch.stack([frozen.real, frozen.real])
        judged = milliseconds(lambda: step(classifier, method.classifier_loss(batch, both)))
        sections |= {f"classifier, {times} steps": times * judged}
        moved += _FLOAT * times * 4 * 2 * distinct * (model.dim + features)
        products += (3 * times + 2) * 2 * 2 * distinct * (model.dim + 1) * features
    measured = milliseconds(lambda: whole(frozen)), milliseconds(lambda: whole(frozen_few))
    counts = _operations(lambda: whole(frozen))
    return Profile(f"a step of {name}'s generator", sections, *measured, counts, moved, products)


def _generator_sections(
    model: Backbone, method: Any, generator: Adam, base: Phase, frozen: FrozenBatch
) -> dict[str, float]:
    """Milliseconds of a generator's step by section, those of a batch shared out over the steps on it."""
    batch, repeats = frozen.batch, method.config.repeats
    loader = base.batches(epochs=10**6)
    fetched = milliseconds(lambda: next(loader).items) / repeats
    once = milliseconds(lambda: model.frozen_context(batch)) / repeats
    made = milliseconds(lambda: method.generator(batch.items, frozen.real))
    forward = milliseconds(lambda: _loss(model, method, frozen)[0])
    both = milliseconds(lambda: _loss(model, method, frozen)[0].backward())
    sections = {"data": fetched, f"encode, once in {repeats} steps": once, "generator": made}
    return sections | {
        "score and losses": forward - made,
        "backward": both - forward,
        "optimiser": milliseconds(generator.step),
    }


def _round(model: Backbone, method: Any, generator: Adam, classifier: Adam | None, frozen: FrozenBatch) -> None:
    loss, warm = _loss(model, method, frozen)
    step(generator, loss)
    if classifier is not None:
        both = torch.stack([frozen.real, warm.detach()])
        for _ in range(method.config.classifier_steps):
            step(classifier, method.classifier_loss(frozen.batch, both))


def _loss(model: Backbone, method: Any, frozen: FrozenBatch) -> tuple[Any, Any]:
    """The generator's loss, and the warm-up embeddings where a classifier needs them."""
    if hasattr(method, "generator_loss"):
        return method.generator_loss(model, frozen)
    return method.loss(model, frozen), None


def _batches(base: Phase) -> tuple[Batch, Batch]:
    return next(base.batches()), base.at(torch.arange(_FEW))


def _whole(work: Callable[[Batch], None], batch: Batch, few: Batch) -> tuple[float, float]:
    return milliseconds(lambda: work(batch)), milliseconds(lambda: work(few))


class _Counter(TorchDispatchMode):
    """Counts the operations that torch carries out."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return operation(*args, **(kwargs or {}))


def _operations(work: Callable[[], object]) -> int:
    with _Counter() as counter:
        work()
    return counter.count


if __name__ == "__main__":
    main()
