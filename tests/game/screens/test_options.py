"""Options hold at once, are kept, and every page is used by keys, pad and mouse alike."""

from collections.abc import Iterator
from pathlib import Path

import pygame
import pytest

from retroracer.game.app import App
from retroracer.game.screens import canvas
from retroracer.game.screens.keys import KeysScreen
from retroracer.game.screens.menu import Menu
from retroracer.game.screens.options import OptionsScreen
from retroracer.game.screens.race import RaceScreen
from retroracer.game.settings import SettingsFile
from retroracer.render.palette import STRONG
from tests.colours import contrast
from tests.game.races import drive_cleanly, frames, game, setup, strike, until


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("RETRORACER_HOME", str(tmp_path / "home"))
    yield
    canvas.text_size(False)
    pygame.display.quit()


def options() -> tuple[App, OptionsScreen]:
    app = game(menu=True, size=(1920, 1080))
    page = OptionsScreen(app)
    app.show(page)
    return app, page


def choose(page: OptionsScreen, name: str) -> None:
    page.rows.at = [r.name for r in page.rows.rows].index(name)


@pytest.mark.parametrize(
    ("row", "field"),
    [("SOUND", "mute"), ("MUSIC", "music"), ("VOLUME", "volume"), ("COLOURS", "high_contrast"),
     ("SHAKE", "shake"), ("TEXT", "large_text"), ("CAMERA", "heading_up"), ("ABS", "assists")],
)  # fmt: skip
@pytest.mark.parametrize("by", ["keys", "pad", "mouse"])
def test_an_option_is_changed_by_keys_pad_or_mouse_and_kept(row: str, field: str, by: str) -> None:
    app, page = options()
    before = getattr(app.settings.now, field)
    choose(page, row)
    frames(app, 1)
    if by == "keys":
        strike(pygame.K_RIGHT)
    elif by == "pad":
        pygame.event.post(pygame.event.Event(pygame.CONTROLLERBUTTONDOWN, button=14))
    else:
        x, y, w, h = page.rows._boxes[page.rows.at]
        at = (round(x + 0.97 * w), round(y + h / 2))
        pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=at, button=1))
    frames(app, 1)
    assert getattr(app.settings.now, field) != before
    assert getattr(SettingsFile().now, field) == getattr(app.settings.now, field)


def test_large_text_is_larger_and_every_page_still_fits() -> None:
    normal = canvas.ui_scale((1920, 1080))
    canvas.text_size(True)
    large = canvas.ui_scale((1920, 1080))
    assert large > normal and 1920 / large >= canvas.LEAST[0]
    assert canvas.ui_scale((480, 270)) == 1


@pytest.mark.slow
def test_high_contrast_holds_on_every_track() -> None:
    app = game(menu=True)
    app.settings.change(high_contrast=True)
    screen = RaceScreen(app, setup("suzuka"))
    assert screen.scene.palette == STRONG
    assert contrast(STRONG.road, STRONG.grass) > 6.0 and contrast(STRONG.line, STRONG.road) > 15.0


@pytest.mark.slow
def test_options_over_a_race_come_back_to_it_and_leave_its_records_kind_alone() -> None:
    app = game()
    frames(app, 30)
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    screen.pause(True)
    screen.options()
    page = app.screen
    assert isinstance(page, OptionsScreen)
    assert "ABS" not in [r.name for r in page.rows.rows]
    strike(pygame.K_ESCAPE)
    frames(app, 1)
    assert app.screen is screen and screen.paused


def click_cap(app: App, key: str) -> None:
    box = next(box for box, code in canvas.clickable if code == key)
    event = pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=box.center, button=1)
    pygame.event.post(event)
    frames(app, 2)


def test_a_key_cap_that_is_drawn_is_a_button_for_the_mouse() -> None:
    app, _ = options()
    frames(app, 1)
    click_cap(app, "escape")
    assert isinstance(app.screen, Menu)


@pytest.mark.slow
def test_results_are_chosen_among_by_arrows_and_pad() -> None:
    app = game(setup(laps=1))
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    drive_cleanly(app)
    until(app, lambda: screen.since_over > 2.5)
    frames(app, 1)
    assert screen.results.ways()[screen.results.at][2] == "menu"
    strike(pygame.K_RIGHT)  # round to the first: again
    pygame.event.post(pygame.event.Event(pygame.CONTROLLERBUTTONDOWN, button=0))
    frames(app, 1)
    assert app.screen is screen and screen.session.time < 0.2


def test_a_key_is_bound_by_the_mouse_too() -> None:
    app = game(menu=True, size=(1280, 720))
    page = KeysScreen(app)
    app.show(page)
    frames(app, 1)
    row, box = page._boxes[4]
    for _ in range(2):
        at = box.center
        pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=at, button=1))
        frames(app, 1)
    assert page.at == row and page.waiting
    strike(pygame.K_j)
    frames(app, 1)
    assert "j" in app.controls.names.values()
