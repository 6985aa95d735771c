"""One SAC update as a fixed list of matrix products: SB3's algorithm with hand-written gradients.

Owns the update's arithmetic and its optimisers; the model is ``fast_sac``, the networks'
arithmetic ``stack``. Hand-written gradients need no autograd graph, no synchronisation with the
CPU and no new memory, and those of SAC's losses are short.

Source: Haarnoja et al. 2018, Soft Actor-Critic Algorithms and Applications; the order of the
steps is that of Stable-Baselines3's ``SAC.train``. What the hand-written gradients gain against
autograd of the same losses on the same flat vectors (equal within 2e-7), in processor time on one
thread: with batches of 512, 128x128 and bfloat16, a round of 16 updates and its driving took 81 ms
against 124 ms (busy two-core EPYC, two turns: 1.33 and 1.75 times faster). With the page of today
(batches of 256, 256x256, float32), 1632 updates took 6.4 and 8.4 s against 7.2 and 9.0 s (Xeon with
AMX; the second turn beside a test run): 1.13 and 1.07 times faster, and whole runs of the SAC stage
over 90,000 steps 22.1 and 28.7 s against 21.6 and 25.2 s: no faster. torch.compile is not used: its
first call took a minute here, and it needs a C++ compiler where the game is installed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from stable_baselines3.sac.policies import LOG_STD_MAX, LOG_STD_MIN
from torch import Tensor, nn

from retroracer.agents.adam import adam_over, check_moments, fill_state
from retroracer.agents.networks import MAX_WEIGHT
from retroracer.agents.stack import Stack

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
    """A model's networks and optimisers, laid out for fast updates.

    Args:
        model: SAC with ReLU MLPs. Its parameters become views into flat vectors; its optimisers are
            read now and written by ``publish``.
        half: True multiplies hidden layers in bfloat16.

    Raises:
        ValueError: if the networks are of another kind.
    """

    def __init__(self, model: SAC, half: bool = False) -> None:
        actor, critics = model.actor, model.critic.q_networks
        self.model = model
        heads: Any = (actor.mu, actor.log_std)
        self.actor = Stack([[*_rows(actor.latent_pi), heads]], half)
        self.critic = Stack([_rows(q) for q in critics], half)
        self.target = Stack([_rows(q) for q in model.critic_target.q_networks], half)
        self.n_obs = int(model.observation_space.shape[0])  # type: ignore[index]
        self.n_actions = int(model.action_space.shape[0])  # type: ignore[index]
        self.actor_adam = adam_over(self.actor, model.actor.optimizer)
        self.critic_adam = adam_over(self.critic, model.critic.optimizer)
        self.losses = torch.zeros(4, device=self.actor.flat.device)
        self._count = 0

    def update(
        self, batch: Batch, noise: Tensor, train_actor: bool = True, mean: bool = False
    ) -> None:
        """Make one update.

        Args:
            batch: B transitions.
            noise: (2, B, A) standard normal: for the actions at ``obs``, then at ``next_obs``.
            train_actor: False trains the critics only (delayed policy updates).
            mean: True takes the mean of the critics as an action's value, not the least.
        """
        with torch.no_grad():
            self._update(batch, noise, train_actor, mean)

    def _update(self, batch: Batch, noise: Tensor, train_actor: bool, mean: bool) -> None:
        model, count, n = self.model, len(batch.obs), self.critic.count
        # One forward pass of the actor for both observations: it does not change in between.
        if train_actor:
            both = torch.cat((batch.obs, batch.next_obs))[None]
            means = self.actor.forward(both)[0]
            here = Sampled(means[:count], noise[0], self.n_actions)
            there = Sampled(means[count:], noise[1], self.n_actions)
        else:
            there = Sampled(self.actor.forward(batch.next_obs[None])[0], noise[1], self.n_actions)
        alpha = self._update_ent_coef(here.log_prob if train_actor else None)
        # Critics: towards the reward plus the target critics' value of the actor's next action.
        next_inputs = torch.cat((batch.next_obs, there.action), 1)
        values = self.target.forward(next_inputs.expand(n, -1, -1))
        value = values.mean(0) if mean else values.amin(0)
        value = value - alpha * there.log_prob
        goal = torch.addcmul(batch.rewards, batch.discounts, value)
        inputs = torch.cat((batch.obs, batch.actions), 1).expand(n, -1, -1)
        error = self.critic.forward(inputs) - goal
        self.critic.backward(inputs, error / count)
        self.critic_adam.step()
        self.critic.refresh()
        self.losses[0] += 0.5 * error.square().sum() / count
        if train_actor:
            inputs = torch.cat((batch.obs, here.action), 1).expand(n, -1, -1)
            values = self.critic.forward(inputs)
            if mean:
                value = values.mean(0)
                out_grad = torch.full_like(values, -1.0 / (n * count))
            else:
                least, which = values.min(0, keepdim=True)
                value = least[0]
                # Only the smaller value of a row has a gradient.
                out_grad = torch.zeros_like(values).scatter_(0, which, -1.0 / count)
            by_action = self.critic.input_grad(inputs, out_grad, slice(self.n_obs, None)).sum(0)
            self.actor.backward(both, here.backward(by_action, alpha / count)[None], rows=count)
            self.actor_adam.step()
            self.actor.refresh()
            self.losses[1] += (alpha * here.log_prob - value).mean()
        if self._count % model.target_update_interval == 0:
            self.target.flat.lerp_(self.critic.flat, model.tau)
            self.target.refresh()
        self._count += 1

    def improve(self, states: Measured, noise: Tensor) -> None:
        """One update of actor and entropy coefficient from measured slopes.

        SAC's actor loss, with the critics' value of an action replaced by a parabola: at the action
        of the measurement it has the measured slope, and ``size`` away it is flat, because the
        slope is not known beyond.

        Args:
            states: B states.
            noise: (B, A) standard normal.
        """
        with torch.no_grad():
            obs, count = states.obs[None], len(states.obs)
            here = Sampled(self.actor.forward(obs)[0], noise, self.n_actions)
            alpha = self._update_ent_coef(here.log_prob)
            away = here.action - states.actions
            bend = states.slopes.abs() / states.size
            by_action = (bend * away - states.slopes) / count
            self.actor.backward(obs, here.backward(by_action, alpha / count)[None], rows=count)
            self.actor_adam.step()
            self.actor.refresh()
            value = (states.slopes * away - 0.5 * bend * away.square()).sum(1, keepdim=True)
            self.losses[1] += (alpha * here.log_prob - value).mean()

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
        self._refresh()
        self.losses.zero_()
        self._count = 0

    def scale_values(self, factor: float) -> None:
        """Multiply the critics' values, and everything else in units of reward, by ``factor``.

        Moments become those that gradients of the scaled losses would have left. The critics' last
        layer is scaled itself, so its gradients grow by one factor less than those of other layers.
        """
        with torch.no_grad():
            for stack in (self.critic, self.target):
                for values in (stack.weights[-1], stack.biases[-1]):
                    values.mul_(factor)
            if self.model.log_ent_coef is not None:
                self.model.log_ent_coef.add_(math.log(factor))
            for adam, power in ((self.critic_adam, 2), (self.actor_adam, 1)):
                state = adam.state.get(adam.param_groups[0]["params"][0])
                if state:
                    state["exp_avg"].mul_(factor**power)
                    state["exp_avg_sq"].mul_(factor ** (2 * power))
            state = self.critic_adam.state.get(self.critic_adam.param_groups[0]["params"][0])
            if state:
                last = self.critic.weights[-1].numel() + self.critic.biases[-1].numel()
                state["exp_avg"][-last:].div_(factor)
                state["exp_avg_sq"][-last:].div_(factor**2)
        self._refresh()

    def _refresh(self) -> None:
        for stack in (self.actor, self.critic, self.target):
            stack.refresh()

    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        """Copies of weights, moments and entropy coefficient as NumPy arrays by name."""
        return {name: values.detach().cpu().numpy().copy() for name, values in self._named()}

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Restore exactly what ``state`` of a model of the same shape returned.

        Raises:
            ValueError: if it does not fit.
        """
        for adam in (self.actor_adam, self.critic_adam, self.model.ent_coef_optimizer):
            if adam is not None:
                fill_state(adam)
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
                kept = adam.state[adam.param_groups[0]["params"][0]]
                check_moments(kept["exp_avg"], kept["exp_avg_sq"])
        self._refresh()

    def _named(self) -> list[tuple[str, Tensor]]:
        named = [(n, getattr(self, n).flat) for n in ("actor", "critic", "target")]
        adams = [("actor", self.actor_adam), ("critic", self.critic_adam)]
        if self.model.log_ent_coef is not None and self.model.ent_coef_optimizer is not None:
            named.append(("log_ent_coef", self.model.log_ent_coef))
            adams.append(("ent_coef", self.model.ent_coef_optimizer))
        for who, adam in adams:
            fill_state(adam)
            state = adam.state[adam.param_groups[0]["params"][0]]
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


class Sampled:
    """Actions drawn from a squashed Gaussian, and what is needed to differentiate them.

    Args:
        head: (B, 2A) means, then log standard deviations.
        noise: (B, A) standard normal.
        n: A.
    """

    def __init__(self, head: Tensor, noise: Tensor, n: int) -> None:
        raw = head[:, n:]
        log_std = raw.clamp(LOG_STD_MIN, LOG_STD_MAX)
        self.inside = (raw == log_std).float()
        self.spread = log_std.exp() * noise
        self.action = torch.tanh(head[:, :n] + self.spread)
        self.slope = 1.0 - self.action.square()
        gaussian = -0.5 * noise.square() - log_std - 0.5 * math.log(2.0 * math.pi)
        self.log_prob = (gaussian - (self.slope + EPSILON).log()).sum(1, keepdim=True)

    def backward(self, by_action: Tensor, alpha: Tensor) -> Tensor:
        """Gradient (B, 2A) of a loss with respect to means and log standard deviations.

        The loss is ``alpha * sum(log_prob)`` plus a term whose gradient with respect to the actions
        is ``by_action`` (B, A).
        """
        by_action = by_action + alpha * 2.0 * self.action / (self.slope + EPSILON)
        by_mean = by_action * self.slope
        by_log_std = (by_mean * self.spread - alpha) * self.inside
        return torch.cat((by_mean, by_log_std), 1)


def _rows(net: Any) -> list[tuple[nn.Linear]]:
    linears = [m for m in net if isinstance(m, nn.Linear)]
    if {type(m) for m in net} - {nn.Linear, nn.ReLU} or not linears:
        raise ValueError("this update needs plain ReLU networks; use Stable-Baselines3's SAC")
    return [(x,) for x in linears]
