"""Arrays from an ``.npz`` file that may be damaged or a stranger's, with bounded memory and time.

Owns reading; ``numpy.savez`` writes. ``numpy.load`` believes what a header claims and reserves
that much memory; here the claim is held against the bytes there are. No object is ever unpickled.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

ENTRIES = 64
"""Arrays in one file at most."""

# What numpy writes before a plain C-ordered little-endian array of numbers, and nothing else:
# its own reader evaluates the header.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<|][fiu][1248])', 'fortran_order': False, "
    rb"'shape': \(((?:[0-9]{1,9}, ?){0,4}[0-9]{0,9})\), \} *\n",
    re.DOTALL,
)

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    RuntimeError,  # an encrypted entry; RecursionError
    NotImplementedError,  # an unknown compression
    KeyError,
    IndexError,
    OverflowError,
    MemoryError,
)


def read_npz(raw: bytes, most: int) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an ``.npz`` file, read only.

    Args:
        raw: the file's bytes.
        most: bytes all arrays together may take, headers included.

    Raises:
        ValueError: if it is none, is damaged, or holds more.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            entries = archive.infolist()
            if len(entries) > ENTRIES:
                raise ValueError(f"more than {ENTRIES} arrays")
            found: dict[str, npt.NDArray[Any]] = {}
            for entry in entries:
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ValueError("an unknown compression")
                with archive.open(entry) as file:
                    data = file.read(most + 1)
                most -= len(data)
                if most < 0:
                    raise ValueError("too large")
                name = entry.filename.removesuffix(".npy")
                if name in found:
                    raise ValueError("one array twice")
                found[name] = _array(data)
            return found
    except _DAMAGE as error:
        text = str(error).splitlines()
        raise ValueError(f"{text[0]:.120}" if text else type(error).__name__) from None


def _array(data: bytes) -> npt.NDArray[Any]:
    head = _HEADER.match(data)
    if head is None:
        raise ValueError("an unknown kind of array")
    shape = [int(n) for n in re.findall(rb"[0-9]+", head[2])]
    dtype = np.dtype(head[1].decode())
    if math.prod(shape) * dtype.itemsize != len(data) - head.end():
        raise ValueError("an array cut short")
    return np.frombuffer(data, dtype, offset=head.end()).reshape(shape)
