"""The fast env is the stock one in all but the way its frame is drawn."""

from __future__ import annotations

import itertools
import pickle
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import retroracer.carracing
from retroracer.carracing.env import FastCarRacing
from retroracer.carracing.stock import car_racing
from tests.carracing.driving import chase, state

ENV_ID = retroracer.carracing.ENV_ID


class Blind(car_racing.CarRacing):
    """The stock env without its frames."""

    def _render(self, mode):
        return None


def policies():
    def full_gas(env, k, rng):
        return np.array([0.3 * np.sin(k / 50), 1.0, 0.0], np.float32)

    def locked(env, k, rng):
        return np.array([rng.uniform(-1, 1), k % 90 < 60, k % 90 > 70], np.float32)

    def away(env, k, rng):
        return np.array([0.0, 0.6, 0.0], np.float32)

    return [chase, full_gas, locked, away]


@pytest.mark.slow
@pytest.mark.parametrize("drive", policies(), ids=lambda f: f.__name__)
def test_state_reward_and_ending_are_the_stock_envs_to_the_last_bit(drive):
    stock, fast = Blind(), FastCarRacing(render=False)
    rng = np.random.default_rng(5)
    stock.reset(seed=7)
    fast.reset(seed=7)
    for k in range(900):
        action = drive(stock, k, rng)
        theirs, ours = stock.step(action)[1:], fast.step(action)[1:]
        assert theirs == ours
        assert np.array_equal(state(stock), state(fast))
        if theirs[1]:
            break
    assert drive.__name__ != "away" or theirs[1]  # it left the field


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{"lap_complete_percent": 0.5}, {"domain_randomize": True}, {"continuous": False}]
)
def test_every_option_of_the_stock_env_does_the_same(options):
    stock, fast = Blind(**options), FastCarRacing(**options, render=False)
    for seed in (1, 2):
        stock.reset(seed=seed)
        fast.reset(seed=seed)
        assert np.array_equal(stock.road_color, fast.road_color)
        assert np.array_equal(stock.grass_color, fast.grass_color)
        fast.action_space.seed(seed)
        for _ in range(150):
            action = fast.action_space.sample()
            assert stock.step(action)[1:] == fast.step(action)[1:]
            assert np.array_equal(state(stock), state(fast))


def test_a_finished_lap_ends_the_episode_as_in_the_stock_env():
    stock, fast = Blind(), FastCarRacing(render=False)
    for env in (stock, fast):
        env.reset(seed=3)
        for tile in env.road[3:]:  # as if they had been driven over
            tile.road_visited = True
            env.tile_visited_count += 1
    ends = []
    for env in (stock, fast):
        for _ in range(200):
            done = env.step(np.array([0.0, 0.5, 0.0], np.float32))
            if done[2]:
                ends.append((done[1:], env.t))
                break
    assert len(ends) == 2 and ends[0] == ends[1]
    assert ends[1][0][3] == {"lap_finished": True}


@pytest.mark.slow
def test_the_checkers_accept_the_registered_env():
    env = gymnasium.make(ENV_ID)
    assert env.spec.max_episode_steps == 1000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        check_env(env.unwrapped, skip_render_check=True)
        sb3_check_env(env.unwrapped, warn=False)


def test_frames_share_no_memory():
    env = FastCarRacing()
    frames = [env.reset(seed=1)[0]]
    frames += [env.step(np.array([0.0, 1.0, 0.0], np.float32))[0] for _ in range(5)]
    kept = [f.copy() for f in frames]
    for _ in range(5):
        env.step(np.array([1.0, 1.0, 0.0], np.float32))
    assert all(np.array_equal(a, b) for a, b in zip(frames, kept, strict=True))
    assert not any(np.shares_memory(a, b) for a, b in itertools.pairwise(frames))


def test_the_same_seed_gives_the_same_frames_in_a_used_env_and_a_new_one():
    used = FastCarRacing()
    used.reset(seed=9)
    for env in (used, FastCarRacing()):
        first, _ = env.reset(seed=4)
        last = [env.step(np.array([0.2, 1.0, 0.0], np.float32))[0] for _ in range(60)][-1]
        env.first, env.last = first, last
    assert np.array_equal(used.first, env.first) and np.array_equal(used.last, env.last)


def test_nothing_is_drawn_when_nobody_looks():
    env = gymnasium.make(ENV_ID, render=False)
    obs, _ = env.reset(seed=1)
    assert env.observation_space.contains(obs) and not obs.any()
    assert not env.step(env.action_space.sample())[0].any()
    assert env.unwrapped.frame().any()


def test_a_pickled_env_keeps_its_arguments():
    env = pickle.loads(pickle.dumps(FastCarRacing(continuous=False, render=False)))
    assert not env.continuous and not env.draws


def test_video_is_drawn_by_the_stock_painter():
    env = gymnasium.make(ENV_ID, render_mode="rgb_array")
    env.reset(seed=1)
    assert env.render().shape == (400, 600, 3)
