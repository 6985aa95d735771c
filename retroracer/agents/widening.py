"""A model that sees more than it did: its old inputs kept, the new ones at zero weight.

So a driver that laps alone becomes one that sees others: it first does exactly what it did, and
learning finds out what the new inputs are good for. Its old weights may be kept as they are
(``Kept``), and hidden units added that are 0 while there is nobody to see: then it laps alone
after learning exactly as before.
"""

from __future__ import annotations

import itertools
import re
from typing import Any, NamedTuple

import torch
from torch import nn

_ACTOR = re.compile(r"actor\.latent_pi\.0\.weight")
_CRITIC = re.compile(r"critic(_target)?\.qf\d+\.0\.weight")
_OPTIMISERS = ("actor.optimizer", "critic.optimizer")

GATE = 100.0
"""Weight of the first new input in an added unit, and minus its bias: a unit of the first hidden
layer is 0 while that input is 0, and free while it is 1. Its other weights, which are learned,
must not reach it: inputs are at most 5, so those of 22 inputs may be 0.9 on average."""


class Kept(NamedTuple):
    """The part of a widened actor that is its parent.

    Attributes:
        inputs: numbers its parent sees; the first one after them opens the added units.
        hidden: widths of its parent's hidden layers.
    """

    inputs: int
    hidden: tuple[int, ...]


def widened(
    weights: dict[str, Any], states: dict[str, Any], inputs: int, space: Any
) -> tuple[dict[str, Any], dict[str, Any], int]:
    """A SAC's weights and its other states for longer observations.

    Args:
        weights: weights of its policy, by SB3's names.
        states: states of its optimisers and entropy coefficient.
        inputs: numbers in an observation of it.
        space: of the observations it shall see: the old numbers first, new ones behind them.

    Returns:
        Both anew, and how many numbers it sees; the moments of the networks' weights begin anew.
    """
    wanted = int(space.shape[0])
    if inputs >= wanted:
        return weights, states, inputs

    def wider(name: str, weight: Any) -> Any:
        if _ACTOR.fullmatch(name) or _CRITIC.fullmatch(name):
            zeros = torch.zeros(len(weight), wanted - inputs, dtype=weight.dtype)
            return torch.cat((weight[:, :inputs], zeros, weight[:, inputs:]), 1)
        return weight

    fresh = {name: states[name] | {"state": {}} for name in _OPTIMISERS}
    wide = {name: wider(name, weight) for name, weight in weights.items()}
    return wide, states | fresh, wanted


def with_units(weights: dict[str, Any], added: int, gate: int, seed: int) -> dict[str, Any]:
    """A widened SAC's weights with more hidden units in its actor, which change no action yet.

    The added units of a layer read the observation, or the added units of the layer before; what
    reads them begins at zero weight.

    Args:
        weights: of the policy, by SB3's names; not changed.
        added: units added to each hidden layer.
        gate: index of the input that opens them, 0 or 1.
        seed: of their first weights.
    """
    random = torch.Generator().manual_seed(seed)
    depth = sum(
        re.fullmatch(r"actor\.latent_pi\.\d+\.weight", name) is not None for name in weights
    )
    new = dict(weights)

    def drawn(outputs: int, inputs: int) -> Any:
        return (2.0 * torch.rand(outputs, inputs, generator=random) - 1.0) / inputs**0.5

    for layer in range(depth):
        name = f"actor.latent_pi.{2 * layer}"
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        if layer == 0:
            rows, first = drawn(added, weight.shape[1]), torch.full((added,), -GATE)
            rows[:, gate] = GATE
        else:
            weight = torch.cat((weight, torch.zeros(len(weight), added)), 1)
            rows, first = torch.zeros(added, weight.shape[1]), torch.zeros(added)
            rows[:, -added:] = drawn(added, added)
        new[f"{name}.weight"], new[f"{name}.bias"] = (
            torch.cat((weight, rows)),
            torch.cat((bias, first)),
        )
    for head in ("actor.mu", "actor.log_std"):
        weight = weights[f"{head}.weight"]
        new[f"{head}.weight"] = torch.cat((weight, torch.zeros(len(weight), added)), 1)
    return new


def learned_parts(actor: Any, kept: Kept) -> dict[Any, torch.Tensor]:
    """For each parameter of a widened actor 1 where it is learned, 0 where it is kept.

    Learned are the new inputs of the parent's units, the added units, what reads them, and the
    spread of the actions; biases are kept: they would act where nobody is seen.
    """
    linears = [m for m in actor.latent_pi if isinstance(m, nn.Linear)]
    sees = (kept.inputs, *kept.hidden)
    parts: dict[Any, torch.Tensor] = {}
    for k, (layer, (inputs, outputs)) in enumerate(
        zip(linears, itertools.pairwise(sees), strict=True)
    ):
        part = torch.zeros_like(layer.weight)
        part[:, inputs:] = 1.0
        if k == 0:
            part[outputs:] = 1.0
            part[outputs:, inputs] = 0.0  # the gate
        parts[layer.weight], parts[layer.bias] = part, torch.zeros_like(layer.bias)
    part = torch.zeros_like(actor.mu.weight)
    part[:, sees[-1] :] = 1.0
    parts[actor.mu.weight], parts[actor.mu.bias] = part, torch.zeros_like(actor.mu.bias)
    for parameter in actor.log_std.parameters():
        parts[parameter] = torch.ones_like(parameter)
    return parts
