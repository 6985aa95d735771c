"""Imitation: shown how to drive, a model drives."""

import numpy as np
import pytest
import torch

from retroracer.agents.policy import policy_of
from retroracer.envs.batch import RacingBatch
from retroracer.training.learners import imitation
from retroracer.training.learners.imitation import CARS, FINAL_STD, Imitation
from retroracer.training.learners.learner import Clock
from retroracer.training.learners.racing import Racing
from retroracer.training.learners.racing_tasks import make_racing
from retroracer.training.run.budget import Budget
from tests.training.tiny import racing

pytestmark = pytest.mark.slow

SETS = [
    "stages=[{learner: imitation}]", "steps=1000000", "hidden=[48, 48]", "cars=2",
    "imitation.rounds=5", "imitation.tracks=2", "imitation.n_steps=40", "imitation.updates=150",
    "imitation.batch_size=256", "seed=1", "precision=float32",
]  # fmt: skip


def taught() -> Racing:
    settings = racing(*SETS)
    task = make_racing(settings, Budget(None, None))
    learner = Imitation(task, settings.of("imitation"), first=True)
    shares: list[float] = []
    while not learner.finished:
        learner.round(Clock(0.0, 0.0, tell=shares.append))
    assert task.steps == CARS * 5 * 40 and shares == sorted(shares)
    assert task.updates == 150 * 4 + 450
    return task


@pytest.fixture(scope="module")
def pupil() -> Racing:
    return taught()


def metres(task: Racing) -> float:
    """How far a driver gets in twelve seconds from the grids of tracks it was not shown."""
    from retroracer.agents.checkpoint import actor_layers

    with task.averaged() as model:
        act = policy_of(*actor_layers(model)).act
    batch = RacingBatch(20, seed=77)
    obs = batch.reset(77)
    for _ in range(240):
        obs, *_ = batch.step(act(obs), autoreset=False)
    return float(np.median(batch.race.progress))


def test_a_taught_model_drives_where_an_untaught_one_does_not(pupil: Racing) -> None:
    fresh = make_racing(racing(*SETS), Budget(None, None))
    assert metres(pupil) > 150.0 > metres(fresh)


def test_afterwards_it_explores_by_the_same_measure_everywhere(pupil: Racing) -> None:
    obs = torch.from_numpy(np.random.default_rng(0).normal(size=(50, 22)).astype(np.float32))
    _, log_std, _ = pupil.model.actor.get_action_dist_params(obs)
    torch.testing.assert_close(log_std.exp(), torch.full((50, 2), FINAL_STD))


def test_a_stage_without_time_for_any_line_is_over_also_when_the_run_is_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = racing(*SETS)
    task = make_racing(settings, Budget(None, None))
    with monkeypatch.context() as late:
        late.setattr(imitation, "time_left", lambda: 0.0)
        learner = Imitation(task, settings.of("imitation"), first=True)
    assert learner.finished
    resumed = Imitation(task, settings.of("imitation"), first=True)
    assert not resumed.finished
    resumed.restore(learner.state())
    assert resumed.finished and resumed.round(Clock(0.0, 0.0)) == {}


def test_the_same_seed_gives_the_same_driver(pupil: Racing) -> None:
    assert torch.equal(pupil.actor.flat, taught().actor.flat)
