"""PPO's update, held against a literal one; its advantages, against their definition."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from retroracer.agents import ppo_update
from retroracer.agents.fast_sac import FastSAC
from retroracer.agents.ppo_update import CLIP, MAX_GRAD_NORM, PPOUpdate
from retroracer.agents.rollout import Rollout

N_OBS, N_ACTIONS = 5, 2


class Nowhere(gymnasium.Env):
    observation_space = spaces.Box(-5, 5, (N_OBS,), np.float32)
    action_space = spaces.Box(-1, 1, (N_ACTIONS,), np.float32)


@pytest.fixture
def sac():
    return FastSAC(
        "MlpPolicy", Nowhere(), policy_kwargs={"net_arch": [16, 16]}, buffer_size=1, seed=3
    )


def driven(steps=6, n=7, seed=0):
    """A rollout of random numbers, some of its episodes ended."""
    g = torch.Generator().manual_seed(seed)
    rollout = Rollout(steps, n, N_OBS, N_ACTIONS, gamma=0.9, lam=0.8)
    rng = np.random.default_rng(seed)
    for t in range(steps):
        noise = torch.randn(n, N_ACTIONS, generator=g)
        rollout.add(
            t,
            torch.randn(n, N_OBS, generator=g),
            noise,
            torch.randn(n, generator=g) - 2.0,
            torch.randn(n, generator=g),
        )
        ended = rng.random(n) < 0.3
        rows = np.flatnonzero(ended)
        rollout.add_rewards(t, rng.normal(size=n), ended, rows, torch.randn(len(rows), generator=g))
    rollout.finish(torch.randn(n, generator=g))
    return rollout


def test_advantages_are_discounted_sums_of_surprises_up_to_an_episodes_end() -> None:
    r = driven()
    after = r.advantages[-1] + r.values[-1]  # the last step's target gives away what came after
    for car in range(r.values.shape[1]):
        for t in range(r.steps):
            total, weight = 0.0, 1.0
            for k in range(t, r.steps):
                going = bool(r.continues[k, car])
                if not going:
                    ahead = float(r.bootstrap_values[k, car])
                elif k + 1 < r.steps:
                    ahead = float(r.values[k + 1, car])
                else:
                    ahead = float((after[car] - r.rewards[k, car]) / r.gamma)
                surprise = float(r.rewards[k, car]) + r.gamma * ahead - float(r.values[k, car])
                total += weight * surprise
                weight *= r.gamma * r.lam
                if not going:
                    break
            assert float(r.advantages[t, car]) == pytest.approx(total, abs=1e-4)


def test_one_update_is_what_autograd_and_adam_make_of_ppos_loss(sac, monkeypatch) -> None:
    ppo = PPOUpdate(sac.updater, (16, 16), fresh=True, half=False)
    rollout = driven()
    rollout.advantages[0, 0] += 40.0  # a crash among many ordinary steps
    data = rollout.flat()
    monkeypatch.setattr(ppo_update, "MAX_ADVANTAGE", 4.0)
    assert data.advantages.max() > 4.0
    # A literal twin of both networks.
    actor = nn.Sequential(*(nn.Linear(a, b) for a, b in ((N_OBS, 16), (16, 16), (16, 4))))
    value = nn.Sequential(*(nn.Linear(a, b) for a, b in ((N_OBS, 16), (16, 16), (16, 1))))
    pairs = [(own, twin) for own, twin in zip(ppo.value_net[::2], value, strict=True)]
    pairs += zip(sac.actor.latent_pi[::2], actor, strict=False)
    for own, twin in pairs:
        twin.load_state_dict(own.state_dict())
    heads = (sac.actor.mu, sac.actor.log_std)
    actor[-1].weight.data.copy_(torch.cat([head.weight for head in heads]))
    actor[-1].bias.data.copy_(torch.cat([head.bias for head in heads]))

    def through(net, x):
        for layer in net[:-1]:
            x = torch.relu(layer(x))
        return net[-1](x)

    adams = [torch.optim.Adam(net.parameters(), lr=1e-2, eps=1e-5) for net in (actor, value)]
    for _ in range(2):  # epochs; one batch each, so that the order does not matter
        head = through(actor, data.obs)
        # One deviation for all places: only the bias of its head learns.
        mean, log_std = (
            torch.tanh(head[:, :2]),
            head[:, 2:].detach() + (actor[-1].bias[2:] - actor[-1].bias[2:].detach()),
        )
        told = torch.distributions.Normal(mean, log_std.exp())
        odds = (told.log_prob(data.acts).sum(1) - data.log_probs).exp()
        worth = data.advantages.clamp(-4.0, 4.0)
        gain = torch.minimum(odds * worth, odds.clamp(1 - CLIP, 1 + CLIP) * worth)
        loss = -(gain.mean() + 0.01 * told.entropy().sum(1).mean())
        missed = 0.5 * (through(value, data.obs)[:, 0] - data.returns).square().mean()
        for net, adam, what in ((actor, adams[0], loss), (value, adams[1], missed)):
            adam.zero_grad()
            what.backward()
            nn.utils.clip_grad_norm_(net.parameters(), MAX_GRAD_NORM)
            adam.step()
    before = ppo.actor.flat.clone()
    monkeypatch.setattr(ppo_update, "MAX_KL", 1e9)
    ppo.update(rollout, 1e-2, epochs=2, batch_size=len(data.obs), ent_coef=0.01)
    assert not torch.equal(before, ppo.actor.flat)
    for name in ("weight", "bias"):
        for own, twin in pairs:
            torch.testing.assert_close(getattr(own, name), getattr(twin, name), atol=1e-5, rtol=0)
        together = torch.cat([getattr(head, name) for head in heads])
        torch.testing.assert_close(together, getattr(actor[-1], name), atol=1e-5, rtol=0)


@pytest.mark.slow
def test_it_finds_the_action_that_pays(sac) -> None:
    ppo = PPOUpdate(sac.updater, (16, 16), fresh=True, half=False)
    torch.manual_seed(0)
    obs = torch.zeros(64, N_OBS)
    for _ in range(100):
        rollout = Rollout(4, 64, N_OBS, N_ACTIONS, 0.9, 0.9)
        for t in range(4):
            acts, log_probs, values = ppo.act(obs)
            rollout.add(t, obs, acts, log_probs, values)
            paid = -((acts.clamp(-1.0, 1.0) - torch.tensor([0.5, -0.5])) ** 2).sum(1).numpy()
            rollout.add_rewards(t, paid, np.ones(64, bool), np.arange(64), torch.zeros(64))
        rollout.finish(torch.zeros(64))
        ppo.update(rollout, 1e-2, epochs=2, batch_size=64, ent_coef=0.0)
    best = sac.predict(np.zeros(N_OBS, np.float32), deterministic=True)[0]
    np.testing.assert_allclose(best, [0.5, -0.5], atol=0.1)


def test_values_can_be_learned_before_the_driver_changes(sac) -> None:
    ppo = PPOUpdate(sac.updater, (16, 16), fresh=False, half=False)
    actor, value = ppo.actor.flat.clone(), ppo.value.flat.clone()
    ppo.update(driven(), 1e-2, epochs=1, batch_size=21, ent_coef=0.01, train_actor=False)
    assert torch.equal(actor, ppo.actor.flat) and not torch.equal(value, ppo.value.flat)


def test_its_state_is_all_it_needs_to_go_on(sac) -> None:
    first = PPOUpdate(sac.updater, (16, 16), fresh=True, half=False)
    first.update(driven(), 1e-2, epochs=1, batch_size=42, ent_coef=0.01)
    kept, actor = first.state(), first.actor.flat.clone()
    torch.manual_seed(5)
    first.update(driven(seed=1), 1e-2, epochs=1, batch_size=42, ent_coef=0.01)
    wanted = first.actor.flat.clone()
    second = PPOUpdate(sac.updater, (16, 16), fresh=True, half=False)
    second.actor.flat.copy_(actor)
    second.restore(kept)
    torch.manual_seed(5)
    second.update(driven(seed=1), 1e-2, epochs=1, batch_size=42, ent_coef=0.01)
    assert torch.equal(second.actor.flat, wanted)
    with pytest.raises(ValueError, match="another shape"):
        second.restore(kept | {"value": kept["value"][:-1]})


def test_a_driver_that_moves_too_far_in_a_round_slows_down_and_one_that_hardly_moves_hurries(
    sac,
) -> None:
    ppo = PPOUpdate(sac.updater, (16, 16), fresh=True, half=False)
    ppo._adapt_lr_scale(3.0 * ppo_update.TARGET_KL)
    assert ppo.lr_scale == pytest.approx(1.0 / 1.5)
    ppo._adapt_lr_scale(ppo_update.TARGET_KL)
    assert ppo.lr_scale == pytest.approx(1.0 / 1.5)
    for _ in range(5):
        ppo._adapt_lr_scale(0.0)
    assert ppo.lr_scale == 1.0
    for _ in range(50):
        ppo._adapt_lr_scale(1.0)
    assert ppo.lr_scale == ppo_update.MIN_LR_SCALE
