"""Reads files of ``torch.save`` without torch and without running code in them.

A ``.pth`` is a zip of a pickle that names tensors, and of their bytes. Python's ``pickle`` is not
used. The few instructions for plain containers and tensors are interpreted here, so nothing can be
called, only text and integers are hashed, and no more memory is taken than the file has bytes.
``model_file`` and ``checkpoint`` know what the weights mean.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.archive import Archive
from retroracer.reading import shown

MAX_INDEX_BYTES = 1_000_000
MAX_ENTRIES = 4096
MAX_BYTES = 256_000_000

_KINDS = {
    "torch FloatStorage": "<f4",
    "torch DoubleStorage": "<f8",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ByteStorage": "|u1",
}
_DICT, _TENSOR, _PARAMETER = (
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
)

Tensor = npt.NDArray[Any]


def read_tensors(raw: bytes) -> dict[str, Tensor]:
    """The tensors of a state dict by name.

    Raises:
        ValueError: if it is not such a file, or holds anything but tensors.
    """
    found = read_plain(raw)
    if not isinstance(found, dict):
        raise ValueError("it holds no tensors by name")
    return {k: v for k, v in found.items() if isinstance(k, str) and isinstance(v, np.ndarray)}


def read_plain(raw: bytes, most: int = MAX_BYTES) -> Any:
    """Read a file of ``torch.save``: dicts, lists, tuples, numbers, text and tensors (as arrays).

    All tensors together may have ``most`` bytes.

    Raises:
        ValueError: if it is not such a file, or holds anything else.
    """
    with Archive(raw, MAX_ENTRIES, stored=True) as archive:
        index = next((n for n in archive.names if n.endswith("/data.pkl")), None)
        if index is None:
            raise ValueError("it holds no tensors")
        folder = index.removesuffix("data.pkl")
        order = f"{folder}byteorder"
        if order in archive and archive.read(order, 16) != b"little":
            raise ValueError("its numbers are big-endian")
        pickled = archive.read(index, MAX_INDEX_BYTES)
        try:
            return _Index(archive, folder, pickled, most).load()
        except (TypeError, IndexError, KeyError, AttributeError, struct.error, OverflowError):
            raise ValueError("its index is damaged") from None


def demand_finite(value: Any) -> None:
    """Raise a ``ValueError`` if a number in the tensors of such plain data is not finite."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ValueError("a number in it is not finite")
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            demand_finite(part)


class _Name(str):
    """A class or function the pickle names; never looked up."""


class _Storage:
    """The numbers that one or more tensors view."""

    def __init__(self, numbers: Tensor) -> None:
        self.numbers = numbers


class _Index:
    """Interprets those instructions of a pickle that ``torch.save`` needs for plain data.

    ``archive`` holds the tensors' bytes in ``folder``, at most ``most`` of them; ``raw`` is the
    pickle, protocol 2.
    """

    def __init__(self, archive: Archive, folder: str, raw: bytes, most: int) -> None:
        self._archive, self._folder, self._raw = archive, folder, raw
        self._at = 0
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._storages: dict[str, _Storage] = {}
        self._left = {"read": most, "cut": most}

    def load(self) -> Any:
        """What the pickle builds."""
        stack = self._stack
        while True:
            code = self._take(1)
            if code == b".":
                (whole,) = stack
                return whole
            if code == b"(":
                self._marks.append(len(stack))
            elif code in _PUT:
                self._memo[self._number(*_PUT[code])] = stack[-1]
            elif code in _GET:
                stack.append(self._again(self._memo[self._number(*_GET[code])]))
            elif code in _FRESH:
                stack.append(_FRESH[code]())
            elif code in _NUMBER:
                stack.append(self._number(*_NUMBER[code]))
            elif code in _DO:
                _DO[code](self)
            else:
                raise ValueError("its index asks for more than tensors")

    def _again(self, known: Any) -> Any:
        """An object from the memo; not a list or dict, which could contain itself."""
        if type(known) in (list, dict):
            raise ValueError("its index puts one thing in two places")
        return known

    def _take(self, count: int) -> bytes:
        piece = self._raw[self._at : self._at + count]
        if len(piece) < count:
            raise ValueError("its index is cut short")
        self._at += count
        return piece

    def _number(self, form: str, size: int) -> Any:
        return struct.unpack(form, self._take(size))[0]

    def _protocol(self) -> None:
        if self._take(1) != b"\x02":
            raise ValueError("its index is not a pickle of protocol 2")

    def _text(self) -> None:
        self._stack.append(self._take(self._number("<I", 4)).decode("utf-8", "replace"))

    def _long(self) -> None:
        size = self._number("<B", 1)
        if size > 16:
            raise ValueError("a number in it is too long")
        self._stack.append(int.from_bytes(self._take(size), "little", signed=True))

    def _name(self) -> None:
        parts = []
        for _ in range(2):
            end = self._raw.index(b"\n", self._at)
            parts.append(self._raw[self._at : end].decode("utf-8", "replace"))
            self._at = end + 1
        name = _Name(" ".join(parts))
        if name not in _KINDS and name not in (_DICT, _TENSOR, _PARAMETER):
            raise ValueError(f"it asks for {shown('.'.join(parts), 60)}")
        self._stack.append(name)

    def _popped(self) -> list[Any]:
        """Remove and return everything above the last mark."""
        mark = self._marks.pop()
        items = self._stack[mark:]
        del self._stack[mark:]
        return items

    def _last(self, count: int) -> list[Any]:
        """Remove and return the last items of the stack."""
        if len(self._stack) < count:
            raise IndexError
        items = self._stack[-count:]
        del self._stack[-count:]
        return items

    def _tuple(self, items: list[Any]) -> None:
        self._stack.append(tuple(items))

    def _extend(self, items: list[Any]) -> None:
        if type(self._stack[-1]) is not list:
            raise TypeError
        self._stack[-1].extend(items)

    def _put(self, items: list[Any]) -> None:
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Other keys could take forever to hash, such as tuples nested 60 deep.
            if type(key) not in (str, int):
                raise ValueError("a key in it is neither text nor a number")
            if type(self._stack[-1]) is not dict:
                raise TypeError
            self._stack[-1][key] = value

    def _built(self) -> None:
        self._stack.pop()  # attributes of a dict: not used

    def _called(self) -> None:
        arguments, what = self._stack.pop(), self._stack.pop()
        if type(what) is not _Name or type(arguments) is not tuple:
            raise TypeError
        if what == _DICT and not arguments:
            self._stack.append({})
        elif what == _TENSOR:
            self._stack.append(self._tensor(*arguments[:4]))
        elif what == _PARAMETER and isinstance(arguments[0], np.ndarray):
            self._stack.append(arguments[0])
        else:
            raise ValueError("its index calls a function that does not build a tensor")

    def _persistent(self) -> None:
        _, kind, key, _, count = self._stack.pop()
        if type(key) is not str or type(kind) is not _Name:
            raise TypeError
        if key not in self._storages:
            name = f"{self._folder}data/{key}"
            self._spend("read", self._archive.size(name))
            data = self._archive.read(name, MAX_BYTES)
            form = _KINDS[kind]
            if len(data) % np.dtype(form).itemsize:
                raise ValueError("a tensor's bytes do not match its type")
            self._storages[key] = _Storage(np.frombuffer(data, form))
        storage = self._storages[key]
        if len(storage.numbers) != count or storage.numbers.dtype != np.dtype(_KINDS[kind]):
            raise ValueError("a tensor's bytes do not match its type or size")
        self._stack.append(storage)

    def _tensor(
        self, storage: Any, first: int, shape: tuple[int, ...], strides: tuple[int, ...]
    ) -> Tensor:
        """Build a tensor from a storage; strides count numbers, not bytes."""
        if type(storage) is not _Storage or len(shape) > 8:
            raise TypeError
        whole = (first, *shape, *strides)
        if len(shape) != len(strides) or any(type(n) is not int or n < 0 for n in whole):
            raise ValueError("a tensor's shape or strides are invalid")
        numbers = storage.numbers
        count, step = math.prod(shape), numbers.itemsize
        reach = first + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + 1
        if (count and max(count, reach) > len(numbers)) or max(shape, default=0) > 2**31:
            raise ValueError("a tensor reaches beyond its bytes")
        self._spend("cut", count * step)
        if not count:
            return np.empty(shape, numbers.dtype)
        view = np.lib.stride_tricks.as_strided(
            numbers[first:], shape, [s * step for s in strides], writeable=False
        )
        return np.array(view)

    def _spend(self, what: str, size: int) -> None:
        self._left[what] -= size
        if self._left[what] < 0:
            raise ValueError("its tensors are too large")


_PUT = {b"q": ("<B", 1), b"r": ("<I", 4)}
_GET = {b"h": ("<B", 1), b"j": ("<I", 4)}
_NUMBER = {b"K": ("<B", 1), b"M": ("<H", 2), b"J": ("<i", 4), b"G": (">d", 8)}
_FRESH: dict[bytes, Callable[[], Any]] = {
    b"}": dict,
    b"]": list,
    b")": tuple,
    b"N": lambda: None,
    b"\x88": lambda: True,
    b"\x89": lambda: False,
}
_DO: dict[bytes, Callable[[_Index], None]] = {
    b"\x80": _Index._protocol,
    b"X": _Index._text,
    b"\x8a": _Index._long,
    b"c": _Index._name,
    b"t": lambda index: index._tuple(index._popped()),
    b"\x85": lambda index: index._tuple(index._last(1)),
    b"\x86": lambda index: index._tuple(index._last(2)),
    b"\x87": lambda index: index._tuple(index._last(3)),
    b"a": lambda index: index._extend(index._last(1)),
    b"e": lambda index: index._extend(index._popped()),
    b"s": lambda index: index._put(index._last(2)),
    b"u": lambda index: index._put(index._popped()),
    b"b": _Index._built,
    b"R": _Index._called,
    b"Q": _Index._persistent,
}
