"""Skid marks and dust: what tyres leave behind. Reads states, bounded, no random state.

Owns their records and look. Marks stay until 600 newer ones replace them; dust settles within
a second.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pygame

from retroracer.render.camera import Camera
from retroracer.render.ground import hash01
from retroracer.render.palette import Colour, Palette, mix, shade
from retroracer.render.ring import Ring

MOST_MARKS = 600
MOST_DUST = 140
MOST_SPARKS = 60
SPARK_LIFE = 0.35
"""Seconds a spark flies."""

DUST_LIFE = 0.9
"""Seconds a puff of dust lives."""


@dataclass(frozen=True)
class Wheels:
    """What a car's wheels do at a moment.

    Attributes:
        x: of the car [m]; y, heading [rad] likewise.
        half_track: half the distance between left and right wheels [m].
        front: distance of the front axle from the centre [m]; rear likewise.
        sliding_front: True if the front tyres slide; sliding_rear likewise.
        off: True beyond the road.
        speed: [m/s].
    """

    x: float
    y: float
    heading: float
    half_track: float
    front: float
    rear: float
    sliding_front: bool
    sliding_rear: bool
    off: bool
    speed: float

    def places(self) -> list[tuple[float, float]]:
        """World positions of front left, front right, rear left, rear right."""
        c, s = float(np.cos(self.heading)), float(np.sin(self.heading))
        out = []
        for along in (self.front, -self.rear):
            for aside in (self.half_track, -self.half_track):
                out.append((self.x + along * c - aside * s, self.y + along * s + aside * c))
        return out


class Effects:
    """Marks and dust of all cars on a track."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """A clean track."""
        self._marks = Ring(MOST_MARKS, 5)  # from (x, y), to (x, y), 1 = off the road
        self._dust: deque[tuple[float, float, float, float]] = deque(maxlen=MOST_DUST)
        self._sparks: deque[tuple[float, float, float, float, float]] = deque(maxlen=MOST_SPARKS)
        self._last: dict[tuple[int, int], tuple[float, float]] = {}
        self._count = 0

    def add(self, car: int, wheels: Wheels, time: float) -> None:
        """Note what the wheels of a car, by its number, do at a time [s]; a few times a second."""
        sliding = (wheels.sliding_front,) * 2 + (wheels.sliding_rear,) * 2
        for k, (place, slides) in enumerate(zip(wheels.places(), sliding, strict=True)):
            key = (car, k)
            marked = (slides or wheels.off) and wheels.speed > 2.0
            last = self._last.get(key)
            if marked and last is not None and np.hypot(*np.subtract(place, last)) < 9.0:
                self._marks.append((*last, *place, float(wheels.off)))
            if marked:
                self._last[key] = place
            else:
                self._last.pop(key, None)
            smokes = wheels.off or (slides and k >= 2)
            if smokes and k >= 2 and wheels.speed > 6.0:
                self._count += 1
                n = np.array([self._count])
                jitter = 1.6 * (float(hash01(n, n * 0 + 3)[0]) - 0.5)
                self._dust.append((place[0] + jitter, place[1] - jitter, time, float(wheels.off)))

    def strike(
        self, x: float, y: float, hard: float, time: float, first: int | None = None
    ) -> None:
        """Sparks of a car at (x, y) [m] that hit something at a speed ``hard`` [m/s].

        ``first`` decides their directions; default ever new ones.
        """
        count = min(4 + int(hard), 20)
        self._count = self._count if first is None else first
        n = np.arange(self._count, self._count + count)
        self._count += count
        angle = 2.0 * np.pi * hash01(n, np.full_like(n, 53))
        speed = (3.0 + 0.6 * hard) * (0.4 + hash01(n, np.full_like(n, 59)))
        for a, v in zip(angle.tolist(), speed.tolist(), strict=True):
            self._sparks.append((x, y, v * float(np.cos(a)), v * float(np.sin(a)), time))

    def bump(
        self, x: float, y: float, closing: float, time: float, first: int | None = None
    ) -> None:
        """Sparks of two cars that met at a speed ``closing`` [m/s]: more of them than of a wall."""
        self.strike(x, y, 3.0 + 2.0 * closing, time, first)

    def draw_sparks(self, surface: pygame.Surface, camera: Camera, time: float) -> int:
        """Paint the sparks that fly, over the cars; returns how many."""
        alive = [s for s in self._sparks if 0.0 <= time - s[4] < SPARK_LIFE]
        for x, y, vx, vy, born in alive:
            age = time - born
            ends = np.array([[x + vx * age, y + vy * age]]).repeat(2, 0)
            ends[1] -= 0.05 * np.array([vx, vy])
            a, b = camera.to_screen(ends).tolist()
            tone = mix((255, 244, 190), (255, 120, 40), age / SPARK_LIFE)
            pygame.draw.line(surface, tone, a, b, max(1, round(camera.size[1] / 360)))
        return len(alive)

    def draw_marks(self, surface: pygame.Surface, camera: Camera, palette: Palette) -> None:
        """Paint the marks on the road."""
        if not self._marks:
            return
        data = self._marks.rows
        a, b = camera.to_screen(data[:, :2]), camera.to_screen(data[:, 2:4])
        w, h = camera.size
        inside = (np.minimum(a, b) < (w + 9, h + 9)).all(1) & (np.maximum(a, b) > -9).all(1)
        width = max(1, round(0.24 * camera.pixels_per_metre))
        rubber, soil = shade(palette.rubber, 0.66), shade(palette.grass, 0.62)
        line = pygame.draw.line
        seen = zip(a[inside].tolist(), b[inside].tolist(), data[inside, 4].tolist(), strict=True)
        for begin, end, off in seen:
            line(surface, soil if off else rubber, begin, end, width)

    def draw_dust(
        self, surface: pygame.Surface, camera: Camera, palette: Palette, time: float
    ) -> None:
        """Paint dust and smoke, over the cars."""
        alive = [d for d in self._dust if 0.0 <= time - d[2] < DUST_LIFE]
        if not alive:
            return
        sprites = []
        w, h = camera.size
        places = camera.to_screen(np.array([d[:2] for d in alive])).tolist()
        for (px, py), (_, _, born, off) in zip(places, alive, strict=True):
            age = (time - born) / DUST_LIFE
            radius = max(2, round((0.5 + 1.5 * age) * camera.pixels_per_metre))
            if -radius < px < w + radius and -radius < py < h + radius:
                colour = mix(palette.gravel, palette.grass, 0.25) if off else (214, 212, 220)
                puff = _puff(min(radius, 60), int(6 * (1.0 - age)), colour)
                sprites.append((puff, (round(px - radius), round(py - radius))))
        surface.fblits(sprites)


@lru_cache(maxsize=400)
def _puff(radius: int, strength: int, colour: Colour) -> pygame.Surface:
    puff = pygame.Surface((2 * radius, 2 * radius), pygame.SRCALPHA, 32)
    puff.fill((*colour, 0))
    pygame.draw.circle(puff, (*colour, 14 + 15 * strength), (radius, radius), radius)
    return puff
