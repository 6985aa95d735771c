"""A lock on what a run writes: one process at a time, told to the others, given up by the dead.

Owns the lock's file, ``.NAME.lock`` beside what is locked. The kernel lets go of it when its
owner dies, however that happens; where files cannot be locked, the process named in it decides.
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
except ImportError:  # no such thing on Windows: the process named in the file decides
    fcntl = None  # type: ignore[assignment]


def lock_file(path: Path) -> Path:
    """The file that stands for the lock on ``path``."""
    return path.with_name(f".{path.name}.lock")


def owner_of(path: Path) -> int | None:
    """The process that has the lock on ``path`` now; None if there is none."""
    try:
        owner = lock_file(path).read_text(encoding="ascii", errors="replace")[:100].split()
    except OSError:
        return None
    if len(owner) != 2 or not owner[0].isdecimal() or not alive(int(owner[0]), owner[1]):
        return None
    return int(owner[0])


@contextmanager
def locked(path: Path, option: str = "--out") -> Iterator[None]:
    """Keep other processes away from ``path`` while this lasts.

    Args:
        path: a file or folder, which need not exist; its folder must.
        option: by which the user can choose another place.

    Raises:
        UserError: if another process has it, which is named, or the folder cannot be written.
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
            file.unlink()  # before it is let go: who waits for it sees that it is gone
        os.close(handle)


def _open(file: Path, path: Path, option: str) -> int:
    """The lock's file, ours from now on."""
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _take(handle, path, option)
        except BaseException:
            os.close(handle)
            raise
        # It may have been let go and removed between opening and locking it.
        with suppress(OSError):
            if os.path.samestat(os.fstat(handle), os.stat(file)):
                return handle
        os.close(handle)


def _take(handle: int, path: Path, option: str) -> None:
    owner = os.pread(handle, 100, 0).decode("ascii", "replace").split()
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
    except BlockingIOError:
        raise _taken(owner, path, option) from None
    except OSError:
        pass  # a file system without locks
    told = len(owner) == 2 and owner[0].isdecimal() and int(owner[0]) != os.getpid()
    if told and alive(int(owner[0]), owner[1]):
        raise _taken(owner, path, option)


def _taken(owner: list[str], path: Path, option: str) -> UserError:
    process = f" (process {owner[0]})" if owner and owner[0].isdecimal() else ""
    return UserError(f"a run is in progress in {path}{process}; choose another {option}")
