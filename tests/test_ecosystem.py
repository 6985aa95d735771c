"""What people put around a Gymnasium env works around both ids, as it comes."""

from __future__ import annotations

import pickle
import sys
import types
import warnings

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import vector as wrappers
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecNormalize,
    VecTransposeImage,
)
from torch import nn

from retroracer.envs import ENV_ID, PIXEL_ENV_ID

STEPS = 8
"""Steps of an episode here."""

ONE = {ENV_ID: {"track": "monza", "time": STEPS * 0.05}, PIXEL_ENV_ID: {"max_episode_steps": STEPS}}
MANY = {ENV_ID: ONE[ENV_ID], PIXEL_ENV_ID: ONE[PIXEL_ENV_ID] | {"workers": 0}}
IDS = pytest.mark.parametrize("env_id", [ENV_ID, PIXEL_ENV_ID], ids=["racing", "pixels"])
MODES = pytest.mark.parametrize("mode", list(AutoresetMode), ids=lambda mode: mode.value)


def make(env_id, **kwargs):
    return gymnasium.make(env_id, **ONE[env_id] | kwargs)


def make_vec(env_id, n=2, **kwargs):
    return gymnasium.make_vec(env_id, n, **MANY[env_id] | kwargs)


def drive(envs, steps, mode):
    """Random actions; rows that are over are reset where the mode leaves it to the caller."""
    envs.action_space.seed(0)
    yield envs.reset(seed=1)
    for _ in range(steps):
        out = envs.step(envs.action_space.sample())
        yield out
        over = np.asarray(out[2] | out[3])
        if mode is AutoresetMode.DISABLED and over.any():
            envs.reset(options={"reset_mask": over})


@IDS
@MODES
def test_episode_statistics_are_those_of_the_episodes(env_id, mode):
    envs = wrappers.RecordEpisodeStatistics(make_vec(env_id, autoreset_mode=mode))
    _, *steps = drive(envs, 3 * STEPS + 2, mode)
    told = [s[4]["episode"] for s in steps if "episode" in s[4]]
    assert len(told) == 3 and all((e["l"] == STEPS).all() for e in told)
    first = sum(s[1] for s in steps[:STEPS])
    np.testing.assert_allclose(told[0]["r"], first)


SIMPLE = {
    "ClipReward": {"min_reward": -0.1, "max_reward": 0.1},
    "NormalizeReward": {},
    "TransformReward": {"func": lambda reward: reward * 2.0},
    "ClipAction": {},
    "TransformAction": {"func": lambda action: action},
    "RescaleAction": {"min_action": np.float32(-2.0), "max_action": np.float32(2.0)},
    "DictInfoToList": {},
}
OBSERVATIONS = {
    "NormalizeObservation": {},
    "FlattenObservation": {},
    "TransformObservation": {"func": lambda obs: obs * 1},
    "VectorizeTransformObservation": {"wrapper": gymnasium.wrappers.FlattenObservation},
}


@pytest.mark.slow
@IDS
@MODES
@pytest.mark.parametrize("name", [*SIMPLE, *OBSERVATIONS])
def test_gymnasiums_vector_wrappers_take_it(env_id, mode, name):
    wrap = getattr(wrappers, name)
    envs = make_vec(env_id, autoreset_mode=mode)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of Gymnasium about its own bounds
        if name in OBSERVATIONS and mode is AutoresetMode.SAME_STEP:
            with pytest.raises(ValueError, match="NEXT_STEP"):  # Gymnasium's own rule
                wrap(envs, **OBSERVATIONS[name])
            return
        if name == "NormalizeObservation" and mode is AutoresetMode.DISABLED:
            with pytest.raises(ValueError, match="NEXT_STEP"):
                wrap(envs)
            return
        envs = wrap(envs, **(SIMPLE | OBSERVATIONS)[name])
        for out in drive(envs, STEPS + 2, mode):
            assert out[0].shape == envs.observation_space.shape
    envs.close()


@pytest.fixture
def films(monkeypatch):
    """Stands in for MoviePy, which only encodes: what it was given by file."""
    written = {}

    class ImageSequenceClip:
        def __init__(self, frames, fps):
            self.frames, self.fps = list(frames), fps

        def write_videofile(self, path, **_):
            written[path.rpartition("/")[2]] = (np.stack(self.frames), self.fps)

    module = types.ModuleType("moviepy.video.io.ImageSequenceClip")
    module.ImageSequenceClip = ImageSequenceClip
    for name in ("moviepy", "moviepy.video", "moviepy.video.io"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return written


@pytest.mark.slow
@IDS
def test_episodes_are_filmed(env_id, films, tmp_path):
    env = gymnasium.wrappers.RecordVideo(
        make(env_id, render_mode="rgb_array"), str(tmp_path / "f"), episode_trigger=lambda _: True
    )
    for seed in range(2):
        env.reset(seed=seed)
        over = False
        while not over:
            *_, terminated, truncated, _ = env.step(env.action_space.sample())
            over = terminated or truncated
    env.close()
    assert [frames.shape[0] for frames, _ in films.values()] == [STEPS + 1] * 2
    frames, fps = films["rl-video-episode-0.mp4"]
    assert fps == env.metadata["render_fps"]
    assert (frames[0] != frames[-1]).any()


@pytest.mark.slow
@IDS
@pytest.mark.parametrize("mode", ["NextStep", "Disabled"])
def test_many_are_filmed_side_by_side(env_id, mode, films, tmp_path):
    envs = make_vec(env_id, render_mode="rgb_array", autoreset_mode=mode)
    height, width, _ = envs.reset(seed=0) and envs.render()[0].shape
    envs = wrappers.RecordVideo(envs, str(tmp_path / "f"), episode_trigger=lambda _: True)
    list(drive(envs, 2 * STEPS + 1, AutoresetMode(mode)))
    envs.close()
    shapes = [frames.shape for frames, _ in films.values()]
    assert shapes[0][0] == STEPS + 1
    assert shapes[0][1] * shapes[0][2] == 2 * height * width


@pytest.mark.slow
@IDS
@pytest.mark.parametrize("mode", ["sync", "async", "vector_entry_point"])
def test_make_vec_makes_every_kind_and_its_spec_makes_it_again(env_id, mode):
    kwargs = (MANY if mode == "vector_entry_point" else ONE)[env_id]
    made = gymnasium.make_vec(env_id, 2, vectorization_mode=mode, **kwargs)
    first, _ = made.reset(seed=3)
    made.step(made.action_space.sample())
    spec = gymnasium.envs.registration.EnvSpec.from_json(made.spec.to_json())
    made.close()
    made.close()
    again = gymnasium.make_vec(spec)
    np.testing.assert_array_equal(again.reset(seed=3)[0], first)
    again.close()


@IDS
def test_a_single_env_is_made_again_by_its_spec_and_by_its_pickle(env_id):
    env = make(env_id)
    first, _ = env.reset(seed=3)
    for again in (gymnasium.make(env.spec), pickle.loads(pickle.dumps(env.unwrapped))):
        np.testing.assert_array_equal(again.reset(seed=3)[0], first)
        again.close()
    assert env.unwrapped.np_random_seed == 3
    assert isinstance(env.unwrapped.np_random, np.random.Generator)


def policy(env_id):
    return "MlpPolicy" if env_id == ENV_ID else "CnnPolicy"


@pytest.mark.slow
@IDS
@pytest.mark.parametrize("kind", [DummyVecEnv, SubprocVecEnv], ids=lambda kind: kind.__name__)
def test_stable_baselines3_makes_many_of_it(env_id, kind):
    envs = make_vec_env(env_id, 2, seed=1, env_kwargs=ONE[env_id], vec_env_cls=kind)
    first = envs.reset()
    for k in range(1, STEPS + 1):
        obs, _, done, infos = envs.step(np.stack([envs.action_space.sample()] * 2))
        assert done.all() == (k == STEPS)
    assert all(i["episode"]["l"] == STEPS and i["TimeLimit.truncated"] for i in infos)
    assert obs.shape == first.shape
    envs.close()


@pytest.mark.slow
@IDS
def test_stable_baselines3_trains_and_evaluates_on_it(env_id, tmp_path):
    """Its callback, over an env that normalises rewards, while a plain one is monitored."""
    envs = VecNormalize(make_vec_env(env_id, 2, seed=1, env_kwargs=ONE[env_id]), norm_obs=False)
    judged = VecNormalize(DummyVecEnv([lambda: Monitor(make(env_id))]), norm_obs=False)
    if env_id == PIXEL_ENV_ID:  # as SB3 wraps what it trains on
        judged = VecTransposeImage(judged)
    evaluation = EvalCallback(
        judged, eval_freq=8, n_eval_episodes=1, best_model_save_path=str(tmp_path), verbose=0
    )
    model = PPO(policy(env_id), envs, n_steps=8, batch_size=16, n_epochs=1, device="cpu", seed=0)
    model.learn(16, callback=evaluation)
    assert (tmp_path / "best_model.zip").exists()
    assert np.isfinite(evaluation.last_mean_reward)
    returns, lengths = evaluate_policy(
        model, Monitor(make(env_id)), n_eval_episodes=2, return_episode_rewards=True
    )
    assert lengths == [STEPS] * 2 and np.isfinite(returns).all()


class Agent(nn.Module):
    """As in CleanRL's single file of PPO for continuous actions."""

    def __init__(self, envs):
        super().__init__()
        n_obs = int(np.prod(envs.single_observation_space.shape))
        n_act = int(np.prod(envs.single_action_space.shape))
        self.critic = nn.Sequential(nn.Linear(n_obs, 16), nn.Tanh(), nn.Linear(16, 1))
        self.mean = nn.Sequential(nn.Linear(n_obs, 16), nn.Tanh(), nn.Linear(16, n_act))
        self.log_std = nn.Parameter(torch.zeros(n_act))

    def act(self, obs, action=None):
        chances = torch.distributions.Normal(self.mean(obs), self.log_std.exp())
        action = chances.sample() if action is None else action
        return action, chances.log_prob(action).sum(1), self.critic(obs).flatten()


@pytest.mark.slow
@IDS
@pytest.mark.parametrize("kind", ["ours", "gymnasium's"])
def test_a_ppo_loop_in_one_file_learns_from_it(env_id, kind):
    """The wrappers, order and NextStep autoreset of CleanRL's ppo_continuous_action."""
    torch.manual_seed(0)
    if kind == "ours":
        envs = make_vec(env_id, 4, autoreset_mode=AutoresetMode.NEXT_STEP)
    else:
        envs = SyncVectorEnv([lambda: make(env_id)] * 4)
    envs = wrappers.FlattenObservation(envs)
    envs = wrappers.RecordEpisodeStatistics(wrappers.ClipAction(envs))
    envs = wrappers.NormalizeReward(wrappers.NormalizeObservation(envs), gamma=0.99)
    agent = Agent(envs)
    before = [p.detach().clone() for p in agent.parameters()]
    optimiser = torch.optim.Adam(agent.parameters(), 3e-4)
    seen = torch.as_tensor(envs.reset(seed=1)[0], dtype=torch.float32)
    over, lengths = torch.zeros(4), []
    for _ in range(2):
        kept = []
        for _ in range(12):
            with torch.no_grad():
                action, logp, value = agent.act(seen)
            obs, reward, terminated, truncated, info = envs.step(action.numpy())
            kept.append((seen, action, logp, value, torch.as_tensor(reward).float(), over))
            seen = torch.as_tensor(obs, dtype=torch.float32)
            over = torch.as_tensor(terminated | truncated).float()
            if "episode" in info:
                lengths += info["episode"]["l"][info["_episode"]].tolist()
        rollout = [torch.stack(part) for part in zip(*kept, strict=True)]
        obs, action, logp, value, reward, begun = rollout
        with torch.no_grad():
            after = torch.cat([value[1:], agent.act(seen)[2][None]])
        goes_on = 1.0 - torch.cat([begun[1:], over[None]])
        advantage, last = torch.zeros_like(reward), torch.zeros(4)
        for t in reversed(range(len(kept))):
            error = reward[t] + 0.99 * after[t] * goes_on[t] - value[t]
            last = advantage[t] = error + 0.99 * 0.95 * goes_on[t] * last
        _, now, guess = agent.act(obs.flatten(0, 1), action.flatten(0, 1))
        gain, ratio = advantage.flatten(), (now - logp.flatten()).exp()
        clipped = torch.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()
        loss = (guess - (advantage + value).flatten()).square().mean() - clipped
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert torch.isfinite(loss)
    envs.close()
    assert lengths and set(lengths) == {STEPS}
    assert all((a != b).any() for a, b in zip(before, agent.parameters(), strict=True))
