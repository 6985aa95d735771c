"""Minimisation on a ring: terms and constraints couple only neighbouring variables.

Owns a primal-dual interior-point method with slacks for the constraints; general, without cars or
tracks.

Source: J. Nocedal and S. Wright, Numerical Optimization, 2nd ed., ch. 18.3 (merit function),
18.11 (second-order correction) and 19 (barrier methods).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from retroracer.laptime.cyclic import CyclicBand
from retroracer.track.geometry import Array

OPEN = 1e-3
"""Largest violation of a constraint in a solution (a thousandth of the grip)."""

MOST_STEPS = 400
"""Newton steps after which a search is given up."""


class NotConvergedError(RuntimeError):
    """The method stopped before it reached its accuracy."""


class Terms(NamedTuple):
    """One evaluation of a ring problem of E elements with m variables each.

    Attributes:
        objective: the value to be minimised.
        margin: (E,) value of each element's constraint; feasible if >= 0.
        gradient: (E, m) of each element's part of the objective.
        hessian: (E, m, m) of the same.
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
    """A problem on a ring: element k couples variables ``stride * k + shift + (0 .. width - 1)``.

    Attributes:
        stride: variables per element.
        shift: shift of an element's first variable, at most 0.
        width: m.
        low: (stride * E,) lower bounds of the variables, -inf for none; ``high`` likewise.
    """

    stride: int
    shift: int
    width: int
    low: Array
    high: Array

    def value(self, x: Array) -> tuple[float, Array]:
        """Objective, and margins (E,)."""

    def terms(self, x: Array) -> Terms:
        """Objective, margins and all derivatives."""


class _Direction(NamedTuple):
    """A step of variables (x), slacks (s) and multipliers (z)."""

    x: Array
    s: Array
    z: Array


def minimise(problem: Ring, start: Array, accuracy: float) -> tuple[Array, float]:
    """Find a local minimum: its variables, and the objective there to an accuracy in its unit.

    ``start`` (stride * E,) lies strictly inside the bounds; the constraints may be violated.

    Raises:
        ValueError: if the start is not strictly inside the bounds.
        NotConvergedError: if the accuracy was not reached.
    """
    search = _Search(problem, start, accuracy)
    for _ in range(MOST_STEPS):
        if search.arrived():
            return search.x, search.terms.objective
        search.advance()
    raise NotConvergedError(f"no solution after {MOST_STEPS} steps")


class _Search:
    """The state of a search and its Newton step.

    The constraints are margin(x) = s with slacks s > 0; during the search this equation may be
    violated by a gap. Bounds have slacks too, without gaps. The barrier keeps slacks positive:
    their multipliers are z = barrier / s at the minimum of each stage.
    """

    def __init__(self, problem: Ring, start: Array, accuracy: float) -> None:
        self.problem, self.accuracy = problem, accuracy
        self.x = np.array(start, float)
        self.size = len(self.x)
        elements = self.size // problem.stride
        first = problem.stride * np.arange(elements, dtype=np.int64) + problem.shift
        self.first: npt.NDArray[np.int64] = first % self.size
        self.column = (self.first[:, None] + np.arange(problem.width)) % self.size
        self.has_low = np.isfinite(problem.low)
        self.has_high = np.isfinite(problem.high)
        self.terms = problem.terms(self.x)
        room = self._room(self.x)
        if not (room > 0.0).all():
            raise ValueError("the start is not strictly inside the bounds")
        self.inner = elements
        self.high = elements + int(self.has_low.sum())
        self.s = np.concatenate([np.maximum(self.terms.margin, 0.01), room])
        self.last_barrier = accuracy / len(self.s)
        self.barrier = max(0.1 * abs(self.terms.objective) / len(self.s), self.last_barrier)
        self.z = self.barrier / self.s
        self.penalty, self.gain = 0.0, np.inf
        self.history: list[float] = []

    def arrived(self) -> bool:
        """True if the solution is reached; lowers the barrier when a stage is done."""
        terms, z = self.terms, self.z
        open_ = np.abs(terms.margin - self.s[: self.inner])
        cost = self.penalty * float(open_.sum())
        settled = (
            float(open_.max()) < OPEN
            and float(np.abs(self.s * z - self.barrier).max()) < 10.0 * self.barrier
        )
        if not settled:
            return False
        if self.barrier <= self.last_barrier:
            self.history.append(terms.objective + cost)
            stalled = (
                len(self.history) > 20
                and self.history[-20] - self.history[-1] < 0.3 * self.accuracy
            )
            return stalled or max(self.gain, cost) < 0.3 * self.accuracy
        slope = self._spread(
            terms.gradient - z[: self.inner, None] * terms.margin_gradient, -z[self.inner :]
        )
        if float(np.abs(slope).max()) < 10.0 * self.barrier or self.gain < 0.3 * self.barrier * len(
            self.s
        ):
            self.barrier = max(self.last_barrier, min(0.2 * self.barrier, self.barrier**1.4))
            self.penalty = 0.0
        return False

    def advance(self) -> None:
        """Take one Newton step, shortened until it improves the merit function."""
        terms = self.terms
        blocks, solve = self._factored()
        gap = terms.margin - self.s[: self.inner]
        open_sum = float(np.abs(gap).sum())
        step = self._direction(solve, gap)
        slope = float((terms.gradient * step.x[self.column]).sum())
        slope -= self.barrier * float((step.s / self.s).sum())
        self.gain = -slope
        if open_sum > 1e-12:
            # Large enough that closing the gaps outweighs the increase of the objective.
            curved = float(step.x @ self._times(blocks, step.x))
            self.penalty = max(self.penalty, (slope + 0.5 * curved) / (0.7 * open_sum))
        descent = slope - self.penalty * open_sum
        merit = self._merit(terms.objective, self.s, gap)
        length = self._furthest(self.s, step.s)
        for attempt in range(40):
            new, new_gap = self._merit_at(length, step)
            if new <= merit + 1e-4 * length * descent + 1e-12 * abs(merit):
                break
            if attempt == 0 and np.isfinite(new):
                # Second-order correction: the constraints are curved.
                again = self._direction(solve, length * gap + new_gap)
                reach = self._furthest(self.s, again.s)
                if self._merit_at(reach, again)[0] <= merit + 1e-4 * length * descent:
                    step, length = again, reach
                    break
            length *= 0.5
        else:
            raise NotConvergedError("no further progress")
        self._take(step, length)

    def _take(self, step: _Direction, length: float) -> None:
        z_length = self._furthest(self.z, step.z)
        self.x = self.x + length * step.x
        self.terms = self.problem.terms(self.x)
        self.s = self.s + length * step.s
        self.s[self.inner :] = self._room(self.x)
        # Where the margin exceeds the slack, enlarge the slack.
        self.s[: self.inner] = np.maximum(self.s[: self.inner], self.terms.margin)
        central = self.barrier / self.s
        self.z = np.clip(self.z + z_length * step.z, 1e-8 * central, 1e8 * central)

    def _factored(self) -> tuple[Array, Callable[[Array], Array]]:
        """The blocks of the reduced matrix, made convex if necessary, and its solver."""
        terms, ratio = self.terms, self.z / self.s
        jac = terms.margin_gradient
        blocks = (
            terms.hessian
            - self.z[: self.inner, None, None] * terms.margin_hessian
            + ratio[: self.inner, None, None] * jac[:, :, None] * jac[:, None, :]
        )
        solve = self._matrix(blocks).factor()
        if solve is None:
            # Replace negative eigenvalues of each element by their magnitudes. This keeps the scale
            # of each direction; adding a multiple of the identity would shorten all steps.
            values, vectors = np.linalg.eigh(blocks)
            values = np.abs(values) + 1e-9
            blocks = np.einsum("nij,nj,nkj->nik", vectors, values, vectors)
            solve = self._matrix(blocks).factor()
        if solve is None:
            raise NotConvergedError("no descent direction")
        return blocks, solve

    def _matrix(self, blocks: Array) -> CyclicBand:
        matrix = CyclicBand(self.size, self.problem.width - 1)
        matrix.add_blocks(self.first, blocks)
        ratio = self.z / self.s
        matrix.diagonals[0, self.has_low] += ratio[self.inner : self.high]
        matrix.diagonals[0, self.has_high] += ratio[self.high :]
        return matrix

    def _times(self, blocks: Array, v: Array) -> Array:
        """The reduced matrix times a vector."""
        ratio = self.z / self.s
        low = ratio[self.inner : self.high] * v[self.has_low]
        high = -ratio[self.high :] * v[self.has_high]
        parts = (blocks @ v[self.column][:, :, None])[:, :, 0]
        return self._spread(parts, np.concatenate([low, high]))

    def _direction(self, solve: Callable[[Array], Array], gap: Array) -> _Direction:
        """The Newton step that closes the gaps (E,) between margins and slacks."""
        terms, ratio = self.terms, self.z / self.s
        push = self.barrier / self.s
        push[: self.inner] -= ratio[: self.inner] * gap
        pull = push[: self.inner, None] * terms.margin_gradient - terms.gradient
        x = solve(self._spread(pull, push[self.inner :]))
        inner = (terms.margin_gradient * x[self.column]).sum(axis=1) + gap
        s = np.concatenate([inner, x[self.has_low], -x[self.has_high]])
        return _Direction(x, s, self.barrier / self.s - self.z - ratio * s)

    def _merit(self, objective: float, s: Array, gap: Array) -> float:
        open_ = self.penalty * float(np.abs(gap).sum())
        return objective - self.barrier * float(np.log(s).sum()) + open_

    def _merit_at(self, length: float, step: _Direction) -> tuple[float, Array]:
        objective, margin = self.problem.value(self.x + length * step.x)
        s = self.s + length * step.s
        gap = margin - s[: self.inner]
        return self._merit(objective, s, gap), gap

    def _furthest(self, values: Array, step: Array) -> float:
        """The largest share of a step, up to 1, that keeps positive values positive."""
        down = step < 0.0
        keep = max(0.99, 1.0 - self.barrier * len(self.s))
        return min(1.0, float((-keep * values[down] / step[down]).min(initial=1.0)))

    def _room(self, x: Array) -> Array:
        low, high = x - self.problem.low, self.problem.high - x
        return np.concatenate([low[self.has_low], high[self.has_high]])

    def _spread(self, parts: Array, by_bound: Array) -> Array:
        """Add the parts of elements (E, m) and of bounds into a vector over the variables."""
        out = np.bincount(self.column.ravel(), parts.ravel(), minlength=self.size).astype(float)
        split = self.high - self.inner
        out[self.has_low] += by_bound[:split]
        out[self.has_high] -= by_bound[split:]
        return out
