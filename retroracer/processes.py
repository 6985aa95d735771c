"""Manners of the processes a program shares its work out to."""

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
    """Whether processes are being started: none may be left half told of its work."""
    return _being_started > 0


def heed_no_stops() -> None:
    """Leave stops, which may reach a whole group of processes, to who shares out the work."""
    for number in _STOPS:
        signal.signal(number, signal.SIG_IGN)


def serve_only_the_parent() -> None:
    """Make a process of a pool leave stops to who asked, and end when that program ends.

    Ctrl+C and a group's kill reach every process; the asking program ends its workers itself.
    The pools of ``concurrent.futures`` wait for ever on a program that was killed.
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
    """A pool of processes that ends at once, and in words, when the work is stopped or fails.

    Args:
        workers: how many processes.
        context: how they start: "spawn" or "forkserver".
        get_ready: called in each with ``arguments``; it calls ``serve_only_the_parent``.
        arguments: of ``get_ready``.

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
    """Start processes within this: a stop waits until they are there, and never reaches them.

    A new process inherits what its starter holds back; else Ctrl+C would find it while it
    still imports, and it would complain at length. Another thread may hear the signal all the
    same: who turns it into an exception asks ``being_started`` first.
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
