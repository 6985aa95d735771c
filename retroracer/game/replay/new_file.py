"""Names of files the game makes by itself: never one that is taken, never the only copy lost.

Owns choosing them: a picture or film gets a name no other game has, and a damaged file is moved
aside under a name that is free.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MOST = 1000
"""Names tried."""


@contextmanager
def claimed(path: Path) -> Iterator[Path]:
    """Yield ``path``, or the first of ``path-2``, ``path-3`` ... that nobody has.

    The name is held by an empty file, also against another game in the same second; the body
    replaces it. If the body raises, an empty file is removed again.

    Raises:
        OSError: if no file can be made there.
    """
    for k in range(1, MOST):
        name = path if k == 1 else path.with_stem(f"{path.stem}-{k}")
        try:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            break
        except FileExistsError:
            continue
    else:
        raise FileExistsError(17, f"{MOST} files of this name exist", str(path))
    try:
        yield name
    except BaseException:
        with suppress(OSError):
            if name.stat().st_size == 0:
                name.unlink()
        raise


def set_aside(path: Path, ending: str) -> Path:
    """Move a file that cannot be used out of the way, to its name with ``ending``; where it went.

    Raises:
        OSError: if it cannot be moved.
    """
    for k in range(1, MOST):
        aside = path.with_name(f"{path.name}{'' if k == 1 else f'-{k}'}{ending}")
        if not os.path.lexists(aside):
            path.rename(aside)
            return aside
    raise FileExistsError(17, f"{MOST} files set aside", str(path))
