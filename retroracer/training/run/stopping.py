"""Stops: Ctrl+C, a polite kill, a closed terminal; and time that is up.

Owns the signal handlers. A stop is the exception ``Stopped``, raised in the main thread:

- at once, wherever nothing can be left half done (loading, solving, judging, pictures);
- within ``held``, not before PATIENCE seconds have passed (a round), or not at all (a save).

A request is never taken back: a second Ctrl+C changes nothing. ``TimeUp`` works the same way
for a moment given to ``until``. If a command has not ended LIMIT seconds after a stop, a thread
ends the process: files are written whole or not at all, so that is as safe as a kill.
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
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from retroracer.errors import UserError
from retroracer.processes import being_started

PATIENCE = 0.5
"""Seconds a round may go on after a stop before it is left in its midst."""

LIMIT = 1.4
"""Seconds after a stop until the process ends, whatever it does (a save excepted)."""

LONGEST_SAVE = 30.0
"""Seconds a save may take after a stop: on a slow disk, losing nothing matters more."""

TICK = 0.1
"""Seconds between looks at the clock."""

AGAIN = 0.5
"""An exception that was swallowed by a library is raised again after so many seconds."""

_CALLED_FROM_OUTSIDE = ("_raw_object_cache_notify", "_raw_object_cache_getbuffer", "__del__")
"""Functions that compiled code calls (LLVM while it compiles, the collector of garbage)."""

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")

INTERRUPTED = 130


class Stopped(KeyboardInterrupt):
    """The user wants the run to stop."""


class TimeUp(BaseException):
    """The moment given to ``until`` has come."""


class Stop:
    """What has been asked for, and where it may be obeyed.

    Attributes:
        requested: whether the user wants the run to stop.
        at: when that was asked for (``time.monotonic``).
        farewell: what to say, and with which exit code, should the process have to be ended;
            None: the command has said all.
    """

    def __init__(self, farewell: Callable[[], tuple[str, int]] | None = None) -> None:
        self.requested = False
        self.at = 0.0
        self.farewell = farewell
        self._code = INTERRUPTED
        self._watched = farewell is not None
        self._settled = False
        self._holds: list[float] = []
        self._moment: float | None = None
        self._raised = 0.0
        self._terminals = [fd for fd in (0, 1, 2) if _is_terminal(fd)]

    def settle(self) -> None:
        """The stop has been taken note of: no exception any more."""
        self._settled = True
        self._moment = None
        _set_timer(None)

    def leave(self, code: int) -> None:
        """The command has said its last word: after a stop, end the process with this exit code.

        Taking down an interpreter with torch in it takes a second on a busy machine.
        """
        self.farewell, self._code = None, code
        if self.requested and self._watched:
            with suppress(Exception):
                atexit._run_exitfuncs()
            _flush()
            os._exit(code)

    def ask(self, number: int, frame: FrameType | None = None) -> None:
        """A signal has come."""
        if number == getattr(signal, "SIGHUP", None):
            for fd in self._terminals:  # nothing can be written there any more
                with suppress(OSError):
                    os.dup2(os.open(os.devnull, os.O_RDWR), fd)
        if not self.requested:
            self.requested, self.at = True, self.at or time.monotonic()
            if not self._settled:
                _set_timer(TICK)
        self.tick(number, frame)

    def tick(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Raise what is due, if it may be raised here.

        Raises:
            Stopped: if a stop was asked for.
            TimeUp: if the moment of ``until`` has come.
        """
        if self._settled:
            return
        now = time.monotonic()
        patience = max(self._holds, default=0.0)
        if now < self._raised + AGAIN or being_started() or _swallows(frame):
            return
        if self.requested and now >= self.at + patience:
            self._raised = now
            raise Stopped
        if self._moment is not None and now >= self._moment + patience:
            self._raised = now
            raise TimeUp

    def caused(self, error: BaseException) -> bool:
        """Whether an exception is the stop, or what a library made of it."""
        return isinstance(error, Stopped) or (self.requested and isinstance(error, Exception))

    @contextmanager
    def held(self, patience: float = float("inf")) -> Iterator[None]:
        """Raise nothing here, or not before ``patience`` seconds have passed."""
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

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hear stops in a thread too.

        A handler waits until the main thread is back from whatever library it is in: compiling
        the simulator for the first time, that may be many seconds.
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
        """Wait for the first stop, and see to it that the process ends."""
        numbers = {getattr(signal, name, None) for name in SIGNALS}
        while heard := os.read(pipe, 64):
            if numbers.intersection(heard):
                self.at = self.at or time.monotonic()
                self._end()
        os.close(pipe)

    def _end(self) -> None:
        """End the process if it has not ended by itself in time."""
        while True:
            time.sleep(0.05)
            waited = time.monotonic() - self.at
            saving = float("inf") in self._holds
            if waited >= (LONGEST_SAVE if saving else LIMIT):
                break
        code = self._code
        if self.farewell is not None:
            text, code = self.farewell()
            with suppress(OSError):
                os.write(1, f"{text}\n".encode())
        else:
            _flush()
        os._exit(code)


_now: Stop | None = None


@contextmanager
def stoppable(farewell: Callable[[], tuple[str, int]] | None = None) -> Iterator[Stop]:
    """Let signals stop what is done here; within another such block, it is that one's.

    Args:
        farewell: text and exit code for a process that does not end by itself in time; without
            it, none is ever ended.
    """
    global _now
    if _now is not None:
        yield _now
        return
    stop = Stop(farewell)
    earlier: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in SIGNALS:
            number = getattr(signal, name, None)
            # Ignored hang-ups are nohup's wish. An ignored Ctrl+C is a shell's way with jobs in
            # the background; who sends one all the same means it.
            if number is None or (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
                continue
            earlier[number] = signal.signal(number, stop.ask)
        if hasattr(signal, "SIGALRM"):
            earlier[signal.SIGALRM] = signal.signal(signal.SIGALRM, stop.tick)
    told = sys.unraisablehook
    sys.unraisablehook = lambda lost: None if lost.exc_type in (Stopped, TimeUp) else told(lost)
    _now = stop
    try:
        with stop.watching():
            yield stop
    except (UserError, OSError):
        raise  # of what could not be written, say
    except Exception as error:
        if stop.requested:
            raise Stopped from error  # what a library has made of it
        raise
    finally:
        _now = None
        sys.unraisablehook = told
        _set_timer(None)
        for number, handler in earlier.items():
            # A command that ends because it was asked to is not to be hurried any more.
            quiet = stop.requested and farewell is not None
            signal.signal(number, signal.SIG_IGN if quiet else handler)


def check() -> None:
    """A place where a run may stop.

    Raises:
        Stopped: if the user wants that.
        TimeUp: if the moment of ``until`` has come.
    """
    if _now is not None:
        _now.tick()


def requested() -> bool:
    """Whether the user wants the run to stop."""
    return _now is not None and _now.requested


@contextmanager
def held(patience: float = float("inf")) -> Iterator[None]:
    """As ``Stop.held``, of the run under way."""
    if _now is None:
        yield
        return
    with _now.held(patience):
        yield


@contextmanager
def until(moment: float) -> Iterator[list[bool]]:
    """As ``Stop.until``, of the run under way; without one, nothing is cut short."""
    if _now is None:
        yield []
        return
    with _now.until(moment) as cut:
        yield cut


def _swallows(frame: FrameType | None) -> bool:
    """Whether an exception raised here would be lost, and what it was raised in left broken."""
    while frame is not None:
        if frame.f_code.co_name in _CALLED_FROM_OUTSIDE:
            return True
        frame = frame.f_back
    return False


def _set_timer(first: float | None) -> None:
    """Look at the clock after ``first`` seconds and every TICK from then on; None = never."""
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        if first is None:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        else:
            signal.setitimer(signal.ITIMER_REAL, max(first, 0.001), TICK)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False
