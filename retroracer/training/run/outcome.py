"""The result of a run, for the command that started it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """The result of a run.

    Attributes:
        steps: actions of all environments together.
        seconds: duration, earlier sessions included.
        stopped: True if the user stopped it; the same command resumes it.
        notes: what was cut short or left as it was, in words.
        last: when all that follows must be over (``time.monotonic``).
    """

    steps: int
    seconds: float
    stopped: bool
    notes: tuple[str, ...] = ()
    last: float = math.inf
