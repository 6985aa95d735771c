"""Checks of arrays and numbers that were read from a file. Owns no file and no format.

Compiled code does not check its arrays: a number that is not finite, or an index out of range,
would crash the process. So arrays and numbers from a file are checked here first; each reader
declares what it accepts as a ``Form``. Values of a record of JSON or YAML are checked by name: one
that is missing is a ``KeyError``, a wrong one a ``ValueError``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

COUNT = 2**53
"""The largest counter taken."""

Bound = float | npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Form:
    """What an array must be.

    Attributes:
        shape: of it.
        kind: its dtype.
        low: least value; one for all, or an array that broadcasts to ``shape``.
        high: likewise the most.
        nan: where a value may be missing (not a number): everywhere, nowhere, or an array.
    """

    shape: tuple[int, ...]
    kind: npt.DTypeLike
    low: Bound = -math.inf
    high: Bound = math.inf
    nan: bool | npt.NDArray[np.bool_] = False


def demand_array(name: str, array: Any, form: Form) -> npt.NDArray[Any]:
    """The array, if it is of its form; else a ``ValueError`` names it and what is wrong."""
    if not isinstance(array, np.ndarray) or array.dtype != np.dtype(form.kind):
        raise ValueError(f"{name} is of another kind than it must be")
    if array.shape != form.shape:
        raise ValueError(f"{name} has another shape than it must have")
    if array.dtype == np.bool_:
        return array
    fractions = array.dtype.kind == "f"
    missing = np.isnan(array) if fractions else np.zeros((), np.bool_)
    if (missing & ~np.asarray(form.nan)).any() or (fractions and np.isinf(array).any()):
        raise ValueError(f"{name} is not finite")
    if not (missing | ((array >= form.low) & (array <= form.high))).all():
        raise ValueError(f"{name} is out of its range")
    return array


def number(record: Mapping[str, Any], name: str, low: float = -1e300, high: float = 1e300) -> float:
    """Check a finite number in a record."""
    value = record[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is no number")
    if not low <= value <= high:  # also if it is not a number
        raise ValueError(f"{name} is out of its range")
    return float(value)


def count(record: Mapping[str, Any], name: str, most: int = COUNT) -> int:
    """Check a counter in a record: a whole number from 0 to ``most``."""
    value = record[name]
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{name} is no counter up to {most}")
    return value


def switch(record: Mapping[str, Any], name: str) -> bool:
    """Check a bool in a record."""
    value = record[name]
    if not isinstance(value, bool):
        raise ValueError(f"{name} is neither true nor false")
    return value


def records(record: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Check a list of records in a record."""
    rows = record[name]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{name} is no list of records")
    return list(rows)


def generator_state(state: Any) -> dict[str, Any]:
    """The state of NumPy's default generator (PCG64), as JSON holds it.

    Raises:
        ValueError: if it is none, or one that would repeat a single number for ever.
    """
    try:
        inner = state["state"]
        whole = (inner["state"], inner["inc"], state["uinteger"], state["has_uint32"])
        limits = (2**128, 2**128, 2**32, 2)
        good = state["bit_generator"] == "PCG64" and inner["inc"] % 2 == 1
        for value, limit in zip(whole, limits, strict=True):
            good = good and type(value) is int and 0 <= value < limit
    except (KeyError, TypeError, IndexError):
        good = False
    if not good:
        raise ValueError("the state of its random numbers makes no sense")
    return dict(state)
