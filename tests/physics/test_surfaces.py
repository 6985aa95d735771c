"""Grass and gravel: what they cost a car, and that the road is as it was before they cost it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retroracer.physics import state
from retroracer.physics.car import AIR_DENSITY, GRAVITY, Car, load_car, shipped_cars
from retroracer.physics.race import Race
from retroracer.track.surface import ASPHALT, GRASS, GRAVEL, SURFACES, Surface
from retroracer.track.track import Track
from tests.drivers import PathFollower
from tests.physics.reference import ReferenceCar
from tests.shapes import oval, walled

ROAD_LAPS = Path(__file__).with_name("road_laps.csv")
FAST = 250.0 / 3.6
OFF = -14.0
"""A lateral offset [m] beside the road."""

everywhere = pytest.mark.parametrize("ground", [GRASS, GRAVEL], ids=lambda s: s.name)
every_car = pytest.mark.parametrize("name", shipped_cars())


def beside(ground: Surface, straight: float = 2000.0) -> Track:
    """A track with long straights and one surface all round its road."""
    n = oval(straight=straight).n
    index = np.full(n, SURFACES.index(ground))
    return oval(straight=straight, runoff_left=index, runoff_right=index)


def coasting(car: Car, ground: Surface) -> tuple[float, float]:
    """Deceleration of a coasting car: its constant part [m/s^2], its part by speed^2 [1/m]."""
    air = 0.5 * AIR_DENSITY * car.drag_area / car.mass
    return car.rolling * GRAVITY + ground.drag, air + ground.ploughing


def push(car: Car, ground: Surface, speed: float) -> float:
    """Acceleration [m/s^2] at full throttle: the engine's, or what the driven rear axle grips."""
    base = car.l_front + car.l_rear
    lift = 0.5 * AIR_DENSITY * car.lift_area * speed**2
    mu = car.mu * ground.grip
    engine = min(car.drive_force, car.power / max(speed, 1.0))
    # Load moves to the rear with what the pedal asks for, as far as all four tyres could give it.
    shift = min(engine, mu * (car.mass * GRAVITY + lift)) * car.cg_height / base
    rear = car.mass * GRAVITY * car.l_front / base + lift * (1.0 - car.aero_front) + shift
    return min(engine, car.longitudinal_use * mu * rear) / car.mass


def terminal(car: Car, ground: Surface) -> float:
    """Speed [m/s] at which push and resistance balance, by bisection."""
    constant, square = coasting(car, ground)
    low, high = 0.0, 200.0
    for _ in range(60):
        v = 0.5 * (low + high)
        low, high = (v, high) if push(car, ground, v) > constant + square * v * v else (low, v)
    return low


def off_road(name: str, ground: Surface, speed: float, straight: float = 2000.0) -> Race:
    race = Race([beside(ground, straight)], load_car(name))
    race.place(s=5.0, lateral_offset=OFF, speed=speed)
    return race


def flat_out(race: Race, seconds: float) -> float:
    """Full throttle straight on; the speed it comes to [m/s]."""
    for _ in range(round(seconds / 0.05)):
        race.advance(np.array([[0.0, 1.0]]))
    assert race.lateral_offset[0] == pytest.approx(OFF, abs=0.01), "still beside the straight"
    return float(race.speed[0])


@every_car
@everywhere
def test_top_speed_is_where_the_push_meets_the_surfaces_resistance(
    name: str, ground: Surface
) -> None:
    expected = terminal(load_car(name), ground)
    assert flat_out(off_road(name, ground, 0.0), 60.0) == pytest.approx(expected, rel=2e-3)
    faster = flat_out(off_road(name, ground, 1.3 * expected), 60.0)
    assert faster == pytest.approx(expected, rel=5e-3)


@every_car
def test_no_shipped_car_passes_110_kmh_on_grass_however_fast_it_left_the_road(name: str) -> None:
    assert flat_out(off_road(name, GRASS, 0.0), 40.0) < 110.0 / 3.6
    assert flat_out(off_road(name, GRASS, FAST), 30.0) < 110.0 / 3.6


@every_car
@everywhere
def test_a_coasting_car_stops_where_the_integral_says(name: str, ground: Surface) -> None:
    """v dv/dx = -(c + k v^2) gives x = ln(1 + k v0^2 / c) / 2 k."""
    constant, square = coasting(load_car(name), ground)
    expected = np.log(1.0 + square * FAST**2 / constant) / (2.0 * square)
    race = off_road(name, ground, FAST)
    while race.vx[0] > 0.1:
        race.advance(np.zeros((1, 2)), 1)
        assert race.time[0] < 60.0
    assert race.progress[0] == pytest.approx(expected, rel=5e-3)


@every_car
def test_gravel_stops_every_shipped_car_from_250_kmh_within_150_m_without_brakes(
    name: str,
) -> None:
    race = off_road(name, GRAVEL, FAST)
    while race.vx[0] > 0.05:
        race.advance(np.zeros((1, 2)), 1)
        assert race.progress[0] < 150.0


@pytest.mark.parametrize("kmh", [48.0, 97.0])
def test_gravel_slows_a_car_about_as_measured_where_it_was_measured(kmh: float) -> None:
    """Unbraked cars on arrester beds: 0.3 g to 0.45 g on average; see surfaces.yaml."""
    race = off_road("gt", GRAVEL, kmh / 3.6)
    while race.vx[0] > 0.1:
        race.advance(np.zeros((1, 2)), 1)
    mean = (kmh / 3.6) ** 2 / (2.0 * race.progress[0]) / GRAVITY
    assert 0.3 < mean < 0.6


@every_car
@everywhere
@pytest.mark.parametrize("grip", [1.0, 0.9])
def test_a_car_that_stands_beside_the_road_drives_back_to_it(
    name: str, ground: Surface, grip: float
) -> None:
    """By throttle and wheel alone, also with worn tyres."""
    car = load_car(name)
    race = Race([beside(ground)], replace(car, mu=grip * car.mu))
    race.place(s=5.0, lateral_offset=OFF, speed=0.0)
    while race.lateral_offset[0] < -4.0:
        steer = np.clip(2.0 * (0.4 - race.heading_error[0]), -1.0, 1.0)
        race.advance(np.array([[steer, 0.7]]))
        assert race.time[0] < 20.0
    assert race.floats[0, state.GRIP] == ASPHALT.grip
    assert race.floats[0, state.DRAG] == 0.0


@every_car
@everywhere
def test_a_car_reverses_out_of_the_ground_too(name: str, ground: Surface) -> None:
    race = off_road(name, ground, 0.0)
    for _ in range(100):
        race.advance(np.array([[0.0, -1.0]]))
    assert race.progress[0] < -0.3


@every_car
def test_the_same_straight_over_grass_takes_much_longer_than_on_the_road(name: str) -> None:
    """What leaving the road cannot be: a shorter way that is as fast."""
    times = []
    for offset in (0.0, OFF):
        race = Race([beside(GRASS)], load_car(name))
        race.place(s=5.0, lateral_offset=offset, speed=25.0)
        while race.progress[0] < 400.0:
            race.advance(np.array([[0.0, 1.0]]), 1)
        times.append(float(race.time[0]))
    assert times[1] > 1.4 * times[0]


@pytest.mark.slow
@every_car
@everywhere
def test_the_kernel_agrees_with_the_literal_reference_off_the_road(
    name: str, ground: Surface
) -> None:
    # Numbers that single precision holds exactly, as the packed bank keeps them so.
    exact = replace(ground, grip=0.375, drag=2.5, ploughing=1.0 / 128.0)
    track, car = beside(ground, straight=300.0), load_car(name)
    track = replace(track, surfaces=tuple(exact if s is ground else s for s in SURFACES))
    rng = np.random.default_rng(5)
    for offset, speed in ((OFF, 60.0), (9.0, 30.0), (-5.5, 45.0)):
        race, slow = Race([track], car), ReferenceCar(car, track)
        race.place(s=50.0, lateral_offset=offset, heading_error=-0.1, speed=speed)
        slow.place(50.0, offset, -0.1, speed)
        for k in range(200):
            if k % 20 == 0:
                action = rng.uniform(-1, 1, (1, 2)) * [[0.3, 1.0]]
            race.advance(action, 1)
            slow.step(action[0, 0], action[0, 1])
        got = [race.x, race.y, race.heading, race.vx, race.vy, race.yaw_rate, race.off_track_time]
        want = [slow.x, slow.y, slow.heading, slow.vx, slow.vy, slow.yaw_rate, slow.off_time]
        np.testing.assert_allclose(np.ravel(got), want, rtol=1e-7, atol=1e-6)
        found = race.floats[0, [state.GRIP, state.DRAG]]
        np.testing.assert_allclose(found, [slow.grip, slow.drag], rtol=1e-6)
        assert slow.off_time > 0.5


def test_a_road_of_gravel_resists_like_gravel_beside_a_road() -> None:
    n = oval(straight=1500.0).n
    track = oval(straight=1500.0, road=np.full(n, SURFACES.index(GRAVEL)))
    race = Race([track], load_car("gt"))
    race.place(s=5.0, speed=40.0)
    aside = off_road("gt", GRAVEL, 40.0)
    for _ in range(40):
        race.advance(np.zeros((1, 2)))
        aside.advance(np.zeros((1, 2)))
    assert race.vx[0] == aside.vx[0]
    assert race.off_track_time[0] == 0.0 < aside.off_track_time[0]


def test_the_resistance_is_that_of_the_speed_after_a_wall_not_before_it() -> None:
    race = Race([walled(distance=9.0)], load_car("gt"))
    race.place(s=100.0, lateral_offset=7.5, heading_error=0.6, speed=40.0)
    race.advance(np.zeros((1, 2)), 1)
    assert race.floats[0, state.STEP_IMPACT] > 20.0 and race.speed[0] < 30.0
    found = race.floats[0, state.DRAG]
    assert found == pytest.approx(GRASS.resistance(float(race.speed[0])), rel=1e-6)


def road_laps() -> np.ndarray:
    """A lap of each shipped car wholly on the road: rows of car, x, y, heading, v, yaw, steer."""
    out = []
    for k, name in enumerate(shipped_cars()):
        car = load_car(name)
        track = oval(half_width=6.0)
        race, driver = Race([track], car), PathFollower(track, car, pace=0.95)
        race.start_on_grid()
        while race.lap[0] < 1:
            race.advance(driver(race))
            if round(race.time[0] * 20) % 20 == 0:
                parts = (race.x, race.y, race.heading, race.vx, race.vy, race.yaw_rate)
                out.append([k, *(float(a[0]) for a in (*parts, race.steer_angle))])
        assert race.off_track_time[0] == 0.0
    return np.array(out)


@pytest.mark.slow
def test_laps_on_the_road_are_those_of_the_physics_before_grass_cost_anything() -> None:
    """The rows in road_laps.csv were driven when grass had grip 0.55 and slowed by 0.8 m/s^2."""
    np.testing.assert_allclose(road_laps(), np.loadtxt(ROAD_LAPS, delimiter=","), rtol=1e-9)
