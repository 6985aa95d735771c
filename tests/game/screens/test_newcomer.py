"""A fresh data folder's first race: controls, line, cues, the way back; then it is left alone."""

import pygame
import pytest

from retroracer.game.app import App
from retroracer.game.screens.newcomer import USES
from retroracer.game.screens.race import RaceScreen
from retroracer.game.settings import SettingsFile
from tests.game.races import drive_cleanly, frames, game, hold, setup, until

pytestmark = pytest.mark.usefixtures("own_home")


def first_race(laps: int = 2) -> tuple[App, RaceScreen]:
    app = game(menu=True)
    app.newcomer = True  # as in a window
    screen = RaceScreen(app, setup(laps=laps))
    app.show(screen)
    return app, screen


@pytest.mark.slow
def test_controls_are_shown_until_each_was_used() -> None:
    app, screen = first_race()
    frames(app, 30)
    assert not screen.newcomer.used
    for code in (pygame.K_UP, pygame.K_LEFT, pygame.K_RIGHT, pygame.K_DOWN):
        hold(code)
        frames(app, 30)
        hold(code, False)
    frames(app, 2)
    assert screen.newcomer.used == {name for name, _ in USES}


@pytest.mark.slow
def test_the_line_is_on_for_the_first_lap_and_said_so_then_off_and_never_again() -> None:
    app, screen = first_race()
    assert screen.overlays.racing_line
    assert any("first lap" in told[0] for told in app._toasts._told)
    drive_cleanly(app)
    until(app, lambda: int(screen.session.race.lap[0]) == 1)
    assert not screen.overlays.racing_line and not screen.newcomer.first
    assert not SettingsFile().now.newcomer
    assert not game(menu=True).newcomer


@pytest.mark.slow
def test_a_cue_comes_before_corners_and_goes_when_one_brakes() -> None:
    app, screen = first_race()
    hold(pygame.K_UP)
    frames(app, 2)
    until(app, lambda: screen.newcomer.braking, seconds=30.0)
    assert screen.session.race.off_track[0] == 0, "before one is off the road"
    hold(pygame.K_UP, False)
    hold(pygame.K_DOWN)
    frames(app, 20)
    assert not screen.newcomer.braking


def test_after_two_seconds_off_the_road_the_way_back_is_told_to_everybody() -> None:
    app = game()
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    hold(pygame.K_UP)  # straight on at the first corner
    frames(app, 1)
    until(app, screen.newcomer.lost, seconds=30.0)
    frames(app, 1)
    screen.press("reset")
    frames(app, 2)
    assert not screen.newcomer.lost()
