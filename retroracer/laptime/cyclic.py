"""Symmetric cyclic band matrices: band matrices whose first and last rows are neighbours too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from retroracer.track.geometry import Array


class CyclicBand:
    """A symmetric matrix that is 0 where two indices are more than ``band`` apart on the ring.

    Args:
        size: number of rows, at least three times the band.
        band: largest distance of an entry from the diagonal.

    Attributes:
        diagonals: (band + 1, size): [d, j] is the entry (j, (j + d) mod size).
    """

    def __init__(self, size: int, band: int) -> None:
        if size < 3 * band:
            raise ValueError(f"a ring of {size} is too small for a band of {band}")
        self.size, self.band = size, band
        self.diagonals = np.zeros((band + 1, size))

    def add_blocks(self, first: npt.NDArray[np.int64], blocks: Array) -> None:
        """Add symmetric blocks (E, m, m), m <= band + 1, at rows ``first`` (E,), all different."""
        m = blocks.shape[1]
        for row in range(m):
            at = (first + row) % self.size
            for column in range(row, m):
                self.diagonals[column - row, at] += blocks[:, row, column]

    def factor(self) -> Callable[[Array], Array] | None:
        """A function that solves A x = right; None if A is not positive definite."""
        from scipy.linalg import (
            LinAlgError,
            cho_factor,
            cho_solve,
            cho_solve_banded,
            cholesky_banded,
        )

        # The last rows are treated as a border; without them the matrix is an ordinary band.
        n, b, d = self.size, self.band, self.diagonals
        cut = n - b
        upper = np.zeros((b + 1, cut))
        for k in range(b + 1):
            upper[b - k, k:] = d[k, : cut - k]
        border, corner = np.zeros((cut, b)), np.zeros((b, b))
        for k in range(b + 1):
            for j in range(max(cut - k, 0), n):
                i = (j + k) % n
                if j < cut:
                    border[j, i - cut] += d[k, j]
                elif i < cut:
                    border[i, j - cut] += d[k, j]
                else:
                    corner[j - cut, i - cut] = corner[i - cut, j - cut] = d[k, j]
        try:
            band = (cholesky_banded(upper, check_finite=False), False)
            through = cho_solve_banded(band, border, check_finite=False)
            rest = cho_factor(corner - border.T @ through)
        except (LinAlgError, ValueError):
            return None

        def solve(right: Array) -> Array:
            inner = cho_solve_banded(band, right[:cut], check_finite=False)
            last = cho_solve(rest, right[cut:] - border.T @ inner)
            return np.concatenate([inner - through @ last, last])

        return solve
