"""Weights as PyTorch saves them, read without it and without running anything in the file.

Owns the reading of one ``.pth``: a zip of a pickle that only names tensors, and of their bytes.
The pickle may call one thing, the function below that cuts an array out of those bytes; what
else it asks for is refused. Does not own what the weights mean (``pixel_driver``).
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.agents.model_file import bounded_read

MAX_INDEX_BYTES = 1_000_000
MAX_BYTES = 256_000_000

_KINDS = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2",
          "LongStorage": "<i8", "IntStorage": "<i4", "ByteStorage": "u1"}  # fmt: skip

Tensor = npt.NDArray[Any]


def read_tensors(raw: bytes) -> dict[str, Tensor]:
    """The tensors of a state dict by name.

    Args:
        raw: the file.

    Raises:
        ValueError: if it is no such file, or asks for anything but tensors.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            index = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
            folder = index.removesuffix("data.pkl")
            order = f"{folder}byteorder"
            if order in archive.namelist() and archive.read(order) != b"little":
                raise ValueError("its bytes are the other way round")
            found = _Index(archive, folder, bounded_read(archive, index, MAX_INDEX_BYTES)).load()
    except (
        pickle.UnpicklingError,
        StopIteration,
        EOFError,
        TypeError,
        AttributeError,
        IndexError,
        KeyError,
        zipfile.BadZipFile,
        RecursionError,
        MemoryError,
    ) as error:
        raise ValueError(f"no plain tensors: {error}") from None  # fmt: skip
    if not isinstance(found, dict):
        raise ValueError("no plain tensors by name")
    return {str(k): v for k, v in found.items() if isinstance(v, np.ndarray)}


class _Index(pickle.Unpickler):
    """The pickle's reader: it knows tensors, and nothing else.

    Args:
        archive: with the tensors' bytes.
        folder: of the archive they lie in.
        raw: the pickle.
    """

    def __init__(self, archive: zipfile.ZipFile, folder: str, raw: bytes) -> None:
        super().__init__(io.BytesIO(raw))
        self._archive, self._folder = archive, folder
        self._read = 0

    def find_class(self, module: str, name: str) -> Any:
        """What the pickle may name."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _cut
        if module == "torch" and name in _KINDS:
            return _KINDS[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> Tensor:
        """The numbers a tensor is cut out of."""
        _, kind, key, _, count = pid
        data = bounded_read(self._archive, f"{self._folder}data/{key}", MAX_BYTES)
        self._read += len(data)
        numbers = np.frombuffer(data, kind)
        if self._read > MAX_BYTES or len(numbers) != count:
            raise pickle.UnpicklingError("its bytes are not what it says")
        return numbers


def _cut(
    numbers: Tensor, first: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> Tensor:
    """A tensor out of a row of numbers; strides count numbers."""
    if len(shape) != len(strides) or min((*shape, *strides, first, 0)) < 0:
        raise pickle.UnpicklingError("a tensor's shape makes no sense")
    reach = first + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + 1
    if math.prod(shape) > len(numbers) or reach > len(numbers):
        raise pickle.UnpicklingError("a tensor reaches beyond its bytes")
    step = numbers.itemsize
    view = np.lib.stride_tricks.as_strided(
        numbers[first:], shape, [s * step for s in strides], writeable=False
    )
    return np.array(view)
