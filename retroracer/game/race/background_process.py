"""Work done in another process, so that no frame waits for it.

Owns the process, its low priority and its end. The work writes its result to a file (a cache,
the records), where the game then reads it.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from retroracer.errors import UserError


def _run(work: Callable[..., object], values: tuple[Any, ...]) -> None:
    with suppress(AttributeError, OSError):
        os.nice(10)  # the race comes first
    with suppress(UserError, KeyboardInterrupt):
        work(*values)


class BackgroundProcess:
    """One piece of work.

    Args:
        work: a module's function.
        values: its arguments; they are sent to the process.
    """

    def __init__(self, work: Callable[..., object], *values: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_run, args=(work, values), daemon=True)
        # In a thread: a start waits until the new process reads its arguments, half a second.
        self._starting = threading.Thread(target=self._start, daemon=True)
        self._starting.start()

    def _start(self) -> None:
        with suppress(OSError):  # the system gives no process: the work is not done
            self._process.start()

    @property
    def running(self) -> bool:
        """True until it is done, or given up."""
        return self._starting.is_alive() or self._process.is_alive()

    def close(self) -> None:
        """Stop the work; its result is dropped."""
        self._starting.join()
        if self._process.pid is not None:
            self._process.terminate()
            self._process.join()
