"""The reward orders drivers by lap time, and no trick earns more than driving."""

from __future__ import annotations

import numpy as np
import pytest

from retroracer.envs.batch import RacingBatch
from retroracer.envs.task import REWARD_NAMES, Ending, Reward
from retroracer.envs.variety import Variety
from retroracer.physics import state
from retroracer.physics.car import load_car, shipped_cars
from retroracer.track.generate import random_tracks
from tests.drivers import PathFollower
from tests.shapes import circle, figure_of_eight, oval, walled

EPISODE = 40.0  # [s]


@pytest.fixture(scope="module")
def road():
    return random_tracks(31, 1)[0]


def episode(track, driver, seconds=EPISODE, laps=0, car="gt"):
    """Return, steps and the batch of one episode from the grid, ended or ``seconds`` long.

    What a driver earns per episode: nothing more after its end.
    """
    batch = RacingBatch(
        1,
        tracks=[track],
        car=car,
        variety=Variety(start="grid"),
        ending=Ending(laps=laps, time=seconds),
        seed=0,
    )
    batch.reset(seed=0)
    total, steps = 0.0, 0
    while True:
        _, reward, terminated, truncated = batch.step(driver(batch.race), autoreset=False)
        total += reward[0]
        steps += 1
        if terminated[0] or truncated[0]:
            return total, steps, batch


def slow_and_clean(track, car="gt", pace=0.3, seconds=EPISODE):
    """What an unhurried driver who keeps to the road earns in the same time."""
    total, steps, batch = episode(track, PathFollower(track, load_car(car), pace), seconds, car=car)
    assert steps == round(seconds / 0.05)
    assert batch.race.off_track_time[0] == 0.0
    return total


@pytest.mark.slow
@pytest.mark.parametrize("car", shipped_cars())
def test_return_over_a_lap_rises_strictly_as_lap_time_falls(road, car):
    times, returns = [], []
    for pace in (0.3, 0.4, 0.5, 0.6, 0.68):
        driver = PathFollower(road, load_car(car), pace)
        total, _, batch = episode(road, driver, seconds=900.0, laps=1, car=car)
        assert batch.race.lap[0] == 1
        assert batch.race.off_track_time[0] == 0.0
        times.append(batch.race.last_lap_time[0])
        returns.append(total)
    assert (np.diff(times) < -1.0).all()
    assert (np.diff(returns) > 1.0).all()


@pytest.mark.slow
def test_return_in_the_same_time_rises_strictly_with_speed(road):
    returns = [slow_and_clean(road, pace=pace) for pace in (0.2, 0.3, 0.45, 0.6, 0.75)]
    assert (np.diff(returns) > 5.0).all()


def constant(*action):
    return lambda race: np.array([action], float)


def reversing(race):
    """Backwards along the road, as well as it goes."""
    aim = 0.3 * race.lateral_offset + 2.0 * race.heading_error
    return np.array([[np.clip(aim[0], -1, 1), -1.0]])


def brake_pulsing(track):
    driver = PathFollower(track, load_car("gt"), 0.3)

    def act(race):
        action = driver(race)
        if int(race.time[0] * 2.0) % 2:
            action[0, 1] = -1.0
        return action

    return act


def shuttling(track):
    """Drive some metres, leave the road, come back by the grass, drive the same metres again."""
    car = load_car("gt")
    lead = 12.0

    def act(race):
        phase = race.time[0] % 10.0
        target = 0.0 if phase < 4.0 else 14.0
        driver = PathFollower(track, car, 0.3, offset=target, top_speed=lead)
        action = driver(race)
        if phase >= 5.0:
            action[0, 1] = -1.0
            action[0, 0] *= -1.0
        return action

    return act


TRICKS = {
    "parking": lambda track: constant(0.0, 0.0),
    "parking on the brake after a sprint": lambda track: (
        lambda race: np.array([[0.0, 1.0 if race.progress[0] < 15.0 else -0.01]])
    ),
    "creeping": lambda track: PathFollower(track, load_car("gt"), 0.3, top_speed=1.5),
    "circling on the spot": lambda track: constant(1.0, 0.08),
    "circling the other way": lambda track: constant(-1.0, 0.15),
    "reversing": lambda track: reversing,
    "weaving": lambda track: PathFollower(
        track, load_car("gt"), 0.3, offset=lambda s, time: 2.5 * np.sin(s / 6.0)
    ),
    "weaving beyond the edges": lambda track: PathFollower(
        track, load_car("gt"), 0.3, offset=lambda s, time: 9.0 * np.sin(s / 12.0)
    ),
    "brake-pulsing": brake_pulsing,
    "shuttling off the road and back": shuttling,
    "driving beside the road": lambda track: PathFollower(track, load_car("gt"), 0.3, offset=11.0),
    "flat out": lambda track: constant(0.0, 1.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TRICKS)
def test_a_trick_earns_less_than_a_slow_clean_lap_in_the_same_time(road, name):
    total, _, _ = episode(road, TRICKS[name](road))
    assert total < slow_and_clean(road) - 1.0


@pytest.mark.slow
@pytest.mark.parametrize("name", TRICKS)
def test_no_trick_pays_at_all_on_tight_tracks_either(name):
    for track in (circle(25.0, half_width=5.0), figure_of_eight(radius=30.0)):
        clean = slow_and_clean(track)
        assert episode(track, TRICKS[name](track))[0] < clean - 0.1


@pytest.mark.slow
def test_cutting_corners_beyond_the_limits_earns_less_than_keeping_to_the_road(road):
    """Across the inside of every bend, at the same share of the profile."""
    bend = road.curvature
    ease = np.convolve(np.tile(bend, 3), np.hanning(31) / np.hanning(31).sum(), "same")
    inside = np.clip(ease[road.n : 2 * road.n] * 900.0, -1.0, 1.0)

    def line(by):
        def offset(s, time):
            here = np.interp(s % road.length, road.s, inside)
            widest = np.interp(s % road.length, road.s, road.half_width_left)
            return here * (widest + by)

        return offset

    for pace in (0.3, 0.6):
        kept = episode(road, PathFollower(road, load_car("gt"), pace, offset=line(-2.5)))[0]
        cut = episode(road, PathFollower(road, load_car("gt"), pace, offset=line(3.0)))[0]
        assert cut < kept - 1.0
        assert cut < slow_and_clean(road)


@pytest.mark.slow
def test_riding_the_wall_earns_less_than_a_slow_clean_lap():
    track = walled(oval, distance=8.0, half_width=7.0)
    clean = slow_and_clean(track)
    for push in (3.0, 8.0):
        for speed in (10.0, 20.0, 40.0):
            driver = PathFollower(track, load_car("gt"), 0.8, offset=-8.0 - push, top_speed=speed)
            total, _, batch = episode(track, driver)
            assert batch.race.time[0] > 1.0
            assert total < clean - 1.0


def test_walls_are_no_help_round_a_corner():
    track = walled(oval, distance=8.0, half_width=7.0)
    bold = episode(track, lambda race: np.array([[0.0, 1.0]]))[0]
    assert bold < slow_and_clean(track) - 1.0


def test_the_edge_costs_by_the_square_of_the_nearness_on_both_sides():
    track = oval()
    for side in (1, -1):
        for inside in (1.0, 0.5, 0.4, 0.25, 0.1, 0.01):
            weights = Reward(edge=-1.0)
            batch = RacingBatch(1, tracks=[track], variety=Variety(start="grid"), reward=weights)
            batch.reset(seed=0)
            floats = batch.race.floats
            half = floats[0, state.HALF_LEFT if side > 0 else state.HALF_RIGHT]
            batch.race.place(s=5.0, lateral_offset=side * (half - inside), speed=20.0)
            batch.step(np.zeros((1, 2)), autoreset=False)
            offset = side * floats[0, state.OFFSET]
            nearness = max(0.0, 1.0 - (half - offset) / 0.5)
            paid = batch.terms[0, REWARD_NAMES.index("edge")]
            assert paid == pytest.approx(-nearness * nearness * 0.05, abs=1e-9)
            assert (paid < 0.0) == (inside < 0.5)


def test_the_same_metres_are_never_paid_twice(road):
    """Whatever a car does, progress paid never exceeds the furthest it came on the road."""
    rng = np.random.default_rng(0)
    n = 64
    batch = RacingBatch(
        n,
        tracks=[road],
        variety=Variety(start="grid"),
        ending=Ending(off_track=1e9, stall=1e9, time=60.0),
        seed=0,
    )
    batch.reset(seed=0)
    paid, furthest = np.zeros(n), np.zeros(n)
    actions = np.zeros((n, 2))
    for k in range(600):
        if k % 10 == 0:
            actions = rng.uniform(-1, 1, (n, 2))
        batch.step(actions, autoreset=False)
        paid += batch.terms[:, REWARD_NAMES.index("progress")]
        furthest = np.maximum(furthest, batch.race.progress)
        assert (paid <= batch.reward.progress * furthest + 1e-9).all()


def test_being_ended_never_pays_more_than_going_on(road):
    """A driver cannot gain by leaving the road on purpose to end a bad episode early."""
    slow = slow_and_clean(road, pace=0.12)
    quit_now = episode(road, constant(0.7, 1.0))[0]
    assert quit_now < slow
