"""From the 96x96 colour frame to what a network sees: grey, smaller.

Owns: the weights of grey and of resizing. Resizing is Pillow's bilinear filter (a triangle as
wide as the step between new pixels) with its whole-number weights, grey is ITU-R 601 as in
Pillow: both give Pillow's pixels to the last bit.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.compiled import compiled

BITS = 22
"""Weights are counted in 1 / 2**BITS."""
TAPS = 4
"""Old pixels that a new one draws from, at most."""


@cache
def taps(old: int, new: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Where each new pixel's old ones begin, (new,), and their weights, (new, TAPS).

    Raises:
        ValueError: where the picture would grow, or shrink by more than ``TAPS`` allow.
    """
    scale = old / new
    if not 1.0 <= scale <= 1.5:
        raise ValueError(f"pictures of {old} pixels can be made {old * 2 // 3} to {old} wide")
    first = np.zeros(new, np.int64)
    weights = np.zeros((new, TAPS), np.float64)
    for i in range(new):
        middle = (i + 0.5) * scale
        begin = max(int(middle - scale + 0.5), 0)
        end = min(int(middle + scale + 0.5), old)
        x = (np.arange(begin, end) - middle + 0.5) / scale
        w = np.maximum(0.0, 1.0 - np.abs(x))
        # Where the last taps would lie beyond the picture, all move back and weigh nothing.
        first[i] = min(begin, old - TAPS)
        weights[i, begin - first[i] : end - first[i]] = w / w.sum()
    return first, np.floor(weights * (1 << BITS) + 0.5).astype(np.int32)


@compiled()
def grey(frame: Any, out: Any) -> None:
    """(H, W, 3) uint8 -> (H, W) uint8."""
    for i in range(frame.shape[0]):
        for j in range(frame.shape[1]):
            r, g, b = np.int32(frame[i, j, 0]), np.int32(frame[i, j, 1]), np.int32(frame[i, j, 2])
            out[i, j] = np.uint8((r * 19595 + g * 38470 + b * 7471 + 32768) >> 16)


@compiled()
def resize(picture: Any, first: Any, weights: Any, between: Any, out: Any) -> None:
    """Resize a square ``picture`` (old, old) into ``out`` (new, new), with what ``taps`` gives.

    ``between`` (old, new) is worked in: Pillow too rounds after the first pass. All are uint8.
    """
    old, new = picture.shape[0], len(first)
    half = np.int32(1 << (BITS - 1))
    for i in range(old):
        for j in range(new):
            a = first[j]
            v = half
            for k in range(TAPS):
                v += weights[j, k] * np.int32(picture[i, a + k])
            between[i, j] = np.uint8(v >> BITS)
    for i in range(new):
        a = first[i]
        w0, w1, w2, w3 = weights[i, 0], weights[i, 1], weights[i, 2], weights[i, 3]
        for j in range(new):
            v = half + w0 * np.int32(between[a, j]) + w1 * np.int32(between[a + 1, j])
            v += w2 * np.int32(between[a + 2, j]) + w3 * np.int32(between[a + 3, j])
            out[i, j] = np.uint8(v >> BITS)
