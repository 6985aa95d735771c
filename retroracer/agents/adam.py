"""Adam over a flat vector of parameters: one call steps every layer of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from retroracer.agents.networks import FlatParameters
from retroracer.checks import Form, demand_array


def adam_over(
    network: FlatParameters, theirs: torch.optim.Optimizer | None = None, eps: float = 1e-8
) -> torch.optim.Adam:
    """An Adam for all of a network's parameters; its learning rate is set before each use.

    It copies settings and moments of ``theirs``, a plain Adam of the same parameters; ``eps`` is
    the epsilon of a new one.

    Raises:
        ValueError: if ``theirs`` is of another kind.
    """
    flat = nn.Parameter(network.flat, requires_grad=False)
    flat.grad = network.grad
    if theirs is None:
        return torch.optim.Adam([flat], eps=eps, fused=True)
    group = theirs.param_groups[0]
    if type(theirs) is not torch.optim.Adam or group["weight_decay"] or group["amsgrad"]:
        raise ValueError(
            "this update needs plain Adam without weight decay; use Stable-Baselines3's SAC"
        )
    adam = torch.optim.Adam([flat], betas=group["betas"], eps=group["eps"], fused=True)
    known = [theirs.state.get(p) for p, _ in network.parameters]
    if all(known):
        moments = {}
        for name in ("exp_avg", "exp_avg_sq"):
            parts = [state[name].reshape(-1) for state in known if state]
            moments[name] = torch.cat(parts).to(network.flat.device)
        step = torch.as_tensor(float(known[0]["step"]), device=network.flat.device)  # type: ignore[index]
        adam.state[flat] = {"step": step, **moments}
    return adam


def moments_of(adam: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Step and moments of an Adam over one vector; if it has not stepped yet, zeros at step 0."""
    (parameter,) = adam.param_groups[0]["params"]
    if not adam.state.get(parameter):
        adam.state[parameter] = {
            "step": torch.zeros((), device=parameter.device if "fused" in adam.defaults else "cpu"),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
    kept: dict[str, torch.Tensor] = adam.state[parameter]
    return kept


def adam_state(adam: torch.optim.Optimizer) -> dict[str, np.ndarray[Any, Any]]:
    """Copies of the moments and step of an Adam over one vector, as NumPy arrays by name."""
    kept = moments_of(adam)
    return {k: kept[k].detach().cpu().numpy().copy() for k in _MOMENTS}


def restore_adam(adam: torch.optim.Optimizer, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Restore what ``adam_state`` returned; a ``ValueError`` or ``KeyError`` if it does not fit."""
    kept = moments_of(adam)
    for name in _MOMENTS:
        form = Form(tuple(kept[name].shape), np.float32, -_LARGEST, _LARGEST)
        value = demand_array(f"the optimiser's {name}", state[name], form)
        if name != "exp_avg" and (value < 0.0).any():
            raise ValueError(f"the optimiser's {name} is negative")
        kept[name].copy_(torch.from_numpy(np.array(value)))
    check_moments(kept["exp_avg"], kept["exp_avg_sq"])


def check_moments(mean: torch.Tensor, square: torch.Tensor) -> None:
    """Refuse moments of Adam that no gradients can produce: one step with them ruins the weights.

    By the Cauchy-Schwarz inequality the mean of gradients is bounded by the root of their mean
    square: by 7.3 times with Adam's default decays, less than ``MOST_OF_ROOT`` with any in use.

    Raises:
        ValueError: if the moments contradict each other.
    """
    if not (mean.abs() <= MOST_OF_ROOT * square.sqrt() + 1e-10).all():
        raise ValueError("the optimiser's moments do not go together")


MOST_OF_ROOT = 100.0


_LARGEST = 1e30
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")
