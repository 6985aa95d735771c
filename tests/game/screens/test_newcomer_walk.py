"""A newcomer who holds the throttle, crashes and opens every page never loses a race unasked."""

import pygame
import pytest

from retroracer.game.app import App
from retroracer.game.screens import canvas
from retroracer.game.screens.choices import Choices
from retroracer.game.screens.keys import KeysScreen
from retroracer.game.screens.menu import ROWS, Menu
from retroracer.game.screens.options import OptionsScreen
from retroracer.game.screens.race import RaceScreen
from retroracer.game.screens.replay import ReplayScreen
from retroracer.game.screens.telemetry import TelemetryScreen
from tests.game.races import drive_cleanly, frames, game, hold, setup, strike, until

pytestmark = pytest.mark.usefixtures("own_home")


def click(rows: Choices) -> None:
    """Click in the middle of the chosen row."""
    x, y, w, h = rows._boxes[rows.at]
    at = (round(x + w / 2), round(y + h / 2))
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=at, button=1))


def choose(app: App, rows: Choices, name: str, by: str) -> None:
    """Take a row by its name, by keys or with the mouse."""
    rows.at = [row.name for row in rows.rows].index(name)
    frames(app, 1)
    if by == "mouse":
        click(rows)
    else:
        strike(pygame.K_RETURN)
    frames(app, 2)


@pytest.mark.slow
def test_held_throttle_a_crash_and_two_escapes_lose_no_race() -> None:
    app = game(setup(laps=3), lights=True)
    app.newcomer = True
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    hold(pygame.K_UP)
    frames(app, 20)
    strike(pygame.K_SPACE)
    frames(app, 1)
    for _ in range(160):  # off the road at the first corner
        app.screen.advance(0.1)
    frames(app, 2)
    assert screen.newcomer.lost()
    strike(pygame.K_ESCAPE, pygame.K_ESCAPE)
    frames(app, 1)
    assert app.screen is screen and app.running and not screen.paused
    strike(pygame.K_BACKSPACE)
    frames(app, 2)
    assert not screen.newcomer.lost() and screen.session.ticks > 500


@pytest.mark.slow
@pytest.mark.parametrize("by", ["keys", "mouse"])
@pytest.mark.parametrize(
    "row",
    ["TRACK", "CHAMPIONSHIP", "DAILY TRACK", "RECORDS", "OPTIONS", "CARRACING", "RACE", "WATCH"],
)
def test_every_page_opens_and_leads_back(row: str, by: str) -> None:
    app = game(menu=True)
    frames(app, 1)
    menu = app.screen
    assert isinstance(menu, Menu)
    menu.rows.at = ROWS.index(row)
    frames(app, 1)
    if by == "mouse" and menu.rows.chosen.change is None:
        click(menu.rows)
    else:
        strike(pygame.K_RETURN)
    frames(app, 3)
    assert not isinstance(app.screen, Menu), row
    if isinstance(app.screen, RaceScreen):
        strike(pygame.K_ESCAPE, pygame.K_UP, pygame.K_RETURN)  # pause, last row, to the menu
    else:
        strike(pygame.K_ESCAPE)
    frames(app, 2)
    assert isinstance(app.screen, Menu) and app.running


@pytest.mark.slow
@pytest.mark.parametrize("by", ["keys", "mouse"])
def test_the_pages_behind_the_pause_lead_back_to_the_same_race(by: str) -> None:
    app = game(setup(laps=3))
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    hold(pygame.K_UP)
    frames(app, 120)
    strike(pygame.K_ESCAPE)
    frames(app, 2)
    ticks = screen.session.ticks
    choose(app, screen.menu.choices, "OPTIONS", by)
    page = app.screen
    assert isinstance(page, OptionsScreen)
    choose(app, page.rows, "KEYS", by)
    assert isinstance(app.screen, KeysScreen)
    for before in (KeysScreen, OptionsScreen):
        assert isinstance(app.screen, before)
        strike(pygame.K_ESCAPE)
        frames(app, 2)
    assert app.screen is screen and screen.paused and screen.session.ticks == ticks
    choose(app, screen.menu.choices, "RESUME", by)
    frames(app, 10)
    assert app.screen is screen and screen.session.ticks > ticks


@pytest.mark.slow
@pytest.mark.parametrize("by", ["keys", "mouse"])
@pytest.mark.parametrize(
    ("cap", "page"), [("V", ReplayScreen), ("T", TelemetryScreen)], ids=["replay", "telemetry"]
)
def test_the_pages_behind_the_results_lead_back_to_them(cap: str, page: type, by: str) -> None:
    app = game(setup(laps=1))
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    drive_cleanly(app)
    until(app, lambda: screen.showing_results)
    frames(app, 1)
    if by == "keys":
        strike(pygame.key.key_code(cap.lower()))
    else:
        box = next(box for box, key in canvas.clickable if key == cap.lower())
        pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=box.center, button=1))
    frames(app, 3)
    assert isinstance(app.screen, page)
    strike(pygame.K_ESCAPE)
    frames(app, 2)
    assert app.screen is screen and screen.showing_results and app.running
