"""Pixel drivers on disk: SB3 zips with a record of their wrappers, read without unpickling.

Owns building SAC, SAC+DrQ, PPO and DQN models, writing them, and reading the weights that training
continues from. ``records`` reads the facts of a zip, ``inference`` drives.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy
from stable_baselines3.dqn.policies import DQNPolicy
from stable_baselines3.sac.policies import SACPolicy

from retroracer import config
from retroracer.agents.checkpoint import MISFIT, first_line, read_states
from retroracer.agents.facts import Facts
from retroracer.agents.model_file import (
    ACTOR_ENTRY,
    FACTS_ENTRY,
    actor_bytes,
    damaged,
    layers_named,
)
from retroracer.agents.model_zip import write_zip
from retroracer.agents.pixels.drq import DrQPolicy, DrQSAC
from retroracer.agents.pixels.nets import arrange, network_of, policy_kwargs
from retroracer.agents.pixels.network import Network
from retroracer.agents.pixels.records import LAYOUT, Records
from retroracer.carracing.pipeline import Pipeline, make
from retroracer.reading import shown

KINDS: dict[str, tuple[Any, Any]] = {
    "SAC": (SAC, SACPolicy),
    "SAC+DrQ": (DrQSAC, DrQPolicy),
    "PPO": (PPO, ActorCriticCnnPolicy),  # the plain one warns against GPUs
    "DQN": (DQN, DQNPolicy),
}
"""Algorithm -> its SB3 class and policy."""

LOG_STD_LEAST, LOG_STD_MOST = -20.0, 5.0
"""Bounds of ``log_std``, the logarithm of the standard deviation of PPO's actions."""


def build(algorithm: str, env: Any, network: Network, **arguments: Any) -> Any:
    """Build a new model for an SB3 VecEnv of channels-first pictures.

    ``algorithm`` is a key of ``KINDS``; ``arguments`` are those of its SB3 class.
    """
    kind, policy = KINDS[algorithm]
    kwargs = policy_kwargs(algorithm, network) | arguments.pop("policy_kwargs", {})
    model = kind(policy, env, policy_kwargs=kwargs, **arguments)
    arrange(model.policy)
    return model


def save(
    model: Any, path: str | Path, pipeline: Pipeline, facts: Facts, moments: bool = False
) -> Facts:
    """Write a driver atomically, with its wrappers.

    Args:
        model: made by ``build``, or with ``nets.policy_kwargs``.
        path: path of the zip.
        pipeline: the wrappers it was trained with.
        facts: what only the caller knows (seed, evaluation, notes ...); the rest is filled in.
        moments: True includes the optimisers' moments.

    Returns:
        The facts as written.

    Raises:
        UserError: if the file cannot be written.
        ValueError: if the model is of another kind.
    """
    names = [n for n, (kind, policy) in KINDS.items() if type(model.policy) is policy]
    names += ["PPO"] if isinstance(model.policy, ActorCriticPolicy) else []
    if not names:
        raise ValueError(f"a {type(model.policy).__name__} is not a policy of a pixel driver")
    network = network_of(model.policy_kwargs)
    facts = dataclasses.replace(
        facts,
        observation_layout=LAYOUT,
        algorithm=names[0],
        steps=int(model.num_timesteps),
        updates=int(model._n_updates),
        pipeline=config.to_dict(pipeline),
        network=config.to_dict(network),
    )
    layers = layers_named(
        {k: v.detach().cpu().numpy() for k, v in model.policy.state_dict().items()},
        [name for name, _ in Records(facts, pipeline, network).actor()],
    )
    entries = {FACTS_ENTRY: facts.to_json().encode(), ACTOR_ENTRY: actor_bytes(layers)}
    write_zip(model, path, entries, moments)
    return facts


def read_weights(path: Path) -> dict[str, Any]:
    """State dicts of a zip by name, read as ``read_states`` does; a ``UserError`` if damaged."""
    try:
        states = read_states(path)
        log_std = states["policy"].get("log_std")
        if (
            log_std is not None
            and not ((log_std >= LOG_STD_LEAST) & (log_std <= LOG_STD_MOST)).all()
        ):
            raise ValueError(f"its log_std is not from {LOG_STD_LEAST:g} to {LOG_STD_MOST:g}")
    except MISFIT as error:
        raise damaged(path, first_line(error)) from None
    return states


def put_weights(policy: Any, weights: Mapping[str, Any], path: Path) -> None:
    """Load the weights of a file into a policy; a ``UserError`` if they do not fit."""
    try:
        policy.load_state_dict(dict(weights), strict=True)
    except MISFIT as error:
        lines = str(error).splitlines() or ["they do not fit"]
        why = shown(lines[min(1, len(lines) - 1)].strip(), 160)
        raise damaged(path, f"its weights do not fit its wrappers and network ({why})") from None


@cache
def spaces_of(pipeline: Pipeline) -> tuple[Any, Any]:
    """Observation and action space of a network with these wrappers; pictures channels first."""
    env = make(dataclasses.replace(pipeline, layout="first"), render=False)
    spaces = env.observation_space, env.action_space
    env.close()
    return spaces
