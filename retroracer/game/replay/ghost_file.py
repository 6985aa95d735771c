"""A lap as a file to be sent: a line that says whose it is, then its tape. Nothing in it runs.

Owns the form, and saying which of track, car and physics does not fit. Like a model, a file from
somebody else is read as plain data, with every value checked and every size bounded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retroracer.atomic import replacing
from retroracer.errors import UserError
from retroracer.game.replay.physics_fingerprint import physics_print
from retroracer.game.replay.tape import MOST_PACKED, Tape
from retroracer.game.replay.tape_checks import TapeError
from retroracer.laptime.limit import car_digest
from retroracer.reading import read_bytes, shown
from retroracer.render.text import lap_text
from retroracer.track.track import Track

ENDING = ".ghost"
VERSION = 1
MOST_HEADER = 4096
"""Bytes of the first line at most."""

_TEXTS = ("track", "track_digest", "car", "car_digest", "physics", "assists", "driver")


@dataclass(frozen=True, eq=False)
class GhostFile:
    """What is in a file: who drove a lap on which track, in which car, and its tape, of one car.

    Track and car by name and digest, the physics by its fingerprint, the assists in words.
    """

    track: str
    track_digest: str
    car: str
    car_digest: str
    physics: str
    assists: str
    driver: str
    tape: Tape

    def demand_fits(self, track: Track) -> None:
        """Refuse a lap that cannot be driven again here.

        Raises:
            UserError: naming what does not fit: the track, or the physics.
        """
        told = f"this ghost ({self.driver}, {lap_text(self.tape.lap_time)})"
        if self.track != track.name:
            raise UserError(f"{told} was driven on {self.track}, not on {track.name}")
        if self.physics != physics_print():
            raise UserError(f"{told} was driven with another physics: another version of the game")
        if self.track_digest != track.digest:
            raise UserError(f"{told} was driven on another form of {track.name}: it was edited")

    def demand_car(self, digest: str, title: str) -> None:
        """Refuse a lap in another car than yours.

        Raises:
            UserError: naming both.
        """
        if self.car_digest != digest:
            raise UserError(f"this ghost drives a {self.car}, you drive a {title}: take its car")


def write_ghost(path: Path, track: Track, tape: Tape, assists: str) -> None:
    """Write a lap of car 0, whole or not at all.

    Raises:
        UserError: if the file cannot be written.
    """
    if tape.solid:
        raise UserError("a lap in other cars' company is no ghost: it cannot be driven alone")
    tape = tape.only()
    header = {
        "retroracer_ghost": VERSION, "track": track.name, "track_digest": track.digest,
        "car": tape.cars[0].title, "car_digest": car_digest(tape.cars[0]),
        "physics": physics_print(), "assists": assists, "driver": tape.names[0],
    }  # fmt: skip
    with replacing(path) as part:
        part.write_bytes(json.dumps(header).encode() + b"\n" + tape.pack())


def read_ghost(path: Path) -> GhostFile:
    """Read a lap.

    Raises:
        UserError: if it is none of ours, damaged, or a newer game's.
    """
    raw = read_bytes(path, MOST_PACKED + MOST_HEADER)
    first, newline, _ = raw[: MOST_HEADER + 1].partition(b"\n")
    try:
        header: Any = json.loads(first) if newline else None
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or "retroracer_ghost" not in header:
        raise UserError(
            f"{path}: no ghost of this game; one ends in {ENDING} and begins with a line"
        )
    if header["retroracer_ghost"] != VERSION:
        version = shown(str(header["retroracer_ghost"]))
        raise UserError(f"{path}: a ghost of version {version}, this game reads {VERSION}")
    texts = {name: header.get(name) for name in _TEXTS}
    wrong = [n for n, v in texts.items() if not isinstance(v, str) or not 0 < len(v) <= 200]
    if wrong:
        raise UserError(f"{path}: its first line has no '{wrong[0]}'")
    try:
        tape = Tape.unpack(raw[len(first) + 1 :])
    except TapeError as error:
        raise UserError(f"{path}: {error}") from None
    if len(tape.cars) != 1 or car_digest(tape.cars[0]) != texts["car_digest"]:
        raise UserError(f"{path}: its tape is not of the car its first line names")
    return GhostFile(**{n: shown(str(v), 200) for n, v in texts.items()}, tape=tape)
