"""The editor: points of a track are dragged, put in, taken out and widened, and driven at once.

Owns the screen's state and its reactions. The page is ``edit_page``'s, the picture
``editor_view``'s. Whether the track can be raced is judged in a thread after each change.
"""

from __future__ import annotations

import re
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pygame

from retroracer.agents.model_file import car_of
from retroracer.agents.policy import Policy, load_policy
from retroracer.atomic import write_text
from retroracer.errors import UserError
from retroracer.game.editor.page import LEAST_POINTS, EditPage, Point
from retroracer.game.race.garage import DEFAULT, Setup
from retroracer.game.screens.race import RaceScreen
from retroracer.game.screens.screen import AppServices
from retroracer.physics.car import load_car
from retroracer.render.camera import Camera
from retroracer.resources import models_dir
from retroracer.track.files import open_track
from retroracer.track.points import lay_points
from retroracer.track.problems import Report
from retroracer.track.track import Track

MOST_UNDO = 200
GRAB = 12
"""How near to a point counts as on it [UI pixels]."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is known of the points as they are.

    Attributes:
        track: built, None if it cannot be raced.
        told: what is wrong or odd, a line each.
        bad: points where it is.
    """

    track: Track | None = None
    told: tuple[str, ...] = ()
    bad: tuple[int, ...] = ()


def judged(page: EditPage, text: str) -> Verdict:
    """Build a page's text and say what is wrong with it, and at which points."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / page.path.name
            copy.write_text(text, encoding="utf-8", newline="")
            found = open_track(copy)
    except (UserError, OSError) as error:
        rows = [r for r in str(error).splitlines() if not r.startswith("    ")]
        bad = [page.point_at_line(int(n)) for n in re.findall(r":(\d+): ", "\n".join(rows))]
        told = tuple(re.sub(r"^.*?:(\d+: )?", "", r, count=1).strip() for r in rows)
        return Verdict(None, told, tuple(k for k in bad if k is not None))
    warnings = [w.splitlines()[0] for w in found.warnings]
    return Verdict(found.track, tuple(re.sub(r"^.*warning ", "", w) for w in warnings))


class Editor:
    """The screen.

    Args:
        app: the app.
        path: of the page.
    """

    foot = 18.0

    def __init__(self, app: AppServices, path: Path) -> None:
        self.app = app
        self.page = EditPage(path)
        self.saved = "" if self.page.is_new else self.page.text()
        self.selected: int | None = None
        self.dragging = False
        self.panning = False
        self.leaving = False
        self.driving = False
        self.verdict = Verdict()
        self._history: list[tuple[Point, ...]] = [self.page.points]
        self._now = 0
        self._thread: threading.Thread | None = None
        self._result: tuple[str, Verdict] | None = None
        self._judged = ""
        self.camera: Camera | None = None
        self.centre, self.zoom = np.zeros(2), 1.0
        self.size = (0, 0)
        self._lay()

    def close(self) -> None:
        """Nothing is lost that was saved."""

    # The points.
    def _lay(self) -> None:
        """Work out the road as it is drawn, as far as there is one."""
        self.line = lay_points(self.page.knots(), Report("page"), closest=1.0)

    def change(self, points: list[Point] | tuple[Point, ...], done: bool = True) -> None:
        """Take over points; ``done`` makes it a step that can be undone."""
        self.page.points = tuple(points)
        self.leaving = False
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

    def delete(self) -> None:
        """Take the selected point out."""
        if self.selected is None:
            return
        if len(self.page.points) <= LEAST_POINTS:
            self.app.tell(f"a loop needs at least {LEAST_POINTS} points")
            return
        points = list(self.page.points)
        gone = points.pop(self.selected)
        if gone.lead and self.selected < len(points):  # comments before it stay in the page
            after = points[self.selected]
            points[self.selected] = Point(**{**vars(after), "lead": gone.lead + after.lead})
        self.selected = None
        self.change(points)

    def edit(self, index: int, point: Point, done: bool = True) -> None:
        """Replace one point."""
        points = list(self.page.points)
        points[index] = point
        self.change(points, done)

    # Events.
    def event(self, event: pygame.event.Event, action: str) -> None:
        """React to the mouse and to keys."""
        if event.type == pygame.KEYDOWN:
            self._key(event.key, getattr(event, "mod", 0))
        elif event.type == pygame.MOUSEBUTTONDOWN:
            self._press(event)
        elif event.type == pygame.MOUSEBUTTONUP:
            if self.dragging:
                self.change(self.page.points)
            self.dragging = self.panning = False
        elif event.type == pygame.MOUSEMOTION and self.camera is not None:
            if self.dragging and self.selected is not None:
                x, y = self.camera.to_world(np.array(event.pos, float)).tolist()
                self.edit(self.selected, self.page.points[self.selected].moved(x, y), done=False)
            elif self.panning:
                self.centre += np.array([-event.rel[0], event.rel[1]]) / self.zoom
        elif event.type == pygame.MOUSEWHEEL:
            self.zoom = min(max(self.zoom * 1.15**event.y, 0.02), 40.0)

    def _press(self, event: pygame.event.Event) -> None:
        if event.button in (2, 3):
            self.panning = True
        if event.button != 1 or self.camera is None:
            return
        at = np.array(event.pos, float)
        points = self.camera.to_screen(np.array([(p.x, p.y) for p in self.page.points]))
        gaps = np.hypot(*(points - at).T)
        reach = GRAB * max(1, self.size[1] // 540)
        if gaps.min() <= reach:
            self.selected = int(np.argmin(gaps))
            self.dragging = True
            return
        if self.line is not None:
            s = np.linspace(0.0, self.line.length, 800, endpoint=False)
            road = self.camera.to_screen(self.line.pose(s)[0])
            if np.hypot(*(road - at).T).min() <= reach:
                self.insert(self.camera.to_world(at))
                self.dragging = True
                return
        self.selected, self.panning = None, True

    def _key(self, code: int, mod: int) -> None:
        control = bool(mod & (pygame.KMOD_CTRL | pygame.KMOD_META))
        far = 10.0 if mod & pygame.KMOD_SHIFT else 1.0
        nudge = {pygame.K_LEFT: (-1, 0), pygame.K_RIGHT: (1, 0), pygame.K_UP: (0, 1),
                 pygame.K_DOWN: (0, -1)}.get(code)  # fmt: skip
        if code == pygame.K_ESCAPE:
            self._leave()
        elif code == pygame.K_s:
            self.save()
        elif code in (pygame.K_u, pygame.K_z) and (control or code == pygame.K_u):
            self.undo(1 if mod & pygame.KMOD_SHIFT else -1)
        elif code == pygame.K_y:
            self.undo(1)
        elif code in (pygame.K_t, pygame.K_RETURN):
            self.drive()
        elif code == pygame.K_f:
            self.size = (0, 0)  # fits the view anew
        elif code in (pygame.K_DELETE, pygame.K_BACKSPACE, pygame.K_x):
            self.delete()
        elif code == pygame.K_TAB:
            self.selected = ((-1 if self.selected is None else self.selected) + 1) % len(
                self.page.points
            )
        elif self.selected is not None and nudge is not None:
            p = self.page.points[self.selected]
            self.edit(self.selected, p.moved(p.x + far * nudge[0], p.y + far * nudge[1]))
        elif self.selected is not None and code in (
            pygame.K_LEFTBRACKET, pygame.K_RIGHTBRACKET, pygame.K_MINUS, pygame.K_PLUS,
            pygame.K_EQUALS,
        ):  # fmt: skip
            step = -0.5 if code in (pygame.K_LEFTBRACKET, pygame.K_MINUS) else 0.5
            now = sum(self.page.half_widths(self.selected))
            self.edit(self.selected, self.page.points[self.selected].as_wide(now + step))

    def _leave(self) -> None:
        if self.unsaved and not self.leaving:
            self.leaving = True
            self.app.tell("not saved: S saves, Esc again leaves without", bad=True)
            return
        self.app.back()

    @property
    def unsaved(self) -> bool:
        """True if the page on disk is not as it is here."""
        return self.page.text() != self.saved

    def save(self) -> None:
        """Write the page; what is broken is saved too, and told."""
        text = self.page.text()
        try:
            write_text(self.page.path, text)
        except (UserError, OSError) as error:
            self.app.tell(f"not saved: {error}", bad=True)
            return
        self.saved = text
        broken = "" if self.verdict.track is not None else "; it cannot be raced yet"
        self.app.tell(f"saved {self.page.path}{broken}")

    def drive(self) -> None:
        """Test-drive the track as it is; Esc comes back."""
        verdict = judged(self.page, self.page.text())
        self.verdict = verdict
        if verdict.track is None:
            self.app.tell("it cannot be driven yet: " + (verdict.told or ("",))[0], bad=True)
            return
        policies: tuple[Policy, ...] = ()
        cars = [load_car()]
        if (models_dir() / f"{DEFAULT}.zip").is_file():
            try:
                policies = (load_policy(DEFAULT),)
                cars = [car_of(policies[0].facts, policies[0].name)] * 2
            except UserError as error:
                self.app.tell(str(error), bad=True)
        setup = Setup(verdict.track, None, policies, tuple(cars), laps=0, names=())
        self.app.show(RaceScreen(self.app, setup, lights=False), over=True)

    def advance(self, elapsed: float) -> None:
        """Judge what changed, beside the drawing."""
        if self._thread is not None and not self._thread.is_alive():
            self._thread = None
            if self._result is not None:
                self._judged, self.verdict = self._result
        text = self.page.text()
        if self._thread is None and text != self._judged:
            frozen = EditPage.__new__(EditPage)
            frozen.__dict__.update(self.page.__dict__)

            def judge() -> None:
                self._result = (text, judged(frozen, text))

            self._thread = threading.Thread(target=judge, daemon=True)
            self._thread.start()

    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the page."""
        from retroracer.game.editor.view import draw_editor

        if surface.get_size() != self.size:
            self.size = surface.get_size()
            self._fit()
        self.camera = Camera((float(self.centre[0]), float(self.centre[1])), self.zoom, self.size)
        draw_editor(self, surface)

    def _fit(self) -> None:
        w, h = self.size
        points = np.array([(p.x, p.y) for p in self.page.points])
        low, high = points.min(axis=0), points.max(axis=0)
        span = np.maximum(high - low, 50.0)
        self.zoom = float(min(0.72 * w / span[0], 0.66 * h / span[1]))
        self.centre = (low + high) / 2.0
