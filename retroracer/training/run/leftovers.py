"""Clears away what killed runs leave behind: temporary files, folders, semaphores.

Owns their names. The temporary folder and the semaphores of a run carry the number and start time
of its process; only those of processes that no longer run are removed, so files of other programs
are never touched.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from retroracer.atomic import sweep

NAME = re.compile(r"(?:sem\.)?retroracer-(\d+)-([0-9a-z]+)(?:-\w+)?")
"""Name of a process's folders and semaphores: process number, then start time."""

SEMAPHORES = Path("/dev/shm")  # where Linux shows them

LONGEST_FOLDER = 60
"""Most characters of the folder's path: sockets in it may have paths of 107 characters."""


def started_at(pid: int) -> str:
    """When a process was started, in the system's own ticks; "0" where that is unknown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        return text.rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return "0"


def alive(pid: int, started: str) -> bool:
    """True if the process with this number and start time still runs."""
    if sys.platform == "win32":  # there, signal 0 would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # another user's
    return started_at(pid) == started


@contextmanager
def own_temporary_files() -> Iterator[Path]:
    """Give this process a temporary folder and semaphores named after it, removed at the end.

    Those of processes that have died are removed first.

    Yields:
        The temporary folder.
    """
    usual = tempfile.gettempdir()
    sweep_temporary(Path(usual))
    mark = f"retroracer-{os.getpid()}-{started_at(os.getpid())}"
    folder = Path(usual) / mark
    if len(str(folder)) > LONGEST_FOLDER:
        yield Path(usual)
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    # What torch has compiled is useful for the next run too: keep it outside the folder.
    compiled = os.path.join(usual, f"torchinductor_{os.environ.get('USER', 'user')}")
    process: Any = multiprocessing.process.current_process()
    names = {"TMPDIR": str(folder)}
    if "TORCHINDUCTOR_CACHE_DIR" not in os.environ:
        names["TORCHINDUCTOR_CACHE_DIR"] = compiled
    earlier = {name: os.environ.get(name) for name in names}
    kept, semaphores = tempfile.tempdir, process._config.get("semprefix")
    os.environ.update(names)
    tempfile.tempdir = str(folder)
    if semaphores is not None:  # there is no public name for it
        process._config["semprefix"] = f"/{mark}"
    try:
        yield folder
    finally:
        tempfile.tempdir = kept
        for name, value in earlier.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if semaphores is not None:
            process._config["semprefix"] = semaphores
        if not process._config.get("tempdir", "").startswith(str(folder)):
            shutil.rmtree(folder, ignore_errors=True)
        else:  # in use until the process ends, by multiprocessing's servers
            Finalize(None, shutil.rmtree, (folder, True), exitpriority=-200)


def sweep_temporary(folder: Path, semaphores: Path = SEMAPHORES) -> list[Path]:
    """Remove folders and semaphores of our processes that have died; returns what was removed."""
    gone = []
    for place in (folder, semaphores):
        with suppress(OSError):
            for path in place.iterdir():
                found = NAME.fullmatch(path.name)
                if found is None or alive(int(found[1]), found[2]):
                    continue
                if hasattr(os, "getuid") and path.lstat().st_uid != os.getuid():
                    continue  # another user's
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    with suppress(OSError):
                        path.unlink()
                gone.append(path)
    return gone


def sweep_parts(folder: Path, out: Path) -> int:
    """Remove temporary files of a run's interrupted writes, and tell how many.

    The caller holds the locks of the run's folder and its model at ``out``.
    """
    return sum(sweep(path, young=0.1) for path in (folder, folder / "checkpoints", out.parent))
