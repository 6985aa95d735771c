"""No reflex loses a race; leaving is asked for once; every page goes back to where it was."""

import pygame
import pytest

from retroracer.game.app import App
from retroracer.game.screens.menu import ROWS, Menu
from retroracer.game.screens.race import DEAF, RaceScreen
from retroracer.game.screens.records import RecordsScreen
from tests.game.races import drive_cleanly, frames, game, hold, setup, strike, until

pytestmark = pytest.mark.usefixtures("own_home")


def racing(app: App) -> RaceScreen:
    assert isinstance(app.screen, RaceScreen)
    return app.screen


def pad(button: int) -> None:
    pygame.event.post(pygame.event.Event(pygame.CONTROLLERBUTTONDOWN, button=button))


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_escape_however_often_never_ends_a_race(count: int) -> None:
    app = game()
    hold(pygame.K_UP)
    frames(app, 60)
    for _ in range(count):
        strike(pygame.K_ESCAPE)
        frames(app, 1)
    assert app.running and racing(app).paused == (count % 2 == 1)
    assert racing(app).session.race.progress[0] > 0.0


@pytest.mark.slow
@pytest.mark.parametrize("opens", [pygame.K_ESCAPE, pygame.K_p, "start"])
def test_the_pause_menu_is_moved_in_by_keys_and_pad(opens: int | str) -> None:
    app = game()
    frames(app, 60)
    if isinstance(opens, int):
        strike(opens)
    else:
        pad(6)
    frames(app, 1)
    screen = racing(app)
    assert screen.paused
    pad(12)  # down: RESTART
    pad(0)
    frames(app, 1)
    assert not screen.paused and screen.session.time < 0.1
    strike(pygame.K_ESCAPE, pygame.K_DOWN, pygame.K_DOWN, pygame.K_RETURN)
    frames(app, 1)
    assert not screen.paused and screen.session.recorder._resets, "put back on the road"


@pytest.mark.slow
def test_the_pause_menu_is_clicked() -> None:
    app = game()
    frames(app, 60)
    strike(pygame.K_p)
    frames(app, 2)
    screen = racing(app)
    x, y, w, h = screen.menu.choices._boxes[-1]
    at = (round(x + w / 2), round(y + h / 2))
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=at, button=1))
    frames(app, 1)
    assert isinstance(app.screen, Menu)


def test_leaving_the_program_asks_once_and_stays_on_escape() -> None:
    app = game(menu=True)
    for _ in range(2):
        strike(pygame.K_ESCAPE)
        frames(app, 1)
    assert app.running, "the second Escape takes the question back"
    strike(pygame.K_ESCAPE, pygame.K_DOWN, pygame.K_RETURN)
    frames(app, 1)
    assert app.running, "STAY"
    strike(pygame.K_ESCAPE, pygame.K_RETURN)
    frames(app, 1)
    assert not app.running


@pytest.mark.slow
def test_closing_the_window_asks_while_a_race_is_underway() -> None:
    app = game()
    hold(pygame.K_UP)
    frames(app, 60)
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    frames(app, 1)
    assert app.running and racing(app).paused
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    frames(app, 1)
    assert not app.running


@pytest.mark.slow
def test_the_menu_comes_back_to_the_row_that_was_left() -> None:
    app = game(menu=True)
    for row in ("RECORDS", "OPTIONS"):
        menu = app.screen
        assert isinstance(menu, Menu)
        menu.rows.at = ROWS.index(row)
        strike(pygame.K_RETURN)
        frames(app, 1)
        assert not isinstance(app.screen, Menu)
        strike(pygame.K_ESCAPE)
        frames(app, 1)
        assert isinstance(app.screen, Menu) and app.screen.rows.chosen.name == row


@pytest.mark.slow
def test_a_key_held_at_the_finish_does_not_leave_the_results() -> None:
    app = game(setup(laps=1))
    screen = racing(app)
    drive_cleanly(app)
    until(app, lambda: screen.showing_results)
    strike(pygame.K_SPACE, pygame.K_RETURN)
    frames(app, 2)
    assert app.screen is screen
    until(app, lambda: screen.since_over > 1.2 + DEAF)
    strike(pygame.K_RETURN)
    frames(app, 2)
    assert isinstance(app.screen, Menu)


def test_what_was_told_on_the_last_screen_does_not_cover_the_next() -> None:
    app = game(menu=True)
    frames(app, 1)
    app.tell("of the menu")
    frames(app, 2)
    menu = app.screen
    assert isinstance(menu, Menu)
    track = menu.track()
    assert not isinstance(track, str)
    app.tell("of this very moment")
    app.show(RecordsScreen(app, track))
    assert [told[0] for told in app._toasts._told] == ["of this very moment"]
