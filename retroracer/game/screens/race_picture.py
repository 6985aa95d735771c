"""The picture of a race: the road and its cars, and all that is written over it.

Owns what is where on the screen. What is written is ``hud``'s, ``panels``' and the signs'.
"""

from __future__ import annotations

from collections.abc import Sequence

import pygame

from retroracer.game.overlays.overlay import View
from retroracer.game.overlays.overlays import Overlays
from retroracer.game.overlays.panels import Panels
from retroracer.game.race.garage import Setup
from retroracer.game.race.reference_laps import ReferenceLaps
from retroracer.game.race.session import Session
from retroracer.game.screens.canvas import Canvas, ui_scale
from retroracer.game.screens.hud import Hud, Reading
from retroracer.game.screens.newcomer import Newcomer
from retroracer.game.screens.race_signs import draw_flag, draw_told
from retroracer.game.screens.race_view import RaceView
from retroracer.game.settings import Settings
from retroracer.render.camera import Camera
from retroracer.render.cars import CarView
from retroracer.render.scene import TrackScene

TOLD_FOR = 3.5
"""A line of race control is shown so long [s]."""


class RacePicture:
    """What is seen of a session: of each of two people the road and its cars, else one view."""

    def __init__(
        self,
        session: Session,
        scene: TrackScene,
        setup: Setup,
        overlays: Overlays,
        newcomer: Newcomer,
        heading_up: bool,
    ) -> None:
        self._session, self._overlays, self._newcomer = session, overlays, newcomer
        self.views = [RaceView(session, scene, heading_up, setup.colours)]
        for row in range(1, session.human):
            self.views.append(RaceView(session, scene, heading_up, setup.colours, self.view))
            self.views[row].row = row
        self.huds = [Hud(session, scene.palette, setup.colours) for _ in self.views]
        self._panels = Panels(overlays, scene.palette)

    @property
    def view(self) -> RaceView:
        """The first of the views."""
        return self.views[0]

    def repaint(self, title: str, scene: TrackScene) -> None:
        """Take over another name and other colours of the track."""
        for view, hud in zip(self.views, self.huds, strict=True):
            view.scene = scene
            hud.restyle(title, scene.palette)

    def jump(self) -> None:
        """Reset the camera and remove all marks, as after a restart."""
        for view in self.views:
            view.jump()

    def note(self) -> None:
        """Add tyre marks, dust and sparks; to be called after every control step."""
        for view in self.views:
            view.note()

    def draw(
        self,
        surface: pygame.Surface,
        share: float,
        elapsed: float,
        laps: ReferenceLaps,
        ghosts: Sequence[CarView],
        now: Settings,
        writing: bool,
    ) -> None:
        """Draw the road, what is on it, and over it, if ``writing``, what is written.

        ``laps`` are those compared with, ``now`` the player's choices; all else is as in
        ``RaceView.draw``.
        """
        limit, k = laps.limit(), ui_scale(surface.get_size())

        for view, hud, part in zip(self.views, self.huds, self._parts(surface), strict=True):
            view.shake, view.follower.heading_up = now.shake, now.heading_up

            def lines(target: pygame.Surface, camera: Camera, view: RaceView = view) -> None:
                palette = view.scene.palette
                self._overlays.draw_road(View(target, camera, palette), view.row, limit)

            camera = view.draw(part, share, elapsed, lines, ghosts)
            canvas = Canvas(part, view.scene.palette, k)
            if not writing or canvas.h < 180:
                continue
            if len(self.views) > 1:
                self._write_half(canvas, view, hud, camera, laps)
            elif canvas.w >= 320:
                self._write(canvas, camera, laps)
        if len(self.views) > 1:
            middle = surface.get_width() // 2
            surface.fill(
                self.view.scene.palette.panel, (middle - k, 0, 2 * k, surface.get_height())
            )

    def _parts(self, surface: pygame.Surface) -> list[pygame.Surface]:
        """The surface, or its left and right half."""
        if len(self.views) == 1:
            return [surface]
        w, h = surface.get_size()
        return [surface.subsurface((k * (w // 2), 0, w // 2, h)) for k in range(len(self.views))]

    def _write(self, canvas: Canvas, camera: Camera, laps: ReferenceLaps) -> None:
        """Write over the road: times, places, panels, flags."""
        view, session, overlays = self.view, self._session, self._overlays
        looking = bool(overlays.on and session.policies)
        agent = overlays.agent(view.row) if looking else 0
        top = self.huds[0].list_bottom + 6.0
        # The speed makes room where the agent's panels reach down to it.
        low = looking and self._panels.bottom(agent, top) > canvas.h - 62
        self.huds[0].draw(
            canvas,
            Reading(
                row=view.row,
                deltas=laps.deltas(view.row),
                limit=laps.limit_time(),
                best=laps.best.lap_time if laps.best is not None else None,
                best_sectors=laps.best_sectors,
                way=self._way(view, camera),
                speed_aside=126.0 if low else 0.0,
                map_shown=not (looking and self._panels.over_map(canvas.h)),
            ),
        )
        if looking:
            self._panels.draw(canvas, agent, top)
        self._signs(canvas, view.row, 38.0)
        self._newcomer.draw(canvas)

    def _write_half(
        self, canvas: Canvas, view: RaceView, hud: Hud, camera: Camera, laps: ReferenceLaps
    ) -> None:
        """Write on one half of a split screen: times, places, speed and flags."""
        top = max(hud.list_bottom + 4.0, 122.0)  # one below another: told, flag, way back
        way = self._way(view, camera)
        hud.draw(
            canvas,
            Reading(view.row, (), laps.limit_time(), way=way, map_shown=False, sign_top=top + 70.0),
        )
        self._signs(canvas, view.row, top)
        self._newcomer.draw_way_back(canvas, view.row, top + 44.0)

    def _way(self, view: RaceView, camera: Camera) -> float:
        """Where the track goes, as an angle on the screen [rad]."""
        race = self._session.race
        return camera.angle_on_screen(
            float(race.heading[view.row]) - float(race.heading_error[view.row])
        )

    def _signs(self, canvas: Canvas, row: int, top: float) -> None:
        control, time = self._session.control, self._session.time
        if control is not None:
            draw_told(canvas, control.line_for(row, time, TOLD_FOR), top)
            draw_flag(canvas, control.flag(row, time), top + 22.0)
