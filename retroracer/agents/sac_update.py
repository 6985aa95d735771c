"""One SAC update: SB3's algorithm on networks whose parameters are one flat vector each.

Owns the losses and the optimisers; the model is ``fast_sac``, the vectors ``networks``.

Source: Haarnoja et al. 2018, Soft Actor-Critic Algorithms and Applications; the order of the
steps is that of Stable-Baselines3's ``SAC.train``. The gradients are autograd's. Hand-written ones
made an update 1.09 to 1.11 times as fast in float32 and 1.13 to 1.17 times in bfloat16 (batches of
256, 256x256), and a whole run of the SAC stage 0.97 to 1.05 times over 40,960 steps (three pairs),
1.03 times over 90,112 (one): processor time, one thread of a busy two-core EPYC. torch.compile is
not used: its first call took a minute, and it needs a C++ compiler where the game is installed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from retroracer.agents.adam import adam_over, check_moments, moments_of
from retroracer.agents.networks import MAX_WEIGHT, FlatParameters, hidden_layers, policy_head

if TYPE_CHECKING:
    from stable_baselines3 import SAC

EPSILON = 1e-6  # as in SB3: added to the slope of tanh before its logarithm


class Batch(NamedTuple):
    """Transitions for an update, float32 on the model's device.

    Attributes:
        obs: (B, O).
        actions: (B, A) in [-1, 1].
        rewards: (B, 1), n-step returns.
        next_obs: (B, O), n steps later.
        discounts: (B, 1) discounts of the values of ``next_obs``; 0 where the episode terminated.
    """

    obs: Tensor
    actions: Tensor
    rewards: Tensor
    next_obs: Tensor
    discounts: Tensor

    def beside(self, other: Batch) -> Batch:
        """This batch and another as one."""
        return Batch(*(torch.cat(pair) for pair in zip(self, other, strict=True)))


class Measured(NamedTuple):
    """States in which the slopes of the actions' values were measured, float32.

    Attributes:
        obs: (B, O).
        actions: (B, A) in [-1, 1], at which the slopes were measured.
        slopes: (B, A) derivative of the value by each action, in scaled rewards.
        size: (A,) distance from ``actions`` up to which they are valid.
    """

    obs: Tensor
    actions: Tensor
    slopes: Tensor
    size: Tensor


class SACUpdate:
    """A model's networks and optimisers, each network's parameters in one vector.

    The model is SAC with ReLU MLPs, else a ``ValueError``. Its parameters become views into flat
    vectors; its optimisers are read now and written by ``publish``. ``half`` multiplies hidden
    layers in bfloat16.
    """

    def __init__(self, model: SAC, half: bool = False) -> None:
        self.model, self.half = model, half
        for module in model.policy.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = True  # what is before a ReLU is not needed again
        heads: Any = [model.actor.mu, model.actor.log_std]
        self.actor = _flat([[x] for x in _linears(model.actor.latent_pi)] + [heads])
        self.critic, self.target = (
            _flat(list(zip(*map(_linears, critic.q_networks), strict=True)))
            for critic in (model.critic, model.critic_target)
        )
        self.n_obs = int(model.observation_space.shape[0])  # type: ignore[index]
        self.n_actions = int(model.action_space.shape[0])  # type: ignore[index]
        self.actor_adam = adam_over(self.actor, model.actor.optimizer)
        self.critic_adam = adam_over(self.critic, model.critic.optimizer)
        self.losses = torch.zeros(4, device=self.actor.flat.device)
        self._count = 0

    def update(
        self, batch: Batch, noise: Tensor, train_actor: bool = True, mean: bool = False
    ) -> None:
        """Make one update from B transitions.

        ``noise`` (2, B, A) is standard normal: for the actions at ``obs``, then at ``next_obs``.
        Without ``train_actor`` only the critics are trained (delayed policy updates); ``mean``
        takes the mean of the critics as an action's value, not the least.
        """
        model = self.model
        if train_actor:
            action, log_prob = self._draw(batch.obs, noise[0])
            alpha = self._update_ent_coef(log_prob.detach())
        else:
            alpha = self._update_ent_coef(None)

        # Critics: towards the reward plus the target critics' value of the actor's next action.
        with torch.no_grad():
            next_action, next_log_prob = self._draw(batch.next_obs, noise[1])
            value = self.target_values(batch.next_obs, next_action, mean)
            value = value - alpha * next_log_prob
            goal = torch.addcmul(batch.rewards, batch.discounts, value)
        values = self._values(model.critic, batch.obs, batch.actions)
        critic_loss = 0.5 * (values - goal).square().sum() / len(goal)
        self.critic.differentiate(critic_loss)
        self.critic_adam.step()
        self.losses[0] += critic_loss.detach()

        if train_actor:
            value = _one_value(self._values(model.critic, batch.obs, action), mean)
            self._step_actor((alpha * log_prob - value).mean())

        if self._count % model.target_update_interval == 0:
            self.target.flat.lerp_(self.critic.flat, model.tau)
        self._count += 1

    def improve(self, states: Measured, noise: Tensor) -> None:
        """One update of actor and entropy coefficient from slopes measured at B states.

        SAC's actor loss, with the critics' value of an action replaced by a parabola: at the action
        of the measurement it has the measured slope, and ``size`` away it is flat, because the
        slope is not known beyond. ``noise`` (B, A) is standard normal.
        """
        action, log_prob = self._draw(states.obs, noise)
        alpha = self._update_ent_coef(log_prob.detach())
        away = action - states.actions
        bend = states.slopes.abs() / states.size
        value = (states.slopes * away - 0.5 * bend * away.square()).sum(1, keepdim=True)
        self._step_actor((alpha * log_prob - value).mean())

    def _step_actor(self, loss: Tensor) -> None:
        self.actor.differentiate(loss)
        self.actor_adam.step()
        self.losses[1] += loss.detach()

    def _draw(self, obs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Actions (B, A) at ``obs`` (B, O) and their log probabilities (B, 1)."""
        return squash(*policy_head(self.model.actor, obs, self.half), noise)

    def _values(self, critic: Any, obs: Tensor, actions: Tensor) -> Tensor:
        """Each network's values of actions (B, A) at ``obs`` (B, O): (B, networks)."""
        inputs = torch.cat((obs, actions), 1)
        values = []
        for *hidden, output in critic.q_networks:
            values.append(output(hidden_layers(hidden, inputs, self.half)))
        return torch.cat(values, 1)

    def target_values(self, obs: Tensor, actions: Tensor, mean: bool) -> Tensor:
        """The target critics' values (B, 1) of actions (B, A) at ``obs`` (B, O); see ``update``."""
        with torch.no_grad():
            return _one_value(self._values(self.model.critic_target, obs, actions), mean)

    def _update_ent_coef(self, log_prob: Tensor | None) -> Tensor:
        """Return the current entropy coefficient, then update it from ``log_prob`` (B, 1)."""
        model = self.model
        log_alpha, adam = model.log_ent_coef, model.ent_coef_optimizer
        if log_alpha is None or adam is None:
            return model.ent_coef_tensor
        alpha = log_alpha.detach().exp()
        if log_prob is not None:
            log_alpha.grad = -(log_prob + float(model.target_entropy)).mean().reshape(1)
            self.losses[2] += log_alpha.detach()[0] * log_alpha.grad[0]
            adam.step()
        self.losses[3] += alpha[0]
        return alpha

    def begin(self, rate: float) -> None:
        """Prepare for a round of updates at a learning rate."""
        for adam in (self.actor_adam, self.critic_adam):
            adam.param_groups[0]["lr"] = rate
        self.losses.zero_()
        self._count = 0

    def scale_values(self, factor: float) -> None:
        """Multiply the critics' values, and everything else in units of reward, by ``factor``.

        Moments become those that gradients of the scaled losses would have left. The critics' last
        layer is scaled itself, so its gradients grow by one factor less than those of other layers.
        """
        with torch.no_grad():
            critics: Any = self.model.critic.q_networks
            last = sum(p.numel() for q in critics for p in q[-1].parameters())
            for network in (self.critic, self.target):
                network.flat[-last:].mul_(factor)
            if self.model.log_ent_coef is not None:
                self.model.log_ent_coef.add_(math.log(factor))
            for adam, power in ((self.critic_adam, 2), (self.actor_adam, 1)):
                state = adam.state.get(adam.param_groups[0]["params"][0])
                if state:
                    state["exp_avg"].mul_(factor**power)
                    state["exp_avg_sq"].mul_(factor ** (2 * power))
            state = self.critic_adam.state.get(self.critic_adam.param_groups[0]["params"][0])
            if state:
                state["exp_avg"][-last:].div_(factor)
                state["exp_avg_sq"][-last:].div_(factor**2)

    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        """Copies of weights, moments and entropy coefficient as NumPy arrays by name."""
        return {name: values.detach().cpu().numpy().copy() for name, values in self._named()}

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Restore exactly what ``state`` returned; a ``ValueError`` if it does not fit."""
        for name, values in self._named():
            value = torch.from_numpy(np.asarray(state[name]))
            if value.shape != values.shape or value.dtype != values.dtype:
                raise ValueError(f"{name} has another shape")
            if not torch.isfinite(value).all():
                raise ValueError(f"{name} is not finite")
            if "." not in name and value.abs().max() > MAX_WEIGHT:
                raise ValueError(f"{name} is out of its range")
            if name.endswith((".step", ".exp_avg_sq")) and not (value >= 0).all():
                raise ValueError(f"{name} is negative")
            values.data.copy_(value)
        for adam in (self.actor_adam, self.critic_adam, self.model.ent_coef_optimizer):
            if adam is not None:
                kept = moments_of(adam)
                check_moments(kept["exp_avg"], kept["exp_avg_sq"])

    def _named(self) -> list[tuple[str, Tensor]]:
        named = [(n, getattr(self, n).flat) for n in ("actor", "critic", "target")]
        adams = [("actor", self.actor_adam), ("critic", self.critic_adam)]
        if self.model.log_ent_coef is not None and self.model.ent_coef_optimizer is not None:
            named.append(("log_ent_coef", self.model.log_ent_coef))
            adams.append(("ent_coef", self.model.ent_coef_optimizer))
        for who, adam in adams:
            state = moments_of(adam)
            named += [(f"{who}.{k}", state[k]) for k in ("step", "exp_avg", "exp_avg_sq")]
        return named

    def publish(self) -> None:
        """Write the optimisers' moments into SB3's optimisers, so that SB3 saves them."""
        pairs = (
            (self.actor, self.actor_adam, self.model.actor.optimizer),
            (self.critic, self.critic_adam, self.model.critic.optimizer),
        )
        for network, adam, theirs in pairs:
            state = adam.state.get(adam.param_groups[0]["params"][0])
            if not state:
                continue
            for parameter, where in network.parameters:
                theirs.state[parameter] = {
                    "step": state["step"].clone().cpu(),
                    "exp_avg": state["exp_avg"][where].view(parameter.shape).clone(),
                    "exp_avg_sq": state["exp_avg_sq"][where].view(parameter.shape).clone(),
                }


def squash(mean: Tensor, log_std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Actions (B, A) drawn from a squashed Gaussian, and their log probabilities (B, 1).

    ``mean`` and ``log_std`` (B, A) are those before squashing; ``noise`` (B, A) is standard normal.
    """
    action = torch.tanh(mean + log_std.exp() * noise)
    gaussian = -0.5 * noise.square() - log_std - 0.5 * math.log(2.0 * math.pi)
    log_prob = gaussian - (1.0 - action.square() + EPSILON).log()
    return action, log_prob.sum(1, keepdim=True)


def _one_value(values: Tensor, mean: bool) -> Tensor:
    """The mean (B, 1) of the critics' values (B, networks), or the least."""
    return values.mean(1, keepdim=True) if mean else values.amin(1, keepdim=True)


def _flat(places: Sequence[Sequence[nn.Linear]]) -> FlatParameters:
    """Parameters of layers as one vector: all weights in a place, then its biases; runs keep it so.

    A place has the layers that stand side by side; the first are next to the inputs.
    """
    names = ("weight", "bias")
    return FlatParameters([getattr(x, name) for row in places for name in names for x in row])


def _linears(net: Any) -> list[nn.Linear]:
    linears = [m for m in net if isinstance(m, nn.Linear)]
    if {type(m) for m in net} - {nn.Linear, nn.ReLU} or not linears:
        raise ValueError("this update needs plain ReLU networks; use Stable-Baselines3's SAC")
    return linears
