"""FastSAC: the same mathematics as Stable-Baselines3's SAC, and the same file."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import SAC
from torch import nn

from retroracer.agents.fast_sac import FastSAC
from retroracer.agents.sac_update import Batch

KWARGS = {"net_arch": [48, 32]}


class Box(gymnasium.Env):
    """Seven numbers in, two out, rewards of no importance."""

    observation_space = gymnasium.spaces.Box(-1, 1, (7,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def reset(self, *, seed=None, options=None):
        return self.rng.uniform(-1, 1, 7).astype(np.float32), {}

    def step(self, action):
        obs, _ = self.reset()
        return obs, float(obs[0] - action[0] ** 2), self.rng.random() < 0.1, False, {}


def pair(**kwargs) -> tuple[SAC, FastSAC]:
    """Stock and fast SAC with the same weights and the same filled memory."""
    models = []
    for kind in (SAC, FastSAC):
        model = kind("MlpPolicy", Box(), policy_kwargs=KWARGS, seed=1, batch_size=64, **kwargs)
        model.learn(100)  # below learning_starts: fills the memory
        models.append(model)
    models[1].policy.load_state_dict(models[0].policy.state_dict())
    models[1]._updater = None
    models[1].replay_buffer = models[0].replay_buffer
    return models[0], models[1]


def update_both(stock: SAC, fast: FastSAC, updates: int) -> None:
    """One round each, from the same draws: the memory's from NumPy, the noise from torch.

    SB3 draws noise for the actions at obs, then at next_obs; so does ours.
    """
    for model in (stock, fast):
        np.random.seed(5)  # noqa: NPY002 - what SB3 draws from
        torch.manual_seed(6)
        model.train(updates, 64)


def parameters(model: SAC) -> dict[str, torch.Tensor]:
    return dict(model.policy.state_dict())


@pytest.mark.parametrize("ent_coef", ["auto", "auto_0.2", 0.1])
def test_one_update_is_stable_baselines3s_within_1e_5(ent_coef):
    stock, fast = pair(ent_coef=ent_coef, learning_rate=1e-3)
    start = {k: v.clone() for k, v in parameters(stock).items()}
    update_both(stock, fast, 1)
    theirs, ours = parameters(stock), parameters(fast)
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, atol=1e-5, rtol=0.0)
    assert any((theirs[k] - start[k]).abs().max() > 5e-4 for k in theirs)  # it did learn
    losses = ["critic_loss", "actor_loss", "ent_coef"]
    if stock.log_ent_coef is not None:
        losses.append("ent_coef_loss")
        torch.testing.assert_close(fast.log_ent_coef, stock.log_ent_coef, atol=1e-6, rtol=0.0)
    for name in losses:
        one, two = (m.logger.name_to_value[f"train/{name}"] for m in (stock, fast))
        assert two == pytest.approx(one, abs=1e-4, rel=1e-5)


@pytest.mark.slow
def test_many_updates_stay_together():
    stock, fast = pair()
    update_both(stock, fast, 40)
    for name, value in parameters(stock).items():
        torch.testing.assert_close(parameters(fast)[name], value, atol=2e-3, rtol=0.0)


def test_its_zip_is_opened_by_plain_sac_which_goes_on_alike(tmp_path):
    _, fast = pair()
    fast.train(3, 64)
    fast.save(tmp_path / "fast.zip")
    plain = SAC.load(tmp_path / "fast.zip", env=Box())
    for name, value in parameters(fast).items():
        assert (parameters(plain)[name] == value).all()
    plain.replay_buffer = fast.replay_buffer
    plain.set_logger(fast.logger)
    update_both(plain, fast, 1)  # Adam's moments came along, or this would differ
    for name, value in parameters(plain).items():
        torch.testing.assert_close(parameters(fast)[name], value, atol=1e-5, rtol=0.0)


@pytest.mark.slow
def test_it_goes_on_from_its_state_to_the_last_bit():
    _, fast = pair()
    _, other = pair()
    fast.train(3, 64)
    other.updater.restore(fast.updater.state())
    other._n_updates = fast._n_updates
    other.replay_buffer = fast.replay_buffer
    update_both(fast, other, 2)  # type: ignore[arg-type]
    for name, value in parameters(fast).items():
        assert (parameters(other)[name] == value).all()


def test_the_mean_of_the_critics_is_sacs_loss_with_a_mean_in_it():
    """One update whose values are means, beside the losses written out and differentiated."""
    stock, fast = pair(ent_coef=0.1, learning_rate=1e-3)
    np.random.seed(5)  # noqa: NPY002 - what SB3 draws from
    torch.manual_seed(6)
    data = stock.replay_buffer.sample(64)
    noise = torch.randn(2, 64, 2)
    batch = Batch(
        data.observations, data.actions, data.rewards, data.next_observations,
        (1.0 - data.dones) * stock.gamma,
    )  # fmt: skip
    fast.updater.begin(1e-3)
    fast.updater.update(batch, noise, mean=True)

    def acted(obs, drawn):
        mean, log_std, _ = stock.actor.get_action_dist_params(obs)
        action = torch.tanh(mean + log_std.exp() * drawn)
        density = torch.distributions.Normal(mean, log_std.exp()).log_prob(
            mean + log_std.exp() * drawn
        )
        return action, (density - (1 - action**2 + 1e-6).log()).sum(1, keepdim=True)

    with torch.no_grad():
        action, log_prob = acted(batch.next_obs, noise[1])
        value = torch.stack(stock.critic_target(batch.next_obs, action)).mean(0)
        goal = batch.rewards + batch.discounts * (value - 0.1 * log_prob)
    loss = 0.5 * sum(((q - goal) ** 2).mean() for q in stock.critic(batch.obs, batch.actions))
    stock.critic.optimizer.zero_grad()
    loss.backward()
    stock.critic.optimizer.step()
    action, log_prob = acted(batch.obs, noise[0])
    loss = (0.1 * log_prob - torch.stack(stock.critic(batch.obs, action)).mean(0)).mean()
    stock.actor.optimizer.zero_grad()
    loss.backward()
    stock.actor.optimizer.step()
    for name, value in parameters(stock).items():
        if "target" not in name:
            torch.testing.assert_close(parameters(fast)[name], value, atol=1e-5, rtol=0.0)


@pytest.mark.slow
def test_another_scale_of_rewards_changes_the_unit_and_nothing_else():
    """Values, entropy coefficient and what the next updates do to the driver follow the scale."""
    rewards = torch.rand(64, 1)

    def batches(scale):
        draw = torch.Generator().manual_seed(3)
        normal = lambda *shape: torch.randn(*shape, generator=draw)  # noqa: E731
        return [
            Batch(normal(64, 7), normal(64, 2).tanh(), scale * rewards, normal(64, 7),
                  torch.full((64, 1), 0.9))
            for _ in range(5)
        ]  # fmt: skip

    ends = []
    for scale in (1.0, 0.125):
        _, model = pair(ent_coef="auto_0.1")
        torch.manual_seed(1)
        model.update(batches(1.0), 1e-4)
        before = parameters(model)["critic.qf0.4.weight"].clone()
        model.set_reward_scale(scale)
        torch.testing.assert_close(
            parameters(model)["critic.qf0.4.weight"], scale * before, atol=0.0, rtol=1e-6
        )
        with model.in_plain_rewards():
            torch.testing.assert_close(
                parameters(model)["critic.qf0.4.weight"], before, atol=0.0, rtol=1e-6
            )
            assert float(model.log_ent_coef.detach().exp()) == pytest.approx(0.1, rel=1e-2)
        torch.manual_seed(2)
        model.update(batches(scale), 1e-4)
        with model.in_plain_rewards():
            ends.append({k: v.clone() for k, v in parameters(model).items()})
    for name, value in ends[0].items():
        if name.startswith("actor"):
            torch.testing.assert_close(ends[1][name], value, atol=2e-4, rtol=0.0)


def test_bfloat16_gives_the_same_update_but_for_rounding():
    stock, fast = pair()
    fast.half = True
    fast._updater = None
    update_both(stock, fast, 1)
    errors = [(parameters(fast)[k] - v).abs().mean() for k, v in parameters(stock).items()]
    assert max(errors) < 1e-4  # a step of Adam is 3e-4


def test_exploration_follows_the_policys_own_distribution():
    _, fast = pair()
    obs = np.tile(np.linspace(-1, 1, 7, dtype=np.float32), (20_000, 1))
    torch.manual_seed(0)
    actions = np.arctanh(np.clip(fast.explore(obs), -0.999999, 0.999999))
    with torch.no_grad():
        mean, log_std, _ = fast.actor.get_action_dist_params(torch.from_numpy(obs[:1]))
    np.testing.assert_allclose(actions.mean(0), mean[0], atol=0.05)
    np.testing.assert_allclose(actions.std(0), log_std[0].exp(), rtol=0.05)


def test_other_networks_than_it_knows_are_refused():
    kwargs = KWARGS | {"activation_fn": nn.Tanh}
    model = FastSAC("MlpPolicy", Box(), policy_kwargs=kwargs)
    with pytest.raises(ValueError, match="plain ReLU"):
        _ = model.updater
