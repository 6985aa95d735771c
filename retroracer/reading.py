"""Reading files that a user named, and showing what they hold. Owns no format.

A named file may be anything: missing, a folder, a pipe nobody writes to, ``/dev/zero``, ten
gigabytes. ``read_bytes`` and ``open_file`` take regular files up to a limit and refuse the rest
in one line before reading it. ``shown`` writes any value for a message: short, on one line,
and without control characters, however large the value is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from retroracer.errors import UserError

_KINDS = (
    (stat.S_ISDIR, "a folder; name a file"),
    (stat.S_ISFIFO, "a pipe; save what it gives as a file and name that"),
    (stat.S_ISSOCK, "a socket; name a regular file"),
    (stat.S_ISCHR, "a device; name a regular file"),
    (stat.S_ISBLK, "a device; name a regular file"),
)


def open_file(path: Path | str, limit: int) -> BinaryIO:
    """Open a regular file of at most ``limit`` bytes for reading; the caller closes it.

    The file may grow afterwards: read no more than ``limit`` bytes of it.

    Raises:
        UserError: if it is missing, no regular file, unreadable or too big.
    """
    name = shown_path(path)
    try:
        _check(os.stat(path), name, limit)  # first: opening a device can already do something
        # Without O_NONBLOCK, a pipe that took the file's place just now would block for ever.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        handle = os.open(path, flags)
        try:
            _check(os.fstat(handle), name, limit)
            return os.fdopen(handle, "rb")
        except BaseException:
            os.close(handle)
            raise
    except FileNotFoundError:
        raise UserError(f"there is no file {name}; check the name") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"cannot read {name}: {reason}") from None


def read_bytes(path: Path | str, limit: int) -> bytes:
    """The whole of a regular file of at most ``limit`` bytes.

    Raises:
        UserError: if it is missing, no regular file, unreadable or too big.
    """
    with open_file(path, limit) as file:
        try:
            data = file.read(limit + 1)
        except OSError as error:
            raise UserError(f"cannot read {shown_path(path)}: {error.strerror}") from None
    if len(data) > limit:
        raise UserError(f"{shown_path(path)} is longer than {_size(limit)}, the most that is read")
    return data


def read_text(path: Path | str, limit: int) -> str:
    """The text of a regular file of at most ``limit`` bytes.

    Raises:
        UserError: as ``read_bytes`` and ``decoded`` do.
    """
    return decoded(read_bytes(path, limit), shown_path(path))


def decoded(data: bytes, name: str) -> str:
    """Text of the file ``name``: UTF-8, or UTF-16 with its byte-order mark; the mark is dropped.

    Raises:
        UserError: if it is neither, with the line of the first wrong byte.
    """
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        what = "UTF-16" if wide else "UTF-8"
        raise UserError(
            f"{name}:{line}: not {what} text (byte 0x{data[error.start]:02x});"
            " save the file as UTF-8"
        ) from None


def shown(value: Any, room: int = 40) -> str:
    """A plain value for a message: at most ``room`` characters, one line, all printable.

    Text stays bare (put quotes round it where it needs them), with control characters,
    invisible ones and odd spaces as escapes; lists and mappings are written as far as they
    fit. The work is bounded by ``room``, however large or nested the value is.
    """
    out = ""
    for piece in _pieces(value, room):
        out += piece
        if len(out) > room:
            return out[: room - 1] + "…"
    return out


def shown_path(path: Path | str) -> str:
    """A path for a message; its end, if it is very long."""
    text = str(path)
    return printable(text if len(text) <= 300 else "…" + text[-300:])


def _pieces(value: Any, room: int) -> Iterator[str]:
    if isinstance(value, str):
        yield printable(value[: room + 1])
    elif isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        yield f"a number of about {int(value.bit_length() * 0.30103) + 1} digits"
    elif isinstance(value, Mapping):
        yield "{"
        for k, (key, item) in enumerate(value.items()):
            yield ", " if k else ""
            yield from _pieces(key, room)
            yield ": "
            yield from _pieces(item, room)
        yield "}"
    elif isinstance(value, list | tuple):
        yield "["
        for k, item in enumerate(value):
            yield ", " if k else ""
            yield from _pieces(item, room)
        yield "]"
    elif isinstance(value, bytes):
        yield str(value[: room + 1])
    elif value is None or isinstance(value, bool | int | float | complex):
        yield str(value)
    else:
        yield type(value).__name__


def printable(text: str) -> str:
    """Text on one line, with control characters, invisible ones and odd spaces as escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _check(info: os.stat_result, name: str, limit: int) -> None:
    for is_kind, what in _KINDS:
        if is_kind(info.st_mode):
            raise UserError(f"{name} is {what}")
    if info.st_size > limit:
        raise UserError(f"{name} is {_size(info.st_size)}; at most {_size(limit)} are read")


def _size(n: int) -> str:
    return f"{n / 1e6:.1f} MB" if n >= 1e6 else f"{n / 1e3:.1f} kB" if n >= 1e3 else f"{n} bytes"
