"""What the envs of both ids refuse, in words that say which argument and why."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from retroracer.envs import ENV_ID, PIXEL_ENV_ID
from retroracer.envs.racing import RacingEnv
from retroracer.envs.task import Reward
from retroracer.envs.variety import Variety
from retroracer.errors import UserError
from retroracer.physics.car import load_car
from tests.shapes import oval

single = partial(gymnasium.make, ENV_ID)
many = partial(gymnasium.make_vec, ENV_ID, 2)
pixels = partial(gymnasium.make, PIXEL_ENV_ID)
many_pixels = partial(gymnasium.make_vec, PIXEL_ENV_ID, 2)

BOTH = [
    ("laps", -1, ValueError),
    ("laps", 1.5, TypeError),
    ("laps", True, TypeError),
    ("laps", "3", TypeError),
    ("action_repeat", 0, ValueError),
    ("action_repeat", 2.0, TypeError),
    ("time", 0, ValueError),
    ("time", -5.0, ValueError),
    ("time", float("nan"), ValueError),
    ("time", "60", TypeError),
    ("time", None, TypeError),
    ("track", [], ValueError),
    ("track", (), ValueError),
    ("track", 5, TypeError),
    ("track", ["monza", 5], TypeError),
    ("track", b"monza", TypeError),
    ("track", "no-such-track", UserError),
    ("track", Path("no/such.yaml"), UserError),
    ("car", "no-such-car", UserError),
    ("car", 5, TypeError),
    ("car", None, TypeError),
    ("variety", "random", TypeError),
    ("variety", {"start": "random"}, TypeError),
    ("reward", 1.0, TypeError),
    ("reward", (1.0,) * 9, TypeError),
]


@pytest.mark.parametrize(("name", "value", "error"), BOTH, ids=lambda v: str(v)[:20])
@pytest.mark.parametrize("make", [single, many], ids=["one", "many"])
def test_arguments_out_of_reason_are_refused_by_name(make, name, value, error):
    with pytest.raises(error) as told:
        make(**{name: value})
    text = str(told.value)
    assert name in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("make", [single, many], ids=["one", "many"])
def test_weights_that_are_no_numbers_are_refused(make):
    with pytest.raises(ValueError, match="leaving must be a finite number"):
        make(reward=Reward(leaving=float("nan")))


@pytest.mark.parametrize("make", [many, many_pixels], ids=["racing", "pixels"])
@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("num_envs", 0, ValueError),
        ("num_envs", -2, ValueError),
        ("num_envs", 2.0, TypeError),
        ("num_envs", "2", TypeError),
        ("autoreset_mode", "sometimes", ValueError),
        ("autoreset_mode", None, ValueError),
        ("max_episode_steps", 0, ValueError),
        ("max_episode_steps", 2.5, TypeError),
    ],
)
def test_vector_envs_refuse_what_they_cannot_be(make, name, value, error):
    n, rest = (value, {}) if name == "num_envs" else (2, {name: value})
    with pytest.raises(error, match=name):
        gymnasium.make_vec(make.args[0], n, **rest)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("workers", -1, ValueError),
        ("workers", 1.0, TypeError),
        ("context", "thread", ValueError),
        ("pipeline", {"stack": 4}, TypeError),
        ("lap_complete_percent", 0.0, ValueError),
        ("lap_complete_percent", float("nan"), ValueError),
        ("no_such_option", 1, TypeError),
    ],
)
def test_the_pixel_vector_env_refuses_what_it_cannot_do(name, value, error):
    with pytest.raises(error, match=name):
        many_pixels(**{"workers": 0} | {name: value})


def test_many_cars_have_no_window():
    for mode in ("human", "ascii"):
        with pytest.raises(ValueError, match="render_mode must be rgb_array or None"):
            many(render_mode=mode)


@pytest.mark.parametrize("make", [single, pixels, many_pixels], ids=["racing", "pixels", "many"])
def test_a_render_mode_there_is_not_is_refused(make):
    with pytest.warns(UserWarning, match="render"), pytest.raises(ValueError, match="render_mode"):
        make(render_mode="ascii")


@pytest.mark.slow
@pytest.mark.parametrize("make", [single, pixels], ids=["racing", "pixels"])
def test_a_window_returns_no_picture(make):
    env = make(render_mode="human")
    env.reset(seed=0)
    env.step(env.action_space.sample())
    assert env.render() is None
    env.close()
    env.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("grip", 1.0),
        ("grip", (1.0, float("inf"))),
        ("mass", (float("nan"), 1.0)),
        ("pace", (0.5,)),
        ("offset", float("nan")),
        ("offset", -0.1),
        ("heading", float("inf")),
    ],
)
def test_what_varies_must_be_finite_ranges(name, value):
    with pytest.raises(ValueError, match=name):
        Variety(**{name: value})


def test_what_makes_sense_is_taken():
    RacingEnv(oval(), time=float("inf"), laps=np.int64(2), car=load_car("gt"))
    RacingEnv([oval(), "monza"], time=np.float32(3.0), car="gt", variety=Variety(start="random"))


@pytest.mark.parametrize("env_id", [ENV_ID, PIXEL_ENV_ID])
def test_a_step_before_reset_is_gymnasiums_error(env_id):
    rest = {"workers": 0} if env_id == PIXEL_ENV_ID else {}
    for env in (gymnasium.make(env_id), gymnasium.make_vec(env_id, 2, **rest)):
        with pytest.raises(gymnasium.error.ResetNeeded):
            env.step(env.action_space.sample())
        env.close()
