"""A page being edited: its points, the steps that can be undone, and what is wrong with it.

Knows no window. Whether the track can be raced is judged in a thread after each change.
"""

from __future__ import annotations

import re
import tempfile
import threading
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from retroracer.atomic import write_text
from retroracer.errors import UserError
from retroracer.game.editor.page import LEAST_POINTS, EditPage, Point
from retroracer.track.centreline import Centreline
from retroracer.track.files import open_track
from retroracer.track.points import lay_points
from retroracer.track.problems import Report
from retroracer.track.track import Track

MOST_UNDO = 200


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is known of the points as they are."""

    track: Track | None = None  # built; None if it cannot be raced
    told: tuple[str, ...] = ()  # what is wrong or odd, a line each
    bad: tuple[int, ...] = ()  # points where it is


def judged(page: EditPage, text: str) -> Verdict:
    """Build a page's text and say what is wrong with it, and at which points."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / page.path.name
            written.write_text(text, encoding="utf-8", newline="")
            found = open_track(written)
    except (UserError, OSError) as error:
        rows = [r for r in str(error).splitlines() if not r.startswith("    ")]
        bad = [page.point_at_line(int(n)) for n in re.findall(r":(\d+): ", "\n".join(rows))]
        told = tuple(re.sub(r"^.*?:(\d+: )?", "", r, count=1).strip() for r in rows)
        return Verdict(None, told, tuple(k for k in bad if k is not None))
    warnings = [w.splitlines()[0] for w in found.warnings]
    return Verdict(found.track, tuple(re.sub(r"^.*warning ", "", w) for w in warnings))


class Draft:
    """The page and its points, as they are now; a new page is begun where there is none."""

    def __init__(self, path: Path) -> None:
        self.page = EditPage(path)
        self.selected: int | None = None  # number of the point chosen
        self.verdict = Verdict()  # as of the last look
        self._saved = "" if self.page.is_new else self.page.text()
        self._history: list[tuple[Point, ...]] = [self.page.points]
        self._now = 0
        self._thread: threading.Thread | None = None
        self._result: tuple[str, Verdict] | None = None
        self._judged = ""
        self._lay()

    def _lay(self) -> None:
        """Work out the road as it is drawn, as far as there is one."""
        self.line: Centreline | None = None
        with suppress(UserError):
            self.line = lay_points(self.page.knots(), Report("page"), closest=1.0)

    def change(self, points: list[Point] | tuple[Point, ...], done: bool = True) -> None:
        """Take over points; ``done`` makes it a step that can be undone."""
        self.page.points = tuple(points)
        self._lay()
        if done and self._history[self._now] != self.page.points:
            del self._history[self._now + 1 :]
            self._history.append(self.page.points)
            del self._history[:-MOST_UNDO]
            self._now = len(self._history) - 1

    def undo(self, step: int = -1) -> None:
        """Go back a step, or forward."""
        place = self._now + step
        if 0 <= place < len(self._history):
            self._now = place
            self.page.points = self._history[place]
            self.selected = None
            self._lay()

    def insert(self, at: np.ndarray) -> None:
        """Put a point in where the road passes nearest to ``at`` (2,) [m]."""
        if self.line is None:
            return
        s = np.linspace(0.0, self.line.length, 800, endpoint=False)
        xy = self.line.pose(s)[0]
        nearest = float(s[int(np.argmin(np.hypot(*(xy - at).T)))])
        stations = [span.start for span in self.line.spans]
        place = int(np.searchsorted(stations, nearest, side="right"))
        points = list(self.page.points)
        points.insert(place, Point(round(float(at[0]), 1), round(float(at[1]), 1)))
        self.selected = place
        self.change(points, done=False)

    def delete(self) -> str:
        """Take the selected point out; why not, or ""."""
        if self.selected is None:
            return ""
        if len(self.page.points) <= LEAST_POINTS:
            return f"a loop needs at least {LEAST_POINTS} points"
        points = list(self.page.points)
        gone = points.pop(self.selected)
        if gone.lead and self.selected < len(points):  # comments before it stay in the page
            after = points[self.selected]
            points[self.selected] = replace(after, lead=gone.lead + after.lead)
        self.selected = None
        self.change(points)
        return ""

    def select_next(self) -> None:
        """Choose the point after the chosen one, or the first."""
        at = -1 if self.selected is None else self.selected
        self.selected = (at + 1) % len(self.page.points)

    def move(self, x: float, y: float, done: bool = True) -> None:
        """Move the chosen point to (x, y) [m]; ``done`` as in ``change``."""
        if self.selected is not None:
            self._replace(self.page.points[self.selected].moved(x, y), done)

    def nudge(self, x: float, y: float) -> None:
        """Move the chosen point by (x, y) [m]."""
        if self.selected is not None:
            point = self.page.points[self.selected]
            self.move(point.x + x, point.y + y)

    def widen(self, by: float) -> None:
        """Make the road wider by some metres at the chosen point."""
        if self.selected is not None:
            wide = sum(self.page.half_widths(self.selected))
            self._replace(self.page.points[self.selected].as_wide(wide + by), True)

    def _replace(self, point: Point, done: bool) -> None:
        assert self.selected is not None
        points = list(self.page.points)
        points[self.selected] = point
        self.change(points, done)

    @property
    def unsaved(self) -> bool:
        """True if the page on disk is not as it is here."""
        return self.page.text() != self._saved

    def save(self) -> None:
        """Write the page, broken or not.

        Raises:
            UserError: if it cannot be written.
        """
        text = self.page.text()
        write_text(self.page.path, text)
        self._saved = text

    def judge(self) -> Verdict:
        """Judge it at once."""
        self.verdict = judged(self.page, self.page.text())
        return self.verdict

    def look(self) -> None:
        """Take over a verdict that is there, and have a page judged that has changed since."""
        if self._thread is not None and not self._thread.is_alive():
            self._thread = None
            if self._result is not None:
                self._judged, self.verdict = self._result
        text = self.page.text()
        if self._thread is None and text != self._judged:
            frozen = copy(self.page)

            def judge() -> None:
                self._result = (text, judged(frozen, text))

            self._thread = threading.Thread(target=judge, daemon=True)
            self._thread.start()
