"""The kernel: same bits for any batch, agreement with a literal reference, walls, surfaces."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hyp
from hypothesis import strategies as st

from retroracer.physics import kernel, state
from retroracer.physics.car import load_car, shipped_cars
from retroracer.physics.race import N_SUBSTEPS, PHYSICS_DT, Race
from retroracer.track import bank
from retroracer.track.bank import pack
from retroracer.track.generate import random_tracks
from retroracer.track.surface import GRASS, GRAVEL, KERB
from tests.drivers import PathFollower
from tests.physics.reference import ReferenceCar
from tests.shapes import circle, figure_of_eight, oval, walled


@cache
def some_tracks():
    return [*random_tracks(11, 3), figure_of_eight(), walled(), circle(turn=-1)]


@cache
def packed():
    return pack(some_tracks())


@pytest.fixture(scope="module")
def tracks():
    return some_tracks()


def scattered(tracks, n, seed=0):
    """N cars of all kinds, anywhere, on and off the road, at any speed."""
    rng = np.random.default_rng(seed)
    cars = [load_car(rng.choice(shipped_cars())) for _ in range(n)]
    race = Race(tracks, cars)
    race.place(
        s=rng.uniform(0, 5000, n),
        lateral_offset=rng.uniform(-9, 9, n),
        heading_error=rng.normal(0, 0.4, n),
        speed=rng.uniform(-4, 60, n),
        track=rng.integers(len(tracks), size=n),
    )
    return race


def wild_actions(n, count, seed=1):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1.3, 1.3, (count, n, 2))


def row_of(race, i):
    """A race of one with car i's whole state."""
    alone = Race(race.bank, load_car("gt"), 1)
    for name in ("floats", "ints", "params", "splits", "last_sectors"):
        getattr(alone, name)[:] = getattr(race, name)[i : i + 1]
    return alone


def same_bits(a, b):
    """Equal to the last bit, nan equal to nan."""
    return a.tobytes() == b.tobytes()


def whole_state(race):
    return b"".join(a.tobytes() for a in (race.floats, race.ints, race.splits, race.last_sectors))


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 61])
def test_a_row_is_the_same_to_the_last_bit_alone_and_among_others(tracks, n):
    race = scattered(tracks, n)
    alone = [row_of(race, i) for i in range(n)]
    for actions in wild_actions(n, 40):
        race.advance(actions)
        for i, single in enumerate(alone):
            single.advance(actions[i : i + 1])
    for i, single in enumerate(alone):
        assert same_bits(single.floats[0], race.floats[i])
        assert same_bits(single.ints[0], race.ints[i])
        assert same_bits(single.splits[0], race.splits[i])


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2, None])
def test_threads_change_no_bit(tracks, threads):
    threads = min(threads or numba.config.NUMBA_NUM_THREADS, numba.config.NUMBA_NUM_THREADS)
    serial, parallel = scattered(tracks, 203), scattered(tracks, 203)
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        for actions in wild_actions(203, 20):
            for race in (serial, parallel):
                arguments = (race.cars, race.bank, actions, N_SUBSTEPS, PHYSICS_DT)
                if race is serial:
                    kernel.advance_rows(*arguments, 0, race.n)
                else:
                    kernel.advance_parallel(*arguments)
    finally:
        numba.set_num_threads(before)
    assert whole_state(serial) == whole_state(parallel)


def test_steps_may_be_divided_into_calls_anyhow(tracks):
    whole, ones, mixed = (scattered(tracks, 24) for _ in range(3))
    for actions in wild_actions(24, 40):
        whole.advance(actions, 5)
        for _ in range(5):
            ones.advance(actions, 1)
        mixed.advance(actions, 2)
        mixed.advance(actions, 3)
    # What a call reports of itself (STEP_...) differs by meaning; everything else may not.
    kept = [c for c in range(state.N_FLOATS) if c < state.STEP_PROGRESS]
    assert same_bits(whole.floats[:, kept], ones.floats[:, kept])
    assert same_bits(whole.floats[:, kept], mixed.floats[:, kept])
    assert same_bits(whole.ints[:, : state.STEP_LAP], ones.ints[:, : state.STEP_LAP])
    assert same_bits(whole.splits, ones.splits)


def test_the_order_of_columns_puts_reports_of_a_step_last():
    step = [getattr(state, k) for k in vars(state) if k.startswith("STEP_") and k != "STEP_LAP"]
    assert min(step) == state.STEP_PROGRESS
    assert sorted(step) == list(range(state.STEP_PROGRESS, state.N_FLOATS))


@pytest.mark.parametrize("car", shipped_cars())
@pytest.mark.parametrize(
    "which", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in (3, 4, 5))]
)
def test_the_kernel_agrees_with_the_literal_reference(tracks, car, which):
    track, car = tracks[which], load_car(car)
    rng = np.random.default_rng(which)
    for start in range(3):
        s, offset = rng.uniform(0, track.length), rng.uniform(-5, 5)
        error, speed = rng.normal(0, 0.1), rng.uniform(0, 25)
        if start == 2:
            s = track.length - 20.0
        race = Race([track], car)
        race.place(s=s, lateral_offset=offset, heading_error=error, speed=speed)
        slow = ReferenceCar(car, track)
        slow.place(s, offset, error, speed)
        action = np.array([[0.0, 0.6]])
        for k in range(300):
            if k % 20 == 0:
                action = rng.uniform(-1, 1, (1, 2)) * [[0.3, 1.0]]
            race.advance(action, 1)
            slow.step(action[0, 0], action[0, 1])
        got = [race.x, race.y, race.heading, race.vx, race.vy, race.yaw_rate, race.steer_angle]
        got += [race.s, race.lateral_offset, race.progress, race.off_track_time]
        want = [slow.x, slow.y, slow.heading, slow.vx, slow.vy, slow.yaw_rate, slow.steer_angle]
        want += [slow.s, slow.offset, slow.progress, slow.off_time]
        np.testing.assert_allclose(np.ravel(got), want, rtol=1e-7, atol=1e-6)
        assert race.floats[0, state.GRIP] == pytest.approx(slow.grip)
        assert int(race.lap[0]) == len(slow.laps)


def test_the_reference_meets_walls_and_edges_too(tracks):
    slow = ReferenceCar(load_car("gt"), tracks[4])
    slow.place(100.0, 0.0, 0.4, 30.0)
    race = Race([tracks[4]], load_car("gt"))
    race.place(s=100.0, heading_error=0.4, speed=30.0)
    for _ in range(120):
        slow.step(0.2, 0.3)
        race.advance(np.array([[0.2, 0.3]]), 1)
    assert slow.wall_time > 0.0
    assert slow.off_time > 0.0
    np.testing.assert_allclose(
        [race.x[0], race.y[0], race.vx[0], race.vy[0], race.off_track_time[0]],
        [slow.x, slow.y, slow.vx, slow.vy, slow.off_time],
        rtol=1e-7,
        atol=1e-6,
    )


@pytest.mark.slow
def test_progress_in_a_step_never_exceeds_what_the_car_moves(tracks):
    race = scattered(tracks, 300)
    # How much closer stations lie on the inside edge of the tightest bend of each track; a bend
    # is that between two samples, sharper at a peak than the curvature at either.
    most = []
    for t, start in zip(tracks, race.bank.start, strict=True):
        bend = race.bank.main[start : start + t.n, bank.CURVATURE]
        inside = np.maximum(bend * t.half_width_left, -bend * t.half_width_right)
        most.append(1.06 / max(1.0 - inside.max(), 0.2))
    most = np.array(most)[race.ints[:, state.TRACK]]
    for actions in wild_actions(300, 150):
        x, y, progress = race.x.copy(), race.y.copy(), race.progress.copy()
        race.advance(actions, 1)
        moved = np.hypot(race.x - x, race.y - y)
        wall = race.floats[:, state.STEP_WALL] > 0.0
        gained = np.abs(race.progress - progress)
        assert (gained[~wall] <= moved[~wall] * most[~wall] + 1e-9).all()
        assert (gained <= np.hypot(race.vx, race.vy) * 0.05 * most + 1.0).all()


@pytest.mark.slow
def test_a_car_keeps_its_branch_where_the_track_crosses_itself():
    track = figure_of_eight()
    race = Race([track], load_car("gt"))
    driver = PathFollower(track, load_car("gt"), pace=0.6)
    race.start_on_grid()
    last = -track.grid_gap
    while race.lap[0] < 2:
        race.advance(driver(race))
        now = race.progress[0] - track.grid_gap
        assert 0.0 <= now - last < 3.0
        last = now
        assert abs(race.lateral_offset[0]) < 3.0
        assert race.time[0] < 200.0


@pytest.mark.parametrize(
    ("offset", "surface"),
    [(0.0, "road"), (6.5, "kerb"), (7.5, "left"), (-6.5, "right"), (-5.5, "road"), (200.0, "left")],
)
def test_the_surface_is_the_one_at_the_lateral_offset(offset, surface):
    n = oval().n
    track = oval(
        kerb_left=np.full(n, 1.0),
        runoff_left=np.full(n, 2, np.int64),
        runoff_right=np.full(n, 3, np.int64),
    )
    race = Race([track], load_car("gt"))
    race.place(s=100.0, lateral_offset=offset)
    expected = {"road": (1.0, 0.0), "kerb": (KERB.grip, KERB.drag)}
    expected |= {"left": (GRASS.grip, GRASS.drag), "right": (GRAVEL.grip, GRAVEL.drag)}
    for _ in range(2):
        found = race.floats[0, [state.GRIP, state.DRAG]]
        np.testing.assert_allclose(found, expected[surface], rtol=1e-6)
        race.advance(np.zeros((1, 2)))


def corner_positions(race, car):
    """Lateral offsets of the four corners of each car [m], (N, 4)."""
    c, k = np.cos(race.heading_error), np.sin(race.heading_error)
    along = 0.5 * car.length * np.array([1, 1, -1, -1])
    aside = 0.5 * car.width * np.array([1, -1, 1, -1])
    return race.lateral_offset[:, None] + along * k[:, None] + aside * c[:, None]


@pytest.mark.slow
@pytest.mark.parametrize("car", shipped_cars())
def test_nothing_passes_a_wall_and_no_wall_gives_energy(car):
    car = load_car(car)
    track = walled(distance=10.0)
    n = 200
    rng = np.random.default_rng(3)
    race = Race([track], car, n)
    race.place(
        s=rng.uniform(0, track.length, n),
        lateral_offset=rng.uniform(-5, 5, n),
        heading_error=rng.uniform(-np.pi, np.pi, n),
        speed=rng.uniform(0, 90, n),
    )
    touched = np.zeros(n, bool)
    for _ in range(400):
        energy = 0.5 * car.mass * race.speed**2 + 0.5 * car.yaw_inertia * race.yaw_rate**2
        race.advance(np.tile([0.3, 0.0], (n, 1)), 1)
        after = 0.5 * car.mass * race.speed**2 + 0.5 * car.yaw_inertia * race.yaw_rate**2
        hit = race.floats[:, state.STEP_WALL] > 0.0
        touched |= hit
        assert (after[hit] <= energy[hit] * (1 + 1e-9) + 1.0).all()
        straight = np.abs(np.interp(race.s, track.s, track.curvature)) < 1e-6
        reach = np.abs(corner_positions(race, car)).max(axis=1)
        assert (reach[straight] <= 10.0 + 1e-6).all()
        assert (np.abs(race.lateral_offset) <= 10.0).all()
    assert touched.mean() > 0.9


@pytest.mark.parametrize("car", shipped_cars())
@pytest.mark.parametrize("error", [1.4, np.pi / 2, -1.0])
def test_a_car_against_a_wall_can_reverse_away(car, error):
    race = Race([walled(distance=9.0)], load_car(car))
    race.place(s=100.0, lateral_offset=np.sign(error) * 5.0, heading_error=error, speed=12.0)
    touched = False
    for _ in range(40):
        race.advance(np.array([[0.0, 0.3]]))
        touched |= race.floats[0, state.STEP_WALL] > 0.0
    assert touched
    for _ in range(60):
        race.advance(np.array([[0.0, -1.0]]))
    assert race.vx[0] < -0.5
    assert race.floats[0, state.STEP_WALL] == 0.0
    assert abs(race.lateral_offset[0]) < 7.0


def test_a_step_reports_its_wall_time_and_impact():
    race = Race([walled(distance=9.0)], load_car("gt"))
    race.place(s=100.0, lateral_offset=7.4, heading_error=0.2, speed=30.0)
    race.advance(np.array([[0.0, 0.0]]))
    assert race.floats[0, state.STEP_IMPACT] == pytest.approx(30.0 * np.sin(0.2), rel=0.1)
    assert 0.0 < race.floats[0, state.STEP_WALL] <= 0.05 + 1e-12


speeds = st.floats(-300.0, 300.0)


@pytest.mark.slow
@hyp(max_examples=200)
@given(
    car=st.sampled_from(shipped_cars()),
    velocity=st.tuples(speeds, speeds, st.floats(-60.0, 60.0)),
    pose=st.tuples(
        st.floats(0.0, 10000.0), st.floats(-400.0, 400.0), st.floats(-10.0, 10.0), st.floats(-1, 1)
    ),
    surface=st.sampled_from([(1.0, 0.0), (0.35, 3.0), (0.05, 60.0), (1.5, 0.0)]),
    actions=st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)), min_size=1, max_size=6),
    which=st.integers(0, 5),
)
def test_any_action_in_any_state_keeps_everything_finite(
    car, velocity, pose, surface, actions, which
):
    race = Race(packed(), load_car(car))
    race.place(s=pose[0], lateral_offset=pose[1], heading_error=pose[2], track=which)
    f = race.floats[0]
    f[[state.VX, state.VY, state.YAW_RATE]] = velocity
    f[state.STEER_ANGLE] = pose[3]
    f[[state.GRIP, state.DRAG]] = surface
    length = some_tracks()[which].length
    never = {state.LAST_LAP, state.LAST_LAP_OFF}
    numbers = [c for c in range(state.N_FLOATS) if c not in never]
    for action in actions:
        race.advance(np.array([action]))
        assert np.isfinite(f[numbers]).all()
        assert 0.0 <= race.s[0] < length
        if abs(velocity[2]) < 12.0:  # spinning faster than any car comes to spin
            assert race.speed[0] < np.hypot(*velocity[:2]) + 20.0


@pytest.mark.parametrize("car", shipped_cars())
def test_a_car_at_rest_stays_where_it_is(car):
    race = Race([oval()], load_car(car))
    race.place(s=50.0, heading_error=0.3)
    x, y = race.x[0], race.y[0]
    for _ in range(200):
        race.advance(np.array([[0.7, 0.0]]))
    assert np.hypot(race.x[0] - x, race.y[0] - y) < 1e-9
    assert race.speed[0] < 1e-9


def test_a_car_too_large_to_meet_walls_in_time_is_refused():
    with pytest.raises(ValueError, match="length and width"):
        replace(load_car("gt"), length=11.0)


@pytest.mark.parametrize("angle", [0.0, 0.4, 0.8, np.pi / 2])
def test_a_wall_is_met_by_the_corner_that_comes_first(angle):
    """The body's reach is greatest at the diagonal, where the wall must not be missed."""
    car = load_car("gt")
    race = Race([walled(distance=9.0)], car)
    body = 0.5 * car.width * np.cos(angle) + 0.5 * car.length * np.sin(angle)
    race.place(s=100.0, lateral_offset=9.0 - body + 0.05, heading_error=angle)
    race.advance(np.zeros((1, 2)), 1)
    assert race.lateral_offset[0] == pytest.approx(9.0 - body, abs=1e-3)
    race.place(s=100.0, lateral_offset=9.0 - body - 0.05, heading_error=angle)
    race.advance(np.zeros((1, 2)), 1)
    assert race.lateral_offset[0] == pytest.approx(9.0 - body - 0.05, abs=1e-3)
