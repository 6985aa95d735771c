"""Pixel drivers on disk: SB3 zips with the wrappers they see through, opened without pickles.

Owns building SAC, SAC+DrQ, PPO and DQN from plain records, writing them, and reading a
stranger's weights as tensors only. The record itself is ``agents.facts``, the zip's layout
``checkpoint``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy
from stable_baselines3.dqn.policies import DQNPolicy
from stable_baselines3.sac.policies import SACPolicy

from retroracer import config
from retroracer.agents.checkpoint import MISFIT, first_line, read_states, write_zip
from retroracer.agents.facts import Facts
from retroracer.agents.model_file import FACTS_ENTRY, damaged, find_model, read_facts
from retroracer.agents.pixels.convolutions import numbers_after
from retroracer.agents.pixels.drq import DrQPolicy, DrQSAC
from retroracer.agents.pixels.nets import Network, arrange, network_of, policy_kwargs
from retroracer.carracing.pipeline import Pipeline, make
from retroracer.errors import UserError
from retroracer.reading import shown, shown_path

LAYOUT = "carracing-pixels-1"
"""``Facts.observation_layout`` of every driver of this kind."""

KINDS: dict[str, tuple[Any, Any]] = {
    "SAC": (SAC, SACPolicy),
    "SAC+DrQ": (DrQSAC, DrQPolicy),
    "PPO": (PPO, ActorCriticCnnPolicy),  # the plain one warns against GPUs
    "DQN": (DQN, DQNPolicy),
}
"""Algorithm -> its SB3 class and policy."""

_HIDDEN = {"PPO": "mlp_extractor.policy_net", "DQN": "q_net.q_net"}
"""Algorithm -> what the layers behind the eyes are called."""

LOG_STD_LEAST, LOG_STD_MOST = -20.0, 5.0
"""Of the spread of PPO's actions: beyond these nothing sensible could be drawn."""


def build(algorithm: str, env: Any, network: Network, **arguments: Any) -> Any:
    """A fresh model.

    Args:
        algorithm: a key of ``KINDS``.
        env: an SB3 VecEnv of channels-first pictures.
        network: its shape.
        arguments: of the SB3 class.
    """
    kind, policy = KINDS[algorithm]
    kwargs = policy_kwargs(algorithm, network) | arguments.pop("policy_kwargs", {})
    model = kind(policy, env, policy_kwargs=kwargs, **arguments)
    arrange(model.policy)
    return model


def save(
    model: Any, path: str | Path, pipeline: Pipeline, facts: Facts, moments: bool = False
) -> Facts:
    """Write a driver, whole or not at all.

    Args:
        model: made by ``build``, or with ``pixel_nets.policy_kwargs``.
        path: of the zip.
        pipeline: the wrappers it was trained with.
        facts: what only the caller knows (seed, evaluation, notes ...); the rest is filled in.
        moments: whether what the optimisers remember goes in too.

    Returns:
        The facts as written.

    Raises:
        UserError: if the place cannot be written.
        ValueError: if the model is of another kind.
    """
    names = [n for n, (kind, policy) in KINDS.items() if type(model.policy) is policy]
    names += ["PPO"] if isinstance(model.policy, ActorCriticPolicy) else []
    if not names:
        raise ValueError(f"a {type(model.policy).__name__} is no driver of this kind")
    facts = dataclasses.replace(
        facts,
        observation_layout=LAYOUT,
        algorithm=names[0],
        steps=int(model.num_timesteps),
        updates=int(model._n_updates),
        pipeline=config.to_dict(pipeline),
        network=config.to_dict(network_of(model.policy_kwargs)),
    )
    write_zip(model, path, {FACTS_ENTRY: facts.to_json().encode()}, moments)
    return facts


@dataclass(frozen=True)
class Records:
    """What a pixel driver's facts say, checked."""

    facts: Facts
    pipeline: Pipeline
    network: Network


def read_records(name_or_path: str | Path) -> Records:
    """Read what a pixel driver says about itself.

    Raises:
        UserError: if it is missing, damaged, of another task or of an unknown algorithm.
    """
    path = find_model(name_or_path)
    facts = read_facts(path)
    if facts.observation_layout != LAYOUT:
        raise UserError(
            f"{shown_path(path)} sees '{facts.observation_layout}', no pictures of CarRacing "
            f"('{LAYOUT}'); name a model made by train-pixels"
        )
    if facts.algorithm not in KINDS:
        raise UserError(
            f"{shown_path(path)} holds '{facts.algorithm}'; CarRacing is driven by "
            f"{', '.join(KINDS)}"
        )
    pipeline = _read(Pipeline, facts.pipeline, f"{shown_path(path)}: pipeline")
    if (facts.algorithm == "DQN") != (pipeline.actions == "discrete") and facts.algorithm != "PPO":
        raise damaged(path, f"{facts.algorithm} cannot take {pipeline.actions!r} actions")
    network = _read(Network, facts.network, f"{shown_path(path)}: network")
    return Records(facts, pipeline, network)


def _read(cls: Any, record: Mapping[str, Any], source: str) -> Any:
    known = {f.name for f in dataclasses.fields(cls)}
    return config.from_dict(cls, {k: v for k, v in record.items() if k in known}, source)


def read_weights(path: Path) -> dict[str, Any]:
    """State dicts by name, finite tensors and plain containers only.

    Raises:
        UserError: if the file is damaged.
    """
    try:
        states = read_states(path)
        log_std = states["policy"].get("log_std")
        if (
            log_std is not None
            and not ((log_std >= LOG_STD_LEAST) & (log_std <= LOG_STD_MOST)).all()
        ):
            raise ValueError("its log_std is beyond reason")
    except MISFIT as error:
        raise damaged(path, first_line(error)) from None
    return states


def put_weights(policy: Any, weights: Mapping[str, Any], path: Path) -> None:
    """Give a policy the weights of a file.

    Raises:
        UserError: if they do not fit.
    """
    try:
        policy.load_state_dict(dict(weights), strict=True)
    except MISFIT as error:
        lines = str(error).splitlines() or ["they do not fit"]
        why = shown(lines[min(1, len(lines) - 1)].strip(), 160)
        raise damaged(path, f"its weights do not fit its wrappers and network ({why})") from None


def demand_room(records: Records, weights: Mapping[str, Any], path: Path) -> None:
    """Make sure that weights are as many as a network says, before room is made for it.

    Raises:
        UserError: if they are not.
    """
    network = records.network
    flat = numbers_after(network.convs, records.pipeline.size)[-1]
    eyes = [v for k, v in weights.items() if k.endswith("trunk.0.weight")]
    hidden = _HIDDEN.get(records.facts.algorithm, "actor.latent_pi")
    widths = [weights.get(f"{hidden}.{2 * i}.weight") for i in range(len(network.hidden))]
    fits = bool(eyes) and all(eye.shape == (network.features, flat) for eye in eyes)
    for width, layer in zip(network.hidden, widths, strict=True):
        fits = fits and layer is not None and layer.ndim == 2 and len(layer) == width
    if not fits:
        raise damaged(path, "its weights do not fit its wrappers and network")


def demand_sound(policy: Any, pipeline: Pipeline, path: Path) -> None:
    """Let a driver look at a few pictures: no layer may overflow.

    Raises:
        UserError: if one does.
    """
    overflown: list[bool] = []

    def look(module: Any, seen: Any, out: Any) -> None:
        if isinstance(out, torch.Tensor):
            overflown.append(not bool(torch.isfinite(out).all()))

    hooks = [m.register_forward_hook(look) for m in policy.modules()]
    space = spaces_of(pipeline)[0]
    noise = np.random.default_rng(0).random(space.shape)
    pictures = np.stack([0.0 * noise, noise, noise**0.0])
    pictures = (pictures * float(space.high.max())).astype(space.dtype)
    try:
        actions = policy.predict(pictures, deterministic=True)[0]
        if any(overflown) or not np.isfinite(actions).all():
            raise ValueError
    except MISFIT:
        raise damaged(path, "its weights are so large that they overflow") from None
    finally:
        for hook in hooks:
            hook.remove()


class PixelDriver:
    """A trained driver at work: its best action for what it sees. On the processor.

    Attributes:
        records: what is known of it.
        name: what to call it.
    """

    def __init__(self, policy: Any, records: Records, name: str) -> None:
        self.records, self.name = records, name
        self._policy = policy
        self._last = records.pipeline.layout == "last"

    def act(self, obs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Actions (N, ...) for pictures (N, ...) as the wrappers give them."""
        if self._last:
            obs = np.ascontiguousarray(np.moveaxis(obs, -1, 1))
        actions: npt.NDArray[Any] = self._policy.predict(obs, deterministic=True)[0]
        if not np.isfinite(actions).all():
            raise UserError(f"{self.name} is damaged: its weights overflow; train it again")
        return actions


def load_driver(name_or_path: str | Path) -> PixelDriver:
    """Load a pixel driver, running nothing from its file.

    Raises:
        UserError: if it is missing, damaged, or no driver of CarRacing.
    """
    path = find_model(name_or_path)
    records = read_records(path)
    weights = read_weights(path)["policy"]
    demand_room(records, weights, path)
    policy = _policy(records, *spaces_of(records.pipeline))
    arrange(policy)
    put_weights(policy, weights, path)
    policy.set_training_mode(False)
    demand_sound(policy, records.pipeline, path)
    return PixelDriver(policy, records, shown(path.stem, 80))


def _policy(records: Records, seen: Any, actions: Any) -> Any:
    kind = records.facts.algorithm
    kwargs = policy_kwargs(kind, records.network)
    return KINDS[kind][1](seen, actions, lambda _: 0.0, **kwargs)


@cache
def spaces_of(pipeline: Pipeline) -> tuple[Any, Any]:
    """What a network sees and does behind these wrappers; pictures are channels first."""
    env = make(dataclasses.replace(pipeline, layout="first"), render=False)
    spaces = env.observation_space, env.action_space
    env.close()
    return spaces
