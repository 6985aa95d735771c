"""Gymnasium's contract of the single env: checkers, info, endings, determinism."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import retroracer.envs
from retroracer.envs.racing import INFO_KEYS, RacingEnv
from retroracer.envs.task import REWARD_NAMES, Ending, Reward
from retroracer.envs.variety import TRAINING, Variety
from retroracer.physics.car import load_car, shipped_cars
from retroracer.track.files import load_track, shipped_tracks
from retroracer.track.generate import random_tracks
from tests.drivers import PathFollower
from tests.shapes import oval, walled

IDS = sorted(k for k in gymnasium.registry if k.startswith("retroracer/RetroRacer"))


@pytest.fixture(autouse=True)
def checkers_may_advise():
    """The checkers' recommendations are warnings; their findings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def test_each_env_is_registered_once():
    known = [retroracer.envs.LIDAR_ENV_ID, retroracer.envs.RACE_ENV_ID, retroracer.envs.ENV_ID]
    assert known == IDS
    assert known[1] == "retroracer/RetroRacer-Race-v0"


@pytest.mark.slow
@pytest.mark.parametrize("env_id", IDS)
def test_both_checkers_accept_every_id_on_random_tracks(env_id):
    env = gymnasium.make(env_id)
    check_env(env.unwrapped, skip_render_check=True)
    sb3_check_env(env.unwrapped, warn=False)


@pytest.mark.slow
@pytest.mark.parametrize("track", shipped_tracks())
def test_both_checkers_accept_every_shipped_track(track):
    env = gymnasium.make(retroracer.envs.ENV_ID, track=track)
    check_env(env.unwrapped, skip_render_check=True)
    sb3_check_env(env.unwrapped, warn=False)
    assert env.unwrapped.track.name == track


def test_spaces_are_22_numbers_seen_and_2_done():
    env = gymnasium.make(retroracer.envs.ENV_ID)
    assert env.observation_space.shape == (22,)
    assert env.observation_space.dtype == np.float32
    assert env.action_space.shape == (2,)
    assert env.action_space.low.tolist() == [-1.0, -1.0]
    assert env.action_space.high.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("lidar", [False, True])
def test_an_action_held_is_the_same_action_given_again(lidar):
    env_id = retroracer.envs.LIDAR_ENV_ID if lidar else retroracer.envs.ENV_ID
    held = gymnasium.make(env_id, track=oval(), action_repeat=2, time=4.0)
    given = gymnasium.make(env_id, track=oval(), time=4.0)
    held.reset(seed=1)
    given.reset(seed=1)
    actions = (
        np.random.default_rng(0).uniform((-0.02, 0.3), (0.02, 0.6), (40, 2)).astype(np.float32)
    )
    for k, action in enumerate(actions):
        one = held.step(action)
        first, second = given.step(action), given.step(action)
        np.testing.assert_array_equal(one[0][:12], second[0][:12])
        assert one[1] == pytest.approx(first[1] + second[1])
        assert one[2:4] == second[2:4]
        assert one[3] == (k == 39)
    assert (held.metadata["render_fps"], given.metadata["render_fps"]) == (10, 20)


def drive(env, steps, seed=0, pace=0.5):
    """Drive an env along its road; yields what every step returns."""
    obs, info = env.reset(seed=seed)
    yield obs, 0.0, False, False, info
    driver = PathFollower(env.unwrapped.track, load_car("gt"), pace)
    for _ in range(steps):
        out = env.step(driver(env.unwrapped.batch.race)[0].astype(np.float32))
        yield out
        if out[2] or out[3]:
            return


def test_info_tells_the_state_under_the_promised_names():
    env = gymnasium.make(retroracer.envs.ENV_ID, track=oval(), variety=Variety(start="grid"))
    race = env.unwrapped.batch.race
    for _, _, _, _, info in drive(env, 100):
        assert set(info) == {*INFO_KEYS, "reward"}
        race = env.unwrapped.batch.race
        assert info["x"] == race.x[0]
        assert info["y"] == race.y[0]
        assert info["heading"] == race.heading[0]
        assert info["speed"] == pytest.approx(race.speed[0])
        assert info["s"] == race.s[0]
        assert info["lateral_offset"] == race.lateral_offset[0]
        assert info["progress"] == race.progress[0]
        assert info["lap"] == race.lap[0]
        assert info["lap_time"] == pytest.approx(race.lap_time[0])
        assert info["off_track"] == bool(race.off_track[0])
        json.dumps(info)  # plain numbers, not arrays


def test_the_reward_is_the_sum_of_its_named_terms():
    track = walled(oval, distance=8.0, half_width=6.0)
    env = gymnasium.make(retroracer.envs.ENV_ID, track=track, reward=Reward(edge=-1.0))
    rng = np.random.default_rng(0)
    env.reset(seed=0)
    met = dict.fromkeys(REWARD_NAMES, False)
    for _ in range(2000):
        _, reward, terminated, truncated, info = env.step(
            rng.uniform([-0.3, 0.0], [0.3, 1.0]).astype(np.float32)
        )
        assert tuple(info["reward"]) == REWARD_NAMES
        assert sum(info["reward"].values()) == pytest.approx(reward, abs=1e-12)
        for name, value in info["reward"].items():
            met[name] |= value != 0.0
        if terminated or truncated:
            _, info = env.reset()
            assert not any(info["reward"].values())
    assert all(met.values())


@pytest.mark.slow
def test_completing_a_timed_lap_tells_lap_and_sector_times():
    track = oval(straight=100.0, radius=40.0)
    env = gymnasium.make(
        retroracer.envs.ENV_ID, track=track, variety=Variety(start="grid"), laps=3, time=600.0
    )
    told = [i for *_, i in drive(env, 10000) if "last_lap_time" in i]
    assert len(told) == 3
    assert [i["lap"] for i in told] == [1, 2, 3]
    for info in told:
        assert len(info["sector_times"]) == 3
        assert sum(info["sector_times"]) == pytest.approx(info["last_lap_time"])
        assert info["lap_time"] < 0.05 + 1e-9


@pytest.mark.slow
def test_a_partial_first_lap_is_not_told_as_a_lap_time():
    track = oval(straight=100.0, radius=40.0)
    start = Variety(start="random")
    env = gymnasium.make(retroracer.envs.ENV_ID, track=track, variety=start, laps=2, time=600.0)
    told = [i for *_, i in drive(env, 10000, seed=4)]
    assert told[-1]["lap"] == 2
    assert sum("last_lap_time" in i for i in told) == 1


def test_an_episode_is_truncated_after_its_laps():
    env = gymnasium.make(
        retroracer.envs.ENV_ID,
        track=oval(straight=100.0, radius=40.0),
        variety=Variety(start="grid"),
        laps=1,
        time=600.0,
    )
    *_, (_, _, terminated, truncated, info) = drive(env, 10000)
    assert (terminated, truncated, info["lap"]) == (False, True, 1)


def test_an_episode_is_truncated_after_its_time():
    env = gymnasium.make(retroracer.envs.ENV_ID, track=oval(), time=3.0)
    *steps, (_, _, terminated, truncated, _) = drive(env, 10000)
    assert (terminated, truncated) == (False, True)
    assert len(steps) == 60


@pytest.mark.parametrize("action", [(0.0, 0.0), (0.0, -0.01)], ids=["parked", "held"])
def test_standing_still_ends_the_episode_as_terminated(action):
    env = gymnasium.make(retroracer.envs.ENV_ID, track=oval(), variety=Variety(start="grid"))
    env.reset(seed=0)
    steps, terminated, truncated = 0, False, False
    while not (terminated or truncated):
        _, _, terminated, truncated, info = env.step(np.array(action, np.float32))
        steps += 1
    assert (terminated, truncated) == (True, False)
    assert steps * 0.05 == pytest.approx(Ending().stall, abs=0.11)
    assert info["reward"]["crash"] < 0.0


def test_leaving_the_road_for_two_seconds_ends_the_episode_as_terminated():
    env = gymnasium.make(retroracer.envs.ENV_ID, track=oval(), variety=Variety(start="grid"))
    env.reset(seed=0)
    off = 0
    for _ in range(1000):
        *_, terminated, truncated, info = env.step(np.array([0.1, 0.7], np.float32))
        off = off + 1 if info["off_track"] else 0
        if terminated or truncated:
            break
    assert (terminated, truncated) == (True, False)
    assert off * 0.05 == pytest.approx(2.0, abs=0.11)


def test_after_the_end_reset_is_required():
    env = RacingEnv(oval(), time=0.1)
    with pytest.raises(ResetNeeded, match="reset"):
        env.step(np.zeros(2))
    env.reset(seed=0)
    env.step(np.zeros(2))
    assert env.step(np.zeros(2))[3]
    with pytest.raises(ResetNeeded, match="reset"):
        env.step(np.zeros(2))
    env.reset()
    env.step(np.zeros(2))


@pytest.mark.parametrize(
    "action", [np.zeros(3), np.zeros(()), np.array([np.nan, 0.0]), np.array([0.0, np.inf])]
)
def test_actions_that_are_none_are_refused_and_change_nothing(action):
    env, other = RacingEnv(oval()), RacingEnv(oval())
    env.reset(seed=0)
    other.reset(seed=0)
    with pytest.raises(ValueError, match="actions must be"):
        env.step(action)
    a, b = (e.step(np.array([0.3, 0.5], np.float32)) for e in (env, other))
    assert a[0].tobytes() == b[0].tobytes()


def test_actions_beyond_their_bounds_are_clipped():
    env, other = RacingEnv(oval()), RacingEnv(oval())
    env.reset(seed=0)
    other.reset(seed=0)
    for _ in range(10):
        a = env.step(np.array([5.0, -7.0], np.float32))
        b = other.step(np.array([1.0, -1.0], np.float32))
        assert a[0].tobytes() == b[0].tobytes()


def test_arrays_once_returned_are_never_changed():
    env = RacingEnv(time=1.0)
    rng = np.random.default_rng(0)
    kept = [env.reset(seed=0)[0]]
    copies = [kept[0].copy()]
    for _ in range(60):
        obs, _, terminated, truncated, _ = env.step(rng.uniform(-1, 1, 2))
        if terminated or truncated:
            obs, _ = env.reset()
        kept.append(obs)
        copies.append(obs.copy())
    for now, then in zip(kept, copies, strict=True):
        assert now.tobytes() == then.tobytes()


def trace(env, seed, steps=80):
    """Everything an env returns under random actions, as bytes."""
    rng = np.random.default_rng(1)
    out = [env.reset(seed=seed)[0].tobytes()]
    for _ in range(steps):
        obs, reward, terminated, truncated, info = env.step(rng.uniform(-1, 1, 2))
        out.append(obs.tobytes() + repr((reward, terminated, truncated, info)).encode())
        if terminated or truncated:
            out.append(env.reset()[0].tobytes())
    return b"".join(out)


def test_the_seed_decides_everything():
    env = RacingEnv(variety=TRAINING, time=2.0)
    first = trace(env, 7)
    assert trace(env, 8) != first
    assert trace(env, 7) == first
    assert trace(RacingEnv(variety=TRAINING, time=2.0), 7) == first


_OTHER_PROCESS = """
import hashlib
from tests.envs.test_racing import RacingEnv, TRAINING, trace
print(hashlib.sha256(trace(RacingEnv(variety=TRAINING, time=2.0), 7)).hexdigest())
"""


@pytest.mark.slow
def test_the_seed_decides_everything_in_another_process_too():
    import hashlib

    here = hashlib.sha256(trace(RacingEnv(variety=TRAINING, time=2.0), 7)).hexdigest()
    there = subprocess.run(
        [sys.executable, "-c", _OTHER_PROCESS], capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == here


def test_without_a_track_every_episode_has_another_one():
    env = RacingEnv()
    names = []
    for k in range(4):
        env.reset(seed=3 if k == 0 else None)
        names.append(env.track.name)
    assert len(set(names)) == 4
    env.reset(seed=3)
    assert env.track.name == names[0]


def test_a_list_of_tracks_is_drawn_from():
    tracks = random_tracks(2, 3)
    env = RacingEnv(tracks)
    env.reset(seed=0)
    met = set()
    for _ in range(40):
        env.reset()
        met.add(env.track.name)
    assert met == {t.name for t in tracks}


@pytest.mark.parametrize("name", shipped_cars())
def test_any_shipped_car_may_drive(name):
    env = RacingEnv(oval(), car=name)
    obs, _ = env.reset(seed=0)
    assert env.observation_space.contains(obs)
    assert env.batch.car == load_car(name)


def test_a_track_may_be_named_or_given_as_a_path(tmp_path):
    name = shipped_tracks()[0]
    env = RacingEnv(name)
    env.reset(seed=0)
    assert env.track.digest == load_track(name).digest


def test_an_unknown_render_mode_is_refused():
    with pytest.raises(ValueError, match="render_mode"):
        RacingEnv(oval(), render_mode="ascii")
    assert RacingEnv(oval()).render() is None


@pytest.mark.slow
def test_importing_the_envs_loads_no_heavy_library():
    code = (
        "import sys, retroracer.envs, retroracer.envs.racing, retroracer.envs.vector;"
        "print([m for m in ('pygame', 'torch', 'ray', 'matplotlib', 'stable_baselines3') "
        "if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
