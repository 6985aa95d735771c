"""Races of several cars: same bits in any company, walls, wakes, faults, long pile-ups."""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest

from retroracer.physics import company as c
from retroracer.physics import races, state
from retroracer.physics.car import load_car
from retroracer.physics.race import PHYSICS_DT, Race
from retroracer.track.bank import pack
from retroracer.track.generate import random_tracks
from tests.shapes import figure_of_eight, oval, walled

STRAIGHT = 4000.0


@pytest.fixture(scope="module")
def gt():
    return load_car("gt")


@pytest.fixture(scope="module")
def long_straight():
    return oval(straight=STRAIGHT, half_width=12.0)


def random_actions(rng, last):
    """Twitchy drivers who mostly accelerate."""
    return np.clip(last + rng.normal(0, 0.3, last.shape) + [0.0, 0.04], -1.0, 1.0)


def crowd(tracks, size, n_races, seed=0, gap=6.0, company=None):
    """Races of cars of all kinds, close together, moving."""
    rng = np.random.default_rng(seed)
    n = size * n_races
    cars = [load_car(rng.choice(["gt", "kart", "formula"])) for _ in range(n)]
    race = Race(tracks, cars, company=size if company is None else company)
    place = np.arange(n) % size
    race.place(
        s=100.0 + gap * place + rng.uniform(0, 1, n),
        lateral_offset=rng.uniform(-4, 4, n),
        speed=rng.uniform(0, 40, n),
        track=np.arange(n) // size % race.bank.n_tracks,
    )
    return race


def run(race, steps, seed=1, n_substeps=5, each=None):
    rng = np.random.default_rng(seed)
    actions = np.zeros((race.n, 2))
    for _ in range(steps):
        actions = random_actions(rng, actions)
        race.advance(actions, n_substeps)
        if each:
            each(race)


def test_cars_that_never_meet_move_to_the_bit_as_if_alone(gt):
    tracks = random_tracks(3, 2)
    states = []
    for size in (1, 2, 3, 6):
        race = Race(tracks, gt, 12, company=size)
        race.place(s=np.tile(np.arange(6) * 180.0, 2), speed=10.0, track=np.arange(12) // 6)
        run(race, 100)
        if size > 1:
            assert race.company.marks[:, c.CONTACTS].sum() == 0
            assert race.company.marks[:, c.TOW].sum() == 0
        states.append(race.floats.copy())
    for other in states[1:]:
        np.testing.assert_array_equal(other, states[0])


@pytest.mark.slow
def test_races_are_the_same_to_the_bit_for_any_threads_company_and_division_of_steps():
    tracks = random_tracks(5, 3)
    whole = crowd(tracks, 5, 30)
    run(whole, 80)
    assert whole.company.marks[:, c.CONTACTS].sum() > 20
    divided = crowd(tracks, 5, 30)
    rng = np.random.default_rng(1)
    actions = np.zeros((divided.n, 2))
    before = numba.get_num_threads()
    try:
        for _ in range(80):
            actions = random_actions(rng, actions)
            for part in (1, 3, 1):
                numba.set_num_threads(min(1 + part % 2, numba.config.NUMBA_NUM_THREADS))
                races.advance_races_parallel(
                    divided.cars, divided.company, divided.bank, actions, part, PHYSICS_DT
                )
    finally:
        numba.set_num_threads(before)
    kept = slice(0, state.STEP_PROGRESS)  # the others are of the last advance
    np.testing.assert_array_equal(divided.floats[:, kept], whole.floats[:, kept])
    np.testing.assert_array_equal(divided.company.touched, whole.company.touched)
    # One race alone, of all of them.
    seventh = slice(35, 40)
    lone = crowd(tracks, 5, 30)
    for k in range(30):
        if k != 7:
            lone.place(rows=np.arange(5 * k, 5 * k + 5), s=np.arange(5) * 20.0, track=0)
    run(lone, 80)
    np.testing.assert_array_equal(lone.floats[seventh], whole.floats[seventh])


def test_a_race_of_twenty_goes_through_more_than_one_block():
    race = crowd([oval(half_width=12.0)], 20, 1, gap=4.0)
    run(race, 60)
    assert race.company.marks[:, c.CONTACTS].sum() > 10
    assert np.isfinite(race.floats[:, : state.LAST_LAP]).all()


@pytest.mark.slow
def test_a_car_that_is_rear_ended_takes_speed_and_the_one_behind_the_blame(gt, long_straight):
    race = Race([long_straight], gt, 2, company=2)
    race.place(s=[100.0, 106.0], speed=[40.0, 20.0])
    total = race.vx.sum()
    while race.company.marks[0, c.CONTACTS] == 0:
        race.advance(np.zeros((2, 2)), 1)
    assert race.vx[1] > 28.0 and race.vx[0] < 32.0
    assert race.vx.sum() == pytest.approx(total, rel=0.01)
    assert race.company.marks[:, c.AT_FAULT].tolist() == [1.0, 0.0]
    closing = race.company.bump[0, 1]
    assert closing == pytest.approx(20.0, abs=0.2)
    assert race.company.blame[0, 1] == pytest.approx(closing**2)
    assert race.company.blame[1, 0] == 0.0
    race.advance(np.zeros((2, 2)), 5)
    assert race.vx[1] > race.vx[0]
    assert (race.company.blame == 0.0).all()  # of the last advance only


def test_contact_moves_cars_on_the_track_as_they_move_on_the_ground(gt, long_straight):
    race = Race([long_straight], gt, 3, company=3)
    race.place(s=[100.0, 102.0, 103.0], lateral_offset=[0.0, 0.6, -0.9])
    for _ in range(100):
        race.advance(np.zeros((3, 2)), 1)
        # Along the straight the station is x, the offset y.
        np.testing.assert_allclose(race.s - race.x, (race.s - race.x)[0], atol=1e-6)
        np.testing.assert_allclose(race.lateral_offset - race.y, 0.0, atol=1e-6)
    np.testing.assert_allclose(race.progress, race.s - [100.0, 102.0, 103.0], atol=0.02)
    apart = np.diff(np.sort(race.s))
    assert abs(race.lateral_offset[1] - race.lateral_offset[2]) > 1.9 or (apart > 4.5).any()


def test_a_car_pushed_into_a_wall_stays_inside_and_calm(gt):
    track = walled(straight=STRAIGHT, half_width=6.0, distance=8.0)
    race = Race([track], gt, 3, company=3)
    # Three abreast, the left one at the wall, the right ones steer into it with all they have.
    race.place(s=200.0, lateral_offset=[6.9, 4.8, 2.7], speed=40.0)
    top = 0.0
    for _ in range(400):
        race.advance(np.array([[0.0, 1.0], [0.6, 1.0], [1.0, 1.0]]), 1)
        assert race.lateral_offset.max() <= 8.0
        assert np.isfinite(race.floats[:, : state.LAST_LAP]).all()
        top = max(top, race.speed.max())
        assert abs(race.yaw_rate).max() <= 15.0
    assert top < 60.0


def test_a_driver_at_full_throttle_does_not_push_through_a_car_that_stands_at_a_wall(gt):
    track = walled(straight=STRAIGHT, half_width=6.0, distance=8.0)
    race = Race([track], gt, 2, company=2)
    race.place(
        s=[300.0, 300.0], lateral_offset=[6.9, 2.0], heading_error=[0.0, np.pi / 2], speed=[0, 20.0]
    )
    for _ in range(600):
        race.advance(np.array([[0.0, -0.0], [0.0, 1.0]]), 1)
        assert race.lateral_offset[0] <= 8.0 - 0.9
    depth = 1.0 + 2.3 - abs(race.lateral_offset[0] - race.lateral_offset[1])
    assert abs(race.s[0] - race.s[1]) > 2.0 or depth < 0.15


def test_symmetric_cars_stay_symmetric_through_a_pile_up(gt):
    track = oval(straight=STRAIGHT, half_width=12.0)
    race = Race([track], gt, 3, company=3)
    race.place(s=[100.0, 110.0, 110.0], lateral_offset=[0.0, 1.3, -1.3], speed=[60.0, 20.0, 20.0])
    for _ in range(60):
        race.advance(np.array([[0.0, 0.5], [-0.1, 0.2], [0.1, 0.2]]), 1)
    assert race.company.marks[:, c.CONTACTS].min() >= 1
    np.testing.assert_allclose(race.x[1], race.x[2], atol=1e-7)
    np.testing.assert_allclose(race.y[1], -race.y[2], atol=1e-7)
    np.testing.assert_allclose(race.y[0], 0.0, atol=1e-7)


def test_kinetic_energy_of_coasting_cars_only_falls(gt):
    race = crowd([oval(straight=STRAIGHT, half_width=12.0)], 12, 1, seed=5, gap=5.0)
    mass, inertia = 1.0 / race.params[:, 1], 1.0 / race.params[:, 2]
    last = np.inf
    for _ in range(300):
        race.advance(np.zeros((12, 2)), 1)
        now = (0.5 * mass * race.speed**2 + 0.5 * inertia * race.yaw_rate**2).sum()
        assert now <= last * 1.002  # the integrator's own error
        last = now
    assert race.company.marks[:, c.CONTACTS].sum() > 4


def test_a_car_in_the_wake_is_faster_on_the_straight_and_grips_less(gt, long_straight):
    def after(gap, aside=0.0, car=gt):
        race = Race([long_straight], [gt, car], company=2)
        race.place(s=[1000.0 + gap, 1000.0], lateral_offset=[0.0, aside], speed=60.0)
        race.advance(np.ones((2, 2)) * [0.0, 1.0], 5)
        return race.vx[1] - race.vx[0], race.company.marks[1]

    close, marks = after(10.0)
    assert close > 0.01
    # 10 m between centres are 5.4 m between bumpers.
    assert marks[c.TOW] == pytest.approx(0.3 * (1.0 - 5.4 / 60.0), abs=0.005)
    assert marks[c.LOSS] == pytest.approx(0.25 * (1.0 - 5.4 / 60.0), abs=0.005)
    far, _ = after(40.0)
    assert 0.0 < far < close
    assert after(70.0)[0] == 0.0
    assert after(10.0, aside=4.0)[0] == 0.0
    assert after(10.0, car=replace(gt, tow=0.0))[0] <= 0.0
    assert after(-10.0)[0] < 0.0  # then the other one has the tow


def test_a_ghost_touches_nobody_and_leaves_no_wake(gt, long_straight):
    race = Race([long_straight], gt, 2, company=2)
    race.place(s=[100.0, 110.0], speed=[50.0, 10.0])
    race.company.solid[1] = False
    alone = Race([long_straight], gt, 2)
    alone.place(s=[100.0, 110.0], speed=[50.0, 10.0])
    for each in (race, alone):
        each.advance(np.zeros((2, 2)), 100)
    np.testing.assert_array_equal(race.floats, alone.floats)


def test_cars_pass_under_the_bridge_of_a_figure_of_eight(gt):
    track = figure_of_eight()
    middle = np.argmin(np.hypot(*(track.xy - track.xy[0]).T) + 1e3 * (np.arange(track.n) < 40))
    race = Race([track], gt, 2, company=2)
    race.place(s=[0.0, middle * track.spacing])
    race.advance(np.zeros((2, 2)), 20)
    assert race.company.marks[:, c.CONTACTS].sum() == 0


def test_a_car_placed_anew_forgets_its_contacts(gt, long_straight):
    race = Race([long_straight], gt, 2, company=2)
    race.place(s=[100.0, 104.0], speed=[20.0, 10.0])
    race.advance(np.zeros((2, 2)), 10)
    assert race.company.marks[0, c.CONTACTS] == 1
    race.place(rows=[0, 1], s=[100.0, 200.0])
    assert (race.company.marks == 0.0).all()
    assert (race.company.touched == c.NEVER).all()


@pytest.mark.parametrize(("company", "n"), [(21, 21), ([3, 4], 8), (0, 2), (3, 4)])
def test_companies_that_make_no_sense_are_told(gt, long_straight, company, n):
    with pytest.raises(ValueError, match="race"):
        Race([long_straight], gt, n, company=company)


@pytest.mark.slow
def test_long_pile_ups_of_twenty_stay_finite_and_in_bounds():
    tracks = [*random_tracks(8, 3), walled(distance=7.0)]
    race = crowd(pack(tracks), 20, 8, gap=3.0)

    def sane(race):
        assert np.isfinite(race.floats[:, : state.LAST_LAP]).all()
        assert race.speed.max() < 150.0
        assert abs(race.yaw_rate).max() < 30.0

    run(race, 400, each=sane)
    assert race.company.marks[:, c.CONTACTS].sum() > 500
