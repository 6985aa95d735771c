"""What remembered laps say together."""

import pytest

from retroracer.game.replay.progress import (
    DAY,
    best_by_day,
    best_sectors,
    theoretical_best,
    yours,
)
from retroracer.game.replay.records import Lap
from retroracer.game.screens.records import RecordsScreen
from retroracer.track.files import load_track
from tests.game.races import frames, game

pytestmark = pytest.mark.usefixtures("own_home")


def lap(day: float, *sectors: float, driver: str = "you", valid: bool = True) -> Lap:
    kind = ("GT", "", "no assists", driver)
    return Lap(1, day * DAY, "", "", "", *kind, sum(sectors), valid, sectors, False)


LAPS = [
    lap(3.2, 10.0, 21.0, 30.5),
    lap(3.4, 11.0, 20.0, 30.0),
    lap(5.1, 10.5, 20.5, 29.0),
    lap(4.0, 9.0, 19.0, 28.0, driver="base"),
    lap(4.0, 1.0, 1.0, 1.0, valid=False),
]


def test_the_best_sectors_of_your_valid_laps_make_the_lap_to_be_found() -> None:
    mine = yours(LAPS)
    assert len(mine) == 3
    assert best_sectors(mine) == [10.0, 20.0, 29.0]
    assert theoretical_best(mine) == pytest.approx(59.0)
    assert theoretical_best([]) is None
    assert best_sectors([lap(1, 1.0, 2.0), lap(1, 1.0, 1.0, 1.0)]) == [], "of different roads"


def test_progress_has_a_point_a_day_and_never_gets_worse() -> None:
    days = best_by_day(yours(LAPS))
    assert days == [(0.0, 61.0), (2.0, 60.0)]
    assert best_by_day([]) == []


@pytest.mark.parametrize("size", [(480, 270), (1280, 720)])
def test_the_page_shows_them(size: tuple[int, int]) -> None:
    app = game(menu=True, size=size)
    page = RecordsScreen(app, load_track("copper_bowl"))
    page.laps = list(LAPS)
    app.show(page)
    frames(app, 2)
