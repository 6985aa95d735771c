"""Where something stands in a file. Owns nothing else."""

from __future__ import annotations

from dataclasses import dataclass

Loc = tuple[str | int, ...]
"""Where in a page: keys and indices from the top, such as ("layout", "segments", 3, "angle")."""


@dataclass(frozen=True)
class Place:
    """A position, counted from 1, and how wide on its line is what stands there.

    Line 0 is the source as a whole. ``source`` is a file or option, "" if messages need not name
    it.
    """

    line: int = 0
    column: int = 0
    width: int = 1
    source: str = ""

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


class PageError(Exception):
    """The text is no page we read: what is wrong, what to do, and where."""

    def __init__(self, text: str, place: Place) -> None:
        super().__init__(text)
        self.text = text
        self.place = place
