"""A lap as a film: GIF or WebP (Pillow), PNG (one picture), MP4 where PyAV is installed.

Owns writing; what is drawn is the replay's picture. Frames are drawn and written one by one, so
that a long lap needs no more memory than a short one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pygame

from retroracer.atomic import replacing
from retroracer.errors import UserError
from retroracer.game.replay.tape import Tape, drive_again
from retroracer.game.replay.tape_checks import TapeError
from retroracer.game.screens.canvas import Canvas
from retroracer.game.screens.replay import cars_at
from retroracer.physics.race import PHYSICS_DT
from retroracer.render.follow import Follower
from retroracer.render.picture import save_surface
from retroracer.render.scene import TrackScene
from retroracer.render.text import lap_text
from retroracer.track.track import Track

SIZE = (480, 270)
FPS = 20
KINDS = (".gif", ".webp", ".png", ".mp4")


def frames(
    track: Track, tape: Tape, row: int, scene: TrackScene | None, first: float, last: float
) -> Iterator[pygame.Surface]:
    """The pictures of a lap between two times [s], 20 a second; each is drawn over the last."""
    scene = scene or TrackScene(track)
    trajectory = drive_again(tape, track)
    follower = Follower()
    surface = pygame.Surface(SIZE, 0, 32)
    end = min(last, tape.duration)
    for k in range(int((end - first) * FPS + 1e-6) + 1):
        time = first + k / FPS
        tick = time / PHYSICS_DT
        views = cars_at(tape, trajectory, tick, row)
        car = views[-1]
        i = min(int(tick), len(trajectory.speed) - 1)
        speed = float(trajectory.speed[i, row])
        camera = follower.view(car.x, car.y, car.heading, speed, SIZE, 1.0 / FPS)
        scene.draw(surface, camera, views)
        canvas = Canvas(surface, scene.palette)
        canvas.panel(6, 6, 112, 30)
        canvas.text(track.title.upper(), 12, 11, canvas.palette.text_dim, width=100)
        canvas.text(lap_text(time), 12, 22, canvas.palette.text)
        canvas.text(f"{3.6 * speed:.0f} km/h", 112, 22, canvas.palette.accent, anchor=1.0)
        yield surface


def export(
    track: Track,
    tape: Tape,
    path: Path,
    row: int = 0,
    scene: TrackScene | None = None,
    first: float = 0.0,
    last: float = float("inf"),
    stop: threading.Event | None = None,
) -> int:
    """Write a lap to a file, whole or not at all.

    Args:
        track: the lap was driven on.
        tape: the lap.
        path: its ending says the kind: .gif, .webp, .png or .mp4.
        row: of the car that is followed.
        scene: of the track, if there is one already.
        first: time of the first picture [s].
        last: of the last one [s].
        stop: gives the film up once it is set.

    Returns:
        How many pictures were written.

    Raises:
        UserError: if the kind is unknown, cannot be written here, or the file cannot; if the
            tape was not driven on this track; if it was stopped.
    """
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise UserError(f"cannot export to {path.name}: end it with {', '.join(KINDS)}")
    drawn = _until(stop, frames(track, tape, row, scene, first, last))
    if kind == ".png":
        save_surface(next(drawn), path)
        return 1
    with replacing(path) as part:
        return _mp4(drawn, part) if kind == ".mp4" else _pillow(drawn, part, kind)


def _until(
    stop: threading.Event | None, drawn: Iterator[pygame.Surface]
) -> Iterator[pygame.Surface]:
    try:
        for surface in drawn:
            if stop is not None and stop.is_set():
                raise UserError("stopped before it was done")
            yield surface
    except TapeError as error:
        raise UserError(f"this lap cannot be driven again: {error}") from None


def _pillow(drawn: Iterator[pygame.Surface], part: Path, kind: str) -> int:
    from PIL import Image

    def image(surface: pygame.Surface) -> Image.Image:
        return Image.frombytes("RGB", surface.get_size(), pygame.image.tobytes(surface, "RGB"))

    first = image(next(drawn))
    count = 1
    # One palette for all pictures: quicker, smaller and without flicker.
    shared = first.quantize(64, dither=Image.Dither.NONE)

    def rest() -> Iterator[Image.Image]:
        nonlocal count
        for surface in drawn:
            count += 1
            picture = image(surface)
            yield (
                picture.quantize(palette=shared, dither=Image.Dither.NONE)
                if kind == ".gif"
                else picture
            )

    head = shared if kind == ".gif" else first
    with open(part, "wb") as file:
        head.save(
            file, "GIF" if kind == ".gif" else "WEBP", save_all=True, append_images=rest(),
            duration=1000 // FPS, loop=0,
        )  # fmt: skip
    return count


def _mp4(drawn: Iterator[pygame.Surface], part: Path) -> int:
    try:
        import av
        import numpy as np
    except ImportError:
        raise UserError("MP4 needs PyAV: pip install av; or export a .gif") from None
    count = 0
    with av.open(str(part), "w", format="mp4") as film:
        stream = film.add_stream("h264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for surface in drawn:
            raw = pygame.image.tobytes(surface, "RGB")
            picture = np.frombuffer(raw, np.uint8).reshape(SIZE[1], SIZE[0], 3)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")):
                film.mux(packet)
            count += 1
        for packet in stream.encode():
            film.mux(packet)
    return count
