"""The 22 observations, against a slow literal reading of the table in ``observation``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retroracer.envs.batch import RacingBatch
from retroracer.envs.observation import (
    AHEAD,
    AHEAD_BASE,
    AHEAD_TIME,
    LIMIT,
    N_OBS,
    OBS_NAMES,
    TABLE,
    observe_rows,
)
from retroracer.envs.variety import Variety
from retroracer.physics import state
from retroracer.physics.car import load_car, shipped_cars
from retroracer.physics.race import Race
from retroracer.track.bank import pack
from retroracer.track.generate import random_tracks
from retroracer.track.track import Track
from tests.shapes import circle, figure_of_eight, oval


@pytest.fixture(scope="module")
def tracks():
    return [*random_tracks(41, 4), figure_of_eight(), circle(turn=-1), oval()]


def lap_sum(values, track: Track, s: float) -> float:
    """Integral of a stepwise quantity per sample (n,) from the line to s, many laps on."""
    laps, rest = divmod(s, track.length)
    u = rest / track.spacing
    i = min(int(u), track.n - 1)
    return float(laps * values.sum() + values[:i].sum() + (u - i) * values[i])


def literal_observation(track: Track, race: Race, i: int, car, last) -> np.ndarray:
    """What row i should see, from the Track and the Race's public columns."""
    speed, s = float(race.vx[i]), float(race.s[i])
    left = np.interp(s, np.append(track.s, track.length), np.append(*wrap(track.half_width_left)))
    right = np.interp(s, np.append(track.s, track.length), np.append(*wrap(track.half_width_right)))
    offset = float(race.lateral_offset[i])
    along = np.append(track.heading, track.heading[0] + track.closing_turn)
    heading = np.interp(s, np.append(track.s, track.length), along)
    error = np.arctan2(np.sin(race.heading[i] - heading), np.cos(race.heading[i] - heading))
    index = min(int(s / track.spacing), track.n - 1)
    if offset > left:
        kerb = offset <= left + track.kerb_left[index]
        under = next(x for x in track.surfaces if x.name == "kerb")
        under = under if kerb else track.surfaces[track.runoff_left[index]]
    elif -offset > right:
        kerb = -offset <= right + track.kerb_right[index]
        under = next(x for x in track.surfaces if x.name == "kerb")
        under = under if kerb else track.surfaces[track.runoff_right[index]]
    else:
        under = track.surfaces[track.road[index]]
    reach = AHEAD_BASE + AHEAD_TIME * max(speed, 0.0)

    def ahead(share: float) -> tuple[float, float]:
        at = (s + share * reach) % track.length
        halves = (track.half_width_left, track.half_width_right)
        stations = np.append(track.s, track.length)
        near_left, near_right = (np.interp(at, stations, np.append(*wrap(x))) for x in halves)
        return near_left - offset, near_right + offset

    far_left, far_right = ahead(0.28)
    seen = [
        speed / 50.0,
        race.vy[i] / 10.0,
        race.yaw_rate[i] / 2.0,
        race.steer_angle[i] / 0.5,
        (far_left - far_right) / 2.0 / 6.0,
        error,
        (left - offset) / 6.0,
        (right + offset) / 6.0,
        car.mu * under.grip / 1.5,
        last[0],
        last[1],
    ]
    turn = np.diff(along)
    square = track.curvature**2 * track.spacing
    for k in range(9):
        a, b = s + AHEAD[k] * reach, s + AHEAD[k + 1] * reach
        if k < 6:
            mean = (lap_sum(turn, track, b) - lap_sum(turn, track, a)) / (b - a)
            seen.append(np.sign(mean) * np.sqrt(10.0 * abs(mean)))
        else:
            mean = (lap_sum(square, track, b) - lap_sum(square, track, a)) / (b - a)
            whole = lap_sum(turn, track, b) - lap_sum(turn, track, a)
            seen.append(np.sign(whole) * np.sqrt(10.0 * np.sqrt(max(mean, 0.0))))
    seen += [x / 6.0 for x in ahead(0.12)]
    return np.clip(np.array(seen), -LIMIT, LIMIT)


def wrap(values):
    return values, values[:1]


def scattered(tracks, n, seed):
    """Cars of all kinds that have driven anyhow for a while, and the last actions."""
    rng = np.random.default_rng(seed)
    names = [str(rng.choice(shipped_cars())) for _ in range(n)]
    race = Race(tracks, [load_car(k) for k in names])
    which = rng.integers(len(tracks), size=n)
    lengths = np.array([t.length for t in tracks])[which]
    race.place(
        s=rng.uniform(0, lengths),
        lateral_offset=rng.uniform(-8, 8, n),
        heading_error=rng.normal(0, 0.5, n),
        speed=rng.uniform(0, 60, n),
        track=which,
    )
    last = rng.uniform(-1, 1, (n, 2))
    for _ in range(20):
        race.advance(last)
    return race, last, [load_car(k) for k in names]


def observe(race, last):
    obs = np.full((race.n, N_OBS), np.nan, np.float32)
    observe_rows(race.cars, last, race.bank, np.arange(race.n), obs)
    return obs


@pytest.mark.slow
def test_every_number_is_what_the_table_says(tracks):
    race, last, cars = scattered(tracks, 150, 5)
    # Some just before the line, where the way ahead runs into the next lap.
    race.place(s=-np.arange(1.0, 21.0), speed=40.0, rows=np.arange(20), track=0)
    obs = observe(race, last)
    for i in range(race.n):
        track = tracks[race.ints[i, state.TRACK]]
        want = literal_observation(track, race, i, cars[i], last[i])
        for name, got, wanted in zip(OBS_NAMES, obs[i], want, strict=True):
            # The roots of the curvatures have no slope at zero: compare their squares there.
            close = abs(got - wanted) < 2e-6 or abs(got * abs(got) - wanted * abs(wanted)) < 1e-6
            assert close, f"{name} of car {i} on {track.name}: {got} is not {wanted}"


def test_the_edge_that_comes_nearer_is_told_apart_from_the_one_that_goes_away():
    from dataclasses import replace

    known = oval(straight=400.0, radius=60.0)
    n = known.n
    inside = np.where(np.arange(n) * known.spacing > 105.0, 3.0, 6.0)
    track = replace(known, half_width_left=inside, half_width_right=12.0 - inside)
    race = Race([track], load_car("gt"))
    race.place(s=100.0, lateral_offset=1.0, speed=20.0)  # 12 % of the way ahead are 10.8 m
    seen = dict(zip(OBS_NAMES, 6.0 * observe(race, np.zeros((1, 2)))[0], strict=True))
    assert (seen["edge_left"], seen["edge_right"]) == pytest.approx((5.0, 7.0), abs=1e-5)
    assert (seen["edge_left_near"], seen["edge_right_near"]) == pytest.approx((2.0, 10.0), abs=1e-5)
    assert seen["middle_far"] == pytest.approx(-4.0, abs=1e-5)


def test_there_are_22_names_one_for_each_number():
    assert len(OBS_NAMES) == len(set(OBS_NAMES)) == N_OBS == 22


@pytest.mark.slow
def test_observations_stay_within_their_bounds_however_wild_the_state(tracks):
    race, last, _ = scattered(tracks, 50, 6)
    race.floats[:, [state.VX, state.VY]] *= 100.0
    race.floats[:, state.YAW_RATE] = 1e4
    race.floats[:, state.OFFSET] *= 1e3
    obs = observe(race, last)
    assert np.isfinite(obs).all()
    assert np.abs(obs).max() == LIMIT


@pytest.mark.slow
def test_rows_are_the_same_alone_and_in_lists(tracks):
    race, last, _ = scattered(tracks, 77, 7)
    obs = observe(race, last)
    some = np.zeros_like(obs)
    rows = np.array([70, 3, 12, 13, 14, 15, 16, 17, 18, 19, 20])
    observe_rows(race.cars, last, race.bank, rows, some)
    assert some[rows].tobytes() == obs[rows].tobytes()
    assert not some[np.setdiff1d(np.arange(77), rows)].any()
    one = np.zeros_like(obs)
    for i in range(77):
        observe_rows(race.cars, last, race.bank, np.array([i]), one)
    assert one.tobytes() == obs.tobytes()


@pytest.mark.parametrize("speed", [0.0, 20.0, 60.0])
def test_the_way_ahead_stretches_with_speed(speed):
    track = oval(straight=400.0, radius=60.0)
    race = Race([track], load_car("gt"))
    reach = AHEAD_BASE + AHEAD_TIME * speed
    for before, sees in ((reach + 5.0, False), (reach - 15.0, True)):
        race.place(s=400.0 - before, speed=speed)
        far = observe(race, np.zeros((1, 2)))[0, 19]
        assert (far > 0.05) == sees


def test_a_car_sees_further_than_it_needs_to_brake():
    for name in shipped_cars():
        car = load_car(name)
        track = oval(straight=2000.0, radius=60.0)
        for speed in (20.0, 40.0, 60.0, 80.0):
            race = Race([track], car)
            race.place(s=100.0, speed=speed)
            while race.vx[0] > 5.0:
                race.advance(np.array([[0.0, -1.0]]))
            assert race.progress[0] < 0.8 * (AHEAD_BASE + AHEAD_TIME * speed)


def moved(track: Track, angle: float, shift) -> Track:
    """The same track elsewhere in the world."""
    from dataclasses import replace

    c, k = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -k], [k, c]])
    return replace(track, xy=track.xy @ turn.T + shift, heading=track.heading + angle)


@pytest.mark.parametrize("angle", [1.0, -2.5, np.pi])
def test_observations_do_not_depend_on_where_the_track_lies(tracks, angle):
    rng = np.random.default_rng(3)
    for track in tracks[:2]:
        here, there = (
            Race([t], load_car("gt"), 16) for t in (track, moved(track, angle, [300.0, -4000.0]))
        )
        start = {
            "s": rng.uniform(0, track.length, 16),
            "lateral_offset": rng.uniform(-4, 4, 16),
            "speed": rng.uniform(0, 30, 16),
        }
        here.place(**start)
        there.place(**start)
        for _ in range(40):
            actions = rng.uniform(-1, 1, (16, 2)) * [0.2, 1.0]
            here.advance(actions)
            there.advance(actions)
        a, b = observe(here, actions), observe(there, actions)
        np.testing.assert_allclose(a * np.abs(a), b * np.abs(b), atol=2e-5)


FLIPPED = [1, 2, 3, 4, 5, 9, *range(11, 20)]


def mirrored_sight(obs):
    """What is seen in a mirror: left and right change places, turns change sign."""
    seen = obs.copy()
    seen[:, FLIPPED] *= -1.0
    seen[:, [6, 7, 20, 21]] = obs[:, [7, 6, 21, 20]]
    return seen


@pytest.mark.parametrize("car", shipped_cars())
def test_a_mirrored_track_and_steering_give_the_mirrored_run(tracks, car):
    rng = np.random.default_rng(9)
    for track in (*tracks[:2], tracks[4]):
        real, mirror = (Race([t], load_car(car), 16) for t in (track, track.mirrored()))
        s, offset = rng.uniform(0, track.length, 16), rng.uniform(-5, 5, 16)
        error, speed = rng.normal(0, 0.1, 16), rng.uniform(0, 30, 16)
        real.place(s=s, lateral_offset=offset, heading_error=error, speed=speed)
        mirror.place(s=s, lateral_offset=-offset, heading_error=-error, speed=speed)
        for _ in range(100):
            actions = rng.uniform(-1, 1, (16, 2)) * [0.2, 1.0]
            real.advance(actions)
            mirror.advance(actions * [-1.0, 1.0])
        np.testing.assert_allclose(mirror.x, real.x, atol=1e-6)
        np.testing.assert_allclose(mirror.y, -real.y, atol=1e-6)
        np.testing.assert_allclose(mirror.progress, real.progress, atol=1e-6)
        a = mirrored_sight(observe(real, actions))
        b = observe(mirror, actions * [-1.0, 1.0])
        np.testing.assert_allclose(a * np.abs(a), b * np.abs(b), atol=2e-5)


def test_the_last_action_seen_is_the_one_chosen_even_if_it_comes_late(tracks):
    batch = RacingBatch(3, tracks=tracks[:1], variety=Variety(start="grid", latency=(2, 2)), seed=0)
    obs = batch.reset(seed=0)
    assert not obs[:, 9:11].any()
    obs, *_ = batch.step(np.tile([0.25, -2.0], (3, 1)))
    np.testing.assert_array_equal(obs[:, 9:11], np.tile([0.25, -1.0], (3, 1)))


def test_a_bank_looks_the_same_however_many_tracks_are_packed_before(tracks):
    last = np.zeros((1, 2))
    for k, track in enumerate(tracks):
        alone, among = Race([track], load_car("gt")), Race(pack(tracks, room=3000), load_car("gt"))
        alone.place(s=track.length - 3.0, speed=30.0)
        among.place(s=track.length - 3.0, speed=30.0, track=k)
        assert observe(alone, last).tobytes() == observe(among, last).tobytes()


def test_the_documented_table_is_the_one_the_kernel_uses():
    page = (Path(__file__).parents[2] / "docs" / "task.md").read_text(encoding="utf-8")
    for i, q in enumerate(TABLE):
        divided = f"{q.scale:g}{', then root' if q.root else ''}"
        assert f"| {i} | {q.name} | {q.unit} | {divided} | {q.meaning} |" in page
