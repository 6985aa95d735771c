"""Parameters of networks as one flat vector, and forward passes partly in bfloat16.

Owns the layout of the parameters; independent of the algorithm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from stable_baselines3.sac.policies import LOG_STD_MAX, LOG_STD_MIN
from torch import Tensor, nn

MAX_WEIGHT = 1e6
"""Largest accepted weight: a network beyond it has diverged, and no run resumes from it."""


class FlatParameters:
    """Parameters of modules as views of one vector, and their gradients as views of another.

    One call of an optimiser, one copy or one interpolation then covers a whole network, while the
    modules still use (and save) the same numbers.

    Attributes:
        flat: (P,) all parameters, in the order given.
        grad: (P,) their gradients.
        parameters: each parameter, and its slice of ``flat``.
        learned: (P,) factor on the gradients, 0 where a parameter is kept; None = all are learned.
    """

    learned: Tensor | None = None

    def __init__(self, own: Sequence[nn.Parameter]) -> None:
        self.flat = torch.cat([p.detach().reshape(-1) for p in own])
        self.grad = torch.zeros_like(self.flat)
        self.parameters: list[tuple[nn.Parameter, slice]] = []
        begin = 0
        for p in own:
            where = slice(begin, begin + p.numel())
            p.data = self.flat[where].view(p.shape)
            p.grad = self.grad[where].view(p.shape)
            self.parameters.append((p, where))
            begin = where.stop

    def differentiate(self, loss: Tensor) -> None:
        """Overwrite ``grad`` with the gradient of a loss; other networks get no gradient."""
        own = [p for p, _ in self.parameters]
        gradients = torch.autograd.grad(loss, own, materialize_grads=True)
        torch.cat([g.reshape(-1) for g in gradients], out=self.grad)
        if self.learned is not None:
            self.grad.mul_(self.learned)

    def keep(self, parts: Mapping[nn.Parameter, Tensor]) -> None:
        """Learn only parts of the parameters: for each, 1 where it is learned, 0 where not."""
        self.learned = torch.cat([parts[p].reshape(-1) for p, _ in self.parameters])

    def clip_grad(self, max_norm: float) -> None:
        """Scale the gradient to a norm of at most ``max_norm``."""
        self.grad.mul_((max_norm / (self.grad.norm() + 1e-6)).clamp(max=1.0))


def hidden_layers(layers: Iterable[nn.Module], x: Tensor, half: bool) -> Tensor:
    """Features (B, H) float32 behind the hidden layers of an MLP, for inputs (B, I).

    ``layers`` are linear ones and activations, without the output layer. ``half`` multiplies in
    bfloat16, except the first layer: inputs are not rounded.
    """
    first, *others = layers
    x = first(x)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
        for layer in others:
            x = layer(x)
    return x.float()


def policy_head(actor: Any, obs: Tensor, half: bool) -> tuple[Tensor, Tensor]:
    """Means and log standard deviations (B, A), before squashing, of SB3's SAC actor at (B, O)."""
    features = hidden_layers(actor.latent_pi, obs, half)
    return actor.mu(features), actor.log_std(features).clamp(LOG_STD_MIN, LOG_STD_MAX)
