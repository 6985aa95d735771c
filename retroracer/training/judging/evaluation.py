"""The result of evaluating a run's driver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Evaluation:
    """How good the driver is.

    Attributes:
        score: the higher the better; the best driver of a run is the one with the highest.
        acceptable: False if the driver must not be kept whatever its score, because it is a
            specialist slower or less clean than its parent on some track.
        figures: plain figures by name, as they are written to disk.
        text: the same in a few words.
    """

    score: float
    acceptable: bool
    figures: dict[str, Any]
    text: str
