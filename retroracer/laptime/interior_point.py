"""Minimisation over a ring: variables whose terms and constraints couple only neighbours.

Owns: a primal-dual interior-point method that stays strictly inside the constraints, and the
factorisation of its cyclic banded matrices. Knows no cars and no tracks.

Source: J. Nocedal and S. Wright, Numerical Optimization, 2nd ed., ch. 19 (barrier methods,
inertia correction, choice of the barrier parameter).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from retroracer.track.geometry import Array


@dataclass(frozen=True)
class Terms:
    """One evaluation of a ring problem of E elements with m variables each.

    Attributes:
        objective: the sum to be minimised.
        margin: (E,) value of each element's constraint, feasible where > 0.
        gradient: (E, m) of each element's part of the objective.
        hessian: (E, m, m) likewise.
        margin_gradient: (E, m).
        margin_hessian: (E, m, m).
    """

    objective: float
    margin: Array
    gradient: Array
    hessian: Array
    margin_gradient: Array
    margin_hessian: Array


class Ring(Protocol):
    """A problem on a ring: element k couples variables ``stride * k + shift + (0 .. m - 1)``.

    Attributes:
        stride: variables per element.
        shift: of an element's first variable, at most 0.
        width: m.
        low: (stride * E,) lower bounds of the variables, -inf for none; ``high`` likewise.
    """

    stride: int
    shift: int
    width: int
    low: Array
    high: Array

    def value(self, x: Array) -> tuple[float, Array]:
        """Objective and margins alone."""

    def terms(self, x: Array) -> Terms:
        """Everything."""


RED = 0.1
FAC = 0.2
MODE = lambda v: np.abs(v)


class NotConvergedError(RuntimeError):
    """The method stopped without reaching its accuracy."""


@dataclass(frozen=True)
class Solution:
    """Where the method arrived.

    Attributes:
        x: the variables.
        objective: there; above the (local) minimum by about ``gap``.
        gap: number of constraints times the last barrier parameter.
        rounds: Newton steps taken.
    """

    x: Array
    objective: float
    gap: float
    rounds: int


class _Cyclic:
    """A symmetric matrix whose entries lie within a band that closes round the corner."""

    def __init__(self, size: int, band: int) -> None:
        self.size, self.band = size, band
        self.diagonals = np.zeros((band + 1, size))  # [d, j] is the entry (j, (j + d) mod size)

    def add_blocks(self, first: Array, blocks: Array) -> None:
        """Add (E, m, m) symmetric blocks whose rows begin at ``first`` (E,) mod size."""
        m = blocks.shape[1]
        for row in range(m):
            at = (first + row) % self.size
            for column in range(row, m):
                # Elements are a stride apart, so one row is never hit twice at once.
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


def minimise(
    problem: Ring,
    start: Array,
    accuracy: float,
    most_rounds: int = 400,
    watch: Callable[[int, float, float], None] | None = None,
) -> Solution:
    """Find a local minimum.

    Args:
        problem: what to minimise.
        start: (stride * E,) strictly inside all constraints.
        accuracy: of the objective, in its unit.
        most_rounds: Newton steps allowed.
        watch: called with (round, objective, barrier parameter) in each.

    Raises:
        ValueError: if the start is not strictly feasible.
        NotConvergedError: if the accuracy was not reached.
    """
    x = np.array(start, float)
    size, width = len(x), problem.width
    first = (problem.stride * np.arange(size // problem.stride) + problem.shift) % size
    column = (first[:, None] + np.arange(width)) % size
    has_low, has_high = np.isfinite(problem.low), np.isfinite(problem.high)
    n_low = int(has_low.sum())

    def bounds(x: Array) -> Array:
        return np.concatenate([(x - problem.low)[has_low], (problem.high - x)[has_high]])

    def spread(parts: Array, per_bound: Array) -> Array:
        out = np.bincount(column.ravel(), parts.ravel(), minlength=size)
        out[has_low] += per_bound[:n_low]
        out[has_high] -= per_bound[n_low:]
        return out

    terms = problem.terms(x)
    room = bounds(x)
    if not (room > 0.0).all():
        raise ValueError("the start is not strictly inside the bounds")
    inner = len(terms.margin)
    # Slacks: s = margin is an equation that may be open on the way; the bounds always hold.
    s = np.concatenate([np.maximum(terms.margin, 0.01), room])
    count = len(s)
    last_barrier = accuracy / count
    barrier = max(0.1 * abs(terms.objective) / count, last_barrier)
    z = barrier / s
    penalty, gain = 0.0, np.inf
    lowest: list[float] = []
    for rounds in range(most_rounds):
        jac = terms.margin_gradient
        gap = terms.margin - s[:inner]
        residual = spread(terms.gradient - z[:inner, None] * jac, -z[inner:])
        off = float(np.abs(residual).max())
        open_ = float(np.abs(gap).max())
        astray = float(np.abs(s * z - barrier).max())
        cost = penalty * float(np.abs(gap).sum())
        settled = open_ < 1e-3 and astray < 10.0 * barrier
        if barrier <= last_barrier and settled:
            lowest.append(terms.objective + cost)
            stalled = len(lowest) > 20 and lowest[-20] - lowest[-1] < 0.3 * accuracy
            if stalled or max(gain, cost) < 0.3 * accuracy:
                return Solution(x, terms.objective, accuracy, rounds)
        elif settled and (off < 10.0 * barrier or gain < 0.3 * barrier * count):
            barrier = max(last_barrier, min(0.2 * barrier, barrier**1.4))
            penalty = 0.0
        if watch:
            watch(rounds, terms.objective, barrier, off, open_, astray, locals().get("exact"), locals().get("length"), locals().get("z_length"), penalty, gain)

        ratio = z / s
        blocks = (
            terms.hessian
            - z[:inner, None, None] * terms.margin_hessian
            + ratio[:inner, None, None] * jac[:, :, None] * jac[:, None, :]
        )
        exact = True
        solve = None
        while solve is None:
            matrix = _Cyclic(size, width - 1)
            matrix.add_blocks(first, blocks)
            matrix.diagonals[0, has_low] += ratio[inner : inner + n_low]
            matrix.diagonals[0, has_high] += ratio[inner + n_low :]
            solve = matrix.factor()
            if solve is None:
                if not exact:
                    raise NotConvergedError("no descent direction")
                values, vectors = np.linalg.eigh(blocks)
                values = np.abs(values) + 1e-9
                blocks = np.einsum("nij,nj,nkj->nik", vectors, values, vectors)
                exact = False

        def direction(gap: Array) -> tuple[Array, Array, Array]:
            push = barrier / s
            push[:inner] -= ratio[:inner] * gap
            right = spread(push[:inner, None] * jac - terms.gradient, push[inner:])
            step = solve(right)
            ds = np.concatenate(
                [(jac * step[column]).sum(axis=1) + gap, step[has_low], -step[has_high]]
            )
            return step, ds, barrier / s - z - ratio * ds

        def furthest(step: Array, ds: Array) -> float:
            shrinking = ds < 0.0
            return min(1.0, float((-keep * s[shrinking] / ds[shrinking]).min(initial=1.0)))

        keep = max(0.99, 1.0 - barrier * count)
        step, ds, dz = direction(gap)
        open_sum = float(np.abs(gap).sum())
        slope = float((terms.gradient * step[column]).sum() - barrier * (ds / s).sum())
        gain = -slope
        if open_sum > 1e-12:
            # Enough that closing the gaps pays for what the objective loses by it.
            curved = float(step @ spread(np.einsum('nij,nj->ni', blocks, step[column]), np.concatenate([ratio[inner:inner+n_low]*step[has_low], -ratio[inner+n_low:]*step[has_high]])))
            penalty = max(penalty, (slope + 0.5 * curved) / (0.7 * open_sum))
        descent = slope - penalty * open_sum
        merit = terms.objective - barrier * np.log(s).sum() + penalty * open_sum

        def merit_at(length: float, step: Array, ds: Array):
            objective, margin = problem.value(x + length * step)
            new_s = s + length * ds
            g = margin - new_s[:inner]
            return objective - barrier * np.log(new_s).sum() + penalty * np.abs(g).sum(), g

        length = furthest(step, ds)
        for attempt in range(40):
            new, g = merit_at(length, step, ds)
            if new <= merit + 1e-4 * length * descent + 1e-12 * abs(merit):
                break
            if attempt == 0 and np.isfinite(new):
                # The constraints bend: aim again, at where they were met (second-order correction).
                step2, ds2, dz2 = direction(length * gap + g)
                length2 = furthest(step2, ds2)
                new, g = merit_at(length2, step2, ds2)
                if new <= merit + 1e-4 * length * descent:
                    step, ds, dz, length = step2, ds2, dz2, length2
                    break
            length *= 0.5
        else:
            raise NotConvergedError(f"no progress after {rounds} rounds")
        falling = dz < 0.0
        z_length = min(1.0, float((-keep * z[falling] / dz[falling]).min(initial=1.0)))
        x = x + length * step
        terms = problem.terms(x)
        s = s + length * ds
        s[inner:] = bounds(x)
        # A margin wider than its slack gives the slack room at no cost.
        s[:inner] = np.maximum(s[:inner], terms.margin)
        z = np.clip(z + z_length * dz, barrier / s / 1e8, 1e8 * barrier / s)
    raise NotConvergedError(f"not there after {most_rounds} rounds")
