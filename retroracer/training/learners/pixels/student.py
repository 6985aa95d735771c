"""The network that learns the expert's actions from stacks of frames.

Owns the student's policy, its loss and its optimiser. The policy is SB3's PPO policy; its
deterministic action is trained by regression, and its value head is not trained.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn

from retroracer.agents.checkpoint import load_module, load_tensor, read_torch, restore_moments
from retroracer.agents.pixels.checkpoint import spaces_of
from retroracer.agents.pixels.nets import policy_kwargs
from retroracer.agents.pixels.network import Network
from retroracer.carracing.pipeline import Pipeline
from retroracer.checks import count
from retroracer.training.learners.pixels.drives import Act
from retroracer.training.learners.pixels.drives_memory import Batch

STEER_WEIGHT = 4.0
BRAKE_WEIGHT = 5.0
"""Weights of errors in steering and braking relative to the throttle: the tyres' grip is used up at
0.4 of full steering and at a fifth of full braking."""
STATE_WEIGHT = 0.15
"""Weight of the auxiliary loss of the state."""
HUBER_THRESHOLD = 0.1
"""Weighted error beyond which the loss is linear."""
AVERAGING = 0.998
"""Decay of the exponential average of the weights, per update."""


def pilot(pipeline: Pipeline, network: Network, weights: bytes) -> Act:
    """A student that only drives, in a worker process, from what ``Student.weights`` returned.

    Returns:
        Deterministic actions (N, 2) for stacks of frames (N, stack, size, size) uint8.
    """
    seen, actions = spaces_of(pipeline)
    policy = ActorCriticPolicy(seen, actions, lambda _: 0.0, **policy_kwargs("PPO", network))
    load_module(policy, read_torch(weights))
    policy.set_training_mode(False)
    return lambda pictures: policy.predict(pictures, deterministic=True)[0]


class Student:
    """A PPO model whose actor is trained by imitation; its value head is not trained.

    An auxiliary head predicts the ``n_state`` numbers of the true state so that the encoder learns
    faster; that head is not part of the saved model.

    Attributes:
        averages: the trained parameters, and their averages, which drive.
        steps: number of updates.
    """

    def __init__(self, model: PPO, network: Network, n_state: int) -> None:
        policy: Any = model.policy
        self.policy = policy
        policy.to(memory_format=torch.channels_last)
        self.head = nn.Linear(network.features, n_state)
        learned = [p for n, p in self.policy.named_parameters() if "value" not in n]
        learned += list(self.head.parameters())
        self.averages = (learned, [p.detach().clone() for p in learned])
        self.optimiser = torch.optim.AdamW(learned, 1e-3, weight_decay=1e-4)
        self.steps = 0
        # Only where the processor multiplies bfloat16 itself: emulated, it is far slower.
        self._half = bool(torch.cpu._is_avx512_bf16_supported())

    def learn(self, batch: Batch, rate: float) -> tuple[float, float]:
        """One update; returns the loss of the actions and that of the state."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        pictures = torch.from_numpy(batch.pictures).float().div_(255.0)
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self._half):
            features = self.policy.features_extractor(pictures)
            predicted = self.head(features)
            actions = self.policy.action_net(self.policy.mlp_extractor.forward_actor(features))
        loss = action_loss(actions.float(), torch.from_numpy(batch.actions))
        state = torch.from_numpy(batch.state)
        state_loss = nn.functional.smooth_l1_loss(predicted.float(), state, beta=0.2)
        self.optimiser.zero_grad()
        (loss + STATE_WEIGHT * state_loss).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.averages[0], 1.0)
        self.optimiser.step()
        self.steps += 1
        # A short window at first, so that the average forgets the random initial weights.
        kept = min(AVERAGING, self.steps / (self.steps + 10.0))
        with torch.no_grad():
            for mean, p in zip(self.averages[1], self.averages[0], strict=True):
                mean.lerp_(p, 1.0 - kept)
        return float(loss.detach()), float(state_loss.detach())

    def weights(self) -> bytes:
        """The policy with its averaged weights, as ``torch.save`` writes tensors."""
        with swapped(*self.averages):
            buffer = io.BytesIO()
            plain = {n: v.contiguous() for n, v in self.policy.state_dict().items()}
            torch.save(plain, buffer)
        return buffer.getvalue()

    def state(self) -> dict[str, Any]:
        """Everything that further training depends on, apart from the policy."""
        return {
            "head": self.head.state_dict(),
            "averages": self.averages[1],
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what ``state`` returned.

        Raises:
            ``checkpoint.MISFIT``: if it does not fit.
        """
        load_module(self.head, state["head"])
        restore_moments(self.optimiser, state["optimiser"])
        for own, value in zip(self.averages[1], state["averages"], strict=True):
            load_tensor(own, value, "averages")
        self.steps = count(state, "steps")


@contextmanager
def swapped(live: list[Any], values: list[Tensor]) -> Iterator[None]:
    """Give parameters other values inside this block."""
    kept = [p.detach().clone() for p in live]
    _put(live, values)
    try:
        yield
    finally:
        _put(live, kept)


def _put(live: list[Any], values: list[Tensor]) -> None:
    with torch.no_grad():
        for p, value in zip(live, values, strict=True):
            p.copy_(value)


def action_loss(actions: Tensor, expert: Tensor) -> Tensor:
    """Mean Huber loss between actions (B, 2) and the expert's, weighted by their effect."""
    scale = torch.tensor([STEER_WEIGHT, 1.0])
    return nn.functional.smooth_l1_loss(
        _scaled(actions) * scale, _scaled(expert) * scale, beta=HUBER_THRESHOLD, reduction="mean"
    )


def _scaled(actions: Tensor) -> Tensor:
    pedals = actions[:, 1:]
    return torch.cat([actions[:, :1], torch.where(pedals < 0.0, BRAKE_WEIGHT * pedals, pedals)], 1)


def rows_of(used: int, batch: int, seed: int, step: int) -> npt.NDArray[np.int64]:
    """The rows of a step's batch, out of those that are used.

    They depend on the run's seed and the number of the step alone: a resumed run draws the same.
    """
    return np.random.default_rng([seed, 77, step]).integers(0, used, batch)
