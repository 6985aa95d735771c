"""Whole-or-nothing file writing. Owns no format.

A reader never sees half a file, and a kill at any moment leaves the previous one whole.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from retroracer.errors import UserError


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it takes the place of ``path``.

    The data reaches the disk before the rename does. If the body raises, the temporary
    file is removed and ``path`` stays as it was.

    Raises:
        UserError: if the folder does not exist or cannot be written.
    """
    target = Path(path)
    if target.is_dir():
        raise UserError(f"cannot write {target}: it is a folder; name a file")
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{target.name}.", suffix=".part", dir=target.parent
        )
    except FileNotFoundError:
        raise UserError(
            f"cannot write {target}: folder {target.parent} does not exist; create it first"
        ) from None
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}") from None
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(part, _permissions(target))
        os.replace(part, target)
        _sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, whole or not at all.

    Raises:
        UserError: as ``replacing`` does.
    """
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def _permissions(target: Path) -> int:
    """Mode bits the finished file gets: those of the file it replaces, else the usual ones."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable where the system allows opening a folder."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
