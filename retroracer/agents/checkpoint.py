"""Checkpoints: a Stable-Baselines3 zip that plain ``SAC.load`` opens, with entries of our own.

Owns writing a model with its ``Facts`` and its actor as plain arrays, and continuing from a zip
without running any code in it, because it may come from somebody else. ``agents.model_file`` reads
facts and actors without torch.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import SAC
from torch import nn

from retroracer.agents import model_file
from retroracer.agents.adam import check_moments
from retroracer.agents.facts import MAX_LAYERS, MAX_WIDTH, Facts
from retroracer.agents.fast_sac import FastSAC
from retroracer.agents.model_file import (
    ACTOR_ENTRY,
    FACTS_ENTRY,
    Layers,
    actor_bytes,
    damaged,
    find_model,
    read_actor,
    read_facts,
)
from retroracer.agents.model_zip import write_zip
from retroracer.agents.policy import demand_layout, demand_sound, policy_of
from retroracer.agents.sac_settings import SacSettings, settings_of, settings_read
from retroracer.agents.tensor_file import demand_finite, read_plain
from retroracer.agents.widening import Kept, widened, with_units
from retroracer.errors import UserError
from retroracer.reading import shown, shown_path

__all__ = ["SacSettings", "load_sac", "read_facts", "save"]

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "elu": nn.ELU}

MAX_CRITICS = 16

MAX_RUN_BYTES = 4_000_000_000
"""Largest accepted size of the tensors in the state of a run [bytes]."""

MISFIT = (ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError, OverflowError)
"""Exceptions that data of an unexpected form raises while it is restored."""


def save(
    model: SAC,
    path: str | Path,
    facts: Facts,
    moments: bool = True,
    plain: Mapping[str, float] | None = None,
) -> Facts:
    """Write a checkpoint atomically.

    Args:
        model: with a [-1, 1] action box and a plain MLP actor.
        path: path of the zip.
        facts: what only the caller knows; counters, widths, activation and settings are
            filled in from the model.
        moments: False leaves out Adam's moments, half of the file; training that continues from it
            starts with a new Adam.
        plain: settings by SB3's names for plain ``SAC.load``, where those of a run with many cars
            make no sense for one env; the actor's Adam then has an epsilon of ``PLAIN_ACTOR_EPS``.

    Returns:
        The facts as written.

    Raises:
        UserError: if the file cannot be written.
        ValueError: if the model is of another kind, or the facts are not plain data.
    """
    layers, activation = actor_layers(model)
    facts = dataclasses.replace(
        facts,
        algorithm="SAC",
        steps=int(model.num_timesteps),
        updates=int(model._n_updates),
        layers=tuple(len(bias) for _, bias in layers[:-1]),
        activation=activation,
        settings=settings_of(model),
    )
    entries = {FACTS_ENTRY: facts.to_json().encode(), ACTOR_ENTRY: actor_bytes(layers)}
    write_zip(model, path, entries, moments, plain)
    return facts


def load_sac(
    name_or_path: str | Path,
    env: Any,
    *,
    layout: str | None = None,
    widen: bool = False,
    added: int = 0,
    **overrides: Any,
) -> FastSAC:
    """Build a SAC that continues from a checkpoint, running no code from it.

    A new model is made from the plain facts; then weights, targets, optimiser moments and the
    entropy coefficient are read as tensors. The pickles in the zip's ``data`` are never opened.
    The replay buffer starts empty.

    Args:
        name_or_path: a checkpoint saved by ``save``.
        env: what to train on; its spaces must be those of the model.
        layout: id of the model's observations; None = a current one.
        widen: the env's observations may be longer: the new inputs begin at zero weight.
        added: hidden units that a widened actor gets in each layer, 0 while the first new input is
            0; what the actor had is then ``kept``.
        **overrides: arguments of ``SAC`` that replace the recorded ones; ``learning_rate`` changes
            both the schedule and the optimisers. An ``ent_coef`` of another kind than the recorded
            one replaces its learned value too.

    Raises:
        UserError: if the file is missing, damaged, not a RetroRacer model, or does not fit the env.
    """
    path = find_model(name_or_path)
    facts = read_facts(path)
    demand_layout(facts, path, layout)
    if facts.algorithm != "SAC" or facts.output != "tanh" or facts.activation not in ACTIVATIONS:
        raise UserError(
            f"{shown_path(path)} holds {facts.algorithm} with '{facts.activation}' layers; "
            f"this reads SAC with {', '.join(ACTIVATIONS)}"
        )
    arguments = settings_read(facts.settings, f"{shown_path(path)}: settings") | overrides
    try:
        states = read_states(path)
        weights = states.pop("policy")
        pi, qf = _widths(weights, "actor.latent_pi", False), _widths(weights, "critic.qf0", True)
        critics = sum(k.startswith("critic.qf") and k.endswith(".0.weight") for k in weights)
        inputs = int(weights["actor.latent_pi.0.weight"].shape[1])
        if not 0 < critics <= MAX_CRITICS:
            raise ValueError(f"it has {critics} critics")
        kept = None
        if widen:
            saw = inputs
            weights, states, inputs = widened(weights, states, inputs, env.observation_space)
            if added and saw < inputs:
                kept = Kept(saw, tuple(pi))
                weights = with_units(weights, added, saw, arguments.get("seed") or 0)
                pi = [width + added for width in pi]
    except MISFIT as error:
        raise damaged(path, first_line(error)) from None
    if env.observation_space.shape != (inputs,):
        raise UserError(
            f"{shown_path(path)} reads {inputs} observations and this env gives "
            f"{env.observation_space.shape}; name another model"
        )
    policy_kwargs = {
        "net_arch": {"pi": pi, "qf": qf},
        "n_critics": critics,
        "activation_fn": ACTIVATIONS[facts.activation],
    }
    try:
        # Compare the sizes before memory is taken: widths in a damaged file may be huge.
        actions = int(env.action_space.shape[0])
        actor = _count(inputs, pi, 2 * actions)
        critic = critics * _count(inputs + actions, qf, 1)
        if sum(w.numel() for w in weights.values()) != actor + 2 * critic:
            raise ValueError("its weights do not fit together")
        model = FastSAC("MlpPolicy", env, policy_kwargs=policy_kwargs, **arguments)
        model.kept = kept
        _restore(model, weights, states)
        with torch.no_grad():
            seen = torch.ones(1, inputs)
            did = torch.ones(1, actions)
            values = torch.cat(model.critic(seen.to(model.device), did.to(model.device)))
        if not torch.isfinite(values).all():
            raise ValueError("its critics' weights are so large that they overflow")
    except MISFIT as error:
        raise damaged(path, first_line(error)) from None
    demand_sound(policy_of(*actor_layers(model)), path)
    read_actor(path)  # checks that actor.npz, which drives, holds the same weights as these
    model.num_timesteps = facts.steps
    model._n_updates = facts.updates
    return model


def actor_layers(model: SAC) -> tuple[Layers, str]:
    """Copies of the plain layers of a model's actor, and the name of its activation."""
    space, actor = model.action_space, model.policy.actor
    if not ((space.low == -1).all() and (space.high == 1).all()):  # type: ignore[attr-defined]
        raise ValueError("actions must be in [-1, 1]")
    linear = [m for m in actor.latent_pi if isinstance(m, nn.Linear)]
    names = {kind: name for name, kind in ACTIVATIONS.items()}
    others = {type(m) for m in actor.latent_pi} - {nn.Linear}
    if not isinstance(actor.mu, nn.Linear) or not others <= {actor.activation_fn}:
        raise ValueError("the actor must be a plain MLP")
    if actor.activation_fn not in names:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}")
    layers = [
        # Copies: training goes on, and a driver taken from here must stay as it is.
        (m.weight.detach().cpu().numpy().copy().T, m.bias.detach().cpu().numpy().copy())
        for m in (*linear, actor.mu)
    ]
    return layers, names[actor.activation_fn]


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return shown((str(error).splitlines() or ["it does not fit"])[0], 160)


def read_states(path: Path) -> dict[str, Any]:
    """State dicts of a zip by name, read as finite tensors and plain containers only.

    Raises:
        ValueError: if it is damaged or too large, or holds anything else.
    """
    states: dict[str, Any] = as_torch(model_file.read_states(path))
    weights = states.get("policy")
    if not isinstance(weights, Mapping):
        raise ValueError("it holds no policy")
    for name, value in weights.items():
        if not isinstance(value, torch.Tensor):
            raise ValueError(f"{shown(name)} is not a tensor")
    return states


def read_torch(raw: bytes) -> Any:
    """Read what our own ``torch.save`` wrote: plain data, finite tensors; else a ``ValueError``."""
    found = read_plain(raw, MAX_RUN_BYTES)
    demand_finite(found)
    return as_torch(found)


def load_module(module: nn.Module, state: Any) -> None:
    """Load all of a module's weights; a ``ValueError`` if names, shapes or types differ."""
    own = module.state_dict()
    if not isinstance(state, dict) or list(state) != list(own):
        raise ValueError("its weights belong to another network")
    for name, value in own.items():
        load_tensor(value, state[name], name)


def load_tensor(own: torch.Tensor, value: Any, name: str) -> None:
    """Overwrite a tensor; a ``ValueError`` if the value is of another shape or type."""
    good = isinstance(value, torch.Tensor)
    if not good or value.shape != own.shape or value.dtype != own.dtype:
        raise ValueError(f"{name} is of another shape or kind")
    own.data.copy_(value)


def as_torch(value: Any) -> Any:
    """The same plain data with tensors in place of arrays."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, dict):
        return {k: as_torch(v) for k, v in value.items()}
    if isinstance(value, list):
        return [as_torch(v) for v in value]
    return value


def _count(inputs: int, widths: list[int], outputs: int) -> int:
    """Number of weights and biases of an MLP."""
    layers = itertools.pairwise((inputs, *widths, outputs))
    return sum(a * b + b for a, b in layers)


def _widths(weights: Mapping[str, Any], prefix: str, has_output: bool) -> list[int]:
    """Widths of the hidden layers of the MLP whose linear layers are ``prefix``.0, .2, ..."""
    widths: list[int] = []
    while f"{prefix}.{2 * len(widths)}.weight" in weights and len(widths) <= MAX_LAYERS:
        widths.append(int(weights[f"{prefix}.{2 * len(widths)}.weight"].shape[0]))
    if has_output:
        widths = widths[:-1]
    if not 0 < len(widths) < MAX_LAYERS or max(widths) > MAX_WIDTH:
        raise ValueError(f"{prefix} is not a plain MLP")
    return widths


def _restore(model: SAC, weights: Mapping[str, Any], states: dict[str, Any]) -> None:
    """Restore the weights, then the optimisers' moments and the entropy coefficient."""
    model.policy.load_state_dict(dict(weights), strict=True)
    restore_moments(model.actor.optimizer, states["actor.optimizer"])
    restore_moments(model.critic.optimizer, states["critic.optimizer"])
    log_alpha = states.get("pytorch_variables", {}).get("log_ent_coef")
    if model.log_ent_coef is not None and log_alpha is not None:
        if log_alpha.shape != (1,) or not -30.0 < float(log_alpha) < 10.0:
            raise ValueError("log_ent_coef is not from -30 to 10")
        model.log_ent_coef.data.copy_(log_alpha.data)
        assert model.ent_coef_optimizer is not None
        restore_moments(model.ent_coef_optimizer, states["ent_coef_optimizer"])


def restore_moments(optimizer: torch.optim.Optimizer, state: Any) -> None:
    """Load only the moments: learning rates and options (``fused``, ...) stay those of this run.

    Raises:
        ValueError, KeyError, TypeError: if they do not fit the weights.
    """
    own = optimizer.state_dict()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    moments = {}
    for index, record in state["state"].items():
        kept = {}
        for key in ("exp_avg", "exp_avg_sq"):
            kept[key] = record[key].to(torch.float32)
            if kept[key].shape != parameters[index].shape:
                raise ValueError("optimiser moments do not fit the weights")
            if not torch.isfinite(kept[key]).all():
                raise ValueError("optimiser moments are not finite")
        if not (kept["exp_avg_sq"] >= 0).all():
            raise ValueError("optimiser moments are negative")
        check_moments(kept["exp_avg"], kept["exp_avg_sq"])
        step = float(record["step"])
        if not 0 <= step < 2**53:
            raise ValueError("optimiser steps are not a number")
        moments[index] = kept | {"step": torch.tensor(step)}
    own["state"] = moments
    optimizer.load_state_dict(own)
