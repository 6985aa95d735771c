"""Zip files from unknown writers, read within bounds: models, runs, tapes, cached limits.

Owns what a zip may claim and how much of it is read. The list of entries is bounded before it
is parsed, an entry's size before it is unpacked, an array's shape before there is room for it.
Nothing is ever written to disk by an entry's name, and nothing is unpickled. Whatever is wrong
with a zip is a ``ValueError`` with a short, printable message.
"""

from __future__ import annotations

import io
import math
import os
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from retroracer.reading import open_file, shown

MAX_FILE = 64_000_000_000
MAX_READ = 300_000
"""Bytes of the file read at once; the list of entries must fit in there (six thousand of them)."""

BOMB_BYTES, BOMB_RATIO = 16_000_000, 40
"""An entry larger than the first that unpacks to more than so many times its size is refused."""

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,  # an encrypted entry
    NotImplementedError,
    KeyError,
    OverflowError,
    MemoryError,
    UnicodeDecodeError,
)
"""All that a damaged zip makes the standard library raise, beside ``ValueError``."""

# The header numpy writes before a plain C-ordered array of numbers or truth values.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(<[fiu][248]|\|[bui]1)', 'fortran_order': False, "
    rb"'shape': \(((?:\d{1,12}, ){0,4}\d{0,12},?)\), \} *\n",
    re.DOTALL,
)
_HEADER_BYTES = 512


MAX_ARRAYS = 64
"""In one ``.npz`` file."""

DEFLATE_RATIO = 1100
"""More than any entry can unpack to: no limit where the bytes of all entries have one."""


class NotAZipError(ValueError):
    """The bytes are no zip at all."""


class _Source(io.RawIOBase):
    """A file that refuses reads larger than a bound, whatever the zip's headers say."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int | None = -1) -> bytes:
        most = MAX_READ if size is None or size < 0 else size
        if most > MAX_READ:
            raise ValueError("its list of entries is too long")
        data = self._file.read(most)
        if (size is None or size < 0) and self._file.read(1):
            raise ValueError("its list of entries is too long")
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


class Archive:
    """A zip, opened from its path or its bytes; a context manager.

    Args:
        source: its path, or its bytes.
        entries: it may have at most.
        stored: True refuses compressed entries: what is unpacked is then never larger than
            the file.
        ratio: how many times its size a large entry may unpack to.

    Raises:
        NotAZipError: if it is none.
        ValueError: if it is damaged or claims more than is read.
        UserError: if there is no such file, or it cannot be opened.
    """

    def __init__(
        self, source: Path | bytes, entries: int, stored: bool = False, ratio: int = BOMB_RATIO
    ) -> None:
        self._file: BinaryIO = (
            io.BytesIO(source) if isinstance(source, bytes) else open_file(source, MAX_FILE)
        )
        try:
            self._zip = self._open()
            self._members = self._checked(entries, stored, ratio)
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(_Source(self._file))
        except zipfile.BadZipFile as error:
            kind = NotAZipError if "not a zip" in str(error) else ValueError
            raise kind(_brief(error)) from None
        except _DAMAGE as error:
            raise ValueError(_brief(error)) from None

    def _checked(self, entries: int, stored: bool, ratio: int) -> dict[str, zipfile.ZipInfo]:
        listed = self._zip.infolist()
        if len(listed) > entries:
            raise ValueError(f"it has {len(listed)} entries")
        members = {member.filename: member for member in listed}
        if len(members) < len(listed):
            raise ValueError("two of its entries have the same name")
        usual = (zipfile.ZIP_STORED,) if stored else (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        for name, member in members.items():
            size, packed = member.file_size, member.compress_size
            if member.flag_bits & 1:
                raise ValueError(f"'{shown(name)}' is encrypted")
            if size > max(ratio * packed, BOMB_BYTES):
                raise ValueError(f"'{shown(name)}' is too large: {size:,} bytes out of {packed:,}")
            if member.compress_type not in usual:
                raise ValueError(f"'{shown(name)}' is packed in an unusual way")
            if member.compress_type == zipfile.ZIP_STORED and size != packed:
                raise ValueError(f"'{shown(name)}' claims {size:,} bytes and holds {packed:,}")
        return members

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()
        self._file.close()

    def __contains__(self, name: str) -> bool:
        return name in self._members

    @property
    def names(self) -> list[str]:
        """Of its entries, as they were written."""
        return list(self._members)

    def size(self, name: str) -> int:
        """What an entry claims to unpack to [bytes]; a ``ValueError`` if there is none."""
        if name not in self._members:
            raise ValueError(f"it has no '{shown(name)}'")
        return self._members[name].file_size

    def read(self, name: str, limit: int) -> bytes:
        """Unpack an entry of at most ``limit`` bytes.

        Raises:
            ValueError: if it claims more, does not hold what it claims, or is not there.
        """
        size = self._bounded(name, limit)
        data = bytearray()
        self._stream(name, size, data.extend)
        return bytes(data)

    def form(self, name: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
        """Dtype and shape of the array in an entry, as far as its bytes go.

        Raises:
            ValueError: if it is no plain C-ordered array, or its bytes are not as many as
                its shape says.
        """
        kind, shape, _ = self._header(name)
        return kind, shape

    def array(self, name: str, limit: int = MAX_FILE) -> npt.NDArray[Any]:
        """Read an entry of at most ``limit`` bytes as a plain array; errors as of ``read``."""
        size = self._bounded(name, limit)
        kind, shape, begin = self._header(name)
        array = np.empty(shape, kind)
        room = array.reshape(-1).view(np.uint8)
        at = -begin

        def put(piece: bytes) -> None:
            nonlocal at
            skipped = max(-at, 0)
            part = np.frombuffer(piece, np.uint8)[skipped:]
            first = max(at, 0)
            room[first : first + len(part)] = part
            at += len(piece)

        self._stream(name, size, put)
        if kind == np.bool_ and room.size and room.max() > 1:
            raise ValueError(f"'{shown(name)}' holds more than true and false")
        return array

    def _bounded(self, name: str, limit: int) -> int:
        size = self.size(name)
        if size > limit:
            raise ValueError(f"'{shown(name)}' claims {size:,} bytes")
        return size

    def _header(self, name: str) -> tuple[np.dtype[Any], tuple[int, ...], int]:
        size = self.size(name)
        start = bytearray()
        self._stream(name, min(size, _HEADER_BYTES), start.extend)
        found = _HEADER.match(bytes(start))
        if found is None:
            raise ValueError(f"'{shown(name)}' is no plain array of numbers")
        kind = np.dtype(found[1].decode())
        shape = tuple(int(n) for n in found[2].replace(b",", b" ").split())
        if math.prod(shape) * kind.itemsize != size - found.end():
            raise ValueError(f"'{shown(name)}' does not hold the array it says")
        return kind, shape, found.end()

    def _stream(self, name: str, size: int, take: Any) -> None:
        """Unpack the first ``size`` bytes of an entry piece by piece."""
        left = size
        try:
            with self._zip.open(self._members[name]) as entry:
                while left > 0:
                    piece = entry.read(min(left, MAX_READ))
                    if not piece:
                        raise ValueError(f"'{shown(name)}' is cut short")
                    take(piece)
                    left -= len(piece)
                if size == self._members[name].file_size:
                    entry.read(1)  # at the end its checksum is held against what was read
        except _DAMAGE as error:
            raise ValueError(_brief(error)) from None


def read_npz(raw: bytes, most: int) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an ``.npz`` file, read only; all together may take ``most`` bytes.

    Raises:
        ValueError: if it is none, is damaged, or holds more.
    """
    with Archive(raw, MAX_ARRAYS, ratio=DEFLATE_RATIO) as archive:
        if sum(map(archive.size, archive.names)) > most:
            raise ValueError("too large")
        found = {name.removesuffix(".npy"): archive.array(name) for name in archive.names}
        if len(found) < len(archive.names):
            raise ValueError("one array twice")
    for array in found.values():
        array.flags.writeable = False
    return found


def _brief(error: BaseException) -> str:
    return shown(str(error) or type(error).__name__, 120)
