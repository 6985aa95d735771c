"""What actors drive, and how: our cars, anybody's environment, the fallback, the explorer."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from retroracer.agents.rows import Weights, unfit
from retroracer.envs import lidar, task
from retroracer.envs.variety import TRAINING
from retroracer.errors import UserError
from retroracer.physics.car import load_car
from retroracer.scale.cars import Cars, CarsPlan
from retroracer.scale.driving import GENTLE, AnyEnv, Explorer, drive
from retroracer.track.files import load_track


def plan(**changes: object) -> CarsPlan:
    told = {
        "n": 4, "car": load_car(), "tracks": [load_track("copper_bowl")], "variety": TRAINING,
        "ending": task.Ending(time=1.0), "reward": task.Reward(), "action_repeat": 1, "seed": 1,
    }  # fmt: skip
    return CarsPlan(**(told | changes))  # type: ignore[arg-type]


def layers(observations: int, actions: int, bias: float = 0.0) -> Weights:
    weight = np.zeros((observations, 2 * actions), np.float32)
    means = np.r_[np.full(actions, bias), np.full(actions, -20.0)].astype(np.float32)
    return Weights(3, [(weight, means)], False)


@pytest.mark.slow
def test_cars_send_rows_that_fit_and_a_timeout_is_no_end() -> None:
    cars, explorer = Cars(plan()), Explorer(0)
    explorer.weights = layers(task.N_OBS, 2)
    rows = drive(cars, explorer, 25, actor=2, life="a", number=5)
    assert unfit(rows, cars.contract) is None
    assert (rows.actor, rows.number, rows.version, rows.transitions) == (2, 5, 3, 100)
    assert rows.truncated.any() and len(rows.episodes) == (rows.truncated | rows.terminated).sum()
    going = ~(rows.truncated | rows.terminated)[:-1]
    assert (rows.next_obs[:-1][going] == rows.obs[1:][going]).all()
    assert not (rows.next_obs[:-1][~going] == rows.obs[1:][~going]).all()


@pytest.mark.slow
def test_until_weights_come_the_line_driver_drives_known_tracks_and_the_throttle_others() -> None:
    known, unknown, explorer = Cars(plan()), Cars(plan(tracks=None)), Explorer(0)
    assert known.fallback_name == "the line driver"
    assert unknown.fallback_name == "constant gentle throttle"
    assert (unknown.fallback() == np.array([0.0, GENTLE], np.float32)).all()
    rows = drive(known, explorer, 10, 0, "a", 0)
    assert rows.version == 0 and np.abs(rows.action[:, :, 0]).max() > 0.0


def test_a_gentle_actor_moves_less_and_tells_the_action_as_it_was_chosen() -> None:
    gentle, full = Cars(plan(accel_scale=0.5)), Cars(plan())
    ones = np.ones((4, 2), np.float32)
    for _ in range(10):
        gentle.step(ones)
        full.step(ones)
    assert (gentle.batch.race.speed < full.batch.race.speed).all()
    assert gentle.contract.mismatch(full.contract) is None, "actors may differ in this"
    assert Cars(plan(steer_scale=0.5)).contract.mismatch(full.contract) is not None


def test_cars_with_lidar_send_the_80_numbers_under_their_own_layout() -> None:
    cars, explorer = Cars(plan(lidar=True)), Explorer(0)
    explorer.weights = layers(80, 2)
    rows = drive(cars, explorer, 25, 0, "a", 0)
    assert unfit(rows, cars.contract) is None and rows.obs.shape == (25, 4, 80)
    assert cars.contract.layout == lidar.LAYOUT and cars.contract.scaling == lidar.SCALING
    assert cars.contract.mismatch(Cars(plan()).contract) is not None


def test_the_rewards_weights_follow_the_learner() -> None:
    cars, explorer = Cars(plan()), Explorer(0)
    reward = task.Reward()._replace(progress=7.0)
    explorer.weights = layers(task.N_OBS, 2)._replace(reward=tuple(reward))
    drive(cars, explorer, 1, 0, "a", 0)
    assert cars.batch.reward == reward


def test_anybodys_environment_is_driven_within_its_own_bounds() -> None:
    made = AnyEnv("Pendulum-v1", 2, 5)
    assert made.contract.bounds == ((-2.0, 2.0),) and made.contract.observations == 3
    explorer = Explorer(0)
    explorer.weights = layers(3, 1, bias=20.0)  # all it can to the left
    rows = drive(made, explorer, 210, 0, "a", 0)
    assert unfit(rows, made.contract) is None
    assert rows.truncated.sum() == 2 and not rows.terminated.any(), "200 steps an episode"
    assert len(rows.episodes) == 2 and (rows.episodes[:, 1] == 200).all()
    alone = gymnasium.make("Pendulum-v1")
    seen, _ = alone.reset(seed=6)
    assert (rows.obs[0, 1] == seen).all(), "each begins by its own seed"
    seen, reward, *_ = alone.step(np.array([2.0], np.float32))
    assert rows.next_obs[0, 1] == pytest.approx(seen) and rows.reward[0, 1] == pytest.approx(reward)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("CartPole-v1", "SAC needs a Box"),
        ("Nothing-v3", "no environment 'Nothing-v3'"),
        ("nothing.there:make", "cannot import nothing.there"),
        (":make", "cannot import : "),
        (".there:make", "cannot import .there"),
        ("retroracer.errors:make", "has no function make"),
    ],
)
def test_what_cannot_be_driven_is_refused_in_words(name: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        AnyEnv(name, 1, 0)


def test_a_driver_that_knows_nothing_takes_smooth_random_actions() -> None:
    made, explorer = AnyEnv("Pendulum-v1", 1, 0), Explorer(0)
    explorer.weights = layers(3, 1)._replace(random=True)
    actions = drive(made, explorer, 300, 0, "a", 0).action[:, 0, 0]
    held = (np.diff(actions) == 0.0).mean()
    assert 0.8 < held < 0.97 and actions.std() > 0.4
