"""A model that sees more than it did: its old inputs kept, the new ones at zero weight.

So a driver that laps alone becomes one that sees others: it first does exactly what it did, and
learning finds out what the new inputs are good for.
"""

from __future__ import annotations

import re
from typing import Any

import torch

_ACTOR = re.compile(r"actor\.latent_pi\.0\.weight")
_CRITIC = re.compile(r"critic(_target)?\.qf\d+\.0\.weight")
_OPTIMISERS = ("actor.optimizer", "critic.optimizer")


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
