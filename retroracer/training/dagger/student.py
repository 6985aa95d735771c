"""The network that learns to drive as the expert does, from stacks of frames.

Owns: the student's policy, its loss and its optimiser. It is SB3's PPO policy, of which the
deterministic action is trained by regression; the value head stays as it was made.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn

from retroracer.agents.pixel_nets import Network, policy_kwargs
from retroracer.carracing.pipeline import Pipeline
from retroracer.checks import count
from retroracer.training.checkpoint import load_module, load_tensor, read_torch, restore_moments
from retroracer.training.dagger.memory import Batch
from retroracer.training.pixel_checkpoint import build, put_weights, spaces_of

STEER_WEIGHT = 4.0
BRAKE_WEIGHT = 5.0
"""The tyres take no more than a fifth of a full brake, and 0.4 of full steering."""
STATE_WEIGHT = 0.15
_BEND = 0.1  # where the loss turns from square to straight


class Sight:
    """A student as it drives: no learning.

    Args:
        pipeline: its wrappers.
        network: its shape.
        weights: as ``Student.weights`` gave them.
    """

    def __init__(self, pipeline: Pipeline, network: Network, weights: bytes) -> None:
        seen, actions = spaces_of(pipeline)
        kwargs = policy_kwargs("PPO", network)
        self.policy = ActorCriticPolicy(seen, actions, lambda _: 0.0, **kwargs)
        load_module(self.policy, read_torch(weights))
        self.policy.set_training_mode(False)

    def act(self, pictures: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Its best actions."""
        actions: npt.NDArray[Any] = self.policy.predict(pictures, deterministic=True)[0]
        return actions


class Student:
    """A PPO model whose actor is taught.

    Args:
        env: an SB3 VecEnv, for its spaces.
        network: the shape.
        n_state: numbers of the true state, which a second head must tell, as ears to its eyes:
            it is taught faster, and the head is thrown away in the end.
        seed: of the weights.
        averaging: share of the averaged weights kept in each step; they are what drives.

    Attributes:
        model: SB3's.
        steps: of the optimiser.
    """

    def __init__(
        self, env: Any, network: Network, n_state: int, seed: int, averaging: float = 0.998
    ) -> None:
        self.model: PPO = build("PPO", env, network, seed=seed, device="cpu", n_steps=64)
        self.policy: Any = self.model.policy
        self.policy.to(memory_format=torch.channels_last)
        self.head = nn.Linear(network.features, n_state)
        self._learned = [p for n, p in self.policy.named_parameters() if "value" not in n]
        self._learned += list(self.head.parameters())
        self._averages = [p.detach().clone() for p in self._learned]
        self._averaging = averaging
        self.optimiser = torch.optim.AdamW(self._learned, 1e-3, weight_decay=1e-4)
        self.steps = 0
        # Whether the processor multiplies bfloat16 itself; without, it would be far slower.
        self._half = bool(torch.cpu._is_avx512_bf16_supported())

    def take_over(self, weights: Mapping[str, Any], path: Path) -> None:
        """Begin with a driver's weights.

        Raises:
            UserError: if they do not fit.
        """
        put_weights(self.policy, weights, path)
        for mean, p in zip(self._averages, self._learned, strict=True):
            mean.copy_(p.detach())

    def learn(self, batch: Batch, rate: float) -> tuple[float, float]:
        """One step; returns the loss of the actions and that of the state."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        pictures = torch.from_numpy(batch.pictures).float().div_(255.0)
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self._half):
            features = self.policy.features_extractor(pictures)
            told = self.head(features)
            actions = self.policy.action_net(self.policy.mlp_extractor.forward_actor(features))
        loss = action_loss(actions.float(), torch.from_numpy(batch.actions))
        state = nn.functional.smooth_l1_loss(told.float(), torch.from_numpy(batch.state), beta=0.2)
        self.optimiser.zero_grad()
        (loss + STATE_WEIGHT * state).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._learned, 1.0)
        self.optimiser.step()
        self.steps += 1
        # Young averages forget faster, so that the first ones are not the random beginning.
        kept = min(self._averaging, self.steps / (self.steps + 10.0))
        with torch.no_grad():
            for mean, p in zip(self._averages, self._learned, strict=True):
                mean.lerp_(p, 1.0 - kept)
        return float(loss.detach()), float(state.detach())

    def weights(self) -> bytes:
        """The policy with its averaged weights, as ``torch.save`` writes tensors."""
        with self.averaged():
            buffer = io.BytesIO()
            plain = {n: v.contiguous() for n, v in self.policy.state_dict().items()}
            torch.save(plain, buffer)
        return buffer.getvalue()

    def averaged(self) -> _Averaged:
        """A context in which the policy has its averaged weights."""
        return _Averaged(self._learned, self._averages)

    def state(self) -> dict[str, Any]:
        """All that its future depends on."""
        return {
            "policy": self.policy.state_dict(),
            "head": self.head.state_dict(),
            "averages": self._averages,
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was taken.

        Raises:
            ``checkpoint.MISFIT``: if it does not fit.
        """
        load_module(self.policy, state["policy"])
        load_module(self.head, state["head"])
        restore_moments(self.optimiser, state["optimiser"])
        for own, value in zip(self._averages, state["averages"], strict=True):
            load_tensor(own, value, "averages")
        self.steps = count(state, "steps")


class _Averaged:
    def __init__(self, live: list[Any], averages: list[Tensor]) -> None:
        self._live, self._averages = live, averages
        self._kept: list[Tensor] = []

    def __enter__(self) -> None:
        self._kept = [p.detach().clone() for p in self._live]
        self._put(self._averages)

    def __exit__(self, *error: object) -> None:
        self._put(self._kept)

    def _put(self, values: list[Tensor]) -> None:
        with torch.no_grad():
            for p, value in zip(self._live, values, strict=True):
                p.copy_(value)


def action_loss(told: Tensor, right: Tensor) -> Tensor:
    """How far actions are from the expert's, each on a scale of what it does to the car."""
    scale = torch.tensor([STEER_WEIGHT, 1.0])
    return nn.functional.smooth_l1_loss(
        _felt(told) * scale, _felt(right) * scale, beta=_BEND, reduction="mean"
    )


def _felt(actions: Tensor) -> Tensor:
    pedals = actions[:, 1:]
    return torch.cat([actions[:, :1], torch.where(pedals < 0.0, BRAKE_WEIGHT * pedals, pedals)], 1)


def rows_of(used: int, batch: int, seed: int, step: int) -> npt.NDArray[np.int64]:
    """The rows of a step's batch: the same again in a run that goes on."""
    return np.random.default_rng([seed, 77, step]).integers(0, used, batch)
