"""Each wrapper beside a plain reference."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from PIL import Image

from retroracer import config
from retroracer.carracing import ENV_ID
from retroracer.carracing.env import FastCarRacing
from retroracer.carracing.observations import PixelObservation, StackFrames, UnitFloats
from retroracer.carracing.pipeline import Pipeline, make
from retroracer.carracing.stock import car_racing
from retroracer.carracing.wrappers import (
    ActionRepeat,
    CalmActions,
    DiscreteActions,
    EarlyStop,
    RewardScale,
    SteerAccel,
)
from retroracer.errors import UserError
from tests.carracing.driving import state

GAS = np.array([0.1, 0.7, 0.0], np.float32)


class Script(gymnasium.Env):
    """Plays given rewards; observations are random frames, actions are kept."""

    def __init__(self, rewards=(), end=None):
        self.observation_space = spaces.Box(0, 255, (96, 96, 3), np.uint8)
        self.action_space = spaces.Box(-1.0, 1.0, (3,), np.float32)
        self.rewards, self.end, self.taken = list(rewards), end, []
        self.rng = np.random.default_rng(3)

    def _obs(self):
        self.last = self.rng.integers(0, 256, (96, 96, 3)).astype(np.uint8)
        return self.last

    def reset(self, *, seed=None, options=None):
        self.taken = []
        return self._obs(), {}

    def step(self, action):
        self.taken.append(np.array(action))
        k = len(self.taken)
        reward = self.rewards[k - 1] if self.rewards else 0.0
        return self._obs(), reward, k == self.end, False, {}


def test_discrete_actions_drive_as_the_stock_envs_own():
    theirs, ours = FastCarRacing(continuous=False), DiscreteActions(FastCarRacing())
    assert ours.action_space == theirs.action_space == spaces.Discrete(5)
    theirs.reset(seed=3)
    ours.reset(seed=3)
    rng = np.random.default_rng(0)
    for _ in range(120):
        action = int(rng.choice([0, 1, 2, 3, 3, 3, 4]))
        a, b = theirs.step(action), ours.step(action)
        assert a[1:] == b[1:] and np.array_equal(a[0], b[0])
        assert np.array_equal(state(theirs), state(ours))


@pytest.mark.parametrize(
    ("two", "three"),
    [
        ([0.5, 0.25], [-0.5, 0.25, 0.0]),
        ([-1.0, -0.75], [1.0, 0.0, 0.75]),
        ([0.0, 0.0], [0.0, 0.0, 0.0]),
    ],
)
def test_steer_accel_is_left_positive_and_never_gas_with_brake(two, three):
    env = Script()
    wrapped = SteerAccel(env)
    wrapped.reset()
    wrapped.step(np.array(two, np.float32))
    assert env.taken[0].tolist() == three


def test_positive_steering_turns_the_car_left():
    env = SteerAccel(FastCarRacing(render=False))
    env.reset(seed=1)
    before = env.unwrapped.car.hull.angle
    for _ in range(60):
        env.step(np.array([0.5, 0.5], np.float32))
    assert env.unwrapped.car.hull.angle > before + 0.1  # counter-clockwise


@pytest.mark.parametrize("colour", ["grey", "rgb"])
@pytest.mark.parametrize("layout", ["first", "last"])
@pytest.mark.parametrize("size", [64, 84, 96])
def test_pixels_are_pillows(colour, layout, size):
    env = Script()
    wrapped = PixelObservation(env, size, colour, layout)
    obs, _ = wrapped.reset()
    picture = Image.fromarray(env.last)
    if colour == "grey":
        picture = picture.convert("L")
    want = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))
    want = want.reshape(size, size, -1)
    got = obs.transpose(1, 2, 0) if layout == "first" else obs
    assert wrapped.observation_space.contains(obs)
    assert np.array_equal(got, want)


@pytest.mark.parametrize("layout", ["first", "last"])
def test_stacked_frames_are_the_last_ones_oldest_first(layout):
    env = Script()
    wrapped = StackFrames(env, 3, layout)
    axis = 0 if layout == "first" else -1
    obs, _ = wrapped.reset()
    past = [env.last] * 3
    assert np.array_equal(obs, np.concatenate(past, axis))
    for _ in range(4):
        seen = wrapped.step(GAS)[0]
        past = [*past[1:], env.last]
        assert np.array_equal(seen, np.concatenate(past, axis))
        assert not np.shares_memory(seen, obs)
        obs = seen
    assert wrapped.observation_space.contains(obs)


def test_unit_floats_are_pixels_over_255():
    env = Script()
    obs, _ = UnitFloats(env).reset()
    assert obs.dtype == np.float32
    assert np.array_equal(obs, env.last / np.float32(255))


def test_repeated_actions_sum_rewards_and_show_the_last_frame():
    plain, repeated = FastCarRacing(), ActionRepeat(FastCarRacing(), 4)
    a, b = plain.reset(seed=2)[0], repeated.reset(seed=2)[0]
    assert np.array_equal(a, b)
    for _ in range(20):
        total = 0.0
        for _ in range(4):
            a, reward, *ends = plain.step(GAS)
            total += reward
        b, summed, *others = repeated.step(GAS)
        assert summed == pytest.approx(total, abs=1e-12)
        assert ends == others and np.array_equal(a, b)


@pytest.mark.parametrize("repeat", [3, 4, 7])
def test_the_last_frame_of_an_episode_is_seen_in_the_midst_of_a_repeat(repeat):
    def env(cls):
        return gymnasium.wrappers.TimeLimit(cls(), 10)

    plain, repeated = env(FastCarRacing), ActionRepeat(env(FastCarRacing), repeat)
    plain.reset(seed=2)
    repeated.reset(seed=2)
    for _ in range(10):
        last = plain.step(GAS)
    truncated = False
    while not truncated:
        obs, _, _, truncated, _ = repeated.step(GAS)
    assert last[3] and np.array_equal(obs, last[0])
    assert repeated.unwrapped.draws


def test_skipped_frames_are_not_drawn(monkeypatch):
    drawn = []
    frame = FastCarRacing.frame
    monkeypatch.setattr(FastCarRacing, "frame", lambda self: drawn.append(1) or frame(self))
    env = ActionRepeat(FastCarRacing(), 4)
    env.reset(seed=1)
    for _ in range(5):
        env.step(GAS)
    assert len(drawn) == 6
    blind = ActionRepeat(FastCarRacing(render=False), 4)
    blind.reset(seed=1)
    assert not blind.step(GAS)[0].any() and len(drawn) == 6


def test_repeats_work_over_the_stock_env_too():
    stock, fast = ActionRepeat(car_racing.CarRacing(), 3), ActionRepeat(FastCarRacing(), 3)
    stock.reset(seed=5)
    fast.reset(seed=5)
    for _ in range(5):
        a, b = stock.step(GAS), fast.step(GAS)
        assert a[1:] == b[1:]
        assert np.abs(a[0].astype(int) - b[0]).mean() < 0.2


def test_rewards_are_scaled():
    env = RewardScale(Script([2.0, -3.0]), 0.1)
    env.reset()
    assert [env.step(GAS)[1] for _ in range(2)] == pytest.approx([0.2, -0.3])


def test_an_episode_that_stops_paying_is_truncated_not_terminated():
    env = EarlyStop(Script([1, -1, -1, 1, -1, -1, -1, 5]), 3, penalty=10.0)
    env.reset()
    seen = [env.step(GAS) for _ in range(7)]
    assert [s[3] for s in seen] == [False] * 6 + [True]
    assert not any(s[2] for s in seen)
    assert seen[-1][1] == -11.0 and seen[-1][4] == {"early_stop": True}
    env.reset()
    assert not env.step(GAS)[3]  # patience is back


def test_patience_does_not_hide_a_real_end():
    env = EarlyStop(Script([-1, -1, -1], end=3), 3)
    env.reset()
    last = [env.step(GAS) for _ in range(3)][-1]
    assert last[2] and not last[3] and last[1] == -1


def test_calm_actions_follow_their_definition():
    env = Script()
    wrapped = CalmActions(env, smooth_alpha=0.25, steer_deadzone=0.1, steer_clip=0.6)
    rng = np.random.default_rng(1)
    for _ in range(2):  # a new episode forgets the last action
        wrapped.reset()
        smooth = None
        for k in range(30):
            action = rng.uniform(-1, 1, 3).astype(np.float32)
            smooth = action if smooth is None else 0.25 * smooth + 0.75 * action
            wrapped.step(action)
            want = np.array(smooth, float)
            want[0] = 0.0 if abs(want[0]) < 0.1 else max(-0.6, min(0.6, want[0]))
            assert env.taken[k] == pytest.approx(want, abs=1e-6)


SETTINGS = [
    Pipeline(),
    Pipeline(actions="discrete", size=96, colour="rgb", layout="last", stack=1, action_repeat=1),
    Pipeline(actions="stock", unit_floats=True, layout="last", early_stop=100, reward_scale=0.1),
    Pipeline(smooth_alpha=0.2, steer_deadzone=0.05, steer_clip=0.8, action_repeat=8),
]


@pytest.mark.slow
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("settings", SETTINGS)
def test_every_pipeline_makes_a_sound_env(settings, training):
    env = make(settings, training)
    channels = settings.stack * (1 if settings.colour == "grey" else 3)
    side = (settings.size, settings.size)
    shape = (channels, *side) if settings.layout == "first" else (*side, channels)
    assert env.observation_space.shape == shape
    with warnings.catch_warnings():  # it would rather check an unwrapped env
        warnings.simplefilter("ignore", UserWarning)
        check_env(env, skip_render_check=True)


@pytest.mark.parametrize("settings", SETTINGS)
def test_pipelines_survive_yaml(settings):
    assert config.from_dict(Pipeline, config.to_dict(settings), "test") == settings


def test_calming_discrete_actions_is_refused():
    with pytest.raises(UserError, match="continuous"):
        config.from_dict(Pipeline, {"actions": "discrete", "steer_clip": 0.5}, "test")


def test_training_scales_and_judging_tells_the_raw_return():
    settings = Pipeline(reward_scale=0.1, early_stop=10, action_repeat=4)
    for training in (True, False):
        env = make(settings, training, max_episode_steps=400, render=False)
        env.reset(seed=1)
        total, done = 0.0, False
        while not done:
            _, reward, terminated, truncated, info = env.step(np.array([1.0, 0.1], np.float32))
            total += reward
            done = terminated or truncated
        assert info["episode"]["r"] == pytest.approx(total * (10.0 if training else 1.0), abs=1e-6)
        assert ("early_stop" in info) == training


def test_the_id_is_known_to_gymnasium():
    assert gymnasium.spec(ENV_ID).reward_threshold == 900
