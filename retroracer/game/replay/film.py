"""A lap as a film or a picture: drawn from its tape, with or without the game open.

Owns finding the lap (yours from the records, or a driver's, driven now) and drawing it. Files are
written by ``render.film``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pygame

from retroracer.errors import UserError
from retroracer.game.race.author import LAPS, laps_of
from retroracer.game.race.garage import Setup
from retroracer.game.replay.records import Records, kind_of
from retroracer.game.replay.tape import AGREES, Tape, Trajectory, drive_again
from retroracer.game.replay.tape_checks import TapeError
from retroracer.game.screens.canvas import Canvas
from retroracer.physics.race import PHYSICS_DT
from retroracer.render import film as films
from retroracer.render.cars import TRANSLUCENT, CarView, Role
from retroracer.render.follow import Follower
from retroracer.render.palette import RIVALS, Colour
from retroracer.render.picture import save_surface
from retroracer.render.scene import TrackScene
from retroracer.render.text import lap_text
from retroracer.track.track import Track

SIZE = (480, 270)
FPS = 20

SHORT = 15.0
"""A GIF or WebP longer than this has half the pictures, and smaller ones, to be shared [s]."""

SMALL = (320, 180)

PATIENCE = 60.0
"""Seconds a driver may take to get fifty metres on before it is given up."""


def colour_in(tape: Tape, row: int) -> Colour | None:
    """The colour of a car on a tape; None = its driver's."""
    if tape.roles[row] != "agent":
        return None
    place = tape.roles[:row].count("agent")
    return RIVALS[place % len(RIVALS)]


def cars_at(tape: Tape, trajectory: Trajectory, tick: float, row: int) -> list[CarView]:
    """Cars of a tape at a time in physics steps, between two of them; ``row`` painted last."""
    i, pose = trajectory.between(tick)
    views = []
    solid = tape.solid_at(i)
    for k in [j for j in range(len(tape.cars)) if j != row] + [row]:
        role: Role = "human" if tape.roles[k] == "human" else "agent"
        view = CarView.of(
            tape.cars[k],
            pose[k],
            float(trajectory.steer_angle[i, k]),
            float(trajectory.s[i, k]),
            role,
            1.0 if k == row or solid[k] else TRANSLUCENT,
            bool(tape.actions[min(i, len(tape.actions) - 1), k, 1] < -0.05),
        )
        views.append(replace(view, colour=colour_in(tape, k)))
    return views


def lap_pictures(
    track: Track, tape: Tape, row: int, scene: TrackScene | None, last: float
) -> Iterator[pygame.Surface]:
    """The pictures of a lap until ``last`` [s], 20 a second; each is drawn over the one before.

    Raises:
        UserError: if the tape was not driven on this track.
    """
    try:
        trajectory = drive_again(tape, track)
    except TapeError as error:
        raise UserError(f"this lap cannot be driven again: {error}") from None
    scene = scene or TrackScene(track)
    follower = Follower()
    surface = pygame.Surface(SIZE, 0, 32)
    for k in range(int(min(last, tape.duration) * FPS + 1e-6) + 1):
        time = k / FPS
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


def write_lap(
    track: Track,
    tape: Tape,
    path: Path,
    row: int = 0,
    scene: TrackScene | None = None,
    last: float = float("inf"),
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> int:
    """Write a lap to a file, whole or not at all.

    Args:
        track: the lap was driven on.
        tape: the lap.
        path: .gif, .webp or .mp4 for a film, .png for its first picture.
        row: of the car that is followed.
        scene: of the track, if there is one already.
        last: time of the last picture [s].
        stop: gives the film up once it is set.
        progress: told what share of the film is made, 0 to 1.

    Returns:
        How many pictures were written.

    Raises:
        UserError: if the ending is unknown, such a film cannot be written here, or the file
            cannot; if the tape was not driven on this track; if it was stopped.
    """
    pictures = lap_pictures(track, tape, row, scene, last)
    if path.suffix.lower() == ".png":
        save_surface(next(pictures), path)
        return 1

    length = min(last, tape.duration)
    long = path.suffix.lower() != ".mp4" and length > SHORT
    every = 2 if long else 1
    pictures = islice(pictures, 0, None, every)
    count = int(length * FPS / every) + 1

    def go_on(made: int) -> None:
        if stop is not None and stop.is_set():
            raise UserError("stopped before it was done")
        if progress is not None:
            progress(min(made / count, 1.0))

    size = SMALL if long else None
    return films.write_film(path, map(_pixels, pictures), FPS / every, size, go_on)


def _pixels(surface: pygame.Surface) -> films.Picture:
    raw = pygame.image.tobytes(surface, "RGB")
    return np.frombuffer(raw, np.uint8).reshape(surface.get_height(), surface.get_width(), 3)


def drivers_lap(setup: Setup) -> Tape:
    """The flying lap of the first driver, driven as fast as it can be worked out.

    Raises:
        UserError: if it does not come round.
    """
    laps = laps_of(setup.policies[0], setup.track, setup.cars[0], PATIENCE)
    tape = laps[-1].tape if laps and laps[-1].lap == LAPS else None
    if tape is None:
        raise UserError(f"{setup.names[0]} does not get round {setup.track.title}: nothing to show")
    return tape


def lap_of(setup: Setup) -> Tape:
    """Your best lap that is kept; watching, the flying lap of the first driver.

    Raises:
        UserError: if there is none, or it is damaged.
    """
    if not setup.human:
        return drivers_lap(setup)
    with closing(Records()) as records:
        return _best_lap(setup, records)


def _best_lap(setup: Setup, records: Records) -> Tape:
    best = records.best(kind_of(setup.track, setup.cars[0], setup.assists.named()))
    if not records.readable:
        raise UserError(f"{records.path}: {records.why}; put that right and try again")
    try:
        tape = records.tape(best[0]) if best else None
        if tape is not None:
            again = drive_again(tape, setup.track).lap_time
            if not abs(again - tape.lap_time) < AGREES:
                raise TapeError("it comes to another time now")
    except TapeError as error:
        raise UserError(
            f"{records.path}: your best lap cannot be driven again: {error}; "
            "drive another, or add --watch for the driver's"
        ) from None
    if tape is None:
        told = "; ".join([*records.news(), ""])
        raise UserError(
            f"{told}no lap of yours on {setup.track.title} in this car and with "
            f"{setup.assists.named()}; "
            "drive one, or add --watch for the driver's"
        )
    return tape


def megabytes(path: Path) -> str:
    """The size of a file, as it is told."""
    return f"{path.stat().st_size / 1e6:.1f} MB"


def film(
    setup: Setup,
    path: Path,
    seconds: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> str:
    """Write a lap to ``path``; returns what was written, in words.

    Args:
        setup: whose lap: yours, or the first driver's if you only watch.
        path: .gif, .webp, .png or .mp4.
        seconds: only so much of it, from its beginning; None = the whole lap.
        progress: told what share of the film is made, 0 to 1.

    Raises:
        UserError: if there is no such lap, or it cannot be written.
    """
    if path.suffix.lower() != ".png":
        films.demand_writer(path)
    if not path.parent.is_dir():
        raise UserError(f"cannot write {path}: folder {path.parent} does not exist")
    tape = lap_of(setup)
    last = float("inf") if seconds is None else seconds
    count = write_lap(setup.track, tape, path, last=last, progress=progress)
    told = f"{path}: {count} pictures of {tape.names[0]}'s lap of {tape.lap_time:.3f} s"
    return f"{told}, {megabytes(path)}"
