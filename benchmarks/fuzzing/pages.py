"""Damaged YAML pages: of tracks, cars, scripts, and of the game's own settings."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import yaml

from benchmarks.fuzzing import text
from benchmarks.fuzzing.case import MOST_LINES, Case, cli
from benchmarks.fuzzing.forked import NonsenseError
from benchmarks.fuzzing.meaning import agree, compose
from retroracer.config import read_list
from retroracer.game.race.drivers import Cue
from retroracer.game.race.session import Session
from retroracer.game.settings import SettingsFile
from retroracer.physics.car import load_car
from retroracer.track.files import open_track, shipped_tracks
from retroracer.track.files import tracks_dir as folder_of_tracks
from retroracer.track.validity import is_valid

SMALL = "copper_bowl"

RICH = """\
schema: 1
name: Harbour Loop
meta: {author: A. Player, country: NO, length_m: 1899, license: CC0-1.0, source: own design}
race: {laps: 3, direction: forward}
layout:
  width: 12
  closing: auto
  crossings: forbid
  segments:
    - {straight: 420, name: Pit straight}
    - {corner: right, radius: 60, angle: 90, name: Quay, kerb: both}
    - {straight: 120, width: 10}
    - {corner: left, radius: 35, angle: 60}
    - {corner: right, radius: 35, angle: 60, name: Chicane}
    - {straight: 80}
    - {corner: right, radius: 90, angle: 120, to_radius: 90, ease: 0, name: Bowl}
    - {straight: 150}
    - {corner: left, radius: 50, angle: 30}
    - {straight: auto, name: Back straight}
    - {corner: right, radius: 45, angle: 90}
    - {straight: auto}
    - {corner: right, radius: 70, angle: 90, name: Last}
start: {at: 60, side: left, grid_gap: 9}
sectors: [600, 1200]
surface: {road: asphalt, runoff: grass, runoff_width: 15, walls: left}
surfaces: {grass: {grip: 0.5, drag: 0.9}, ice: {grip: 0.1}}
patches:
  - {from: Chicane, length: 40, surface: gravel, side: left}
  - {from: 100, length: 50, surface: ice, side: road}
kerbs: {auto: true, width: 1.2, below_radius: 120}
theme: {preset: harbour, road: "#46464b", kerb: ["#d03030", "#f0f0f0"]}
medals: {author: 38.412, gold: 40}
"""

DOTS = """\
schema: 1
name: Dots
layout:
  width: 10
  points:
    - [0, 0]
    - [180, 4, 14]
    - {x: 320, y: -40, left: 6, right: 9, name: Quay}
    - [330, -160]
    - [200, -250]
    - [100, -180]
    - [-80, -120]
start: {at: 60}
"""

SCRIPT = """\
- {at: 0, throttle: 1}
- {at: 0.5, steer: 0.25}
- {at: 1.0, steer: -0.5, throttle: 0.3}
- {at: 1.2, press: pause}
- {at: 1.3, press: restart}
- {at: 2.5, key: escape}
- at: 3
  throttle: -1.0
  steer: 0
"""

CHOSEN = """\
keys: {left: "left,q", mute: x}
assists: {stability: true, abs: false, line: true}
volume: 0.4
mute: true
heading_up: false
track: copper_bowl
car: gt
rival: ""
rivals: 2
laps: 5
"""

START = ("--track", SMALL, "--opponents", "0", "--headless", "--frames", "12")


def tracks(seed: int, count: int, folder: Path) -> Iterator[Case]:
    """Track pages: opened, and exported or drawn now and then."""
    good = [RICH, DOTS] * 4
    good += [(folder_of_tracks() / f"{name}.yaml").read_text("utf-8") for name in shipped_tracks()]
    for k, (name, path) in enumerate(_damaged(seed, count, folder, good)):
        out = path.parent / "out"
        work = cli("tracks", "validate", str(path))
        if k % 10 == 3:
            work = cli("tracks", "draw", str(path), "--out", f"{out}.png", "--size", "320x240")
        elif k % 10 == 7:
            work = cli("tracks", "export", str(path), "--csv", f"{out}.csv")
        yield Case(name, (path,), work, _of_track(path), named=path.name, lines=3 * MOST_LINES)


def _of_track(path: Path) -> Callable[[], None]:
    def check() -> None:
        opened = open_track(path)
        track = opened.track
        numbers = (track.xy, track.half_width_left, track.half_width_right, track.curvature)
        if not all(np.isfinite(array).all() for array in numbers):
            raise NonsenseError("numbers that are not finite")
        if not 50.0 < track.length < 60_000.0 or not is_valid(track):
            raise NonsenseError(f"no track: {track.length} m")
        width = track.half_width_left + track.half_width_right
        if not 2.9 < width.min() <= width.max() < 130.0:
            raise NonsenseError(f"{width.min()} to {width.max()} m wide")
        page = opened.page.model_dump(by_alias=True)
        tree = compose(path)
        agree(tree, page)
        straights = [
            part["straight"] for part in page["layout"]["segments"] or () if "straight" in part
        ]
        along = sum(x for x in straights if isinstance(x, float | int))
        if along > track.length * 1.01:
            raise NonsenseError(f"{along} m of straights in a lap of {track.length} m")

    return check


def cars(seed: int, count: int, folder: Path) -> Iterator[Case]:
    """Car pages: driven for a moment, their limit solved now and then."""
    place = Path(__file__).resolve().parents[2] / "retroracer/physics/cars"
    good = [path.read_text("utf-8") for path in sorted(place.glob("*.yaml"))]
    for k, (name, path) in enumerate(_damaged(seed, count, folder, good)):
        work = cli("play", *START, "--car", str(path))
        if k % 10 == 5:
            work = cli("limit", SMALL, "--car", str(path))
        yield Case(name, (path,), work, _of_car(path), named=path.name, lines=MOST_LINES)


def _of_car(path: Path) -> Callable[[], None]:
    def check() -> None:
        car = load_car(path)
        agree(compose(path), asdict(car))
        session = Session(open_track(SMALL).track, [], [car], human=True)
        for tick in range(400):
            session.tick(0.6 if tick % 90 < 45 else -1.0, 1.0 if tick < 250 else -1.0)
        race = session.race
        if not np.isfinite([race.s[0], race.heading[0], race.speed[0]]).all():
            raise NonsenseError("a state that is not finite")
        if not abs(race.speed[0]) < 200.0:
            raise NonsenseError(f"{race.speed[0]} m/s")

    return check


def scripts(seed: int, count: int, folder: Path) -> Iterator[Case]:
    """Scripts of inputs: played for a moment."""
    plain = yaml.safe_load(SCRIPT)
    good = [SCRIPT, SCRIPT, yaml.safe_dump(plain), _json(plain)]
    for name, path in _damaged(seed, count, folder, good):
        work = cli("play", *START, "--script", str(path))
        yield Case(name, (path,), work, _of_script(path), named=path.name, lines=MOST_LINES)


def _json(plain: object) -> str:
    import json

    return json.dumps(plain, indent=1)


def _of_script(path: Path) -> Callable[[], None]:
    def check() -> None:
        agree(compose(path), [asdict(cue) for cue in read_list(Cue, path, "")])

    return check


def chosen(seed: int, count: int, folder: Path) -> Iterator[Case]:
    """The game's own settings: what is wrong in them is told, and never stops the game."""
    for name, path in _damaged(seed, count, folder, [CHOSEN]):
        home = path.parent / "home"
        home.mkdir()
        path = path.rename(home / "settings.yaml")
        yield Case(name, (path,), cli("play", *START), _of_chosen(path), codes=(0,))


def _of_chosen(path: Path) -> Callable[[], None]:
    def check() -> None:
        now = SettingsFile(path.parent).now
        if not (0.0 <= now.volume <= 1.0 and 0 <= now.rivals <= 3 and 0 <= now.laps <= 99):
            raise NonsenseError(str(now))

    return check


def _damaged(seed: int, count: int, folder: Path, good: list[str]) -> Iterator[tuple[str, Path]]:
    """Damaged pages, each in a folder of its own: names and paths."""
    for k in range(count):
        rng = random.Random(f"{seed} {k}")
        how, raw = text.damaged(rng, rng.choice(good), text.YAML)
        path = folder / f"{k}" / f"page{k}.yaml"
        path.parent.mkdir(parents=True)
        path.write_bytes(raw)
        yield f"{k}-{how}", path
