"""``make profile``: where a cell's time goes, and how far it is from what this machine can do.

Sections are timed with the processor clock on one thread, backward passes in the section that caused them (a section is
measured with and without the next one, so that differences add up). Beside them stands the least that the machine
needs: the bytes that a step must move and the multiplications it must do, at this machine's own measured memory
bandwidth and matrix speed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from bench import BATCH, built, data, protocol
from tabulate import tabulate

from coldbench.split import warm_up_split
from coldbench.training import ctr_loss, step

_FLOAT = 4  # bytes


def main() -> None:
    """Profiles pretraining and a cvar step on DeepFM."""
    torch.set_num_threads(1)
    log = data()
    split = warm_up_split(log)
    run = protocol(log, split)
    base = run._phase("base", split.base)
    model, method = built(log, "deepfm", "cvar")
    bandwidth, speed = machine_limits()
    batch = next(base.batches())
    distinct, columns = len(batch.items.number), batch.items.ids.shape[1]
    print(
        f"{log.label}: {bandwidth / 1e9:.1f} GB/s of memory bandwidth, {speed / 1e9:.0f} GFLOP/s of matrix products\n"
    )

    optimizer = base.adam(model.parameters())
    loader = base.batches(epochs=10**6)

    def whole() -> None:
        step(optimizer, ctr_loss(model(batch), batch))

    with_data = _ms(lambda: next(loader).items)
    encode = _ms(lambda: model.encode(batch))
    forward = _ms(lambda: ctr_loss(model(batch), batch))
    both = _ms(lambda: ctr_loss(model(batch), batch).backward())
    update = _ms(optimizer.step)
    sections = {"data": with_data, "encode": encode, "score and loss": forward - encode, "backward": both - forward}
    sections |= {"optimiser": update}
    parameters = sum(parameter.numel() for parameter in model.parameters())
    looked_up = BATCH * batch.users.ids.shape[1] + distinct * columns + BATCH
    moved = _FLOAT * (7 * parameters + 2 * 3 * looked_up * model.dim + 4 * BATCH * (1 + model.fields) * model.dim)
    products = 3 * 2 * BATCH * ((1 + model.fields) * model.dim * 16 + 16 * 16)
    _print("a step of pretraining", sections, _ms(whole), moved, products, bandwidth, speed)

    model.frozen().train()
    context = model.frozen_context(batch)
    real = model.item_table(batch.items.number)
    generator = base.adam(method.generator.parameters())

    def generate() -> None:
        step(generator, method.loss(model, batch, context, real))

    made = _ms(lambda: method.generator(batch.items, real))
    loss = _ms(lambda: method.loss(model, batch, context, real))
    both = _ms(lambda: method.loss(model, batch, context, real).backward())
    update = _ms(generator.step)
    once = _ms(lambda: model.frozen_context(batch)) / method.config.repeats
    sections = {"data": with_data / method.config.repeats, "encode, once in ten steps": once, "generator": made}
    sections |= {"score and losses": loss - made, "backward": both - loss, "optimiser": update}
    parameters = sum(parameter.numel() for parameter in method.generator.parameters())
    moved = _FLOAT * (7 * parameters + 2 * 3 * distinct * columns * model.dim + 8 * BATCH * model.dim)
    width = method.generator.side.width
    products = 3 * 2 * (distinct * (2 * width * 16 + 6 * 16 * 16) + BATCH * (16 * 16 + 16 * 16))
    _print("a step of cvar's generator", sections, _ms(generate) + once, moved, products, bandwidth, speed)

    model.eval()
    evaluation = _ms(lambda: run.predict(model), rounds=5, times=1)
    print(f"evaluation of {len(split.test):,} test rows: {evaluation:.0f} ms, four times a cell")


def machine_limits() -> tuple[float, float]:
    """Memory bandwidth in bytes a second, copying 256 MB, and matrix speed in operations a second, 1024 x 1024."""
    block = torch.ones(2**25)
    other = torch.empty_like(block)
    square = torch.randn(1024, 1024)
    copy = _ms(lambda: other.copy_(block), rounds=7, times=3)
    product = _ms(lambda: square @ square, rounds=7, times=3)
    return 2 * _FLOAT * len(block) / copy * 1e3, 2 * 1024**3 / product * 1e3


def _ms(work: Callable[[], object], rounds: int = 9, times: int = 20) -> float:
    """Median processor time of a call in milliseconds."""
    for _ in range(min(times, 5)):
        work()
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(times):
            work()
        taken.append((time.process_time() - started) / times * 1e3)
    return statistics.median(taken)


def _print(
    what: str, sections: dict[str, float], whole: float, moved: float, products: float, bandwidth: float, speed: float
) -> None:
    rows = [[name, f"{ms:.2f}", f"{100 * ms / sum(sections.values()):.0f} %"] for name, ms in sections.items()]
    print(f"## {what}\n\n{tabulate(rows, ['section', 'ms', 'share'], tablefmt='github')}\n")
    memory, matrices = 1e3 * moved / bandwidth, 1e3 * products / speed
    print(
        f"measured whole: {whole:.2f} ms. The least: {moved / 1e6:.1f} MB moved in {memory:.2f} ms, "
        f"{products / 1e6:.0f} MFLOP in {matrices:.2f} ms; {whole / (memory + matrices):.1f} times that.\n"
    )


if __name__ == "__main__":
    main()
