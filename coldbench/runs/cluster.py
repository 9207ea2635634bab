"""Starts a local Ray or connects to a cluster."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from coldbench.core.cores import usable_cores
from coldbench.core.errors import InputError, one_line
from coldbench.runs.options import Options


@contextmanager
def connected(options: Options) -> Iterator[None]:
    """Starts a local Ray or connects to a cluster, quietly; raises InputError if that is impossible."""
    quiet = {
        "RAY_CHDIR_TO_TRIAL_DIR": "0",
        "RAY_DEDUP_LOGS": "0",
        "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Tune's own handler would abandon running cells (see interrupts)
        "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    }
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    if options.address is None:  # a local Ray listens on all interfaces; a process without the token is refused
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    import ray

    local: dict[str, Any] = {"num_cpus": jobs(options) * options.cpus_per_cell, "include_dashboard": False}
    try:
        ray.init(
            address=options.address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            **({} if options.address else local),
        )
    except OSError as error:
        if isinstance(error, ConnectionError) or options.address is not None:
            raise _unreachable(options, error) from None
        raise InputError(
            f"a local Ray cannot be started ({error}); it keeps its token under HOME, so HOME should be a folder "
            "that can be written"
        ) from None
    except (ValueError, RuntimeError) as error:
        if options.address is None:
            raise
        raise _unreachable(options, error) from None
    except Exception as error:
        if type(error) is not Exception:  # Ray raises the bare class if its own processes take too long to start
            raise
        raise InputError(
            f"a local Ray did not start in time ({one_line(str(error))}); run the same command again when the machine "
            "is less busy"
        ) from None
    places = at_once(options) or int(ray.cluster_resources().get("CPU", 0) / options.cpus_per_cell)
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(max(places, 1))  # otherwise Tune starts workers one at a time
    for chatter in ("ray.tune", "ray.train"):
        logging.getLogger(chatter).setLevel(logging.CRITICAL)  # the grid itself reports each failed task, in one line
    try:
        yield
    finally:
        ray.shutdown()


def _unreachable(options: Options, error: Exception) -> InputError:
    reason = str(error).splitlines()[0]
    return InputError(f"--address {options.address}: no Ray cluster answers there ({reason})")


def reach(address: str) -> None:
    """Checks that a cluster's port answers, because Ray itself takes minutes to give up.

    Raises:
        InputError: Nothing answers at the address.
    """
    if address == "auto":
        return
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, UnicodeError) as error:
        raise InputError(f"--address {address}: no Ray cluster answers there ({error})") from None


def jobs(options: Options) -> int:
    """The number of cells that a local Ray computes at once."""
    return options.jobs or usable_cores()


def at_once(options: Options) -> int | None:
    """The largest number of cells computed at once; None on a cluster without --jobs, which computes as many as fit."""
    return options.jobs if options.address else jobs(options)
