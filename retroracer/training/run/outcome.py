"""What a run came to, for whoever started it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from retroracer.training.judging.evaluation import Evaluation


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        evaluation: of the best driver; None if there was none in this session.
        steps: actions of all environments together.
        seconds: it took, earlier sessions included.
        stopped: True if a stop ended it: the same command goes on.
        notes: what was cut short or stays as it was, in words.
        last: when all that follows must be over (``time.monotonic``).
    """

    evaluation: Evaluation | None
    steps: int
    seconds: float
    stopped: bool
    notes: tuple[str, ...] = ()
    last: float = math.inf
