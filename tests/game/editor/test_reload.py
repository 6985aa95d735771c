"""A page that is saved is on the road; a broken one tells why and changes nothing."""

import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pygame
import pytest

from retroracer.game.app import App
from retroracer.game.race.carry_over import carry_over
from retroracer.game.race.session import Session
from retroracer.game.screens.race import RaceScreen
from retroracer.resources import tracks_dir
from retroracer.track.files import load_track
from tests.game.races import frames, game, hold, setup


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_page_saved_without_a_change_or_with_new_comments_changes_nothing(
    tmp_path: Path,
) -> None:
    page = tmp_path / "mine.yaml"
    shutil.copy(tracks_dir() / "copper_bowl.yaml", page)
    app, screen = racing(page)
    frames(app, 120)
    session, scene = screen.session, screen.scene
    for text in (page.read_text(), "# a thought\n" + page.read_text()):
        seen: list[object] = []
        assert screen.page is not None
        look = screen.page.look
        screen.page.look = lambda dt, look=look, seen=seen: (
            (  # type: ignore[method-assign,misc]
                seen.append(found) if (found := look(dt)) is not None else None
            )
            or found
        )
        page.write_text(text)
        wait_for(app, lambda seen=seen: bool(seen))
        frames(app, 10)
        assert screen.session is session and screen.scene is scene


@pytest.mark.slow
def test_new_colours_repaint_the_track_without_touching_the_race(tmp_path: Path) -> None:
    page = tmp_path / "mine.yaml"
    shutil.copy(tracks_dir() / "copper_bowl.yaml", page)
    app, screen = racing(page)
    frames(app, 60)
    session, scene = screen.session, screen.scene
    page.write_text(page.read_text().replace("preset: desert", "preset: night"))
    wait_for(app, lambda: screen.scene is not scene)
    frames(app, 2)
    assert (
        screen.session is session
        and screen.picture.huds[0].palette.grass == screen.scene.palette.grass
    )


@pytest.mark.slow
def test_a_change_keeps_clock_lap_and_place_of_everybody(tmp_path: Path) -> None:
    page = tmp_path / "mine.yaml"
    shutil.copy(tracks_dir() / "copper_bowl.yaml", page)
    built = load_track(page)
    wide = tmp_path / "wide.yaml"
    wide.write_text(page.read_text().replace("width: 15", "width: 18"))
    race = replace(setup(rivals=3), track=built)
    before = Session(built, race.policies, race.cars, True, 3)
    for _ in range(1000):
        before.tick(0.0, 0.15)
    order, into, lap_time = before.order(), before.distance_into_lap(), before.race.lap_time
    assert into.max() > 50.0
    after = Session(load_track(wide), race.policies, race.cars, True, 3)
    carry_over(before, after)
    assert after.time == before.time and after.order() == order
    np.testing.assert_allclose(after.race.lap_time, lap_time)
    share = after.track.length / built.length
    np.testing.assert_allclose(after.distance_into_lap(), into * share, atol=0.01)
    np.testing.assert_allclose(after.race.speed, before.race.speed, rtol=0.05)
    assert all(after.lap_invalid(i) for i in range(4)), "driven on two roads"
    while not (done := after.take_done()):
        assert after.time < 200.0, "the agents drive on, and their lap ends at the line"
        after.tick(0.0, -0.2)
    assert not done[0].valid and after.race.lap[done[0].row] == 1
