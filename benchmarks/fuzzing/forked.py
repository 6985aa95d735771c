"""One case in a process of its own: forked, bounded, its output kept.

A fork of a process that has imported everything begins in milliseconds. Every case has so many
seconds of processor time and so much memory above what is imported already.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CPU_SECONDS = 8
"""Processor time after which the system ends a case."""

WALL_SECONDS = 60.0
"""A case that waits for something that never comes is ended after so long."""

MEMORY = 3 << 30
"""Bytes of address space a case may take."""

NONSENSE = 77
"""Exit code of a case that was taken but should not have been."""


@dataclass(frozen=True)
class Ended:
    """How a case ended.

    Attributes:
        code: exit code; below 0 the signal that ended it.
        out: its standard output.
        err: its standard error.
        cpu: processor seconds.
        wall: seconds.
        memory: bytes it took above the process it was forked from, at most.
        late: True if it was ended because it took too long.
    """

    code: int
    out: str
    err: str
    cpu: float
    wall: float
    memory: int
    late: bool = False


class NonsenseError(Exception):
    """Something was taken that makes no sense."""


def run(work: Callable[[], int], folder: Path, patience: int = 1) -> Ended:
    """Run ``work`` in a forked process.

    Args:
        work: what to do; its result is the exit code.
        folder: where the process keeps its home and its output.
        patience: factor on the time it may take.
    """
    folder.mkdir(parents=True, exist_ok=True)
    streams = folder / ".out", folder / ".err"
    begun, before = time.monotonic(), _resident()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        _work(work, folder, patience, *streams)
    status, usage = _wait(child, patience * WALL_SECONDS)
    code = os.waitstatus_to_exitcode(status)
    out, err = (path.read_text("utf-8", "backslashreplace") for path in streams)
    for path in streams:
        path.unlink()
    memory = max(0, usage.ru_maxrss * 1024 - before)
    cpu = usage.ru_utime + usage.ru_stime
    wall = time.monotonic() - begun
    ended = code in (-signal.SIGABRT, -signal.SIGKILL) and wall > patience * WALL_SECONDS
    late = ended or code == -signal.SIGXCPU
    return Ended(code, out, err, cpu, wall, memory, late)


def _wait(child: int, patience: float) -> tuple[int, resource.struct_rusage]:
    pause, last = 0.001, time.monotonic()
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            return status, usage
        now = time.monotonic()
        patience -= min(now - last, 0.5)  # a machine that stood still let nobody work
        last = now
        if patience + _waited(child) < 0.0:
            os.kill(child, signal.SIGABRT)  # so that it says where it was
            time.sleep(0.5)
            os.kill(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            return status, usage
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


def _waited(child: int) -> float:
    """Seconds a process could have run but others had the processor: nothing it can help."""
    try:
        return int(Path(f"/proc/{child}/schedstat").read_text().split()[1]) * 1e-9
    except (OSError, IndexError):
        return 0.0


def _work(work: Callable[[], int], folder: Path, patience: int, out: Path, err: Path) -> None:
    """The child's life; it never returns."""
    code = 1
    try:
        for number, path in ((1, out), (2, err)):
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(file, number)
            os.close(file)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        faulthandler.enable(2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        seconds = CPU_SECONDS * patience
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        limit = _address_space() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        os.environ["RETRORACER_HOME"] = str(folder / "home")
        os.environ["COLUMNS"] = "2000"
        code = work()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except NonsenseError as error:
        code = NONSENSE
        print(f"nonsense: {error}", file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code & 0xFF)


def _resident() -> int:
    return _pages(1)


def _address_space() -> int:
    return _pages(0)


def _pages(column: int) -> int:
    """Bytes of this process by Linux's own count."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[column]) * resource.getpagesize()
