"""SB3 sees CarRacing as it expects a VecEnv."""

from __future__ import annotations

import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor

from retroracer.carracing.pipeline import Pipeline
from retroracer.carracing.vector import CarRacingVectorEnv
from retroracer.training.learners.pixels.vec_env import PixelVecEnv

SETTINGS = Pipeline(stack=2, action_repeat=4, reward_scale=0.1)


@pytest.fixture
def envs():
    made = PixelVecEnv(CarRacingVectorEnv(2, workers=0, pipeline=SETTINGS, max_episode_steps=40))
    yield made
    made.close()


def test_ends_carry_the_last_observation_and_why(envs):
    envs.seed(5)
    obs = envs.reset()
    assert envs.observation_space.shape == (2, 84, 84) and obs.dtype == np.uint8
    total = np.zeros(2)
    for k in range(10):
        before = obs
        obs, reward, done, infos = envs.step(np.array([[0.0, 1.0]] * 2, np.float32))
        assert reward.dtype == np.float32
        total += reward
        assert done.all() == (k == 9)
    for i, info in enumerate(infos):
        assert info["TimeLimit.truncated"]
        assert info["terminal_observation"].shape == (2, 84, 84)
        # What was the newest frame is the older one now.
        assert np.array_equal(info["terminal_observation"][0], before[i, 1])
        assert info["episode"]["r"] == pytest.approx(10 * total[i], rel=1e-5)
        assert info["episode"]["l"] == 10


def test_seeds_act_once(envs):
    envs.seed(5)
    first = envs.reset()
    again = envs.reset()
    envs.seed(5)
    assert np.array_equal(first, envs.reset())
    assert not np.array_equal(first, again)


@pytest.mark.slow
def test_ppo_learns_from_it_and_knows_its_episodes(envs):
    model = PPO("CnnPolicy", envs, n_steps=16, batch_size=16, n_epochs=1, device="cpu")
    model.learn(64)
    assert len(model.ep_info_buffer) >= 4
    assert envs.env_is_wrapped(Monitor) == [True, True]


def test_attributes_come_from_the_envs(envs):
    assert envs.get_attr("draws") == [True, True]
    assert envs.get_attr("render_mode") == [None, None]
    assert envs.env_method("get_wrapper_attr", "draws", indices=[1]) == [True]
    with pytest.raises(NotImplementedError):
        envs.set_attr("draws", False, indices=[0])
