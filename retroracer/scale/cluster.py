"""Starts Ray on this machine, joins a cluster, and leaves it again.

On one machine Ray listens on 127.0.0.1 only. A cluster of several machines is started by its
users (``ray start``) and requires Ray's token.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from retroracer.errors import UserError

NAMESPACE = "retroracer"
"""Ray namespace of the hubs of all runs."""

STORE = 256_000_000
"""Shared memory for rows in transit [bytes]: containers have little, and more is not used."""

ATTEMPTS = 3
"""Attempts to start Ray."""

ENDS_WITHIN = 1.0
"""Seconds that Ray's own processes may take to end after Ray was left."""

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}
"""Environment of actors: one thread each, because there are as many actors as cores."""

_ROOT, _PREFIX = Path("/tmp"), "retroracer-ray-"
"""Folder of Ray's sockets: their whole path may have 107 bytes, and TMPDIR is often too long."""


def demand_ray() -> None:
    """Raise a ``UserError`` if Ray is not installed; does not load it, which takes a second."""
    if importlib.util.find_spec("ray") is None:
        raise UserError("this needs Ray; install it with: pip install 'retroracer[train,scale]'")


def load_ray() -> Any:
    """Import Ray, with its messages about every actor that dies turned off."""
    demand_ray()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    import ray
    from ray._private import worker

    # Paragraphs about every actor that dies: a run tells that in a line of its own.
    worker.print_to_stdstream = lambda *told, **how: None
    return ray


def start(cpus: int, threads: Mapping[str, str] = ONE_THREAD) -> str:
    """Start Ray on this machine only, for this process and its children; returns its address.

    ``cpus`` actors or trials run at the same time, with ``threads`` in their environment, which
    limits the threads of libraries. The address is 127.0.0.1:PORT, for processes on this machine.

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
    """Join the Ray cluster whose head is at ``address``, HOST:PORT.

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
    """Leave Ray; the processes this one has started end, and their files are removed."""
    ray = load_ray()  # it brings psutil
    import psutil

    own, started = f"{Path(ray.__file__).parent}/", []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if line.startswith("ray::") or own in line:
                started.append(process)
    with contextlib.suppress(Exception):
        ray.shutdown()
    # Ray leaves its agents to end by themselves, which takes minutes on a busy machine.
    for process in psutil.wait_procs(started, ENDS_WITHIN)[1]:
        with contextlib.suppress(psutil.Error):
            process.kill()
    sweep(own=True)


def sweep(own: bool = False) -> None:
    """Remove the files that Ray has left for processes that have ended; ``own``: this one's too."""
    load_ray()  # which brings psutil: without it there is none to import
    import psutil

    begin = f"{_PREFIX}{os.getuid()}-"
    for path in _ROOT.glob(f"{begin}*"):
        number = path.name.removeprefix(begin)
        gone = number.isdigit() and not psutil.pid_exists(int(number))
        if gone or (own and number == str(os.getpid())):
            _remove(path)


def _remove(path: Path) -> None:
    """Remove a folder into which processes that are just ending may still write."""
    limit = time.monotonic() + ENDS_WITHIN
    while path.exists():
        shutil.rmtree(path, ignore_errors=True)
        if time.monotonic() > limit:
            return
        time.sleep(0.05)


@contextlib.contextmanager
def _environment(more: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the processes that are started in this block."""
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
    """Restore the signal handlers that Ray replaces: a run has its own."""
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
