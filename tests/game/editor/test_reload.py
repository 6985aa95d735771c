"""A page that is saved is on the road; a broken one tells why and changes nothing."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pygame
import pytest

from retroracer.game.app import App
from retroracer.game.screens.race import RaceScreen
from retroracer.resources import tracks_dir
from retroracer.track.files import load_track
from tests.game.races import frames, game, hold, setup


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    pygame.display.quit()


def racing(page: Path) -> tuple[App, RaceScreen]:
    app = game(replace(setup(), track=load_track(page), path=page))
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    return app, screen


def wait_for(app: App, done) -> None:  # type: ignore[no-untyped-def]
    """Play in real time until something has happened."""
    begun = last = time.perf_counter()
    while not done():
        now = time.perf_counter()
        assert now - begun < 60.0, "it never happened"
        app.step(now - last)
        last = now
        time.sleep(0.005)


@pytest.mark.slow
def test_a_saved_page_is_on_the_road_and_you_drive_on(tmp_path: Path) -> None:
    page = tmp_path / "mine.yaml"
    shutil.copy(tracks_dir() / "copper_bowl.yaml", page)
    app, screen = racing(page)
    hold(pygame.K_UP)
    frames(app, 300)
    speed, width = float(screen.session.race.speed[0]), screen.setup.track.half_width_left[0]
    page.write_text(page.read_text().replace("width: 15", "width: 18"))
    wait_for(app, lambda: screen.setup.track.half_width_left[0] != width)
    assert screen.setup.track.half_width_left[0] == 9.0
    assert screen.session.race.speed[0] > 0.8 * speed


def test_a_broken_page_shows_its_errors_and_the_last_good_track_stays(tmp_path: Path) -> None:
    page = tmp_path / "mine.yaml"
    shutil.copy(tracks_dir() / "copper_bowl.yaml", page)
    good = page.read_text()
    app, screen = racing(page)
    track = screen.setup.track
    page.write_text(good.replace("corner: left", "corner: up", 1))
    wait_for(app, lambda: bool(screen.errors))
    assert screen.setup.track is track and "mine.yaml" in screen.errors[0]
    frames(app, 3)
    page.write_text(good)
    wait_for(app, lambda: not screen.errors)
    page.unlink()
    frames(app, 60)
    assert not screen.errors
