"""Real time to physics steps. Knows no pygame, no cars: physics never sees wall time."""

from __future__ import annotations

LONGEST = 0.25
"""Real time a frame may catch up on at most [s]; after a longer pause the race just waits."""


class FixedStep:
    """Turns real time into whole physics steps of ``dt`` [s]."""

    def __init__(self, dt: float) -> None:
        self.dt = dt
        self._left = 0.0

    def steps(self, elapsed: float) -> int:
        """How many steps are due after ``elapsed`` more seconds."""
        self._left += min(max(elapsed, 0.0), LONGEST)
        # A small tolerance: without it ten frames of 10 ms could give nine steps.
        due = int(self._left / self.dt + 1e-9)
        self._left = max(self._left - due * self.dt, 0.0)
        return due

    @property
    def share(self) -> float:
        """How far the present lies between the last two steps, for drawing, in [0, 1)."""
        return min(self._left / self.dt, 1.0)

    def forget(self) -> None:
        """Drop what is left: after a pause or a restart."""
        self._left = 0.0
