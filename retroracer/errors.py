"""The exception for mistakes a user can mend, and plain words for errors of the system."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """A user's mistake, told in one clear message: what, where, what to do.

    Commands print the message to stderr without a traceback and exit with code 2.

    Attributes:
        setting: of a run that it is about, "" where that is not known.
    """

    setting = ""


@contextmanager
def about(setting: str) -> Iterator[None]:
    """Context: errors raised within are about this setting; its reader can add file and line."""
    try:
        yield
    except UserError as error:
        error.setting = setting
        raise


class NotFiniteError(ValueError):
    """Numbers that must be finite are not, because a network has overflowed: training diverged."""


_IN_WORDS = {
    errno.ENOSPC: "the disk is full; free some space or choose another place",
    errno.EDQUOT: "your share of the disk is used up; free some space or choose another place",
    errno.EFBIG: "it would be larger than a file may be here (see ulimit -f); choose another place",
    errno.EROFS: "the disk is read-only; choose another place",
    errno.EACCES: "permission denied; choose another place or change the permissions",
    errno.EPERM: "the system does not permit it; choose another place",
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "part of the path is a file, not a folder; choose another place",
    errno.EISDIR: "it is a folder; name a file",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ELOOP: "its links lead in a circle; choose another place",
    errno.EIO: "the device reports an error; check the disk or choose another place",
    errno.EBADF: "it is closed",
    errno.EPIPE: "its reader has gone",
    errno.EMFILE: "too many files are open (see ulimit -n)",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOMEM: "out of memory; close other programs or ask for less",
    errno.EAGAIN: "the system has no processes or memory left (see ulimit -u); ask for less",
}


def in_words(error: BaseException) -> str:
    """What an error of the system means and, where something can be done, what to do."""
    if isinstance(error, OSError) and error.errno is not None:
        return _IN_WORDS.get(error.errno) or os.strerror(error.errno).lower()
    if isinstance(error, ValueError) and "null" in str(error):
        return "its name holds a NUL character; choose another one"
    return str(error) or type(error).__name__
