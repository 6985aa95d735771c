"""FastSAC: the same mathematics as Stable-Baselines3's SAC, and the same file."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import SAC
from torch import nn

from retroracer.agents.fast_sac import FastSAC

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
