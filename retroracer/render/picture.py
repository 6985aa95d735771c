"""Pictures of tracks in files: a map with its names and its length.

Owns: their layout. Does not own the road's look (``road_map``) or colours
(``palette``). Everything is drawn larger and scaled down, which smooths its edges.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pygame

from retroracer.atomic import write_bytes
from retroracer.errors import UserError
from retroracer.render.camera import Camera
from retroracer.render.ground import Trees, draw_grass
from retroracer.render.naming import Placed, Places
from retroracer.render.palette import Colour, palette_for
from retroracer.render.plants import kind_of_plant
from retroracer.render.road_map import draw_arrow, draw_road_map, draw_sector_mark
from retroracer.render.text import font, write
from retroracer.render.track_pieces import TrackPainter
from retroracer.track.geometry import Array
from retroracer.track.track import Track

_FINE = 2
_MOST_PIXELS = 40_000_000


def save_track_picture(track: Track, path: str | Path, size: tuple[int, int] = (1280, 960)) -> None:
    """Write a map of a track, with its names and its length, to a PNG or JPEG file.

    Args:
        track: what to draw.
        path: of the file; replaced whole or not at all.
        size: (width, height) [px].

    Raises:
        UserError: if the file cannot be written or the size is not one.
    """
    save_surface(track_picture(track, size), path)


def track_picture(track: Track, size: tuple[int, int] = (1280, 960)) -> pygame.Surface:
    """The picture that ``save_track_picture`` writes.

    Raises:
        UserError: if the size cannot be drawn.
    """
    width, height = size
    if width < 64 or height < 64 or width * height > _MOST_PIXELS:
        raise UserError(f"cannot draw a picture of {width}x{height}; try 1280x960")
    big = pygame.Surface((width * _FINE, height * _FINE), 0, 32)
    _Page(big, track).draw()
    return pygame.transform.smoothscale(big, size)


def save_surface(surface: pygame.Surface, path: str | Path) -> None:
    """Write any surface to a PNG or JPEG file, whole or not at all.

    Raises:
        UserError: if the file cannot be written.
    """
    kind = Path(path).suffix.lower() or ".png"
    encoded = io.BytesIO()  # pygame prints a traceback for each block a full disk refuses
    pygame.image.save(surface, encoded, f"picture{kind}")
    write_bytes(path, encoded.getbuffer())


class _Page:
    """One map being drawn; ``u`` is the unit of its layout, 1/960 of the smaller side."""

    def __init__(self, surface: pygame.Surface, track: Track) -> None:
        self.surface = surface
        self.track = track
        self.palette = palette_for(track.theme)
        w, h = surface.get_size()
        self.u = min(w / 1280.0, h / 960.0)
        top, side, bottom = 142.0 * self.u, 118.0 * self.u, 96.0 * self.u
        self.camera = Camera.fit(track.xy, (w, h), (side, top, w - 2 * side, h - top - bottom))

    def draw(self) -> None:
        u, p, track = self.u, self.palette, self.track
        draw_grass(self.surface, self.camera, p)
        beyond = np.abs(self.camera.corners() - track.xy.mean(axis=0)).max()
        Trees(track, p, kind_of_plant(track.theme), float(beyond)).draw(self.surface, self.camera)
        TrackPainter(track, p).ground(far=True).paint(self.surface, self.camera)
        radius = draw_road_map(self.surface, track, self.camera, p, 6.0 * u)
        w, h = self.surface.get_size()
        places = Places((w, h), 10.0 * u)
        places.take_dots(self.camera.to_screen(track.xy), radius * 1.9)
        places.take_box(0, 0, w, 106 * u)
        places.take_box(0, h - 70 * u, 430 * u, 70 * u)
        arrow = draw_arrow(self.surface, track, self.camera, p, radius)
        places.take_dots(arrow, radius * 1.5)
        self._sectors(places, radius)
        self._names(places, radius)
        self._title()
        self._scale()
        self._north()

    def _panel(self, box: tuple[float, float, float, float], corner: float) -> None:
        rect = pygame.Rect(*(round(v) for v in box))
        pygame.draw.rect(self.surface, self.palette.panel, rect, border_radius=round(corner))

    def _sectors(self, places: Places, radius: float) -> None:
        u, p = self.u, self.palette
        for k, s in enumerate(self.track.sectors, start=2):
            at = draw_sector_mark(self.surface, self.track, self.camera, p, s, radius)
            middle = self.camera.to_screen(self.track.xy[int(s / self.track.spacing)])
            size = round(27 * u)
            tw, th = font(size).size(f"S{k}")
            box = (tw + 14 * u, th + 8 * u)
            way = (at - middle) / max(float(np.hypot(*(at - middle))), 1e-9)
            self._plate(places.place(at, way, box, 4 * u), box, f"S{k}", size, p.accent)

    def _names(self, places: Places, radius: float) -> None:
        u, p, track = self.u, self.palette, self.track
        size = round(26 * u)
        found: list[tuple[Placed, str, tuple[float, float]]] = []
        for label in track.labels:
            at, outward = self._spot(label.start, label.end)
            tw, th = font(size).size(label.name)
            box = (tw + 16 * u, th + 9 * u)
            found.append((places.place(at, outward, box, radius * 1.6 + 6 * u), label.name, box))
        for spot, _, _ in found:
            pygame.draw.line(self.surface, p.panel, *spot.line, max(1, round(2.4 * u)))
            pygame.draw.circle(self.surface, p.panel, spot.line[0], 5.2 * u)
            pygame.draw.circle(self.surface, p.text, spot.line[0], 3.0 * u)
        for spot, name, box in found:
            self._plate(spot, box, name, size, p.text)

    def _plate(
        self, spot: Placed, box: tuple[float, float], text: str, size: int, colour: Colour
    ) -> None:
        """Write a name on a panel of its own."""
        self._panel((spot.left, spot.top, *box), 5 * self.u)
        centre = (spot.left + box[0] / 2, spot.top + box[1] / 2 + self.u)
        write(self.surface, text, centre, size, colour, (0.5, 0.5))

    def _spot(self, start: float, end: float) -> tuple[Array, Array]:
        """Where a named stretch is marked, and the way its name should go [px]."""
        t = self.track
        span = (end - start) % t.length or t.length
        i = np.arange(int(start / t.spacing), int((start + span) / t.spacing) + 1) % t.n
        bend = np.abs(t.curvature[i])
        # The middle of the bending, or of the stretch where nothing bends.
        middle = (
            i[int(np.searchsorted(np.cumsum(bend), bend.sum() / 2))]
            if bend.sum() > 0.2
            else (i[len(i) // 2])
        )
        turn = float(t.curvature[i].sum())
        side = -np.sign(turn) if abs(turn) > 1e-6 else (-1.0 if t.closing_turn >= 0 else 1.0)
        outward = side * t.normal[middle] * np.array([1.0, -1.0])
        return self.camera.to_screen(t.xy[middle]), outward

    def _title(self) -> None:
        u, p, track = self.u, self.palette, self.track
        w, _ = self.surface.get_size()
        pygame.draw.rect(self.surface, p.panel, (0, 0, w, round(92 * u)))
        stripe = 12 * u
        for k in range(int(w // stripe) + 1):
            colour = p.kerb if k % 2 else p.kerb_alt
            box = (round(k * stripe), round(92 * u), round(stripe) + 1, round(7 * u))
            pygame.draw.rect(self.surface, colour, box)
        title = track.title or track.name
        size = fitting_size(title, round(78 * u), w * 0.5)
        write(self.surface, title, (30 * u, 49 * u), size, p.text, (0.0, 0.5))
        write(
            self.surface, facts_of(track), (w - 30 * u, 49 * u), round(32 * u), p.accent, (1.0, 0.5)
        )

    def _scale(self) -> None:
        u, p = self.u, self.palette
        _, h = self.surface.get_size()
        metres = round_length(260.0 * u / self.camera.pixels_per_metre)
        long = metres * self.camera.pixels_per_metre
        x, y = 30 * u, h - 30 * u
        self._panel((x - 14 * u, y - 34 * u, long + 28 * u, 50 * u), 6 * u)
        for k in range(4):
            colour = p.line if k % 2 == 0 else p.kerb
            pygame.draw.rect(
                self.surface, colour, (x + k * long / 4, y - 4 * u, long / 4 + 1, 8 * u)
            )
        text = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
        write(self.surface, text, (x + long, y - 18 * u), round(22 * u), p.text, (1.0, 0.5))
        write(self.surface, "0", (x, y - 18 * u), round(22 * u), p.text, (0.0, 0.5))

    def _north(self) -> None:
        u, p = self.u, self.palette
        w, h = self.surface.get_size()
        x, y = w - 48 * u, h - 50 * u
        pygame.draw.circle(self.surface, p.panel, (x, y), 30 * u)
        for sign, colour in ((-1, p.text), (1, p.text_dim)):
            half = [(x, y - 17 * u), (x + sign * 9 * u, y + 16 * u), (x, y + 9 * u)]
            pygame.draw.polygon(self.surface, colour, half)
        write(self.surface, "N", (x, y - 32 * u), round(20 * u), p.text, (0.5, 1.0))


def fitting_size(text: str, size: int, width: float) -> int:
    """The largest size, at most ``size``, at which ``text`` is no wider than ``width`` px."""
    while size > 8 and font(size).size(text)[0] > width:
        size -= max(1, size // 12)
    return size


def facts_of(track: Track) -> str:
    """The line below a track's name: its length, country and direction."""
    parts = [f"{track.length / 1000:.3f} km"]
    country = track.meta.get("country")
    if country:
        parts.append(str(country))
    parts.append("clockwise" if track.closing_turn < -1.0 else
                 "anticlockwise" if track.closing_turn > 1.0 else "figure of eight")  # fmt: skip
    return "  ·  ".join(parts)


def round_length(metres: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above ``metres``."""
    power = 10.0 ** np.floor(np.log10(max(metres, 1e-6)))
    return float(max(f * power for f in (1.0, 2.0, 5.0) if f * power <= metres * 1.0001))
