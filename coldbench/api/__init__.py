"""The Python API: the commands as functions, and a run's results as objects that notebooks display."""

from coldbench.api.calls import RunError, Simulated, Tuned, load, run, simulate, tune
from coldbench.api.results import Results
from coldbench.core.errors import InputError

__all__ = ["InputError", "Results", "RunError", "Simulated", "Tuned", "load", "run", "simulate", "tune"]
