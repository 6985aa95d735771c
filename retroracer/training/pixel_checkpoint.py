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
from retroracer.agents.drq import DrQPolicy, DrQSAC
from retroracer.agents.facts import Facts
from retroracer.agents.model_file import DAMAGE, FACTS_ENTRY, damaged, find_model, read_facts
from retroracer.agents.pixel_nets import Network, arrange, network_of, policy_kwargs
from retroracer.carracing.pipeline import Pipeline, make
from retroracer.errors import UserError
from retroracer.training.checkpoint import read_states, write_zip

LAYOUT = "carracing-pixels-1"
"""``Facts.observation_layout`` of every driver of this kind."""

KINDS: dict[str, tuple[Any, Any]] = {
    "SAC": (SAC, SACPolicy),
    "SAC+DrQ": (DrQSAC, DrQPolicy),
    "PPO": (PPO, ActorCriticCnnPolicy),  # the plain one warns against GPUs
    "DQN": (DQN, DQNPolicy),
}
"""Algorithm -> its SB3 class and policy."""

_MISFIT = (*DAMAGE, AttributeError, TypeError, IndexError)


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


def is_pixel_model(name_or_path: str | Path) -> bool:
    """Whether a model drives CarRacing.

    Raises:
        UserError: if there is no such file, or it is not one of ours.
    """
    return read_facts(name_or_path).observation_layout.startswith("carracing-")


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
            f"{path} sees {facts.observation_layout!r}, no pictures of CarRacing ({LAYOUT!r}); "
            "name a model made by train-pixels"
        )
    if facts.algorithm not in KINDS:
        raise UserError(
            f"{path} holds {facts.algorithm!r}; CarRacing is driven by {', '.join(KINDS)}"
        )
    pipeline = _read(Pipeline, facts.pipeline, f"{path}: pipeline")
    if (facts.algorithm == "DQN") != (pipeline.actions == "discrete") and facts.algorithm != "PPO":
        raise UserError(
            f"{path} is damaged: {facts.algorithm} cannot take {pipeline.actions!r} actions; "
            "fetch or train it again"
        )
    return Records(facts, pipeline, _read(Network, facts.network, f"{path}: network"))


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
        for name, value in states["policy"].items():
            if not isinstance(value, torch.Tensor) or not torch.isfinite(value).all():
                raise ValueError(f"{name} is not finite")
    except _MISFIT as error:
        raise damaged(path, str(error)) from None
    return states


def put_weights(policy: Any, weights: Mapping[str, Any], path: Path) -> None:
    """Give a policy the weights of a file.

    Raises:
        UserError: if they do not fit.
    """
    try:
        policy.load_state_dict(dict(weights), strict=True)
    except _MISFIT as error:
        lines = str(error).splitlines() or ["they do not fit"]
        why = lines[min(1, len(lines) - 1)].strip()
        raise damaged(path, f"its weights do not fit its wrappers and network ({why})") from None


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
        return actions


def load_driver(name_or_path: str | Path) -> PixelDriver:
    """Load a pixel driver, running nothing from its file.

    Raises:
        UserError: if it is missing, damaged, or no driver of CarRacing.
    """
    path = find_model(name_or_path)
    records = read_records(path)
    weights = read_weights(path)["policy"]
    seen, actions = spaces_of(records.pipeline)
    policy = KINDS[records.facts.algorithm][1](
        seen, actions, lambda _: 0.0, **policy_kwargs(records.facts.algorithm, records.network)
    )
    arrange(policy)
    put_weights(policy, weights, path)
    policy.set_training_mode(False)
    return PixelDriver(policy, records, path.stem)


@cache
def spaces_of(pipeline: Pipeline) -> tuple[Any, Any]:
    """What a network sees and does behind these wrappers; pictures are channels first."""
    env = make(dataclasses.replace(pipeline, layout="first"), render=False)
    spaces = env.observation_space, env.action_space
    env.close()
    return spaces
