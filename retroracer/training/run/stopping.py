"""Stops a run on Ctrl+C (SIGINT), SIGTERM or a closed terminal (SIGHUP), and when time is up.

Owns the signal handlers. A stop is the exception ``Stopped``, raised in the main thread:

- at once where nothing can be left half done (loading, solving, evaluation, pictures);
- inside ``held(patience)`` only after that many seconds (a round), or never (a save).

A request cannot be withdrawn: a second Ctrl+C changes nothing. ``TimeUp`` works the same way
for a moment given to ``until``. If a command has not ended LIMIT seconds after a stop, a thread
ends the process; files are written atomically, so this is safe.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from types import FrameType
from typing import Any

from retroracer.errors import UserError
from retroracer.processes import being_started

PATIENCE = 0.5
"""Seconds a round may continue after a stop before it is interrupted."""

LIMIT = 1.4
"""Seconds after a stop until the process is ended, whatever it does, except during a save."""

LONGEST_SAVE = 30.0
"""Seconds a save may take after a stop: on a slow disk, saving the run matters more."""

TICK = 0.1
"""Seconds between checks of the clock."""

AGAIN = 0.5
"""Seconds after which the exception is raised again, in case a library swallowed it."""

_CALLED_FROM_OUTSIDE = ("_raw_object_cache_notify", "_raw_object_cache_getbuffer", "__del__")
"""Functions called from compiled code (by LLVM while it compiles, by the garbage collector): an
exception raised in them is lost."""

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")

INTERRUPTED = 130


class Stopped(KeyboardInterrupt):
    """The user has asked the run to stop."""


class TimeUp(BaseException):
    """The moment given to ``until`` has come."""


class Stop:
    """A request to stop, and when it may be carried out.

    Attributes:
        requested: True if the user has asked the run to stop.
        at: when that was asked for (``time.monotonic``).
        last_message: returns the last message and the exit code for a process that the thread
            has to end; None = the command has printed its last message.
    """

    def __init__(self, last_message: Callable[[], tuple[str, int]] | None) -> None:
        self.requested = False
        self.at = 0.0
        self.last_message = last_message
        self._code = INTERRUPTED
        self._watched = last_message is not None
        self._settled = False
        self._holds: list[float] = []
        self._moment: float | None = None
        self._raised = 0.0
        self._terminals = [fd for fd in (0, 1, 2) if os.isatty(fd)]

    def settle(self) -> None:
        """Raise no more exceptions: the command is handling the stop."""
        self._settled = True
        self._moment = None
        _set_timer(None)

    def leave(self, code: int) -> None:
        """After a stop, end the process at once with this exit code; otherwise do nothing.

        The command has printed its last message. Shutting down an interpreter with torch loaded
        takes a second on a busy machine.
        """
        self.last_message, self._code = None, code
        if self.requested and self._watched:
            with suppress(Exception):
                atexit._run_exitfuncs()
            _flush()
            os._exit(code)

    def ask(self, number: int, frame: FrameType | None = None) -> None:
        """Handle a signal that asks for a stop."""
        if number == getattr(signal, "SIGHUP", None):
            for fd in self._terminals:  # the terminal is closed: send output to /dev/null
                with suppress(OSError):
                    os.dup2(os.open(os.devnull, os.O_RDWR), fd)
        if not self.requested:
            self.requested, self.at = True, self.at or time.monotonic()
            if not self._settled:
                _set_timer(TICK)
        self.tick(number, frame)

    def tick(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Raise the exception that is due (see ``check``) unless the block holds it back."""
        if self._settled:
            return
        now = time.monotonic()
        patience = max(self._holds, default=0.0)
        if now < self._raised + AGAIN or being_started() or _would_lose_exception(frame):
            return
        if self.requested and now >= self.at + patience:
            self._raised = now
            raise Stopped
        if self._moment is not None and now >= self._moment + patience:
            self._raised = now
            raise TimeUp

    def caused(self, error: BaseException) -> bool:
        """True if an exception is the stop, or an error that the stop caused in a library."""
        return isinstance(error, Stopped) or (self.requested and isinstance(error, Exception))

    @contextmanager
    def held(self, patience: float) -> Iterator[None]:
        """Hold the exception back in this block until ``patience`` seconds after the stop."""
        self._holds.append(patience)
        try:
            yield
        finally:
            self._holds.pop()

    @contextmanager
    def until(self, moment: float) -> Iterator[list[bool]]:
        """Leave the block when ``time.monotonic()`` reaches ``moment``.

        Yields:
            A list that is not empty afterwards if the block was cut short.
        """
        cut: list[bool] = []
        earlier = self._moment
        if moment < float("inf"):
            self._moment = moment if earlier is None else min(moment, earlier)
            self._raised = 0.0
            _set_timer(self._moment - time.monotonic())
        try:
            yield cut
        except TimeUp:
            cut.append(True)
        finally:
            self._moment = earlier
            if earlier is None and not self.requested:
                _set_timer(None)

    def time_left(self) -> float:
        """Seconds until the moment of ``until``; infinite where nothing will be cut short."""
        return float("inf") if self._moment is None else self._moment - time.monotonic()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch for stops in a second thread too.

        Python runs a signal handler only when the main thread returns from the library it is in;
        while the simulator is compiled for the first time, that may take many seconds.
        """
        main = threading.current_thread() is threading.main_thread()
        if not (self._watched and main and hasattr(os, "set_blocking")):
            yield
            return
        here, there = os.pipe()
        os.set_blocking(there, False)
        earlier = signal.set_wakeup_fd(there, warn_on_full_buffer=False)
        _thread.start_new_thread(self._hear, (here,))
        try:
            yield
        finally:
            signal.set_wakeup_fd(earlier)
            os.close(there)

    def _hear(self, pipe: int) -> None:
        """Wait for the first stop signal, then make sure that the process ends."""
        numbers = {getattr(signal, name, None) for name in SIGNALS}
        while heard := os.read(pipe, 64):
            if numbers.intersection(heard):
                self.at = self.at or time.monotonic()
                self._end()
        os.close(pipe)

    def _end(self) -> None:
        """End the process if it has not ended by itself after LIMIT seconds."""
        while True:
            time.sleep(0.05)
            waited = time.monotonic() - self.at
            saving = float("inf") in self._holds
            if waited >= (LONGEST_SAVE if saving else LIMIT):
                break
        code = self._code
        if self.last_message is not None:
            text, code = self.last_message()
            with suppress(OSError):
                os.write(1, f"{text}\n".encode())
        else:
            _flush()
        os._exit(code)


_now: Stop | None = None


@contextmanager
def stoppable(last_message: Callable[[], tuple[str, int]] | None = None) -> Iterator[Stop]:
    """Let signals stop the work in this block; inside another such block, use the outer one's stop.

    Args:
        last_message: returns message and exit code for a process that does not end by itself in
            time; without it the process is never ended.
    """
    global _now
    if _now is not None:
        yield _now
        return
    stop = Stop(last_message)
    earlier: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in SIGNALS:
            number = getattr(signal, name, None)
            # nohup ignores SIGHUP on purpose: leave that alone. Shells ignore Ctrl+C for jobs in
            # the background, but a SIGINT sent to one is meant for it.
            if number is None or (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
                continue
            earlier[number] = signal.signal(number, stop.ask)
        if hasattr(signal, "SIGALRM"):
            earlier[signal.SIGALRM] = signal.signal(signal.SIGALRM, stop.tick)
    hook = sys.unraisablehook
    sys.unraisablehook = lambda lost: None if lost.exc_type in (Stopped, TimeUp) else hook(lost)
    _now = stop
    try:
        with stop.watching():
            yield stop
    except (UserError, OSError):
        raise  # for example a file that could not be written
    except Exception as error:
        if stop.requested:
            raise Stopped from error  # an error the stop caused in a library
        raise
    finally:
        _now = None
        sys.unraisablehook = hook
        _set_timer(None)
        for number, handler in earlier.items():
            # A command that is ending because of a stop ignores further signals.
            quiet = stop.requested and last_message is not None
            signal.signal(number, signal.SIG_IGN if quiet else handler)


def check() -> None:
    """Let the run stop here if a stop is due.

    Raises:
        Stopped: if the user has asked for it.
        TimeUp: if the moment of ``until`` has come.
    """
    if _now is not None:
        _now.tick()


def held(patience: float = float("inf")) -> AbstractContextManager[None]:
    """``Stop.held`` of the current run."""
    return nullcontext() if _now is None else _now.held(patience)


def until(moment: float) -> AbstractContextManager[list[bool]]:
    """``Stop.until`` of the current run; without a run, nothing is cut short."""
    return nullcontext([]) if _now is None else _now.until(moment)


def time_left() -> float:
    """Seconds until the moment of ``until``; infinite where nothing will be cut short."""
    return float("inf") if _now is None else _now.time_left()


def _would_lose_exception(frame: FrameType | None) -> bool:
    """True if an exception raised here would be lost and leave the library it is in broken."""
    while frame is not None:
        if frame.f_code.co_name in _CALLED_FROM_OUTSIDE:
            return True
        frame = frame.f_back
    return False


def _set_timer(first: float | None) -> None:
    """Check the clock after ``first`` seconds and every TICK from then on; None = never."""
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        if first is None:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        else:
            signal.setitimer(signal.ITIMER_REAL, max(first, 0.001), TICK)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
