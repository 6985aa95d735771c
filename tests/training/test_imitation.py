"""The first minute: shown how to drive, a pupil drives."""

import numpy as np
import pytest
import torch

from retroracer.agents.fast_sac import FastSAC
from retroracer.agents.policy import policy_of
from retroracer.envs.batch import RacingBatch
from retroracer.physics.car import load_car
from retroracer.training import checkpoint
from retroracer.training.imitation import LAST_STD, imitate
from retroracer.training.run_settings import Teacher
from retroracer.training.vec_env import RacingVecEnv

pytestmark = pytest.mark.slow


FEW = Teacher(rounds=5, tracks=2, steps=40, updates=150, batch=256)


def taught(seed: int = 1, teacher: Teacher = FEW) -> FastSAC:
    kwargs = {"net_arch": [48, 48]}
    env = RacingVecEnv(RacingBatch(2, seed=0))
    model = FastSAC("MlpPolicy", env, policy_kwargs=kwargs, buffer_size=1, seed=seed)
    shares: list[float] = []
    steps = imitate(model.fused, teacher, load_car("gt"), seed, shares.append)
    assert steps == 512 * FEW.rounds * FEW.steps and shares == sorted(shares)
    return model


@pytest.fixture(scope="module")
def pupil() -> FastSAC:
    return taught()


def metres(model: FastSAC) -> float:
    """How far a driver gets in twelve seconds from the grids of tracks it was not shown."""
    act = policy_of(*checkpoint.actor_layers(model)).act
    batch = RacingBatch(20, seed=77)
    obs = batch.reset(77)
    for _ in range(240):
        obs, *_ = batch.step(act(obs), autoreset=False)
    return float(np.median(batch.race.progress))


def test_a_pupil_drives_where_an_untaught_driver_does_not(pupil: FastSAC) -> None:
    fresh = FastSAC("MlpPolicy", RacingVecEnv(RacingBatch(2, seed=0)), buffer_size=1, seed=1)
    assert metres(pupil) > 150.0 > metres(fresh)


def test_afterwards_it_tries_things_by_the_same_measure_everywhere(pupil: FastSAC) -> None:
    obs = torch.from_numpy(np.random.default_rng(0).normal(size=(50, 22)).astype(np.float32))
    _, log_std, _ = pupil.actor.get_action_dist_params(obs)
    torch.testing.assert_close(log_std.exp(), torch.full((50, 2), LAST_STD))


def test_the_same_seed_gives_the_same_pupil(pupil: FastSAC) -> None:
    again = taught()
    assert torch.equal(pupil.fused.actor.flat, again.fused.actor.flat)
