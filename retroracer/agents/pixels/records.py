"""The facts of a pixel driver's model, checked, and the names and shapes of its actor's layers.

Reads ``retroracer.json`` of its zip (``facts``); does not read weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retroracer import config
from retroracer.agents.facts import Facts
from retroracer.agents.model_file import damaged, find_model, read_facts
from retroracer.agents.pixels.network import CONVOLUTIONS, Network, numbers_after
from retroracer.carracing.pipeline import Pipeline
from retroracer.errors import UserError
from retroracer.reading import shown_path

LAYOUT = "carracing-pixels-1"
"""``Facts.observation_layout`` of every driver of this kind."""

ACTIONS = {"steer-accel": (-1.0, -1.0), "stock": (-1.0, 0.0, 0.0), "discrete": (0.0,) * 5}
"""Lower bound of each action by ``Pipeline.actions``; the upper bound is 1. With discrete actions
the network gives one value per action instead."""

_SAC = "actor.features_extractor", "actor.latent_pi", "actor.mu"
_NAMES = {
    "SAC": _SAC,
    "SAC+DrQ": _SAC,
    "PPO": ("pi_features_extractor", "mlp_extractor.policy_net", "action_net"),
    "DQN": ("q_net.features_extractor", "q_net.q_net", ""),  # its head is the last of q_net
}
"""Algorithm -> SB3's names of the encoder, the hidden layers and the last layer."""

ALGORITHMS = tuple(_NAMES)


@dataclass(frozen=True)
class Records:
    """Facts, wrappers and network of a pixel driver, checked."""

    facts: Facts
    pipeline: Pipeline
    network: Network

    def actor(self) -> list[tuple[str, tuple[int, ...]]]:
        """Each layer of the actor in order: SB3's name, and its weight's shape in ``actor.npz``.

        Convolutions are (outputs, inputs, kernel, kernel), linear layers (inputs, outputs), a
        layer norm's gain (features,).
        """
        pipeline, network = self.pipeline, self.network
        encoder, hidden, head = _NAMES[self.facts.algorithm]
        channels = pipeline.stack * (3 if pipeline.colour == "rgb" else 1)
        layers: list[tuple[str, tuple[int, ...]]] = []
        for k, (outputs, kernel, _) in enumerate(CONVOLUTIONS[network.convs]):
            layers.append((f"{encoder}.convs.{2 * k}", (outputs, channels, kernel, kernel)))
            channels = outputs
        width = network.features
        flat = numbers_after(network.convs, pipeline.size)[-1]
        layers.append((f"{encoder}.trunk.0", (flat, width)))
        if network.trunk == "norm":
            layers.append((f"{encoder}.trunk.1", (width,)))
        for k, outputs in enumerate(network.hidden):
            layers.append((f"{hidden}.{2 * k}", (width, outputs)))
            width = outputs
        last = head or f"{hidden}.{2 * len(network.hidden)}"
        return [*layers, (last, (width, len(ACTIONS[pipeline.actions])))]


def read_records(name_or_path: str | Path) -> Records:
    """Read the records of a pixel driver.

    Raises:
        UserError: if the model is missing or damaged, or its task or algorithm is another.
    """
    path = find_model(name_or_path)
    facts = read_facts(path)
    if facts.observation_layout != LAYOUT:
        raise UserError(
            f"{shown_path(path)} does not drive CarRacing: it reads observations "
            f"'{facts.observation_layout}', not '{LAYOUT}'; name a model made by train-pixels"
        )
    if facts.algorithm not in ALGORITHMS:
        raise UserError(
            f"{shown_path(path)} holds '{facts.algorithm}'; CarRacing is driven by "
            f"{', '.join(ALGORITHMS)}"
        )
    pipeline = _read(Pipeline, facts.pipeline, f"{shown_path(path)}: pipeline")
    if (facts.algorithm == "DQN") != (pipeline.actions == "discrete") and facts.algorithm != "PPO":
        raise damaged(path, f"{facts.algorithm} cannot take {pipeline.actions!r} actions")
    network = _read(Network, facts.network, f"{shown_path(path)}: network")
    return Records(facts, pipeline, network)


def _read(cls: Any, record: Mapping[str, Any], source: str) -> Any:
    known = {f.name for f in dataclasses.fields(cls)}
    return config.from_dict(cls, {k: v for k, v in record.items() if k in known}, source)
