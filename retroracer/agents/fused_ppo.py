"""PPO on the actor of a SAC model: how a driver learns its first laps, before SAC refines it.

Owns the update, its value network and its optimisers. Does not own the cars, or when it is
used. Like ``fused_sac`` it writes the gradients down instead of asking autograd for them.

Why beside SAC: with hundreds of thousands of steps a second to be had, an update that looks at
each of them a few times and throws it away teaches more in a minute than one that looks at few
of them often (``docs/training.md`` has the figures).

The noise is put on an action after its mean was squashed, not before as SAC does: full throttle
is tanh(4), and noise before it would be next to none after it, so that no driver would notice
what it loses when it lets the throttle go. SAC's own deviation is nearly the same elsewhere.

Source: Schulman et al. 2017, Proximal Policy Optimization Algorithms; Schulman et al. 2016,
High-Dimensional Continuous Control Using Generalized Advantage Estimation.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from stable_baselines3.sac.policies import LOG_STD_MAX, LOG_STD_MIN
from torch import Tensor, nn

from retroracer.agents.adam import adam_over, wake
from retroracer.agents.rollout import Rollout
from retroracer.agents.stack import Stack
from retroracer.checks import Form, demand_array

if TYPE_CHECKING:
    from retroracer.agents.fused_sac import FusedUpdate

CLIP = 0.2
"""How far one update may change the odds of an action."""

MOST_ODDS = 20.0
"""Logarithm of the largest odds told apart: a single freak must not make the rest infinite."""

STEEPEST = 0.5
"""Longest gradient of the actor, and of the value network."""

FAR = 10.0
"""Standardised advantages are cut at it: one crash among a thousand steps is no landslide."""

CALMEST, BOLDEST = 0.05, 0.2
"""Bounds of the deviation with which a driver that can drive already goes on."""

WANTED_KL = 0.015
"""How far a driver's actions should move in a round: Kullback-Leibler divergence [nats]. The less
it varies them, the smaller the steps that do so; the learning rate follows."""

TOO_FAR = 4.0
"""Times that at which the rest of a round is left out."""

SLOWEST, GENTLE = 0.002, 0.05
"""Least share of the learning rate, and the one a taught driver begins with."""

FIRST_STD = 0.5
"""Standard deviation of an untaught driver's actions, before they are squashed."""


class FusedPPO:
    """Learns the actor of a fused SAC update, and the value of where it drives.

    Args:
        fused: whose actor learns. Its critics are left alone.
        hidden: widths of the value network's hidden layers.
        fresh: True makes the actor begin with small, unhurried actions; False leaves it as it is.
        half: hidden layers in bfloat16.
        n_more: numbers the value network is told beside an observation, K: less to be surprised
            by. What is ``seen`` here is observations (N, O) and those behind them (N, O + K).
    """

    def __init__(
        self,
        fused: FusedUpdate,
        hidden: tuple[int, ...],
        fresh: bool,
        half: bool,
        n_more: int = 0,
    ) -> None:
        self.actor = fused.actor
        self.n_obs, self.n_actions = fused.n_obs, fused.n_actions
        device = self.actor.flat.device
        widths = (fused.n_obs + n_more, *hidden, 1)
        layers = [nn.Linear(a, b).to(device) for a, b in itertools.pairwise(widths)]
        self.value = Stack([[(layer,) for layer in layers]], half)
        self.actor_adam = adam_over(self.actor, eps=1e-5)
        self.value_adam = adam_over(self.value, eps=1e-5)
        self.pace = 1.0 if fresh else GENTLE  # share of the learning rate that is used
        if fresh:
            self._calm()

    def _calm(self) -> None:
        """Let an untaught actor's heads say next to nothing: mean 0, deviation FIRST_STD."""
        n = self.n_actions
        with torch.no_grad():
            self.actor.weights[-1][:, :n].mul_(0.05)
            self.actor.weights[-1][:, n:].zero_()
            self.actor.biases[-1][:, :, :n].zero_()
            self.actor.biases[-1][:, :, n:].fill_(math.log(FIRST_STD))
        self.actor.refresh()

    def settle(self, obs: Tensor) -> None:
        """Give a taught actor's actions one deviation for all places: its mean at ``obs`` (N, O).

        Practice learns it as such: a deviation for each place runs away where it is seldom.
        """
        with torch.no_grad():
            _, log_std, _ = self._split(self.actor.forward(obs[None], "act")[0])
            mean = log_std.mean(0).clamp(math.log(CALMEST), math.log(BOLDEST))
            self.actor.weights[-1][:, self.n_actions :].zero_()
            self.actor.biases[-1][:, :, self.n_actions :] = mean
        self.actor.refresh()

    def act(self, seen: Tensor, bold: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        """What to do in a vector step.

        Args:
            seen: (N, O + K), of which the driver gets the first O.
            bold: factor on the deviation; other than 1 only while values alone are learned.

        Returns:
            Actions (N, A) around the squashed mean, to be clipped where they are done; their log
            densities (N,); values (N,).
        """
        with torch.no_grad():
            head = self.actor.forward(seen[None, :, : self.n_obs], "act")[0]
            mean, log_std, _ = self._split(head)
            mean = torch.tanh(mean)
            noise = torch.randn_like(mean)
            return mean + bold * log_std.exp() * noise, _density(noise, log_std), self.worth(seen)

    def worth(self, seen: Tensor) -> Tensor:
        """Values (N,) of what is seen (N, O + K)."""
        with torch.no_grad():
            return self.value.forward(seen[None], "act")[0, :, 0].clone()

    def _split(self, head: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        raw = head[:, self.n_actions :]
        log_std = raw.clamp(LOG_STD_MIN, LOG_STD_MAX)
        return head[:, : self.n_actions], log_std, (raw == log_std).float()

    def learn(
        self,
        rollout: Rollout,
        rate: float,
        epochs: int,
        batch: int,
        entropy: float,
        value_rate: float | None = None,
        actor_too: bool = True,
    ) -> dict[str, float]:
        """Learn from what was just driven.

        Args:
            rollout: of T vector steps of N cars.
            rate: learning rate of the actor at most (``WANTED_KL``).
            epochs: times each step is looked at.
            batch: steps an update; T * N should be a multiple of it.
            entropy: what an action's entropy is worth, in standardised advantages.
            value_rate: learning rate of the values; None = the same.
            actor_too: False learns the values only.

        Returns:
            Means over the updates, by name: value_loss, actor_loss, entropy, kl.
        """
        data = rollout.flat()
        self.actor_adam.param_groups[0]["lr"] = self.pace * rate
        self.value_adam.param_groups[0]["lr"] = rate if value_rate is None else value_rate
        self.actor.refresh()
        self.value.refresh()
        orders = [torch.randperm(len(data.obs), device=data.obs.device) for _ in range(epochs)]
        parts = [rows for order in orders for rows in torch.split(order, batch)]

        def values() -> Tensor:
            with torch.no_grad():
                told = [self._learn_value(data.seen[rows], data.returns[rows]) for rows in parts]
                return torch.stack(told).mean()

        def actions() -> Tensor:
            told: list[Tensor] = []
            with torch.no_grad():
                for rows in parts:
                    told.append(
                        self._learn_actor(
                            data.obs[rows],
                            data.acts[rows],
                            data.densities[rows],
                            data.advantages[rows].clamp(-FAR, FAR),
                            entropy,
                        )
                    )
                    if float(told[-1][2]) > TOO_FAR * WANTED_KL:
                        break
            self._keep_pace(float(told[-1][2]))
            return torch.stack(told).mean(0)

        if not actor_too:
            return {"value_loss": float(values()), "actor_loss": 0.0}
        # Neither needs the other: on a processor each takes a core. Small products gain more
        # from that than from being shared out themselves.
        with _one_thread_each(data.obs.device), ThreadPoolExecutor(1) as other:
            coming = other.submit(values)
            actor, told, moved = actions().tolist()
            value = float(coming.result())
        return {"value_loss": value, "actor_loss": actor, "entropy": told, "kl": moved}

    def _keep_pace(self, moved: float) -> None:
        """Choose the next round's pace by how far the last update was from the first."""
        if moved > 2.0 * WANTED_KL:
            self.pace = max(self.pace / 1.5, SLOWEST)
        elif moved < 0.5 * WANTED_KL:
            self.pace = min(self.pace * 1.2, 1.0)

    def _learn_value(self, seen: Tensor, returns: Tensor) -> Tensor:
        error = self.value.forward(seen[None])[0, :, 0] - returns
        self.value.backward(seen[None], (error / len(seen))[None, :, None])
        _shorten(self.value.grad)
        self.value_adam.step()
        self.value.refresh()
        return 0.5 * error.square().mean()

    def _learn_actor(
        self, obs: Tensor, acts: Tensor, before: Tensor, advantages: Tensor, entropy: float
    ) -> Tensor:
        count = len(obs)
        mean, log_std, inside = self._split(self.actor.forward(obs[None])[0])
        mean = torch.tanh(mean)
        noise = (acts - mean) / log_std.exp()
        odds = (_density(noise, log_std) - before).clamp(-MOST_ODDS, MOST_ODDS).exp()
        gain = odds * advantages
        kept = odds.clamp(1.0 - CLIP, 1.0 + CLIP) * advantages
        # Where clipping holds the gain back, nothing is learned.
        pull = torch.where(gain <= kept, -gain / count, torch.zeros_like(gain))[:, None]
        by_mean = pull * noise / log_std.exp() * (1.0 - mean.square())
        by_log_std = (pull * (noise.square() - 1.0) - entropy / count) * inside
        self.actor.backward(obs[None], torch.cat((by_mean, by_log_std), 1)[None])
        self.actor.weight_grads[-1][:, self.n_actions :].zero_()  # one deviation for all places
        _shorten(self.actor.grad)
        self.actor_adam.step()
        self.actor.refresh()
        told = log_std.sum(1).mean() + self.n_actions * 0.5 * math.log(2.0 * math.pi * math.e)
        moved = (odds - 1.0 - odds.log()).mean()  # before this update
        return torch.stack((-torch.minimum(gain, kept).mean(), told, moved))

    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        """Value network and moments as NumPy arrays by name; the actor is the model's."""
        named = {name: values.detach().cpu().numpy().copy() for name, values in self._named()}
        return named | {"pace": np.array(self.pace)}

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Go on where ``state`` was taken.

        Raises:
            ValueError: if it does not fit.
            KeyError: if something is missing.
        """
        for name, values in self._named():
            value = torch.from_numpy(np.asarray(state[name]))
            same = value.shape == values.shape and value.dtype == values.dtype
            if not same or not torch.isfinite(value).all():
                raise ValueError(f"{name} does not fit")
            if name.endswith((".step", ".exp_avg_sq")) and not (value >= 0).all():
                raise ValueError(f"{name} is negative")
            values.data.copy_(value)
        self.pace = float(demand_array("pace", state["pace"], Form((), np.float64, SLOWEST, 1.0)))
        self.value.refresh()

    def _named(self) -> list[tuple[str, Tensor]]:
        named = [("value", self.value.flat)]
        for who, adam in (("actor", self.actor_adam), ("value", self.value_adam)):
            wake(adam)
            kept = adam.state[adam.param_groups[0]["params"][0]]
            named += [(f"{who}.{k}", kept[k]) for k in ("step", "exp_avg", "exp_avg_sq")]
        return named


@contextmanager
def _one_thread_each(device: torch.device) -> Iterator[None]:
    """Keep torch from sharing out single products while this lasts."""
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _density(noise: Tensor, log_std: Tensor) -> Tensor:
    """Log density (N,) of a Gaussian at ``noise`` deviations from its mean.

    The squashing of actions is left out: it cancels in the odds.
    """
    return (-0.5 * noise.square() - log_std - 0.5 * math.log(2.0 * math.pi)).sum(1)


def _shorten(gradient: Tensor) -> None:
    """Scale a gradient (P,) to at most STEEPEST."""
    gradient.mul_((STEEPEST / (gradient.norm() + 1e-6)).clamp(max=1.0))
