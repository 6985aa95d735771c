"""A track ready to draw, and the order in which a race is painted.

Owns: ``TrackScene`` (everything that is worked out once a track) and the painting order
ground, marks, cars below a bridge, bridges, cars on top, the gantry. Does not own: windows,
fonts, the HUD. Draws on any ``pygame.Surface``, with or without a display.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pygame

from retroracer.render.camera import Camera
from retroracer.render.cars import CarView, draw_car, draw_tags
from retroracer.render.furniture import gantry, stands
from retroracer.render.ground import Trees, draw_grass
from retroracer.render.palette import Palette, palette_for
from retroracer.render.plants import kind_of_plant
from retroracer.render.roadside import Roadside
from retroracer.render.track_pieces import BRIDGE_REACH, TrackPainter, crossings
from retroracer.track.track import Track

FAR_BELOW = 2.2
"""Pixels a metre below which the road is drawn with less detail."""


class TrackScene:
    """A track's pictures worked out once; drawing it again costs a few milliseconds.

    Args:
        track: the track.
        palette: its colours; None takes the track's own theme.
    """

    def __init__(self, track: Track, palette: Palette | None = None) -> None:
        self.track = track
        self.palette = palette or palette_for(track.theme)
        painter = TrackPainter(track, self.palette)
        self.near = painter.ground()
        self.far = painter.ground(far=True)
        self.bridges = painter.bridges()
        self.stands = stands(track, self.palette)
        self.gantry = gantry(track, self.palette)
        self.upper = [upper for _, upper in crossings(track)]
        kind = kind_of_plant(track.theme)
        self.trees = Trees(track, self.palette, kind, standing=self.stands.vertices)
        self.roadside = Roadside(track, self.palette)

    def on_bridge(self, s: float) -> bool:
        """True if a car at station ``s`` [m] is on the upper road of a crossing."""
        half = self.track.length / 2.0
        return any(
            abs((s - upper + half) % self.track.length - half) < BRIDGE_REACH
            for upper in self.upper
        )

    def draw_ground(self, surface: pygame.Surface, camera: Camera) -> None:
        """Grass, trees, run-off, road; without bridges."""
        draw_grass(surface, camera, self.palette)
        self.stands.paint(surface, camera)
        self.trees.draw(surface, camera)
        (self.near if camera.pixels_per_metre >= FAR_BELOW else self.far).paint(surface, camera)
        self.roadside.draw(surface, camera)

    def draw(
        self,
        surface: pygame.Surface,
        camera: Camera,
        cars: Sequence[CarView] = (),
        marks: Callable[[], None] | None = None,
    ) -> None:
        """The whole view; later cars are painted over earlier ones.

        ``marks`` is called when the ground is done, to paint what lies on it.
        """
        self.draw_ground(surface, camera)
        if marks is not None:
            marks()
        above = [self.on_bridge(car.s) for car in cars]
        for car, up in zip(cars, above, strict=True):
            if not up:
                draw_car(surface, camera, car, self.palette)
        self.bridges.paint(surface, camera)
        for car, up in zip(cars, above, strict=True):
            if up:
                draw_car(surface, camera, car, self.palette)
        self.gantry.paint(surface, camera)
        draw_tags(surface, camera, cars, self.palette)
