"""Finds the actor in a Stable-Baselines3 policy by the names and shapes of its tensors.

Owns which tensors are an actor's layers in the plain MLP policies of SAC, TQC, TD3, DDPG, PPO,
A2C and TRPO. ``model_file`` and ``adoption`` read the files, ``policy`` runs the layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy.typing as npt

from retroracer.agents.facts import MAX_LAYERS, MAX_WIDTH
from retroracer.reading import shown

Tensors = Mapping[str, npt.NDArray[Any]]
"""Tensors of a policy by name, as in ``policy.pth``."""


class StockActor(NamedTuple):
    """The layers of an actor.

    Attributes:
        algorithm: "SAC", "TQC", "TD3", "DDPG" or "PPO"; the policies of PPO, A2C and TRPO look
            alike, and all count as "PPO".
        names: names of its linear layers in order; each has ``NAME.weight`` and ``NAME.bias``.
        output: how the last layer's output becomes actions: "tanh" or "clip" (to [-1, 1]).
        activation: default activation of hidden layers in this algorithm's policies.
    """

    algorithm: str
    names: list[str]
    output: str
    activation: str


def actor_of(tensors: Tensors) -> StockActor:
    """Find the actor in the state dict of a policy.

    Raises:
        ValueError: if there is none, or it is more than plain linear layers; the message says what
            it is.
    """
    _refuse_others(tensors)
    if "action_net.weight" in tensors:
        found = _of_ppo(tensors)
    elif "actor.log_std" in tensors:
        raise ValueError("it explores by gSDE, whose actor is more than plain layers")
    elif "actor.mu.weight" in tensors:
        found = _of_sac(tensors)
    elif "actor.mu.0.weight" in tensors:
        single = "critic.qf1.0.weight" not in tensors
        names = _chain(tensors, "actor.mu")
        found = StockActor("DDPG" if single else "TD3", names, "tanh", "relu")
    else:
        raise ValueError("it holds no actor of SAC, TQC, TD3, DDPG, PPO or A2C")
    inputs = None
    for name in found.names:
        inputs = _demand_linear(tensors, name, inputs)
    return found


def _demand_linear(tensors: Tensors, name: str, inputs: int | None) -> int:
    """Check a linear layer with ``inputs`` inputs (None = any); returns its number of outputs."""
    weight, bias = tensors.get(f"{name}.weight"), tensors.get(f"{name}.bias")
    if weight is None or bias is None or weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise ValueError(f"{name} is not a linear layer with a bias")
    outputs, own = weight.shape
    if not 0 < min(own, outputs) <= max(own, outputs) <= MAX_WIDTH:
        raise ValueError(f"a layer of its actor must be 1 to {MAX_WIDTH} wide")
    if inputs not in (None, own):
        raise ValueError("its actor's layers do not fit together")
    return int(outputs)


def _refuse_others(tensors: Tensors) -> None:
    """Refuse policies of another kind, which have tensors that plain MLP policies do not."""
    if any("lstm" in name for name in tensors):
        raise ValueError("its policy is recurrent (LSTM), not an MlpPolicy")
    extractors = [name for name in tensors if "features_extractor." in name]
    if any(tensors[name].ndim == 4 for name in extractors):
        raise ValueError("it is a CnnPolicy, which sees pictures, not an MlpPolicy")
    if extractors:
        raise ValueError("its policy has a features extractor of its own, not that of MlpPolicy")
    if any(name.startswith(("q_net.", "quantile_net.")) for name in tensors):
        raise ValueError("it is a DQN, which chooses among discrete actions")


def _of_ppo(tensors: Tensors) -> StockActor:
    if "log_std" not in tensors:
        raise ValueError("its actions are discrete")
    if tensors["log_std"].ndim != 1:
        raise ValueError("it explores by gSDE, whose actor is more than plain layers")
    hidden = _chain(tensors, "mlp_extractor.policy_net")
    if any(name.startswith("mlp_extractor.shared_net.") for name in tensors):
        raise ValueError("its actor shares layers with its value network; this is not supported")
    return StockActor("PPO", [*hidden, "action_net"], "clip", "tanh")


def _of_sac(tensors: Tensors) -> StockActor:
    names = [*_chain(tensors, "actor.latent_pi"), "actor.mu"]
    heads = [w for name, w in tensors.items() if name.startswith("critic.qf0.") and w.ndim == 2]
    quantiles = bool(heads) and len(heads[-1]) > 1
    return StockActor("TQC" if quantiles else "SAC", names, "tanh", "relu")


def _chain(tensors: Tensors, prefix: str) -> list[str]:
    """Names of the linear layers ``prefix``.0, .2, ... with only activations in between."""
    places = {name[len(prefix) + 1 :] for name in tensors if name.startswith(f"{prefix}.")}
    count = len(places) // 2
    wanted = {f"{2 * i}.{part}" for i in range(count) for part in ("weight", "bias")}
    if places != wanted:
        odd = min(places ^ wanted)
        raise ValueError(f"its actor is not a plain MLP ({shown(f'{prefix}.{odd}', 60)})")
    if count > MAX_LAYERS:
        raise ValueError(f"its actor has more than {MAX_LAYERS} layers")
    return [f"{prefix}.{2 * i}" for i in range(count)]
