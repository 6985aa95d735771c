"""Worker processes: how they are started, and how they end when the program is stopped."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import BaseContext
from typing import Any

from retroracer.errors import UserError

_STOPS = [s for s in signal.Signals if s.name in ("SIGINT", "SIGTERM", "SIGHUP")]


_being_started = 0


def cores() -> int:
    """Processor cores this program may use: those it is bound to, as by ``taskset``."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Windows, macOS
        return os.cpu_count() or 1


def being_started() -> bool:
    """Whether processes are being started; a stop waits until each has received its work."""
    return _being_started > 0


def heed_no_stops() -> None:
    """Ignore signals to stop, which may reach a whole process group: the parent handles them."""
    for number in _STOPS:
        signal.signal(number, signal.SIG_IGN)


def serve_only_the_parent() -> None:
    """Make a worker process ignore signals to stop, and end when its parent ends.

    Ctrl+C and a kill of the process group reach every process; the parent ends its workers itself.
    The workers of ``concurrent.futures`` wait for ever on a parent that was killed.
    """
    heed_no_stops()
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)  # in the midst of whatever it does: nobody wants it any more

    threading.Thread(target=follow, daemon=True).start()


@contextmanager
def pool(
    workers: int, context: BaseContext, get_ready: Callable[..., object], arguments: tuple[Any, ...]
) -> Iterator[ProcessPoolExecutor]:
    """A pool of worker processes that ends at once when the work is stopped or fails.

    ``context`` starts them by "spawn" or "forkserver"; ``get_ready`` is called in each with
    ``arguments``, and calls ``serve_only_the_parent``.

    Raises:
        UserError: if the system ended a worker, or has no room for another process.
    """
    with stops_held_back():  # its queues start the process that keeps track of semaphores
        executor = ProcessPoolExecutor(workers, context, initializer=get_ready, initargs=arguments)
    try:
        yield executor
    except BaseException as error:
        # There is no public way to end workers at once before Python 3.14.
        for worker in list((getattr(executor, "_processes", None) or {}).values()):
            worker.kill()
        executor.shutdown(wait=False, cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            time.sleep(0.3)  # a kill of the whole group may have reached the worker first
            raise UserError(
                "the system ended a worker process, perhaps for want of memory; "
                "close other programs or ask for fewer processes"
            ) from error
        raise
    executor.shutdown()


@contextmanager
def stops_held_back() -> Iterator[None]:
    """Context in which to start processes: signals to stop are blocked until they have started.

    A new process inherits the blocked signals; otherwise Ctrl+C would reach it while it still
    imports, and it would print a traceback. Another thread may receive the signal all the same:
    a handler that raises an exception asks ``being_started`` first.
    """
    global _being_started
    _being_started += 1
    try:
        if not hasattr(signal, "pthread_sigmask"):
            yield
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        try:
            resource_tracker.ensure_running()  # inherits it too, but lets some through again here
            signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    finally:
        _being_started -= 1
