"""A lock on what a run writes: one process at a time.

Owns the lock's file, ``.NAME.lock`` beside what is locked; it names the process that holds the
lock. The kernel releases the lock when that process dies, however that happens. Where files cannot
be locked, the lock is free once the process named in it no longer runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from retroracer.errors import UserError
from retroracer.training.run.leftovers import alive, started_at

try:
    import fcntl
except ImportError:  # on Windows the lock is free once the process named in the file has ended
    fcntl = None  # type: ignore[assignment]


def lock_file(path: Path) -> Path:
    """The file that stands for the lock on ``path``."""
    return path.with_name(f".{path.name}.lock")


def owner_of(path: Path) -> int | None:
    """The number of the process that holds the lock on ``path``; None if nobody does."""
    try:
        return _named(lock_file(path).read_text(encoding="ascii", errors="replace")[:100])
    except OSError:
        return None


def _named(text: str) -> int | None:
    """The process that the text of a lock's file names, if it still runs."""
    match text.split():
        case [number, started] if number.isdecimal() and alive(int(number), started):
            return int(number)
    return None


@contextmanager
def locked(path: Path, option: str = "--out") -> Iterator[None]:
    """Keep other processes away from a file or folder, which need not exist, while this lasts.

    Its folder must exist. ``option`` chooses another place on the command line.

    Raises:
        UserError: if another process holds the lock (it is named), or the folder cannot be
            written.
    """
    file = lock_file(path)
    try:
        handle = _open(file, path, option)
    except OSError as error:
        raise UserError(f"cannot write {file}: {error.strerror}") from None
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()} {started_at(os.getpid())}\n".encode(), 0)
        yield
    finally:
        with suppress(OSError):
            file.unlink()  # before releasing it: a process waiting for it sees that it is gone
        os.close(handle)


def _open(file: Path, path: Path, option: str) -> int:
    """Open and lock the lock's file; returns its descriptor."""
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _take(handle, path, option)
        except BaseException:
            os.close(handle)
            raise
        # Its last owner may have removed it between our opening and locking it.
        with suppress(OSError):
            if os.path.samestat(os.fstat(handle), os.stat(file)):
                return handle
        os.close(handle)


def _take(handle: int, path: Path, option: str) -> None:
    owner = _named(os.pread(handle, 100, 0).decode("ascii", "replace"))
    taken = owner not in (None, os.getpid())
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
    except BlockingIOError:
        taken = True
    except OSError:
        pass  # a file system without locks
    if taken:
        process = f" (process {owner})" if owner else ""
        raise UserError(f"a run is in progress in {path}{process}; choose another {option}")
