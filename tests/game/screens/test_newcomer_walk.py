"""A newcomer who holds the throttle, crashes and opens every page never loses a race unasked."""

from collections.abc import Iterator
from pathlib import Path

import pygame
import pytest

from retroracer.game.screens.menu import ROWS, Menu
from retroracer.game.screens.race import RaceScreen
from tests.game.races import frames, game, hold, setup, strike


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("RETRORACER_HOME", str(tmp_path / "home"))
    yield
    pygame.display.quit()


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
    assert screen.newcomer.lost
    strike(pygame.K_ESCAPE, pygame.K_ESCAPE)
    frames(app, 1)
    assert app.screen is screen and app.running and not screen.paused
    strike(pygame.K_BACKSPACE)
    frames(app, 2)
    assert not screen.newcomer.lost and screen.session.ticks > 500


@pytest.mark.parametrize("by", ["keys", "mouse"])
@pytest.mark.parametrize(
    "row", ["TRACK", "CHAMPIONSHIP", "DAILY TRACK", "RECORDS", "OPTIONS", "RACE", "WATCH"]
)
def test_every_page_opens_and_leads_back(row: str, by: str) -> None:
    app = game(menu=True)
    frames(app, 1)
    menu = app.screen
    assert isinstance(menu, Menu)
    menu.rows.at = ROWS.index(row)
    frames(app, 1)
    if by == "mouse" and menu.rows.chosen.change is None:
        x, y, w, h = menu.rows._boxes[menu.rows.at]
        at = (round(x + w / 2), round(y + h / 2))
        pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=at, button=1))
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
