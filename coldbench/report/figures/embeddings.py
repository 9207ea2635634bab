"""Figure 2 of the AVAEW paper: where the cold items' embeddings lie among the old items'."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from coldbench.report.figures.style import MUTED, WIDTH, Look, short, spaced

MOST = 400  # points of each kind that a panel shows
_ORDER_SEED = 0


def principal_axes(old: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """PCA fitted on the old items alone (the paper says PCA, not of what).

    Args:
        old: (old, dim).

    Returns:
        The mean (dim,), the first two axes (2, dim) and their shares of the variance (2,). Each axis points to
        where its largest component is positive, so that a figure does not flip.
    """
    mean = old.mean(0, dtype=np.float64)
    _, spread, axes = np.linalg.svd(old - mean, full_matrices=False)
    axes = axes[:2]
    axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])[:, None]
    return mean, axes, spread[:2] ** 2 / max((spread**2).sum(), np.finfo(float).tiny)


def embedding_map(
    embeddings: Mapping[str, Mapping[str, np.ndarray]],
    gaps: Mapping[tuple[str, str], Mapping[str, float | None]],
    looks: dict[str, Look],
) -> Figure:
    """Rows of methods, columns of up to four phases: the old items in grey, the method's cold items over them.

    Args:
        embeddings: By method: ``old``, and the cold items' by phase; (items, dim) each.
        gaps: By method and phase: ``sliced_wasserstein`` and ``mmd_squared``, as in the records.
        looks: The looks of the methods.
    """
    methods = [method for method in looks if method in embeddings]
    phases = spaced(list(dict.fromkeys(name for own in embeddings.values() for name in own if name != "old")))
    figure = Figure(figsize=(WIDTH, 1.8 * len(methods) + 0.25), layout="constrained")
    grid = figure.subplots(len(methods), len(phases), squeeze=False)
    for line, method in zip(grid, methods, strict=True):
        cloud, look = _projected(embeddings[method]), looks[method]
        reach = _reach(cloud)
        for panel, phase in zip(line, phases, strict=True):
            _dots(panel, cloud.points["old"], MUTED, 0.35)
            if phase in cloud.points:
                look.mark(_dots(panel, cloud.points[phase], look.colour, 0.75))
                outside = int((np.abs(cloud.points[phase]) > reach).any(1).sum())
                panel.set_xlabel(_numbers(gaps.get((method, phase), {})), fontsize=7, labelpad=2)
                if outside:
                    panel.text(0.04, 0.03, f"{outside} outside", transform=panel.transAxes, fontsize=7)
            panel.set(xticks=[], yticks=[], xlim=(-reach[0], reach[0]), ylim=(-reach[1], reach[1]))
            panel.spines[["top", "right"]].set_visible(True)
            if method == methods[0]:
                panel.set_title(phase)
        shares = f"{cloud.shares[0]:.1%} across, {cloud.shares[1]:.1%} up"
        look.mark(line[0].set_ylabel(f"{short(look.title or method)}\n{shares}", fontsize=8))
    return figure


@dataclass(frozen=True)
class _Cloud:
    """Points in the plane by name (``old``, then phases), and its axes' shares of the old items' variance."""

    points: dict[str, np.ndarray]
    shares: np.ndarray


def _projected(own: Mapping[str, np.ndarray]) -> _Cloud:
    mean, axes, shares = principal_axes(own["old"])
    points = {name: (items - mean) @ axes.T for name, items in own.items()}
    return _Cloud({name: plane[np.isfinite(plane).all(1)] for name, plane in points.items()}, shares)


def _reach(cloud: _Cloud) -> np.ndarray:
    """Half the width and height of a row's panels: they hold nearly all of its points."""
    points = np.abs(np.concatenate(list(cloud.points.values())))
    reach = 1.1 * np.quantile(points, 0.998, axis=0) if len(points) else np.ones(2)
    return np.where(reach > 0, reach, 1.0)


def _dots(panel: Axes, points: np.ndarray, colour: str, alpha: float) -> Artist:
    """Points as round caps of lines without length: one path, small in a vector file."""
    order = np.random.default_rng(_ORDER_SEED).permutation(len(points))[:MOST]
    corners = np.repeat(points[order], 2, axis=0)
    corners[1::2, 0] += 5e-4 * np.ptp(points[:, 0])  # without any length Agg draws nothing
    path = Path(corners, np.tile([Path.MOVETO, Path.LINETO], len(order)).astype(Path.code_type))
    path.should_simplify = False
    look = {"edgecolor": colour, "facecolor": "none", "linewidth": 2.0, "capstyle": "round", "alpha": alpha}
    return panel.add_artist(PathPatch(path, snap=False, **look))  # no limits to find, unlike add_patch


def _numbers(gap: Mapping[str, float | None]) -> str:
    shown = (("sliced_wasserstein", "SW", ".4f"), ("mmd_squared", "MMD²", ".3f"))
    return ", ".join(f"{name} {value:{form}}" for key, name, form in shown if (value := gap.get(key)) is not None)
