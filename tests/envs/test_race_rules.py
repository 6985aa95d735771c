"""The rules of a race: finishing order, penalties, cars that are out, results."""

from __future__ import annotations

import numpy as np
import pytest

from retroracer import config
from retroracer.envs.race_rules import FINISHED, OUT, RACING, RacePage, Stewards
from retroracer.errors import UserError
from retroracer.physics import state
from retroracer.physics.car import load_car
from retroracer.physics.company import AT_FAULT
from retroracer.physics.race import Race
from tests.shapes import oval


@pytest.fixture
def race():
    race = Race([oval()], load_car("gt"), 3, company=3)
    race.place(s=[-10.0, -20.0, -30.0], grid=True)
    return race


def drive_to(race, row, laps, at):
    """As if a car had completed so many laps, the last at a time."""
    race.ints[row, state.LAP] = laps
    race.floats[row, [state.LAP_START, state.TIME]] = at, at + 0.03
    race.floats[row, state.LAP_FINISH] += laps * race.length()[row]
    race.floats[row, state.PROGRESS] += laps * race.length()[row] + 10.0


def test_the_first_home_wins_by_the_time_of_the_line_not_of_the_step(race):
    stewards = Stewards(race, RacePage(laps=2), 0, 3, ["a", "b", "c"])
    drive_to(race, 0, 2, 80.02)
    drive_to(race, 2, 2, 80.01)
    stewards.watch()
    results = stewards.results()
    assert [r["driver"] for r in results] == ["c", "a", "b"]
    assert [r["status"] for r in results] == [FINISHED, FINISHED, RACING]
    assert results[0]["time_s"] == pytest.approx(80.01)
    assert results[2]["time_s"] is None
    assert not stewards.over


def test_penalties_are_seconds_where_the_page_asks_for_them(race):
    page = RacePage(laps=1, contact_seconds=5.0, track_limit_seconds=3.0, warnings=1)
    stewards = Stewards(race, page, 0, 3)
    race.company.marks[0, AT_FAULT] = 2
    for _ in range(3):
        for off in (0.4, 0.0):
            race.floats[1, state.OFF_FOR] = off
            stewards.watch()
    for row, at in enumerate((50.0, 55.0, 58.0)):
        drive_to(race, row, 1, at)
    stewards.watch()
    results = {r["driver"]: r for r in stewards.results()}
    assert results["car_0"]["total_s"] == pytest.approx(60.0)
    assert results["car_0"]["penalties"] == [{"reason": "contact", "count": 2, "seconds": 10.0}]
    assert results["car_1"]["penalties"] == [{"reason": "track limits", "count": 2, "seconds": 6.0}]
    assert [r["driver"] for r in stewards.results()] == ["car_2", "car_0", "car_1"]
    free = Stewards(race, RacePage(laps=1), 0, 3)
    assert (free.penalties() == 0.0).all()


def test_what_happens_after_the_finish_is_not_punished(race):
    stewards = Stewards(race, RacePage(laps=1, contact_seconds=5.0), 0, 3)
    drive_to(race, 0, 1, 50.0)
    stewards.watch()
    race.company.marks[0, AT_FAULT] = 1
    stewards.watch()
    assert stewards.penalties()[0] == 0.0


def test_a_car_that_stands_or_stays_off_is_out_and_ranks_behind_those_who_race(race):
    stewards = Stewards(race, RacePage(out_after=5.0), 0, 3)
    race.floats[0, state.OFF_FOR] = 5.1
    stewards.watch()
    race.floats[1:, state.TIME] = 30.0
    race.floats[1, state.PROGRESS] = 40.0
    stewards.watch()
    assert stewards.out.tolist() == [True, False, True]
    results = stewards.results()
    assert results[0]["driver"] == "car_1"
    assert [r["status"] for r in results] == [RACING, OUT, OUT]


def test_a_race_whose_time_is_up_is_over(race):
    stewards = Stewards(race, RacePage(time=60.0), 0, 3)
    race.floats[:, state.TIME] = 60.0
    stewards.watch()
    assert stewards.over


def test_a_page_of_a_race_is_read_and_its_mistakes_told(tmp_path):
    page = tmp_path / "race.yaml"
    page.write_text("laps: 5\nstart: rolling\ncontact_seconds: 5\n")
    assert config.load(RacePage, page) == RacePage(laps=5, start="rolling", contact_seconds=5.0)
    page.write_text("laps: 0\n")
    with pytest.raises(UserError, match="laps"):
        config.load(RacePage, page)
    page.write_text("start: flying\n")
    with pytest.raises(UserError, match="standing"):
        config.load(RacePage, page)


def test_stewards_need_company():
    race = Race([oval()], load_car("gt"), 2)
    with pytest.raises(ValueError, match="company"):
        Stewards(race, RacePage(), 0, 2)
    assert np.isnan(race.last_lap_time).all()


def test_flags_tell_of_a_car_that_hardly_moves_of_one_a_lap_ahead_and_of_the_finish(race):
    stewards = Stewards(race, RacePage(laps=2), 0, 3)
    race.place(s=[100.0, 180.0, 400.0], speed=[30.0, 0.0, 30.0])
    assert [stewards.flag(k, 2.0) for k in range(3)] == ["", "", ""], "all are slow at the start"
    assert [stewards.flag(k, 20.0) for k in range(3)] == ["yellow", "", ""]
    race.company.solid[1] = False
    assert stewards.flag(0, 20.0) == "", "it has left the race"
    race.company.solid[1] = True
    race.place(s=[100.0, 80.0, 400.0], speed=30.0)
    assert stewards.flag(0, 20.0) == ""
    race.ints[1, state.LAP] += 1
    assert [stewards.flag(k, 20.0) for k in range(3)] == ["blue", "", ""]
    drive_to(race, 1, 2, 80.0)
    stewards.watch()
    assert stewards.flag(1) == "chequered"
    assert stewards.results()[0]["flag"] == "chequered"


def test_flags_of_a_race_are_those_of_its_own_rows():
    race = Race([oval()], load_car("gt"), 4, company=2)
    race.place(s=[100.0, 150.0, 100.0, 300.0], speed=[30.0, 0.0, 30.0, 30.0])
    first, second = (Stewards(race, RacePage(), k, k + 2) for k in (0, 2))
    assert first.flag(0, 20.0) == "yellow" and second.flag(2, 20.0) == ""
