"""Branched rollouts measure what a change of an action is worth, and SAC's actor follows it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retroracer.agents.sac_update import Measured
from retroracer.envs.batch import RacingBatch
from retroracer.envs.variety import Variety
from retroracer.track.generate import random_tracks
from retroracer.training.learners.branches import Branches, BranchSettings
from retroracer.training.learners.racing import Racing
from retroracer.training.learners.racing_tasks import make_racing
from retroracer.training.learners.sac import SAC
from retroracer.training.run.budget import Budget
from tests.training.tiny import STAGES, racing

VARIED = Variety(start="random", pace=(0.4, 0.9), grip=(0.8, 1.1), latency=(0, 2), mass=(0.9, 1.1))


def learner(*sets: str) -> tuple[Racing, SAC]:
    settings = racing(*STAGES["branches"], "cars=64", *sets)
    task = make_racing(settings, Budget(None, None))
    return task, SAC(task, settings.of("sac"), first=True)


@pytest.fixture(scope="module")
def driven() -> tuple[Racing, SAC]:
    """Cars that have been on their way for three seconds at half throttle."""
    task, sac = learner()
    for _ in range(30):
        task.step(np.tile(np.float32([0.0, 0.5]), (64, 1)))
    return task, sac


@pytest.mark.parametrize("repeat", [1, 2])
def test_cars_taken_over_drive_on_as_those_they_were_taken_from_to_the_bit(repeat: int) -> None:
    tracks = random_tracks(11, 3)
    own = RacingBatch(12, tracks=tracks, variety=VARIED, seed=1, action_repeat=repeat)
    own.reset(1)
    rng = np.random.default_rng(2)
    for _ in range(7):
        own.step(rng.uniform(-1.0, 1.0, (12, 2)))
    rows = rng.integers(0, 12, 30)
    other = RacingBatch(30, tracks=tracks[:1], action_repeat=repeat)
    other.reset(0)
    other.take_over(own, rows)
    np.testing.assert_array_equal(other.obs, own.obs[rows])
    for _ in range(15):
        actions = rng.uniform(-0.3, 0.3, (12, 2))
        theirs = own.step(actions, autoreset=False)
        for mine, its in zip(other.step(actions[rows], autoreset=False), theirs, strict=True):
            np.testing.assert_array_equal(mine, its[rows])


@pytest.mark.slow
def test_measuring_does_not_touch_the_cars_of_the_run(driven: tuple[Racing, SAC]) -> None:
    task, sac = driven
    before = {name: values.copy() for name, values in task.batch.state_arrays().items()}
    facts = task.batch.state_facts()
    assert sac.branches is not None
    sac.branches.measure()
    for name, values in task.batch.state_arrays().items():
        np.testing.assert_array_equal(values, before[name], name)
    assert task.batch.state_facts() == facts


def test_a_slope_is_the_difference_of_what_two_cars_driven_by_hand_come_to(
    driven: tuple[Racing, SAC],
) -> None:
    task, _ = driven
    wanted = BranchSettings(states=64, steps=4, most=1e6, kept=1)
    branches = Branches(task, wanted, gamma=0.9, reward_scale=0.1)
    branches.measure()
    rows = [int(np.flatnonzero((task.batch.obs == o.numpy()).all(1))[0]) for o in branches.obs]
    model = task.model

    def worth(change: tuple[float, float]) -> tuple[Any, Any]:
        batch = RacingBatch(
            64, tracks=task.batch.pool.tracks[:1], ending=branches.batch.ending, action_repeat=2
        )
        batch.reset(0)
        batch.take_over(task.batch, np.array(rows))
        first = np.clip(branches.actions.numpy() + np.float32(change), -1.0, 1.0)
        actions, total, factor = first, np.zeros(64), np.full(64, 0.1)
        for _ in range(4):
            obs, reward, terminated, _ = batch.step(actions, autoreset=False)
            total += factor * reward
            factor *= np.where(terminated, 0.0, 0.9)
            actions = model.predict(obs, deterministic=True)[0]
        rest = model.target_value(torch.from_numpy(obs), torch.from_numpy(actions)).numpy()
        return first, total + factor / 0.1 * rest

    for which, size in enumerate((wanted.steer, wanted.throttle)):
        change = (size, 0.0) if which == 0 else (0.0, size)
        (upper, more), (lower, less) = worth(change), worth((-change[0], -change[1]))
        slope = (more - less) / (upper - lower)[:, which]
        np.testing.assert_allclose(branches.slopes[:, which].numpy(), slope, rtol=1e-3, atol=2e-3)


@pytest.mark.slow
def test_more_throttle_is_worth_more_on_a_free_road() -> None:
    task, _ = learner("seed=4")
    for _ in range(4):
        task.step(np.tile(np.float32([0.0, 0.5]), (64, 1)))
    task.model.updater.target.flat.zero_()  # nothing after the branch counts
    branches = Branches(task, BranchSettings(states=64, steps=4, kept=1), 1.0, 1.0)
    branches.measure()
    free = (branches.obs[:, 6] > 0.5) & (branches.obs[:, 7] > 0.5) & (branches.obs[:, 0] > 0.1)
    assert free.sum() > 10
    assert (branches.slopes[free, 1] > 0.0).float().mean() > 0.8


def test_longer_branches_are_measured_as_much_more_seldom(driven: tuple[Racing, SAC]) -> None:
    task, _ = driven
    wanted = BranchSettings(states=8, steps=3, final_steps=9, kept=40)
    for share, steps, measured in ((0.0, 3, 12), (0.5, 6, 6), (1.0, 9, 4)):
        branches = Branches(task, wanted, 0.98, 0.1)
        assert branches.steps(share) == steps
        for _ in range(12):
            assert branches.measure(share).keys() == {"gain_steer", "gain_throttle"}
        assert abs(branches.filled - measured) <= 1
    shorter = Branches(task, BranchSettings(states=8, steps=6, final_steps=2, kept=9), 0.98, 0.1)
    for _ in range(9):
        shorter.measure(1.0)
    assert shorter.filled == 9, "at most once a round"


def test_what_a_change_gains_counts_at_most_so_much(driven: tuple[Racing, SAC]) -> None:
    task, _ = driven
    for most in (1e-3, 1e-5):
        branches = Branches(task, BranchSettings(states=64, steps=6, most=most, kept=1), 0.98, 0.1)
        told = branches.measure()
        assert max(told.values()) == pytest.approx(most, rel=1e-3)


def test_an_update_from_slopes_follows_sacs_loss_with_a_parabola_for_the_value(
    driven: tuple[Racing, SAC],
) -> None:
    updater = driven[0].model.updater
    generator = torch.Generator().manual_seed(3)
    obs = torch.randn(40, 22, generator=generator)
    noise = torch.randn(40, 2, generator=generator)
    at = torch.rand(40, 2, generator=generator) * 1.6 - 0.8
    states = Measured(obs, at, torch.randn(40, 2, generator=generator), torch.tensor([0.06, 0.25]))
    model = driven[0].model
    assert model.log_ent_coef is not None
    alpha = float(model.log_ent_coef.detach().exp())
    mean, log_std, _ = model.actor.get_action_dist_params(obs)
    before = mean + log_std.exp() * noise
    density = torch.distributions.Normal(mean, log_std.exp()).log_prob(before)
    action = torch.tanh(before)
    log_prob = (density - (1.0 - action**2 + 1e-6).log()).sum(1, keepdim=True)
    away = action - states.actions
    value = states.slopes * away - 0.5 * states.slopes.abs() * away**2 / states.size
    loss = (alpha * log_prob - value.sum(1, keepdim=True)).mean()
    wanted = torch.autograd.grad(loss, [p for p, _ in updater.actor.parameters])
    updater.begin(0.0)
    updater.improve(states, noise)
    for (_, where), gradient in zip(updater.actor.parameters, wanted, strict=True):
        got = updater.actor.grad[where].view(gradient.shape)
        torch.testing.assert_close(got, gradient, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_the_actor_moves_where_slopes_lead_and_no_further_than_they_hold() -> None:
    task, _ = learner("seed=5")
    model, obs = task.model, torch.randn(64, 22, generator=torch.Generator().manual_seed(1))
    at = torch.zeros(64, 2)
    states = Measured(obs, at, torch.tensor([[5.0, -5.0]]).repeat(64, 1), torch.tensor([0.1, 0.3]))
    model.update([], rate=3e-3, measured=[states] * 600)
    mean = torch.from_numpy(model.predict(obs.numpy(), deterministic=True)[0]).mean(0)
    torch.testing.assert_close(mean, torch.tensor([0.1, -0.3]), rtol=0.0, atol=0.03)


@pytest.mark.slow
def test_noise_lasts_as_long_as_it_is_told_and_is_as_large() -> None:
    task, sac = learner("sac.noise_hold=0.5", "sac.action_noise=0.2")
    driver = task.model.predict(task.obs, deterministic=True)[0]
    before, sizes, likes = np.zeros((64, 2)), [], []
    sac.model.explore = lambda obs, noise=None: driver  # type: ignore[method-assign]
    for k in range(300):
        moved = sac._explore() - driver
        if k > 50:
            sizes.append(moved.std())
            likes.append(np.corrcoef(moved.ravel(), before.ravel())[0, 1])
        before = moved
    assert np.mean(sizes) == pytest.approx(0.2, rel=0.1)
    assert np.mean(likes) == pytest.approx(np.exp(-0.1 / 0.5), abs=0.03)  # a decision is 0.1 s


def test_branches_of_another_size_are_refused(driven: tuple[Racing, SAC], tmp_path: Path) -> None:
    task, _ = driven
    few, many = (Branches(task, BranchSettings(states=n, kept=2), 0.98, 0.1) for n in (4, 8))
    few.measure()
    kept = few.state()
    fresh = Branches(task, dataclasses.replace(few.settings), 0.98, 0.1)
    fresh.restore(kept)
    torch.testing.assert_close(fresh.slopes, few.slopes, rtol=0.0, atol=0.0)
    with pytest.raises(ValueError):
        many.restore(kept)
