"""The editor: points of a track are dragged, put in, taken out and widened, and driven at once.

Owns the screen: its reactions to mouse and keys, and where one looks. What is edited is a
``draft``, the picture ``view``'s.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pygame

from retroracer.agents.model_file import car_of
from retroracer.agents.policy import Policy, load_policy
from retroracer.errors import UserError
from retroracer.game.controls import editor_action
from retroracer.game.editor.draft import Draft
from retroracer.game.editor.view import draw_editor
from retroracer.game.race.garage import DEFAULT, Setup
from retroracer.game.screens.race import RaceScreen
from retroracer.game.screens.screen import AppServices, Screen
from retroracer.physics.car import load_car
from retroracer.render.camera import Camera
from retroracer.resources import models_dir

GRAB = 12
"""How near to a point counts as on it [UI pixels]."""

NUDGES = {"left": (-1.0, 0.0), "right": (1.0, 0.0), "up": (0.0, 1.0), "down": (0.0, -1.0)}
"""Metres east and north by action."""


class Editor(Screen):
    """The screen of the page at ``path``."""

    def __init__(self, app: AppServices, path: Path) -> None:
        super().__init__(app)
        self.draft = Draft(path)
        self.dragging = False
        self.panning = False
        self._asked = ""
        self.camera: Camera | None = None
        self.centre, self.zoom = np.zeros(2), 1.0
        self.size = (0, 0)

    # Events.
    def event(self, event: pygame.event.Event, action: str) -> None:
        """React to the mouse and to keys."""
        if event.type == pygame.KEYDOWN:
            self._key(event.key, getattr(event, "mod", 0))
        elif event.type == pygame.MOUSEBUTTONDOWN:
            self._press(event)
        elif event.type == pygame.MOUSEBUTTONUP:
            if self.dragging:
                self.draft.change(self.draft.page.points)
            self.dragging = self.panning = False
        elif event.type == pygame.MOUSEMOTION and self.camera is not None:
            if self.dragging:
                x, y = self.camera.to_world(np.array(event.pos, float)).tolist()
                self.draft.move(x, y, done=False)
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
        points = self.camera.to_screen(np.array([(p.x, p.y) for p in self.draft.page.points]))
        gaps = np.hypot(*(points - at).T)
        reach = GRAB * max(1, self.size[1] // 540)
        if gaps.min() <= reach:
            self.draft.selected = int(np.argmin(gaps))
            self.dragging = True
            return
        if self.draft.line is not None:
            s = np.linspace(0.0, self.draft.line.length, 800, endpoint=False)
            road = self.camera.to_screen(self.draft.line.pose(s)[0])
            if np.hypot(*(road - at).T).min() <= reach:
                self.draft.insert(self.camera.to_world(at))
                self.dragging = True
                return
        self.draft.selected, self.panning = None, True

    def _key(self, code: int, mod: int) -> None:
        action = editor_action(code, bool(mod & (pygame.KMOD_CTRL | pygame.KMOD_META)))
        shift = bool(mod & pygame.KMOD_SHIFT)
        if action in NUDGES:
            far = 10.0 if shift else 1.0
            self.draft.nudge(*(far * step for step in NUDGES[action]))
        elif action in ("narrow", "widen"):
            self.draft.widen(0.5 if action == "widen" else -0.5)
        elif action in ("undo", "redo"):
            self.draft.undo(1 if shift or action == "redo" else -1)
        elif action == "fit":
            self.size = (0, 0)  # fits the view anew
        elif action == "delete":
            self.app.tell(self.draft.delete())
        elif action == "select":
            self.draft.select_next()
        elif action == "drive":
            self.drive()
        elif action == "save":
            self.save()
        elif action == "back":
            self._leave()

    def _leave(self) -> None:
        text = self.draft.page.text()
        if self.draft.unsaved and self._asked != text:
            self._asked = text  # once for what is there now
            self.app.tell("not saved: S saves, Esc again leaves without", bad=True)
            return
        self.app.back()

    def save(self) -> None:
        """Write the page; what is broken is saved too, and told."""
        try:
            self.draft.save()
        except (UserError, OSError) as error:
            self.app.tell(f"not saved: {error}", bad=True)
            return
        broken = "" if self.draft.verdict.track is not None else "; it cannot be raced yet"
        self.app.tell(f"saved {self.draft.page.path}{broken}")

    def drive(self) -> None:
        """Test-drive the track as it is; Esc comes back."""
        verdict = self.draft.judge()
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
        self.draft.look()

    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the page."""
        if surface.get_size() != self.size:
            self.size = surface.get_size()
            self._fit()
        self.camera = Camera((float(self.centre[0]), float(self.centre[1])), self.zoom, self.size)
        draw_editor(surface, self.camera, self.draft)

    def _fit(self) -> None:
        w, h = self.size
        points = np.array([(p.x, p.y) for p in self.draft.page.points])
        low, high = points.min(axis=0), points.max(axis=0)
        span = np.maximum(high - low, 50.0)
        self.zoom = float(min(0.72 * w / span[0], 0.66 * h / span[1]))
        self.centre = (low + high) / 2.0
