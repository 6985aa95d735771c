"""Safe use of the standard streams, and of the signals that end a program.

Owns: streams that are closed, on a full disk, of a narrow character set or whose reader goes
away. SIGTERM and SIGHUP unwind the program as Ctrl+C does, so that no half file is left.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from retroracer.errors import in_words

MISTAKE = 2
READER_GONE = 141
"""What a shell reports of a program that a closed pipe ended, as of ``git log | head -1``."""


_OF_PRINTING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


class Ended(BaseException):
    """The program was asked to end by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def prepare() -> None:
    """Make the standard streams safe to use.

    A closed one is opened on the null device, else the next file opened would take its number
    and receive what is printed. Letters that a stream cannot show become question marks.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # Reading only: what is printed to a closed output fails, as with every other tool.
            how = os.O_WRONLY if name == "stderr" else os.O_RDONLY
            opened = os.open(os.devnull, how)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


@contextlib.contextmanager
def ended_politely() -> Iterator[None]:
    """Raise ``Ended`` at SIGTERM and SIGHUP, instead of dying at once."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Ended(number)

    ours = []
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, end)
                ours.append(number)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def tell(line: str) -> None:
    """Print a line to standard error; ignore it if that is closed."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def finish(code: int) -> int:
    """Flush what was printed, so that a full disk is reported and not missed at the exit.

    Returns:
        ``code``; instead of 0 that of a closed pipe, or of an output that cannot be written.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            _silence(stream.fileno())
            code = code or READER_GONE
        except OSError as error:
            failed = _cannot_print(error)
            code = code or failed
    return code


def blamed(error: OSError) -> int:
    """The exit code if an error came of printing, 0 if it did not.

    What cannot be printed may be lost before ``finish`` sees it. Files are written through
    ``retroracer.atomic``, which tells their errors itself, so a full disk without a name is ours.
    """
    if isinstance(error, BrokenPipeError):
        gone = [number for number in (1, 2) if _lost(number)]
        for number in gone:
            _silence(number)
        return READER_GONE if gone else 0
    if error.filename is None and error.errno in _OF_PRINTING:
        return _cannot_print(error)
    return 0


def _cannot_print(error: OSError) -> int:
    _silence(1)
    tell(
        f"retroracer: error: cannot print to standard output: {in_words(error)}; "
        "files that this command wrote are whole"
    )
    return MISTAKE


def _lost(number: int) -> bool:
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(number, 0)  # errors are told unasked
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _silence(number: int) -> None:
    """Discard what is still to be printed, so that Python prints no error about it at the exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)
