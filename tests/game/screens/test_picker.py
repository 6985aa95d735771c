"""Tracks to choose from, the track of the day, the championship."""

import datetime
from pathlib import Path

import numpy as np
import pygame
import pytest

from retroracer.game.home import data_dir
from retroracer.game.race.championship import (
    FILE,
    POINTS,
    TRACKS,
    Championship,
    keep_championship,
    read_championship,
)
from retroracer.game.race.daily import DAILY, daily_track
from retroracer.game.race.garage import put_together
from retroracer.game.screens.championship import ChampionshipScreen, RoundScreen
from retroracer.game.screens.menu import ROWS, Menu
from retroracer.game.screens.track_picker import TrackPicker
from tests.game.races import drive_cleanly, frames, game, setup, strike, until

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(480, 270), (1280, 720)])
@pytest.mark.parametrize("by", ["keys", "mouse"])
def test_a_track_is_picked_by_keys_or_mouse(size: tuple[int, int], by: str) -> None:
    app = game(menu=True, size=size)
    menu = app.screen
    assert isinstance(menu, Menu)
    menu.rows.at = ROWS.index("TRACK")
    strike(pygame.K_RETURN)
    frames(app, 2)
    picker = app.screen
    assert isinstance(picker, TrackPicker)
    goal = picker.names.index("monaco")
    if by == "keys":
        for _ in range(len(picker.names)):
            if picker.at != goal:
                strike(pygame.K_RIGHT)
                frames(app, 1)
        strike(pygame.K_RETURN)
    else:
        picker.at = goal
        frames(app, 1)
        box = dict(picker._boxes)[goal]
        event = pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=box.center, button=1)
        pygame.event.post(event)
    frames(app, 1)
    assert isinstance(app.screen, Menu) and app.settings.now.track == "monaco"
    assert app.screen.rows.chosen.name == "TRACK"


def test_a_day_has_one_track_and_the_next_day_another() -> None:
    day = datetime.date(2026, 11, 26)
    daily_track.cache_clear()
    first = daily_track(day)
    daily_track.cache_clear()
    np.testing.assert_array_equal(first.xy, daily_track(day).xy)
    assert first.digest != daily_track(day + datetime.timedelta(days=1)).digest
    assert first.name == "daily-2026-11-26"


@pytest.mark.slow
def test_the_track_of_the_day_is_raced_and_its_laps_are_remembered() -> None:
    race = put_together(DAILY, rivals=1, laps=1)
    app = game(race)
    drive_cleanly(app)
    screen = app.screen
    until(app, lambda: bool(screen.session.tapes))  # type: ignore[attr-defined]
    app.records.flush()
    assert app.records.laps(race.track)


def test_a_championship_is_won_by_points_and_kept_between_games(tmp_path: Path) -> None:
    cup = Championship()
    for _ in TRACKS:
        assert not cup.over
        cup.take(["you", "base", "pro", "club"])
        keep_championship(tmp_path, cup)
        cup = read_championship(tmp_path)
    assert cup.over and cup.standings()[0] == ("you", len(TRACKS) * POINTS[0])
    cup.take(["base", "you"])
    assert cup.standings()[0][1] == len(TRACKS) * POINTS[0], "nothing is raced after the last"
    assert cup.best_place() == 1
    cup.begin()
    assert not cup.points and cup.best_place() == 1


@pytest.mark.parametrize(
    "text", ["", "[]", '{"raced": -1, "points": {}, "past": []}', "[" * 9999, '{"raced": "x"}']
)
def test_a_file_that_is_none_begins_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert read_championship(tmp_path) == Championship()


@pytest.mark.slow
def test_a_round_counts_once_it_is_finished_and_not_when_it_is_left() -> None:
    app = game(menu=True)
    page = ChampionshipScreen(app)
    app.show(page)
    race = setup(laps=1, rivals=2)
    app.show(RoundScreen(app, race, page._take), over=True)
    app.screen.press("menu")  # type: ignore[attr-defined]
    assert app.screen is page and page.now.raced == 0
    app.show(RoundScreen(app, race, page._take), over=True)
    screen = app.screen
    assert isinstance(screen, RoundScreen)
    drive_cleanly(app)
    until(app, lambda: screen.since_over > 2.5)
    assert page.now.raced == 1 and sum(page.now.points.values()) == sum(POINTS[:3])
    screen.restart()
    assert app.screen is page, "a round that was finished is not raced again"
    assert read_championship(data_dir()).raced == 1
    frames(app, 2)
