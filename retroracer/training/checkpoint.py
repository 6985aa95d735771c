"""Checkpoints: one Stable-Baselines3 zip that plain ``SAC.load`` opens, and more in it.

Owns writing a model with its ``Facts`` and its actor as plain arrays, and continuing from a
stranger's zip without running anything in it. Reading facts and actors without torch is
``agents.model_file``.
"""

from __future__ import annotations

import dataclasses
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from stable_baselines3 import SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from retroracer.agents.facts import MAX_LAYERS, MAX_WIDTH, Facts
from retroracer.agents.fast_sac import FastSAC
from retroracer.agents.model_file import (
    ACTOR_ENTRY,
    DAMAGE,
    FACTS_ENTRY,
    MAX_ENTRIES,
    Layers,
    actor_bytes,
    bounded_read,
    damaged,
    find_model,
    read_facts,
)
from retroracer.agents.policy import demand_layout
from retroracer.atomic import replacing
from retroracer.errors import UserError
from retroracer.training.sac_settings import SacSettings, settings_of, settings_read

__all__ = ["SacSettings", "load_sac", "read_facts", "save"]

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "elu": nn.ELU}

MAX_STATE_BYTES = 512_000_000

# What plain data of another shape than expected makes the code below raise.
_MISFIT = (*DAMAGE, AttributeError, TypeError, IndexError)

# Entries of a run, not of a model: left out so that a zip holds no rollout, path or class of
# its author's machine, and stays loadable where those do not exist.
_LEFT_OUT = (
    "_last_obs",
    "_last_original_obs",
    "_last_episode_starts",
    "ep_info_buffer",
    "ep_success_buffer",
    "lr_schedule",
    "replay_buffer_class",
    "replay_buffer_kwargs",
    "tensorboard_log",
)


def save(model: SAC, path: str | Path, facts: Facts, moments: bool = True) -> Facts:
    """Write a checkpoint, whole or not at all.

    Args:
        model: over a [-1, 1] action box, with a plain MLP actor.
        path: of the zip.
        facts: what only the caller knows; counters, widths, activation and settings are
            filled in from the model.
        moments: False leaves out what Adam remembers, half of the file; who goes on from it
            begins with a fresh Adam.

    Returns:
        The facts as written.

    Raises:
        UserError: if the place cannot be written.
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
    write_zip(model, path, entries, moments)
    return facts


def write_zip(
    model: BaseAlgorithm, path: str | Path, entries: Mapping[str, bytes], moments: bool
) -> None:
    """Write a model as SB3 does, and entries of our own, whole or not at all.

    Args:
        model: of any kind.
        path: of the zip.
        entries: contents by name.
        moments: False leaves out what the optimisers remember.
    """
    whole = io.BytesIO()
    model.save(whole, exclude=_LEFT_OUT)
    with replacing(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        with zipfile.ZipFile(whole) as stock:
            for name in stock.namelist():
                if name == "system_info.txt":  # describes its author's machine
                    continue
                data = stock.read(name)
                if name.endswith("optimizer.pth") and not moments:
                    data = _without_moments(data)
                archive.writestr(name, data)
        for name, data in entries.items():
            archive.writestr(name, data)


def _without_moments(raw: bytes) -> bytes:
    """The state of an optimiser (our own, just written) as if it had never stepped."""
    state = torch.load(io.BytesIO(raw), weights_only=True)
    out = io.BytesIO()
    torch.save(state | {"state": {}}, out)
    return out.getvalue()


def load_sac(
    name_or_path: str | Path, env: Any, *, layout: str | None = None, **overrides: Any
) -> FastSAC:
    """Build a SAC that continues from a checkpoint, running no code from it.

    The model is made fresh from the plain facts; then weights, targets, optimiser moments and
    the entropy coefficient are read as tensors only. The pickles in the zip's ``data`` are
    never opened. The replay buffer starts empty.

    Args:
        name_or_path: a checkpoint saved by ``save``.
        env: what to train on; its spaces must be those of the model.
        layout: id of the env's observations; None means today's.
        **overrides: arguments of ``SAC`` that beat the recorded ones; ``learning_rate`` is
            really in effect, in the schedule and in the optimisers. With another kind of
            ``ent_coef`` than the recorded, the new one stands.

    Raises:
        UserError: if the file is missing, damaged, not ours, or does not fit the env.
    """
    path = find_model(name_or_path)
    facts = read_facts(path)
    demand_layout(facts, path, layout)
    if facts.algorithm != "SAC" or facts.activation not in ACTIVATIONS:
        raise UserError(
            f"{path} holds {facts.algorithm} with {facts.activation!r} layers; "
            f"this reads SAC with {', '.join(ACTIVATIONS)}"
        )
    arguments = settings_read(facts.settings, f"{path}: settings") | overrides
    try:
        states = read_states(path)
        weights = states.pop("policy")
        policy_kwargs = {
            "net_arch": {
                "pi": _widths(weights, "actor.latent_pi", False),
                "qf": _widths(weights, "critic.qf0", True),
            },
            "n_critics": sum(
                k.startswith("critic.qf") and k.endswith(".0.weight") for k in weights
            ),
            "activation_fn": ACTIVATIONS[facts.activation],
        }
        inputs = weights["actor.latent_pi.0.weight"].shape[1]
    except _MISFIT as error:
        raise damaged(path, str(error)) from None
    if env.observation_space.shape != (inputs,):
        raise UserError(
            f"{path} reads {inputs} observations and this env gives "
            f"{env.observation_space.shape}; name another model"
        )
    model = FastSAC("MlpPolicy", env, policy_kwargs=policy_kwargs, **arguments)
    try:
        _restore(model, weights, states)
    except _MISFIT as error:
        raise damaged(path, (str(error).splitlines() or ["it does not fit"])[0]) from None
    model.num_timesteps = facts.steps
    model._n_updates = facts.updates
    return model


def actor_layers(model: SAC) -> tuple[Layers, str]:
    """Plain layers of a model's actor, and the name of its activation."""
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
        (m.weight.detach().cpu().numpy().T, m.bias.detach().cpu().numpy())
        for m in (*linear, actor.mu)
    ]
    return layers, names[actor.activation_fn]


def read_states(path: Path) -> dict[str, Any]:
    """State dicts of a zip by name, read as tensors and plain containers only."""
    states: dict[str, Any] = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.endswith(".pth"):
                continue
            raw = bounded_read(archive, name, MAX_STATE_BYTES)
            with zipfile.ZipFile(io.BytesIO(raw)) as inner:  # a bomb may sit one level down
                members = inner.infolist()
            if len(members) > 16 * MAX_ENTRIES or sum(m.file_size for m in members) > len(raw):
                raise ValueError(f"{name} inflates to more than it holds")
            try:
                states[name.removesuffix(".pth")] = torch.load(
                    io.BytesIO(raw), map_location="cpu", weights_only=True
                )
            except Exception:  # torch.load promises no exception types for hostile bytes
                raise ValueError(f"{name} does not hold plain tensors") from None
    if not isinstance(states.get("policy"), Mapping):
        raise ValueError("it holds no policy")
    return states


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
    """Put the weights, then the optimisers' moments and the entropy coefficient back."""
    for name, value in weights.items():
        if not isinstance(value, torch.Tensor) or not torch.isfinite(value).all():
            raise ValueError(f"{name} is not finite")
    model.policy.load_state_dict(dict(weights), strict=True)
    _restore_moments(model.actor.optimizer, states["actor.optimizer"])
    _restore_moments(model.critic.optimizer, states["critic.optimizer"])
    log_alpha = states.get("pytorch_variables", {}).get("log_ent_coef")
    if model.log_ent_coef is not None and log_alpha is not None:
        if log_alpha.shape != (1,) or not torch.isfinite(log_alpha).all():
            raise ValueError("log_ent_coef is not a number")
        model.log_ent_coef.data.copy_(log_alpha.data)
        assert model.ent_coef_optimizer is not None
        _restore_moments(model.ent_coef_optimizer, states["ent_coef_optimizer"])


def _restore_moments(optimizer: torch.optim.Optimizer, state: Any) -> None:
    """Load moments only: rates and switches (``fused``, ...) stay those of this run."""
    own = optimizer.state_dict()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    moments = state["state"]
    for index, record in moments.items():
        for key in ("exp_avg", "exp_avg_sq"):
            if record[key].shape != parameters[index].shape:
                raise ValueError("optimiser moments do not fit the weights")
            if not torch.isfinite(record[key]).all():
                raise ValueError("optimiser moments are not finite")
        if not float(record["step"]) >= 0:
            raise ValueError("optimiser steps are not a number")
    own["state"] = moments
    optimizer.load_state_dict(own)
