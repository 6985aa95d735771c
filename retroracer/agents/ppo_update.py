"""PPO's update of a SAC model's actor, and of a value network of its own.

Owns the losses, the value network and the optimisers. ``training.learners.ppo`` drives the cars and
decides when an update is due.

Noise is added to an action after the mean is squashed, not before as in SAC. Full throttle is about
tanh(4): noise before the squashing would hardly change it, and lifting the throttle would never be
explored. For other actions the two hardly differ.

Source: Schulman et al. 2017, Proximal Policy Optimization Algorithms. The gradients are autograd's.
Hand-written gradients made a round of driving and updates 1.29 and 1.45 times faster in processor
time (medians of two series of 4 rounds, 81,920 steps, 128x128, bfloat16, one thread of a busy
two-core machine). A whole run, which also evaluates and imitates, was not measured.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from retroracer.agents.adam import adam_over, adam_state, restore_adam
from retroracer.agents.networks import MAX_WEIGHT, FlatParameters, hidden_layers, policy_head
from retroracer.agents.rollout import Rollout, RolloutBatch
from retroracer.checks import Form, demand_array

if TYPE_CHECKING:
    from retroracer.agents.sac_update import SACUpdate

CLIP = 0.2
"""Clip range: the objective is clipped at probability ratios 1 - CLIP and 1 + CLIP."""

MAX_LOG_RATIO = 20.0
"""Bound of the logarithm of the probability ratio, so that no ratio is infinite."""

MAX_GRAD_NORM = 0.5
"""Gradients are scaled to at most this norm: the actor's and the value network's."""

MAX_ADVANTAGE = 10.0
"""Standardised advantages are clipped to +-10 so that one crash cannot dominate a batch."""

MIN_STD, MAX_STD = 0.05, 0.2
"""Bounds of the initial standard deviation of a trained driver's actions."""

TARGET_KL = 0.015
"""Target of the KL divergence [nats] of the policy over a round; the learning rate is adapted to
reach it."""

MAX_KL = 4.0 * TARGET_KL
"""KL divergence [nats] at which the actor's updates of a round stop early."""

MIN_LR_SCALE, TRAINED_LR_SCALE = 0.002, 0.05
"""Smallest factor on the actor's learning rate, and the initial one for a trained driver."""

FIRST_STD = 0.5
"""Standard deviation of an untrained driver's actions."""


class PPOUpdate:
    """Updates of an actor and of a value network from rollouts.

    Args:
        sac: the SAC model's update; its actor is trained, its critics are not.
        hidden: widths of the value network's hidden layers.
        fresh: True resets the actor's output layer; False leaves the actor as it is.
        half: True multiplies hidden layers in bfloat16.
        n_privileged: K, the numbers of the privileged observation, which only the value network
            sees. ``value_obs`` below is (N, O + K): observations, then these.

    Attributes:
        lr_scale: factor on the actor's learning rate, adapted to ``TARGET_KL``.
    """

    def __init__(
        self,
        sac: SACUpdate,
        hidden: tuple[int, ...],
        fresh: bool,
        half: bool,
        n_privileged: int = 0,
    ) -> None:
        self.actor, self.half = sac.actor, half
        self.net: Any = sac.model.actor
        self.n_obs, self.n_actions = sac.n_obs, sac.n_actions
        layers: list[Any] = []
        for inputs, outputs in itertools.pairwise((self.n_obs + n_privileged, *hidden)):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        layers.append(nn.Linear(hidden[-1], 1))
        self.value_net = [layer.to(sac.actor.flat.device) for layer in layers]
        self.value = FlatParameters([p for layer in self.value_net for p in layer.parameters()])
        self.actor_adam = adam_over(self.actor, eps=1e-5)
        self.value_adam = adam_over(self.value, eps=1e-5)
        self.lr_scale = 1.0 if fresh else TRAINED_LR_SCALE
        if fresh:
            self._shrink_mean()
            self._set_log_std(torch.full((self.n_actions,), math.log(FIRST_STD)))

    def _shrink_mean(self) -> None:
        """Make the actions of an untrained actor start near zero."""
        with torch.no_grad():
            self.net.mu.weight.mul_(0.05)
            self.net.mu.bias.zero_()

    def _set_log_std(self, log_std: Tensor) -> None:
        """Set the log standard deviations (A,) of actions, the same for all observations."""
        with torch.no_grad():
            self.net.log_std.weight.zero_()
            self.net.log_std.bias.copy_(log_std)

    def average_std(self, obs: Tensor) -> None:
        """Replace a trained actor's standard deviations by their mean at ``obs`` (N, O).

        PPO learns one standard deviation for all observations: if it depended on them, it would
        grow without bound where samples are rare.
        """
        with torch.no_grad():
            _, log_std = policy_head(self.net, obs, self.half)
        self._set_log_std(log_std.mean(0).clamp(math.log(MIN_STD), math.log(MAX_STD)))

    def act(self, value_obs: Tensor, noise_scale: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        """Draw actions for ``value_obs`` (N, O + K), of which the actor sees the first O columns.

        ``noise_scale`` is a factor on the standard deviation, other than 1 only while the value
        network alone is trained.

        Returns:
            Actions (N, A), to be clipped where they are executed; their log probabilities (N,);
            values (N,).
        """
        with torch.no_grad():
            mean, log_std = self._policy(value_obs[:, : self.n_obs])
            noise = torch.randn_like(mean)
            log_probs = _log_probs(noise, log_std)
            return mean + noise_scale * log_std.exp() * noise, log_probs, self.values(value_obs)

    def values(self, value_obs: Tensor) -> Tensor:
        """Values (N,) of ``value_obs`` (N, O + K), without gradient."""
        with torch.no_grad():
            return self._values(value_obs)

    def _values(self, value_obs: Tensor) -> Tensor:
        *hidden, output = self.value_net
        values: Tensor = output(hidden_layers(hidden, value_obs, self.half))[:, 0]
        return values

    def _policy(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Squashed means and log standard deviations (N, A); the latter have only a bias."""
        mean, log_std = policy_head(self.net, obs, self.half)
        return torch.tanh(mean), log_std

    def update(
        self,
        rollout: Rollout,
        rate: float,
        epochs: int,
        batch_size: int,
        ent_coef: float,
        value_rate: float | None = None,
        train_actor: bool = True,
    ) -> dict[str, float]:
        """Update actor and value network from a rollout, in ``epochs`` passes.

        ``rate`` is the learning rate of the actor, before ``lr_scale``; that of the value network
        is ``value_rate``, None = the same. An update takes ``batch_size`` steps: T * N should be a
        multiple of it. ``ent_coef`` belongs to standardised advantages. Without ``train_actor``
        only the value network is trained.

        Returns:
            Means over the updates, by name: value_loss, actor_loss, entropy, kl.
        """
        data = rollout.flat()
        self.actor_adam.param_groups[0]["lr"] = self.lr_scale * rate
        self.value_adam.param_groups[0]["lr"] = rate if value_rate is None else value_rate
        value_losses, actor_losses = [], []
        kl = 0.0
        for _ in range(epochs):
            order = torch.randperm(len(data.obs), device=data.obs.device)
            for rows in torch.split(order, batch_size):
                batch = RolloutBatch(*(part[rows] for part in data))
                value_losses.append(self._update_value(batch))
                if train_actor and kl <= MAX_KL:
                    actor_losses.append(self._update_actor(batch, ent_coef))
                    kl = float(actor_losses[-1][2])
        if train_actor:
            self._adapt_lr_scale(kl)
        actor = torch.stack(actor_losses).mean(0).tolist() if actor_losses else [0.0, 0.0, 0.0]
        names = ("actor_loss", "entropy", "kl")
        value_loss = float(torch.stack(value_losses).mean())
        return {"value_loss": value_loss} | dict(zip(names, actor, strict=True))

    def _update_value(self, batch: RolloutBatch) -> Tensor:
        loss = 0.5 * (self._values(batch.value_obs) - batch.returns).square().mean()
        self.value.differentiate(loss)
        self.value.clip_grad(MAX_GRAD_NORM)
        self.value_adam.step()
        return loss.detach()

    def _update_actor(self, batch: RolloutBatch, ent_coef: float) -> Tensor:
        """One step on the clipped objective; returns loss, entropy and KL divergence, (3,)."""
        advantages = batch.advantages.clamp(-MAX_ADVANTAGE, MAX_ADVANTAGE)
        mean, log_std = self._policy(batch.obs)
        log_probs = _log_probs((batch.acts - mean) / log_std.exp(), log_std)
        log_ratio = (log_probs - batch.log_probs).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
        ratio = log_ratio.exp()
        clipped = ratio.clamp(1.0 - CLIP, 1.0 + CLIP)
        loss = -torch.minimum(ratio * advantages, clipped * advantages).mean()
        entropy = (log_std + 0.5 * math.log(2.0 * math.pi * math.e)).sum(1).mean()
        self.actor.differentiate(loss - ent_coef * entropy)
        self.net.log_std.weight.grad.zero_()  # one standard deviation for all observations
        self.actor.clip_grad(MAX_GRAD_NORM)
        self.actor_adam.step()
        kl = (ratio - 1.0 - log_ratio).mean()  # of the policy before this step
        return torch.stack((loss, entropy, kl)).detach()

    def _adapt_lr_scale(self, kl: float) -> None:
        """Adapt the factor on the learning rate to the last KL divergence."""
        if kl > 2.0 * TARGET_KL:
            self.lr_scale = max(self.lr_scale / 1.5, MIN_LR_SCALE)
        elif kl < 0.5 * TARGET_KL:
            self.lr_scale = min(self.lr_scale * 1.2, 1.0)

    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        """Value network, moments and ``lr_scale`` by name; the task saves the actor's weights."""
        state = {"value": self.value.flat.cpu().numpy().copy()}
        for name, adam in (("actor", self.actor_adam), ("value", self.value_adam)):
            state |= {f"{name}.{k}": v for k, v in adam_state(adam).items()}
        return state | {"lr_scale": np.array(self.lr_scale)}

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Continue from what ``state`` returned; a ``ValueError`` or ``KeyError`` if it cannot."""
        form = Form(tuple(self.value.flat.shape), np.float32, -MAX_WEIGHT, MAX_WEIGHT)
        weights = demand_array("the value network", state["value"], form)
        scale = demand_array("lr_scale", state["lr_scale"], _LR_SCALE)
        for name, adam in (("actor", self.actor_adam), ("value", self.value_adam)):
            own = {k.split(".")[1]: v for k, v in state.items() if k.startswith(f"{name}.")}
            restore_adam(adam, own)
        self.value.flat.copy_(torch.from_numpy(weights.copy()))
        self.lr_scale = float(scale)


_LR_SCALE = Form((), np.float64, MIN_LR_SCALE, 1.0)


def _log_probs(noise: Tensor, log_std: Tensor) -> Tensor:
    """Log densities (N,) of a Gaussian at ``noise`` (N, A) standard deviations from its mean."""
    return (-0.5 * noise.square() - log_std - 0.5 * math.log(2.0 * math.pi)).sum(1)
