"""coldbench: an honest benchmark of item cold-start methods for CTR models.

From Python: ``run`` computes a grid, ``tune`` searches hyper-parameters, ``simulate`` simulates an online test, and
``load`` opens a run's results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coldbench.core.package import __version__ as __version__

__all__ = ["InputError", "Results", "RunError", "Simulated", "Tuned", "load", "run", "simulate", "tune"]

if TYPE_CHECKING:
    from coldbench.api import InputError, Results, RunError, Simulated, Tuned, load, run, simulate, tune


def __getattr__(name: str) -> Any:
    """Imports the Python API when it is first used, so that ``coldbench --help`` need not wait for torch and pandas."""
    if name not in __all__:
        raise AttributeError(f"module 'coldbench' has no attribute {name!r}")
    from coldbench import api

    return getattr(api, name)
