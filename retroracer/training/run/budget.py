"""A run's budget: minutes, steps or both, and the moments at which its stages must be over.

Owns the clock. What is done when time is up is the run's own business.
"""

from __future__ import annotations

import time

AFTERWARDS, AT_LEAST = 0.1, 3.0
"""After the minutes are used up, evaluation and pictures may take this share of them, and never
less than this many seconds."""

LIMITS = 0.25
"""Share of the minutes after which minimum lap times are no longer solved."""


class Budget:
    """What a run may use up.

    Args:
        minutes: minutes of all sessions together; None = unlimited.
        steps: steps of all environments together; None = unlimited.

    Attributes:
        before: seconds used by earlier sessions.
    """

    def __init__(self, minutes: float | None, steps: int | None) -> None:
        self.minutes, self.steps = minutes, steps
        self.before = 0.0
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds used up, earlier sessions included."""
        return self.before + time.monotonic() - self._started

    def resume(self, before: float) -> None:
        """Continue a run whose earlier sessions have used ``before`` seconds."""
        self.before, self._started = before, time.monotonic()

    def share(self, steps: int) -> float:
        """The share of the budget that is used up after so many steps; 1 = all of it."""
        used = 0.0
        if self.minutes is not None:
            used = self.seconds / (60.0 * self.minutes)
        if self.steps is not None:
            used = max(used, steps / self.steps)
        return used

    def moment(self, share: float) -> float:
        """When a share of the minutes will be used up (``time.monotonic``); inf without any."""
        if self.minutes is None:
            return float("inf")
        return self._started - self.before + share * 60.0 * self.minutes

    @property
    def end(self) -> float:
        """When the minutes are used up."""
        return self.moment(1.0)

    @property
    def last(self) -> float:
        """When evaluation and pictures must be over too."""
        if self.minutes is None:
            return float("inf")
        # A session that begins with nothing left still has these seconds.
        return max(self.end, self._started) + max(AT_LEAST, AFTERWARDS * 60.0 * self.minutes)
