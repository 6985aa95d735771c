"""The picture of a race: the road and its cars, and all that is written over it.

Owns what is where on the screen. What is written is ``hud``'s, ``panels``' and the signs'.
"""

from __future__ import annotations

from collections.abc import Sequence

import pygame

from retroracer.game.overlays.overlays import Overlays
from retroracer.game.overlays.panels import Panels
from retroracer.game.race.garage import Setup
from retroracer.game.race.reference_laps import ReferenceLaps
from retroracer.game.race.session import Session
from retroracer.game.screens.canvas import Canvas
from retroracer.game.screens.hud import Hud, Reading
from retroracer.game.screens.race_signs import draw_flag, draw_told
from retroracer.game.screens.race_view import RaceView
from retroracer.game.settings import Settings
from retroracer.render.camera import Camera
from retroracer.render.cars import CarView
from retroracer.render.scene import TrackScene

TOLD_FOR = 3.5
"""A line of race control is shown so long [s]."""


class RacePicture:
    """What is seen of a session.

    Args:
        session: read only.
        scene: of its track.
        setup: the race.
        overlays: what is shown of the agents.
        heading_up: False keeps north at the top.

    Attributes:
        view: the road and its cars.
        hud: what is written over them.
    """

    def __init__(
        self,
        session: Session,
        scene: TrackScene,
        setup: Setup,
        overlays: Overlays,
        heading_up: bool,
    ) -> None:
        self._session, self._overlays = session, overlays
        self.view = RaceView(session, scene, heading_up, setup.colours)
        self.hud = Hud(session, scene.palette, setup.colours)
        self._panels = Panels(overlays, scene.palette)

    def repaint(self, title: str, scene: TrackScene) -> None:
        """Take over another name and other colours of the track."""
        self.view.scene = scene
        self.hud.restyle(title, scene.palette)

    def jump(self) -> None:
        """The camera starts afresh, the track is clean: after a restart."""
        self.view.jump()

    def note(self) -> None:
        """Let tyres leave their marks; after every control step."""
        self.view.note()

    def road(
        self,
        surface: pygame.Surface,
        share: float,
        elapsed: float,
        laps: ReferenceLaps,
        ghosts: Sequence[CarView],
        now: Settings,
    ) -> Camera:
        """Draw the road and what is on it.

        Args:
            surface: drawn on.
            share: how far the present is from the step before the last to the last.
            elapsed: real time since the last picture [s].
            laps: for the limit's line.
            ghosts: cars of other laps.
            now: the player's choices.
        """
        view = self.view
        view.shake, view.follower.heading_up = now.shake, now.heading_up
        limit = laps.limit()

        def lines(target: pygame.Surface, camera: Camera) -> None:
            self._overlays.draw_road(target, camera, view.scene.palette, view.row, limit)

        return view.draw(surface, share, elapsed, [lines], ghosts)

    def writing(self, canvas: Canvas, camera: Camera, laps: ReferenceLaps) -> None:
        """Write over the road: times, places, panels, flags."""
        view, session, overlays = self.view, self._session, self._overlays
        looking = bool(overlays.on and session.policies)
        agent = overlays.agent(view.row) if looking else 0
        top = self.hud.list_bottom + 6.0
        # The speed makes room where the agent's panels reach down to it.
        low = looking and self._panels.bottom(agent, top) > canvas.h - 62
        race = session.race
        way = float(race.heading[view.row]) - float(race.heading_error[view.row])
        self.hud.draw(
            canvas,
            Reading(
                row=view.row,
                deltas=laps.deltas(view.row),
                limit=laps.limit_time(),
                best=laps.best.lap_time if laps.best is not None else None,
                best_sectors=laps.best_sectors,
                way=camera.angle_on_screen(way),
                speed_aside=126.0 if low else 0.0,
                map_shown=not (looking and self._panels.over_map(canvas.h)),
            ),
        )
        if looking:
            self._panels.draw(canvas, agent, top)
        if session.control is not None:
            draw_flag(canvas, session.control.flag(view.row, session.time))
            draw_told(canvas, session.control.line_for(view.row, session.time, TOLD_FOR))
