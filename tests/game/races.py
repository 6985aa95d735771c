"""Races for the game's tests: a driver that is honest inference, a game without a screen."""

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pygame

from retroracer.agents.facts import Facts
from retroracer.agents.model_file import ACTOR_ENTRY, FACTS_ENTRY, actor_bytes
from retroracer.agents.policy import Policy
from retroracer.envs.task import LAYOUT, N_OBS
from retroracer.game.app import App, Options
from retroracer.game.race.garage import Setup
from retroracer.game.screens.race import RaceScreen
from retroracer.physics.car import car_facts, load_car
from retroracer.track.files import load_track
from tests.drivers import PathFollower

GT = load_car("gt")


def follower(name: str = "follower") -> Policy:
    """A linear driver that keeps to the road at about 50 km/h: real inference, clean laps."""
    w = np.zeros((N_OBS, 2), np.float32)
    b = np.zeros(2, np.float32)
    w[6, 0], w[7, 0], w[5, 0], w[2, 0] = 1.0, -1.0, -3.0, -0.3  # to the middle, along it
    w[11:14, 0] = 0.6
    w[0, 1], b[1] = -6.0, 1.8
    facts = Facts(observation_layout=LAYOUT, steps=0, car=car_facts(GT))
    return Policy([(w, b)], facts, name)


def save_driver(path: Path, **facts: Any) -> Path:
    """A model file of the follower, as far as driving needs it; ``facts`` differ from its own."""
    driver = follower()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with zipfile.ZipFile(part, "w") as archive:
        archive.writestr(FACTS_ENTRY, replace(driver.facts, **facts).to_json())
        archive.writestr(ACTOR_ENTRY, actor_bytes(driver._layers))
    return part.rename(path)


def setup(
    track: str = "copper_bowl", human: int = 1, rivals: int = 1, laps: int = 3, solid: bool = False
) -> Setup:
    policy = follower()
    built = load_track(track)
    names = tuple(f"follower {k + 1}" for k in range(rivals))
    return Setup(
        built, None, (policy,) * rivals, (GT,) * (rivals + human), human, laps, names=names,
        solid=solid,
    )  # fmt: skip


def game(race: Setup | None = None, script: Any = None, menu: bool = False, **options: Any) -> App:
    """A game that has drawn nothing yet; races start without lights unless told."""
    options = {"lights": False, "size": (640, 360), **options}
    first = None if menu else race or setup()
    return App(Options(headless=True, **options), first, script=script)


def strike(*codes: int) -> None:
    """Press and let go of keys."""
    for code in codes:
        for kind in (pygame.KEYDOWN, pygame.KEYUP):
            pygame.event.post(pygame.event.Event(kind, key=code))


def drive_cleanly(app: App) -> None:
    """Let a hand-written driver that knows the track hold the wheel."""
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    driver = PathFollower(screen.setup.track, screen.setup.cars[0], pace=0.8)

    def inputs() -> list[tuple[float, float]]:
        steer, throttle = driver(screen.session.race)[0]
        return [(float(steer), float(throttle))]

    screen._inputs = inputs  # type: ignore[method-assign]


def hold(code: int, down: bool = True) -> None:
    """Press a key, or let it go."""
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN if down else pygame.KEYUP, key=code))


def frames(app: App, count: int, fps: float = 60.0) -> None:
    for _ in range(count):
        app.step(1.0 / fps)


def until(app: App, done: Callable[[], bool], seconds: float = 600.0) -> None:
    """Let race time pass quickly, without pictures."""
    passed = 0.0
    while not done():
        assert passed < seconds, "it never happened"
        app.screen.advance(0.1)
        passed += 0.1
