"""What an evaluation of a run's driver comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Evaluation:
    """How good the driver is.

    Attributes:
        score: the higher the better; what the choice of the best goes by.
        acceptable: False if it must not be kept whatever its score: a specialist slower or
            less clean than its parent somewhere.
        figures: plain figures by name, as they are written down.
        text: the same in a few words.
    """

    score: float
    acceptable: bool
    figures: dict[str, Any]
    text: str
