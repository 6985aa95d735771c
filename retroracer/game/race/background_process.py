"""Work done in another process, so that no frame waits for it.

Owns the process, its low priority and its end. The work writes its result to a file (a cache,
the records), where the game then reads it.
"""

from __future__ import annotations

import multiprocessing
import os
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
        self._process: multiprocessing.process.BaseProcess | None = None
        context = multiprocessing.get_context("spawn")
        try:
            process = context.Process(target=_run, args=(work, values), daemon=True)
            process.start()
        except OSError:
            return  # the system gives no process: the work is not done
        self._process = process

    @property
    def running(self) -> bool:
        """True until it is done, or given up."""
        if self._process is None:
            return False
        if self._process.is_alive():
            return True
        self._process.join()
        self._process = None
        return False

    def close(self) -> None:
        """Stop the work; its result is dropped."""
        if self._process is not None:
            self._process.terminate()
            self._process.join()
            self._process = None
