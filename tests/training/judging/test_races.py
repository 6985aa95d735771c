"""Races that judge: orders of the grid, what differs by day, figures, intervals, ratings."""

from __future__ import annotations

import numpy as np
import pytest

from retroracer.agents.policy import load_policy
from retroracer.agents.rough_drivers import ROUGH, chance
from retroracer.envs.race_task import ASIDE, GAP, N_RACE_OBS, N_RIVAL, PRESENCE, RIVAL_TABLE
from retroracer.envs.task import N_OBS
from retroracer.physics.car import load_car
from retroracer.track.generate import random_tracks
from retroracer.training.judging.races import (
    Outcome,
    Raced,
    Racer,
    Start,
    figures,
    orders,
    race,
    ratings,
    wilson,
)

CAR = load_car()


def racer(name: str) -> Racer:
    return Racer(name, load_policy(name), CAR)


def test_orders_of_the_grid_are_all_that_differ_by_name() -> None:
    assert len(orders(["a", "b", "c"], "all")) == 6
    assert orders(["a", "b", "b", "b"], "all") == [
        (0, 1, 2, 3), (1, 0, 2, 3), (1, 2, 0, 3), (1, 2, 3, 0),
    ]  # fmt: skip
    assert orders(["a", "b", "c"], "last") == [(1, 2, 0)]
    assert orders(["a", "b", "c"], "first") == orders(["a", "b", "c"], "given") == [(0, 1, 2)]


def test_the_interval_of_a_share_is_wilsons() -> None:
    low, high = wilson(60, 100)  # worked by hand from the formula
    assert (low, high) == pytest.approx((0.5020, 0.6906), abs=1e-4)
    assert wilson(0, 10)[0] == 0.0 and wilson(10, 10)[1] == pytest.approx(1.0)
    assert wilson(10, 10)[0] == pytest.approx(1.0 / (1.0 + 1.959964**2 / 10), abs=1e-6)


@pytest.fixture(scope="module")
def raced() -> list[Raced]:
    racers = [racer("base"), racer("rookie")]
    return race(racers, random_tracks(31, 2), "all", laps=1, days=(4, 5))


@pytest.mark.slow
def test_every_track_day_and_order_is_raced_and_the_faster_driver_wins(raced: list[Raced]) -> None:
    starts = {(r.start.track, r.start.day, r.start.order) for r in raced}
    assert len(raced) == len(starts) == 8
    base, rookie = figures(raced, 0), figures(raced, 1)
    assert base["wins"] + rookie["wins"] == 8 and base["wins"] >= 6
    assert base["places_gained"] == pytest.approx(-rookie["places_gained"])
    assert base["completion"] == 1.0 and base["km"] > 4.0


@pytest.mark.slow
def test_alone_a_driver_takes_the_same_time_whoever_else_is_named(raced: list[Raced]) -> None:
    in_front = {(r.start.track, r.start.day): r.outcomes[0] for r in raced if r.start.order[0] == 0}
    again = race([racer("base"), racer("club")], random_tracks(31, 2), "first", 1, (4, 5))
    for r in again:
        known = in_front[r.start.track, r.start.day]
        assert r.outcomes[0].alone_s == known.alone_s
        assert r.outcomes[0].time_s == pytest.approx(known.alone_s, abs=0.2)  # nobody ahead


@pytest.mark.slow
def test_days_differ_and_each_is_the_same_again(raced: list[Raced]) -> None:
    times = {(r.start.day, r.outcomes[0].alone_s) for r in raced if r.start.order[0] == 0}
    assert len(times) == 4
    racers = [racer("base"), racer("rookie")]
    assert race(racers, random_tracks(31, 2), "all", laps=1, days=(4, 5)) == raced


def outcome(racer: int, grid: int, place: int, **more: float) -> Outcome:
    told = {"time_s": 60.0, "alone_s": 58.0, "distance_m": 2500.0, "contacts": 0, "at_fault": 0}
    return Outcome(racer=racer, grid=grid, place=place, **(told | more))  # type: ignore[arg-type]


def test_figures_are_counted_by_hand() -> None:
    raced = [
        Raced(Start(0, 0, (1, 0)), (outcome(0, 2, 1, contacts=2, at_fault=1), outcome(1, 1, 2))),
        Raced(Start(0, 0, (0, 1)), (outcome(0, 1, 2, time_s=None), outcome(1, 2, 1))),
    ]
    own = figures(raced, 0)
    assert (own["wins"], own["races"], own["finished"]) == (1, 2, 1)
    assert own["places_gained"] == 0.0
    assert own["km"] == pytest.approx(5.0)
    assert own["contacts_per_100km"] == pytest.approx(40.0)
    assert own["contacts_at_fault_per_100km"] == pytest.approx(20.0)
    assert own["time_lost_s"] == pytest.approx(2.0)


def test_ratings_follow_who_wins() -> None:
    won = Raced(Start(0, 0, (1, 0, 2)), (outcome(0, 2, 1), outcome(1, 1, 2), outcome(2, 3, 3)))
    first, second, third = ratings([won] * 10, 3)
    assert first["mu"] > second["mu"] > third["mu"]
    assert first["sigma"] < 25.0 / 3.0
    assert first["ordinal"] == pytest.approx(first["mu"] - 3.0 * first["sigma"])


def test_a_follower_steers_towards_the_car_ahead_and_lifts_for_nobody() -> None:
    follower, base = ROUGH["follower"](), load_policy("base")
    obs = np.zeros((3, N_RACE_OBS), np.float32)
    obs[:, :N_OBS] = np.random.default_rng(0).uniform(-0.3, 0.3, N_OBS)
    seen = obs[:, N_OBS:].reshape(3, -1, N_RIVAL)
    for row, (gap, aside) in enumerate(((10.0, 2.0), (-10.0, 2.0), (60.0, 2.0))):
        seen[row, 0, [PRESENCE, GAP, ASIDE]] = (
            1.0, gap / RIVAL_TABLE[GAP].scale, aside / RIVAL_TABLE[ASIDE].scale,
        )  # fmt: skip
    alone, among = base.act(obs[:, :N_OBS]), follower.act(obs)
    assert among[0, 0] == pytest.approx(min(alone[0, 0] + 0.06, 1.0), abs=1e-5)
    np.testing.assert_array_equal(among[1:], alone[1:])
    np.testing.assert_array_equal(among[:, 1], alone[:, 1])


def test_chances_are_even_and_depend_on_their_numbers_alone() -> None:
    turns, rows = np.arange(4000, dtype=np.uint64), np.arange(4000) % 7
    drawn = chance(turns, rows)
    assert ((drawn >= 0.0) & (drawn < 1.0)).all()
    assert drawn.mean() == pytest.approx(0.5, abs=0.02)
    assert (chance(turns, rows + 1) != drawn).all()
    np.testing.assert_array_equal(chance(turns[5:6], rows[5:6]), drawn[5:6])


@pytest.mark.slow
def test_one_that_brakes_at_random_loses_to_the_same_driver_that_does_not() -> None:
    racers = [racer("base"), Racer("braker", ROUGH["braker"](), CAR)]
    # Tracks on which it finishes alone too: on about one in six it leaves the road for good.
    found = race(racers, random_tracks(34, 2), "first", laps=1)
    assert figures(found, 0)["wins"] == 2
    assert all(r.outcomes[1].alone_s > r.outcomes[0].alone_s + 1.0 for r in found)  # type: ignore[operator]
