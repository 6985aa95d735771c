"""Watching laps again: play, scrub, step, slow down, switch car and lap, save as a film.

Owns the viewer. What it shows is re-simulated from the tape's inputs (``tape.drive_again``).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pygame

from retroracer.game.replay.film import cars_at, colour_in, megabytes, write_lap
from retroracer.game.replay.tape import AGREES, Tape, drive_again
from retroracer.game.screens.canvas import Canvas
from retroracer.game.screens.screen import AppServices, Screen, driven_again, saving
from retroracer.game.screens.telemetry import open_telemetry
from retroracer.physics import state
from retroracer.physics.race import PHYSICS_DT
from retroracer.render.camera import Camera
from retroracer.render.cars import Role, marker
from retroracer.render.effects import SPARK_LIFE, Effects
from retroracer.render.film import writes_mp4
from retroracer.render.follow import Follower
from retroracer.render.scene import TrackScene
from retroracer.render.text import lap_text
from retroracer.track.track import Track

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)


def open_replay(
    app: AppServices, track: Track, tapes: Sequence[Tape], scene: TrackScene | None = None
) -> None:
    """Go to the viewer of laps; the present screen waits below it."""
    with driven_again(app):
        app.show(ReplayScreen(app, track, tapes, scene), over=True)


class ReplayScreen(Screen):
    """The viewer of a track's laps, oldest first; the last one is shown first."""

    foot = 54.0

    def __init__(
        self,
        app: AppServices,
        track: Track,
        tapes: Sequence[Tape],
        scene: TrackScene | None = None,
    ) -> None:
        super().__init__(app)
        self.track, self.tapes = track, list(tapes)
        self.scene = scene or TrackScene(track)
        self.follower = Follower(app.settings.now.heading_up)
        self.at = len(self.tapes) - 1
        self.speed = SPEEDS.index(1.0)
        self.playing = True
        self.held = 0
        self.row = 0
        self._bar = (0.0, 0.0, 1.0, 1.0)
        self._filming: threading.Thread | None = None
        self.filmed: float | None = None  # share of the film that is being made
        self._open()

    @property
    def tape(self) -> Tape:
        """The lap shown."""
        return self.tapes[self.at]

    def _open(self) -> None:
        self.trajectory = drive_again(self.tape, self.track)
        # Where each car's progress is as far as the line of the first lap: not all start there.
        laps = self.tape.ints[:, state.LAP] + 1
        self._line = self.tape.floats[:, state.LAP_FINISH] - laps * self.track.length
        self.tick = 0.0
        self.row = min(self.row, len(self.tape.cars) - 1)
        self.follower.jump()
        told, again = self.tape.lap_time, self.trajectory.lap_time
        self.same = told != told or abs(told - again) < AGREES
        if not self.same:
            self.app.tell("this lap is not the same any more: physics or track changed", bad=True)

    @property
    def last(self) -> int:
        """The last step."""
        return len(self.trajectory.speed) - 1

    def move(self, ticks: float) -> None:
        """Go on or back by some steps."""
        self.tick = float(min(max(self.tick + ticks, 0.0), self.last))

    def event(self, event: pygame.event.Event, action: str) -> None:
        """React to keys, pads and the mouse."""
        if action == "back":
            self.app.back()
        elif action in ("accept", "pause"):
            self.playing = not self.playing
            if self.playing and self.tick >= self.last:
                self.tick = 0.0
        elif action in ("step_back", "step_on"):
            self.playing = False
            self.move(1 if action == "step_on" else -1)
        elif action in ("lap_back", "lap_on") and len(self.tapes) > 1:
            self.at = (self.at + (1 if action == "lap_on" else -1)) % len(self.tapes)
            self._open()
        elif action in ("begin", "restart"):
            self.tick = 0.0
        elif action == "end":
            self.tick = float(self.last)
        elif action == "ghost":
            self._film()
        elif action == "telemetry":
            others = [t for t in self.tapes if t is not self.tape]
            open_telemetry(self.app, self.track, [self.tape, *others[:1]])
        elif action in ("up", "down"):
            faster = 1 if action == "up" else -1
            self.speed = min(max(self.speed + faster, 0), len(SPEEDS) - 1)
        elif action in ("left", "right"):
            self.held = 1 if action == "right" else -1
            self.move(self.held * 20)
        elif action == "watch":
            self.row = (self.row + 1) % len(self.tape.cars)
            self.follower.jump()
        elif action == "camera":
            self.follower = Follower(not self.follower.heading_up)
        if event.type in (pygame.KEYUP, pygame.CONTROLLERBUTTONUP, pygame.WINDOWFOCUSLOST):
            self.held = 0
        dragged = event.type == pygame.MOUSEMOTION and event.buttons[0]
        if event.type == pygame.MOUSEBUTTONDOWN or dragged:
            x, y, w, h = self._bar
            if y - h <= event.pos[1] < y + 2 * h:
                self.tick = min(max((event.pos[0] - x) / w, 0.0), 1.0) * self.last

    def _film(self) -> None:
        if self._filming is not None and self._filming.is_alive():
            self.app.tell("one film at a time: the last one is not done yet")
            return
        kind = ".mp4" if writes_mp4() else ".gif"  # a tenth of the size, where it can be written
        lap = f"{self.track.name}-{lap_text(self.tape.lap_time).replace(':', '-')}{kind}"
        tape, row = self.tape, self.row

        def write() -> None:
            with saving(
                self.app, "films", lap, "no film saved", lambda path: f"{path} ({megabytes(path)})"
            ) as path:
                stop = self.app.closing
                write_lap(self.track, tape, path, row, self.scene, stop=stop, progress=self._made)
            self.filmed = None

        # A lap's pictures take seconds: they are drawn beside the game.
        self._filming = threading.Thread(target=write, daemon=True)
        self.filmed = 0.0
        self._filming.start()

    def _made(self, share: float) -> None:
        self.filmed = share

    def advance(self, elapsed: float) -> None:
        """Let real time [s] pass."""
        if self.held:
            self.move(self.held * elapsed / PHYSICS_DT * 4.0)
        elif self.playing:
            self.move(SPEEDS[self.speed] * elapsed / PHYSICS_DT)
            if self.tick >= self.last:
                self.playing = False

    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the present."""
        views = cars_at(self.tape, self.trajectory, self.tick, self.row)
        car = views[-1]
        i = min(int(self.tick), self.last)
        speed = float(self.trajectory.speed[i, self.row])
        camera = self.follower.view(
            car.x, car.y, car.heading, speed, surface.get_size(), min(elapsed, 0.1)
        )
        self.scene.draw(surface, camera, views)
        self._sparks(surface, camera)
        c = Canvas(surface, self.scene.palette)
        if c.w >= 320 and c.h >= 180:
            self._write(c, i, speed)

    def _sparks(self, surface: pygame.Surface, camera: Camera) -> None:
        """Sparks of the contacts just before; the same at every look."""
        bumps, effects = self.trajectory.bumps, Effects()
        since = self.tick - bumps[:, 0]
        for k in np.flatnonzero((since >= 0.0) & (since < SPARK_LIFE / PHYSICS_DT)).tolist():
            step, x, y, closing = bumps[k].tolist()
            effects.bump(x, y, closing, step * PHYSICS_DT, first=20 * k)
        effects.draw_sparks(surface, camera, self.tick * PHYSICS_DT)

    def _write(self, c: Canvas, i: int, speed: float) -> None:
        p, tape, trajectory = c.palette, self.tape, self.trajectory
        c.panel(6, 6, 132, 44)
        c.text("REPLAY" if not tape.race else "REPLAY: THE RACE", 12, 12, p.accent)
        c.text(f"{self.at + 1}/{len(self.tapes)}", 132, 12, p.text_dim, anchor=1.0)
        c.text(lap_text(tape.lap_time), 12, 23, p.text if tape.valid else p.bad, 2)
        if not tape.valid:
            c.text("\u00d7", 132, 26, p.bad, anchor=1.0)
        rows = len(tape.cars)
        c.panel(c.w - 128, 6, 122, 8 + 13 * rows)
        driven = trajectory.progress[i] - self._line
        order = sorted(range(rows), key=lambda k: -float(driven[k]))
        for line, k in enumerate(order):
            y = 11 + 13 * line
            role: Role = "human" if tape.roles[k] == "human" else "agent"
            if k == self.row:
                c.rect(c.w - 127, y - 3, 120, 12, p.panel_edge)
            ink = replace(p, agent=colour_in(tape, k) or p.agent)
            c.blit(marker(role, ink, 9 * c.k), c.w - 120, y - 1)
            c.text(tape.names[k].upper(), c.w - 106, y, p.text, width=50)
            ahead = float(driven[k] - driven[self.row])
            if k != self.row:
                c.text(f"{ahead:+z.0f} m", c.w - 11, y, p.text_dim, anchor=1.0)
        if self.filmed is not None:
            c.panel(c.w / 2 - 66, 6, 132, 24)
            c.text(f"FILMING  {100 * self.filmed:.0f} %", c.w / 2, 11, p.accent, anchor=0.5)
            c.bar(c.w / 2 - 60, 22, 120, 4, self.filmed, p.accent, p.panel_edge)
        self._pedals(c, i, speed)
        narrow = c.w < 600
        x, base, wide = 14.0, c.h - (42 if narrow else 30), c.w - 28
        c.panel(6, base - 12, c.w - 12, c.h - 6 - base + 12, alpha=236)
        self._bar = (x * c.k, base * c.k, wide * c.k, 6.0 * c.k)
        c.bar(x, base, wide, 5, self.tick / max(self.last, 1), p.accent, p.panel_edge)
        start = float(tape.floats[0, state.LAP_FINISH]) - self.track.length
        for begins in self.track.sectors:
            passed = np.flatnonzero(trajectory.progress[:, 0] >= start + begins)
            if len(passed) and passed[0] < self.last:
                c.rect(x + wide * passed[0] / self.last, base - 2, 1, 9, p.text)
        c.rect(x + wide * self.tick / max(self.last, 1) - 1, base - 3, 3, 11, p.text)
        mode = f"{'▶' if self.playing else '■'} {SPEEDS[self.speed]:g}x"
        c.text(f"{lap_text(self.tick * PHYSICS_DT)}  {mode}", x, base + 11, p.text)
        keys = [[("SPACE", "play"), ("← →", "scrub"), (", .", "step"), ("↑ ↓", "speed")],
                [("TAB", "car"), ("G", "film"), ("T", "telemetry"), ("ESC", "back")]]  # fmt: skip
        for k, hints in enumerate(keys if narrow else [keys[0] + keys[1]]):
            total = sum(c.width(a) + c.width(b) + 20 for a, b in hints) - 10
            c.hints(hints, c.w - 14 - total, base + 11 + 13 * k, shadow=False)

    def _pedals(self, c: Canvas, i: int, speed: float) -> None:
        p = c.palette
        left, top = c.w - 116, c.h - (108 if c.w < 600 else 96)
        c.panel(left, top, 110, 50)
        c.text(f"{3.6 * speed:.0f}", left + 72, top + 7, p.text, 3, anchor=1.0)
        c.text("km/h", left + 77, top + 21, p.text_dim)
        steer, throttle = self.tape.actions[min(i, len(self.tape.actions) - 1), self.row].tolist()
        colour = p.good if throttle > 0 else p.bad
        c.bar(left + 8, top + 34, 94, 4, abs(throttle), colour, p.panel_edge)
        c.rect(left + 8, top + 42, 94, 3, p.panel_edge)
        middle = left + 55
        c.rect(middle - (47 * steer if steer > 0 else 0), top + 42, max(47 * abs(steer), 1), 3,
               p.accent)  # fmt: skip
