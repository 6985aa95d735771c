"""The one way in which files are written: whole or not at all. Owns no format.

A reader never sees half a file, and a kill at any moment leaves the previous one whole. Programs
that write the same file at the same time each write a temporary file; the last one is kept.
Failures of the disk become a ``UserError`` that says what is still safe.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from retroracer.errors import UserError, in_words
from retroracer.reading import shown_path

try:
    import fcntl
except ImportError:  # Windows: nothing is locked, and nothing swept
    fcntl = None  # type: ignore[assignment]

_PART = re.compile(r"\..*\.[a-z0-9_]{8}\.part")
_PROBE = 4096
"""Bytes written to see whether a place can be written."""
_YOUNG = 2.0
"""Seconds after which a temporary file that nobody has locked counts as abandoned."""
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EBADF}

_swept: set[Path] = set()


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path; on success its content takes the place of ``path``.

    The data reaches the disk before the rename does. If the body raises, the temporary file is
    removed and ``path`` stays as it was. A link is followed. A device or pipe (``/dev/stdout``)
    is written to once the content is whole.

    Raises:
        UserError: if it cannot be written: no such folder, no permission, a full disk.
    """
    with ExitStack() as stack:
        target = _target(Path(path))
        outlet = _opened(target)
        if outlet is not None:
            stack.callback(os.close, outlet)
        part = stack.enter_context(_part(target, outlet is not None))
        try:
            yield part
        except (UserError, BrokenPipeError):
            raise
        except Exception as error:
            cause = _of_the_disk(error, part)
            if cause is None:
                raise
            raise _refusal(target, cause) from error
        try:
            if outlet is None:
                _keep(part, target)
            else:
                with open(part, "rb") as source, open(outlet, "wb", closefd=False) as out:
                    shutil.copyfileobj(source, out)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _refusal(target, error) from error


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all, as ``replacing`` does."""
    write_together({Path(path): text})


def write_bytes(path: Path | str, data: bytes | memoryview) -> None:
    """Write ``data``, whole or not at all, as ``replacing`` does.

    For what a library encodes: some report a full disk on the screen, or not at all, so they encode
    in memory and the writing is done here.
    """
    with replacing(path) as part:
        part.write_bytes(data)


def write_together(pages: Mapping[Path, str]) -> None:
    """Write files that belong together: on any failure none of them is touched.

    Two programs that write the same files at once do so one after the other.
    """
    with ExitStack() as stack:
        if len(pages) > 1:
            stack.enter_context(_alone_in(next(iter(pages)).parent))
        for path, text in pages.items():
            part = stack.enter_context(replacing(path))
            # A file name that is no valid UTF-8 reads in JSON and YAML as an escape.
            part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def demand_writable(path: Path | str) -> None:
    """Try whether a file could be written, before long work; what is there is not touched.

    Raises:
        UserError: as ``replacing`` would.
    """
    target = _target(Path(path))
    if _number(target) is None and not _is_outlet(target):
        _try(target)


def make_folder(path: Path | str) -> None:
    """Create a folder and those above it, and try whether files can be written in it.

    Raises:
        UserError: if it cannot be created or written.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise UserError(
            f"cannot write into {shown_path(folder)}: it is a file, not a folder"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write into {shown_path(folder)}: {in_words(error)}") from error
    _try(folder / "a file")


def sweep(folder: Path, young: float = _YOUNG) -> int:
    """Remove temporary files in a folder whose writers were killed; returns how many.

    A writer locks its temporary file until it is done, so one that can be locked was abandoned,
    unless it is so ``young`` [s] that it may not be locked yet.
    """
    count = 0
    if fcntl is None:
        return count
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not _PART.fullmatch(entry.name):
                continue
            with suppress(OSError):
                if time.time() - entry.stat(follow_symlinks=False).st_mtime < young:
                    continue
                handle = os.open(entry.path, os.O_RDWR | os.O_NOFOLLOW)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(entry.path)
                    count += 1
                finally:
                    os.close(handle)
    return count


@contextmanager
def _part(target: Path, elsewhere: bool) -> Iterator[Path]:
    """A locked temporary file beside ``target``, or where temporary files are; removed after."""
    folder = Path(tempfile.gettempdir()) if elsewhere else target.parent
    if folder not in _swept:
        _swept.add(folder)
        sweep(folder)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=".part", dir=folder)
    except FileNotFoundError:
        raise UserError(
            f"cannot write {shown_path(target)}: "
            f"folder {shown_path(target.parent)} does not exist; create it first"
        ) from None
    except (OSError, ValueError) as error:
        raise _refusal(target, error) from error
    try:
        if fcntl is not None:
            with suppress(OSError):  # some network disks have no locks
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Path(name)
    finally:
        with suppress(OSError):
            os.unlink(name)
        os.close(handle)


def _target(path: Path) -> Path:
    """The file meant: links are followed, save the names of our own streams."""
    if _number(path) is not None:
        return path
    target = path
    try:
        target = Path(os.path.realpath(path)) if path.is_symlink() else path
        mode = target.stat().st_mode
    except FileNotFoundError:
        longest = os.pathconf(target.parent, "PC_NAME_MAX") if target.parent.is_dir() else 255
        if len(os.fsencode(target.name)) > longest:
            raise _refusal(path, OSError(errno.ENAMETOOLONG, "")) from None
        return target
    except (OSError, ValueError) as error:
        raise _refusal(path, error) from error
    if stat.S_ISDIR(mode):
        raise UserError(f"cannot write {shown_path(path)}: it is a folder; name a file")
    if not os.access(target, os.W_OK):
        raise _refusal(path, OSError(errno.EACCES, ""))
    return target


def _number(path: Path) -> int | None:
    """The descriptor that a name such as ``/dev/stdout`` stands for."""
    found = re.fullmatch(
        r"/dev/(?:fd/([0-9]{1,6})|(stdout)|stderr)|/proc/self/fd/([0-9]{1,6})", str(path)
    )
    return int(found[1] or found[3] or (1 if found[2] else 2)) if found else None


def _is_outlet(target: Path) -> bool:
    with suppress(OSError):
        return not stat.S_ISREG(target.stat().st_mode)
    return False


def _opened(target: Path) -> int | None:
    """A new descriptor of a device or a pipe; None if ``target`` is a file."""
    number = _number(target)
    try:
        if number is not None:
            for stream in (sys.stdout, sys.stderr):  # what was printed before comes before
                stream.flush()
            return os.dup(number)
        return os.open(target, os.O_WRONLY) if _is_outlet(target) else None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _refusal(target, error) from error


def _try(target: Path) -> None:
    with _part(target, False) as part:
        try:
            part.write_bytes(bytes(_PROBE))
        except OSError as error:
            raise _refusal(target, error) from error


def _keep(part: Path, target: Path) -> None:
    """Bring a finished file to the disk, then to its place."""
    with open(part, "rb+") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
    with suppress(PermissionError):  # disks without permissions refuse to set any
        os.chmod(part, _permissions(target))
    os.replace(part, target)
    _sync_folder(target.parent)


def _of_the_disk(error: Exception, part: Path) -> Exception | None:
    """The disk's part in a failure, if it had one.

    Libraries report a full disk in many ways, some without the system's number; then the
    disk itself is asked.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error if error.errno in _OF_THE_DISK else None
    try:
        with open(part, "ab") as file:
            file.write(bytes(256 * _PROBE))
            file.flush()
            os.fsync(file.fileno())
    except OSError as found:
        return found
    return None


def _refusal(target: Path, error: BaseException) -> UserError:
    safe = "nothing was written"
    with suppress(OSError, ValueError):
        if target.is_file():
            safe = "the file that is there is unchanged"
    return UserError(f"cannot write {shown_path(target)}: {in_words(error)}; {safe}")


def _permissions(target: Path) -> int:
    """Mode bits the finished file gets: those of the file it replaces, else the usual ones."""
    with suppress(FileNotFoundError):
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other program writes files that belong together in this folder."""
    handle = None
    with suppress(OSError, ValueError):
        handle = os.open(folder, os.O_RDONLY)
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable where the system allows opening a folder."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
