"""Ray itself: started on this machine alone, or joined; what it listens on, who may use it.

Owns every way of starting and leaving Ray. On this machine it listens on 127.0.0.1 only. A
cluster of several machines is started by its users (``ray start``) and asks for Ray's token.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from retroracer.errors import UserError

NAMESPACE = "retroracer"
"""Where named actors of all runs are found."""

STORE = 256_000_000
"""Bytes of shared memory for rows on their way: containers have little, and more is not used."""

ATTEMPTS = 3
"""Times that Ray is started before it is given up."""

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}
"""An actor is one thread: there are as many actors as cores."""

_ROOT, _PREFIX = Path("/tmp"), "retroracer-ray-"
"""Where Ray's sockets lie: their whole path may have 107 bytes, and TMPDIR is often too long."""


def load_ray() -> Any:
    """The library, quiet.

    Raises:
        UserError: if it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    try:
        import ray
    except ImportError:
        raise UserError(
            "this needs Ray; install it with: pip install 'retroracer[scale]'"
        ) from None
    from ray._private import worker

    # Paragraphs about every actor that dies: a run tells that in a line of its own.
    worker.print_to_stdstream = lambda *told, **how: None
    return ray


def start(cpus: int, threads: Mapping[str, str] = ONE_THREAD) -> str:
    """Start Ray on this machine alone, for this process and its children.

    Args:
        cpus: slots for actors or trials.
        threads: environment of its workers: how many threads libraries start there.

    Returns:
        Its address, 127.0.0.1:PORT, for processes on this machine.

    Raises:
        UserError: if it does not start.
    """
    ray = load_ray()
    from ray._private import ray_constants

    # Ray's own switch for machines without a cluster: every server binds to loopback.
    ray_constants.ENABLE_RAY_CLUSTER = False
    sweep()
    here = _ROOT / f"{_PREFIX}{os.getuid()}-{os.getpid()}"
    store = min(STORE, _free_shared_memory() // 2)
    for attempt in range(ATTEMPTS):
        with _signals_kept(), _environment(threads):
            try:
                ray.init(
                    num_cpus=cpus,
                    include_dashboard=False,
                    object_store_memory=max(store, 80_000_000),
                    logging_level="ERROR",
                    log_to_driver=False,
                    namespace=NAMESPACE,
                    _temp_dir=str(here),
                )
                break
            except Exception as error:  # on a very busy machine it gives up after 30 s
                ray.shutdown()
                if attempt + 1 == ATTEMPTS:
                    raise UserError(f"Ray did not start: {_first(error)}") from None
    found: str = ray.get_runtime_context().gcs_address
    return found


def join(address: str) -> None:
    """Join a Ray cluster that is running.

    Args:
        address: HOST:PORT of its head.

    Raises:
        UserError: if nothing answers there, or the token is missing.
    """
    host = address.rpartition(":")[0]
    if not host:
        raise UserError(f"--address {address}: give HOST:PORT, e.g. 192.168.1.10:6379")
    here = host in ("127.0.0.1", "localhost")
    # Ray reads this when it is loaded. A cluster of this machine has a token by itself.
    if not here or _has_token():
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    if not here and os.environ["RAY_AUTH_MODE"] == "token" and not _has_token():
        raise UserError(
            "no token for a cluster on other machines: copy ~/.ray/auth_token of its head to this "
            "machine, or set RAY_AUTH_TOKEN_PATH (see docs/scale.md); RAY_AUTH_MODE=disabled lets "
            "anybody in"
        )
    ray = load_ray()
    if here:
        from ray._private import ray_constants

        ray_constants.ENABLE_RAY_CLUSTER = False
    with _signals_kept():
        try:
            ray.init(
                address=address, namespace=NAMESPACE, logging_level="ERROR", log_to_driver=False
            )
        except Exception as error:
            raise UserError(
                f"cannot join Ray at {address}: {_first(error)}; is it running there "
                "(ray status), does this machine run a node of it (ray start --address), and has "
                "it the same token?"
            ) from None


def leave() -> None:
    """Leave Ray; what this process started ends, and its files go."""
    ray = load_ray()
    with contextlib.suppress(Exception):
        ray.shutdown()
    sweep(own=True)


def sweep(own: bool = False) -> None:
    """Remove what Ray left behind for processes that are gone.

    Args:
        own: this process's, too.
    """
    begin = f"{_PREFIX}{os.getuid()}-"
    for path in _ROOT.glob(f"{begin}*"):
        number = path.name.removeprefix(begin)
        gone = number.isdigit() and not Path(f"/proc/{number}").exists()
        if gone or (own and number == str(os.getpid())):
            shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _environment(more: Mapping[str, str]) -> Iterator[None]:
    """Variables for the processes that are started here."""
    kept = {name: os.environ.get(name) for name in more}
    os.environ.update(more)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself; a run has its own way to stop."""
    kept = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        kept[number] = signal.getsignal(number)
    try:
        yield
    finally:
        for number, handler in kept.items():
            with contextlib.suppress(ValueError):  # not in the main thread
                signal.signal(number, handler)


def _has_token() -> bool:
    if os.environ.get("RAY_AUTH_TOKEN"):
        return True
    told = os.environ.get("RAY_AUTH_TOKEN_PATH")
    path = Path(told) if told else Path.home() / ".ray" / "auth_token"
    return path.is_file()


def _free_shared_memory() -> int:
    try:
        found = os.statvfs("/dev/shm")
    except OSError:
        return STORE * 2
    return found.f_bavail * found.f_frsize


def _first(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
