"""The observation of 80 numbers against slow, literal geometry; its batch and its env."""

from __future__ import annotations

import itertools
import math

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import retroracer  # noqa: F401  registers
from retroracer.envs import lidar
from retroracer.envs.lidar_batch import LidarBatch
from retroracer.envs.task import Ending
from retroracer.physics import state as st
from retroracer.physics.car import HALF_LENGTH
from retroracer.physics.race import Race
from retroracer.track.files import load_track
from retroracer.track.track import Track

ANGLES = np.linspace(-135.0, 135.0, lidar.N_BEAMS) * math.pi / 180.0


def place(track: Track, s: float, offset: float) -> tuple[np.ndarray, float]:
    xy, heading = track.pose_at(np.array([s]), np.array([offset]))
    return xy[0], float(heading[0])


def lines(track: Track, s: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """The two edges as the beams meet them: straight between the stations of ALONG."""
    around = (s + lidar.ALONG) % track.length
    rows = np.append(np.arange(track.n), track.n) * track.spacing

    def at(values: np.ndarray) -> np.ndarray:
        return np.interp(around, rows, np.append(values, values[0]))

    centre = np.stack([at(v) for v in track.xy.T], axis=1)
    tangent = np.stack([at(v) for v in track.tangent.T], axis=1)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    edges = (
        centre + at(track.half_width_left)[:, None] * normal,
        centre - at(track.half_width_right)[:, None] * normal,
    )
    return [(a, b) for edge in edges for a, b in itertools.pairwise(edge)]


def nearest(at: np.ndarray, angle: float, segments: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """How far a ray goes until it meets one of the segments."""
    d, found = np.array([math.cos(angle), math.sin(angle)]), lidar.RANGE
    for a, b in segments:
        e = b - a
        det = d[0] * e[1] - d[1] * e[0]
        if abs(det) < 1e-12:
            continue
        q = a - at
        far = (q[0] * e[1] - q[1] * e[0]) / det
        share = (q[0] * d[1] - q[1] * d[0]) / det
        if far >= 0.0 and 0.0 <= share <= 1.0:
            found = min(found, far)
    return found


@pytest.fixture(scope="module")
def cars() -> Race:
    """Cars of all kinds of places on three tracks: on the road, beside it, turned round."""
    rng = np.random.default_rng(5)
    tracks = [load_track(name) for name in ("monza", "monaco", "copper_bowl")]
    race = Race(tracks, LidarBatch(1, seed=0).car, n=60)
    for i in range(60):
        track = tracks[i % 3]
        s, offset = rng.uniform(0.0, track.length), rng.normal(0.0, 4.0)
        (x, y), heading = place(track, s, offset)
        f = race.floats[i]
        f[st.X], f[st.Y], f[st.S], f[st.OFFSET] = x, y, s, offset
        f[st.HEADING] = heading + rng.normal(0.0, 1.0)
        f[st.VX], f[st.VY], f[st.YAW_RATE] = rng.uniform(0.0, 60.0), rng.normal(), rng.normal()
        race.ints[i, st.TRACK] = i % 3
    return race


def seen(race: Race, company: int = 1) -> np.ndarray:
    out = np.zeros((len(race.floats), lidar.N_LIDAR), np.float32)
    recent = np.zeros((len(race.floats), 3, 2))
    lidar.lidar_rows(race.cars, recent, race.bank, np.arange(len(out)), company, out)
    return out / np.array(lidar.SCALING)


@pytest.mark.slow
def test_beams_measure_the_edges_of_the_road_as_literal_geometry_does(cars: Race) -> None:
    tracks = [load_track(name) for name in ("monza", "monaco", "copper_bowl")]
    found = seen(cars)[:, lidar.BEAMS : lidar.RECENT]
    wrong = 0
    for i, f in enumerate(cars.floats):
        segments = lines(tracks[i % 3], float(f[st.S]))
        at = f[[st.X, st.Y]]
        told = [nearest(at, f[st.HEADING] + a, segments) for a in ANGLES]
        wrong += int((np.abs(found[i] - told) > 1e-3 * (1.0 + np.array(told))).sum())
    assert wrong <= 3, "only a beam through the very end of a line may differ"
    assert (found < lidar.RANGE).mean() > 0.7


@pytest.mark.slow
def test_waypoints_lie_on_the_centreline_in_the_cars_frame(cars: Race) -> None:
    found = seen(cars)[:, lidar.WAYPOINTS : lidar.BEAMS].reshape(-1, lidar.N_WAYPOINTS, 2)
    tracks = [load_track(name) for name in ("monza", "monaco", "copper_bowl")]
    for i, f in enumerate(cars.floats):
        track = tracks[i % 3]
        gap = (30.0 + 3.0 * f[st.VX]) / lidar.N_WAYPOINTS
        for k in (0, 7, 14):
            (x, y), _ = place(track, f[st.S] + (k + 1) * gap, 0.0)
            dx, dy = x - f[st.X], y - f[st.Y]
            cos, sin = math.cos(f[st.HEADING]), math.sin(f[st.HEADING])
            there = (cos * dx + sin * dy, cos * dy - sin * dx)
            assert found[i, k] == pytest.approx(there, abs=0.05)


def test_a_car_in_company_is_seen_where_it_stands_and_no_other_is(cars: Race) -> None:
    track = load_track("copper_bowl")
    race = Race([track], LidarBatch(1, seed=0).car, n=4)
    for i, (s, offset) in enumerate([(100.0, 0.0), (112.0, 0.0), (100.0, 0.0), (300.0, 0.0)]):
        f = race.floats[i]
        (f[st.X], f[st.Y]), f[st.HEADING] = place(track, s, offset)
        f[st.S] = s
    alone, together = seen(race), seen(race, company=2)
    ahead = slice(lidar.BEAMS + 18, lidar.BEAMS + 22)
    gap = math.dist(race.floats[0, [st.X, st.Y]], race.floats[1, [st.X, st.Y]])
    long = race.params[1][HALF_LENGTH]
    nearest_beam = together[0, ahead].min()
    assert gap - long - 0.5 < nearest_beam < gap - long + 0.5 < alone[0, ahead].min()
    assert (together[2] == alone[2]).all(), "rows 2 and 3 are far from one another"
    assert (together[:, : lidar.BEAMS] == alone[:, : lidar.BEAMS]).all()


@pytest.mark.slow
def test_a_row_is_the_same_for_any_number_of_cars() -> None:
    many, one = LidarBatch(16, seed=3), LidarBatch(1, seed=3)
    a, b = many.reset(list(range(16))), one.reset([5])
    assert (a[5] == b[0]).all()
    rng = np.random.default_rng(0)
    for _ in range(60):
        actions = rng.uniform(-1.0, 1.0, (16, 2))
        a = many.step(actions)[0]
        b = one.step(actions[5:6])[0]
        assert (a[5] == b[0]).all()


def test_the_last_three_actions_are_told_newest_first_and_forgotten_at_a_reset() -> None:
    batch = LidarBatch(2, seed=1)
    batch.reset(1)
    for value in (0.1, 0.2, 0.3, 0.4):
        obs = batch.step(np.full((2, 2), value))[0]
    assert obs[0, lidar.RECENT :] == pytest.approx([0.4, 0.4, 0.3, 0.3, 0.2, 0.2])
    assert (batch.begin(np.array([0]))[0, lidar.RECENT :] == 0.0).all()
    assert (batch.seen[1, lidar.RECENT :] != 0.0).all()


def test_an_ended_row_keeps_what_it_saw_last() -> None:
    batch = LidarBatch(4, seed=1, ending=Ending(time=1.0))
    batch.reset(1)
    for _ in range(20):
        obs, _, _, truncated = batch.step(np.full((4, 2), 0.5))
    assert truncated.all()
    assert (batch.final_obs[:, lidar.RECENT :] == 0.5).all()
    assert (obs[:, lidar.RECENT :] == 0.0).all()


def test_scales_shrink_what_reaches_the_car_and_not_what_is_told() -> None:
    gentle, full = LidarBatch(1, seed=1, accel_scale=0.5), LidarBatch(1, seed=1)
    a, b = gentle.reset(1), full.reset(1)
    for _ in range(20):
        a, b = gentle.step(np.array([[0.0, 1.0]]))[0], full.step(np.array([[0.0, 0.5]]))[0]
    assert (a[0, : lidar.RECENT] == b[0, : lidar.RECENT]).all()
    assert a[0, -1] == 1.0
    with pytest.raises(ValueError, match="steer_scale must be above 0"):
        LidarBatch(1, steer_scale=0.0)


def test_the_env_passes_gymnasiums_and_sb3s_checkers() -> None:
    from stable_baselines3.common.env_checker import check_env as check_sb3

    env = gymnasium.make("retroracer/RetroRacer-Lidar-v0", track="copper_bowl")
    check_env(env.unwrapped, skip_render_check=True)
    check_sb3(env.unwrapped)
    vector = gymnasium.make_vec(
        "retroracer/RetroRacer-Lidar-v0", 3, vectorization_mode="vector_entry_point"
    )
    obs, _ = vector.reset(seed=[1, 2, 3])
    assert obs.shape == (3, 80) and vector.observation_space.contains(obs)
    alone = gymnasium.make("retroracer/RetroRacer-Lidar-v0")
    assert (alone.reset(seed=2)[0] == obs[1]).all()
