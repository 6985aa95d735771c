"""Turns drivers trained by plain Stable-Baselines3 into RetroRacer models without running code.

Owns reading a zip that has no ``retroracer.json``, and writing it again with one and with the actor
as plain arrays. The pickles in it are copied but never opened: weights are read as tensors, and
``data`` as JSON, in which pickles are text. ``stock_actor`` finds the actor's tensors.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from retroracer import config
from retroracer.agents.facts import Facts
from retroracer.agents.model_file import (
    ACTOR_ENTRY,
    FACTS_ENTRY,
    MAX_ENTRIES,
    MAX_WEIGHTS_BYTES,
    WEIGHTS_ENTRY,
    Layers,
    actor_bytes,
    layers_named,
    read_state,
)
from retroracer.agents.policy import ACTIVATIONS, MAX_OBSERVATION, MAX_SUM, N_ACTIONS, Policy
from retroracer.agents.sac_settings import SacSettings
from retroracer.agents.stock_actor import StockActor, actor_of
from retroracer.archive import Archive, NotAZipError
from retroracer.atomic import replacing
from retroracer.envs.task import LAYOUT, N_OBS
from retroracer.errors import UserError
from retroracer.physics.car import Car, car_facts
from retroracer.reading import shown, shown_path

DATA_ENTRY, VERSION_ENTRY = "data", "_stable_baselines3_version"

MAX_DATA_BYTES = 16_000_000
_KEPT = re.compile(r"(policy|pytorch_variables|(\w{1,40}\.)?(\w{1,40}_)?optimizer)\.pth", re.ASCII)
_NUMBERS = re.compile(r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf)|\.\.\.", re.ASCII)
_CLASS = re.compile(r"<class '(?:\w{1,40}\.){0,9}(\w{1,40})'>", re.ASCII)


def adopt(
    source: Path, out: Path, car: Car, *, activation: str | None = None, layout: str = LAYOUT
) -> Facts:
    """Write a zip of plain Stable-Baselines3 as a RetroRacer model.

    Its entries are copied byte for byte, so that plain Stable-Baselines3 still opens it, and
    training can continue with the same critics and moments.

    Args:
        source: saved by SAC, PPO, A2C, TD3 or DDPG, or by TQC or TRPO of sb3-contrib, with an
            ``MlpPolicy`` of any widths.
        out: path of the new model.
        car: the car the driver was trained in.
        activation: activation of hidden layers; None = the one named in the zip's ``data``, or the
            algorithm's default.
        layout: id of the observations it was trained on, which a plain zip does not record.

    Returns:
        The facts written.

    Raises:
        UserError: if the zip is damaged, holds another kind of policy or other spaces, or is a
            RetroRacer model already.
    """
    try:
        entries = _entries(source)
        recorded = _recorded(entries[DATA_ENTRY])
        actor, layers = _actor(entries[WEIGHTS_ENTRY], recorded)
    except NotAZipError:
        raise UserError(f"{shown_path(source)} is not a zip of Stable-Baselines3") from None
    except ValueError as error:
        reason = shown(str(error), 300)
        raise UserError(f"{shown_path(source)} cannot be adopted: {reason}") from None
    _demand_spaces(source, layers, recorded, layout)
    name = activation or _activation(source, actor, recorded)
    facts = Facts(
        observation_layout=layout,
        steps=_count(recorded, "num_timesteps"),
        seed=recorded["seed"] if type(recorded.get("seed")) is int else None,
        algorithm=_algorithm(actor, recorded),
        activation=name,
        output=actor.output,
        layers=tuple(len(bias) for _, bias in layers[:-1]),
        car=car_facts(car),
        updates=_count(recorded, "_n_updates"),
        settings=_settings(recorded) if actor.algorithm == "SAC" else {},
        notes={"adopted_from": shown(source.name, 80), "saved_by": _version(entries)},
    )
    policy = Policy(layers, facts, shown(source.stem, 80))
    if not policy.largest(MAX_OBSERVATION) < MAX_SUM:
        raise UserError(
            f"{shown_path(source)} cannot be adopted: its weights are so large that they overflow"
        )
    with replacing(out) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, data in entries.items():
            archive.writestr(entry, data)
        archive.writestr(FACTS_ENTRY, facts.to_json())
        archive.writestr(ACTOR_ENTRY, actor_bytes(layers))
    return facts


def _entries(source: Path) -> dict[str, bytes]:
    """The entries of a zip that are kept, by name; its tensor files are checked."""
    kept: dict[str, bytes] = {}
    left = MAX_WEIGHTS_BYTES
    with Archive(source, MAX_ENTRIES) as archive:
        if FACTS_ENTRY in archive:
            raise UserError(
                f"{shown_path(source)} is a model of RetroRacer already; nothing to adopt"
            )
        if DATA_ENTRY not in archive or WEIGHTS_ENTRY not in archive:
            raise UserError(
                f"{shown_path(source)} is not a zip of Stable-Baselines3: it has no "
                f"{DATA_ENTRY if DATA_ENTRY not in archive else WEIGHTS_ENTRY}"
            )
        for name in archive.names:
            if name == DATA_ENTRY:
                kept[name] = archive.read(name, MAX_DATA_BYTES)
            elif name == VERSION_ENTRY:
                kept[name] = archive.read(name, 100)
            elif _KEPT.fullmatch(name):
                kept[name] = archive.read(name, left)
                left -= len(kept[name])
                read_state(name, kept[name])  # refuses anything but plain tensors
    return kept


def _recorded(raw: bytes) -> Mapping[str, Any]:
    """The JSON record in ``data``; pickles in it stay text.

    Infinite and very long numbers become None: those that are used are checked later.
    """
    try:
        recorded = json.loads(
            raw.decode("utf-8"),
            parse_constant=lambda text: None,
            parse_int=lambda text: int(text) if len(text) < 20 else None,
        )
    except RecursionError:
        raise ValueError("its data is nested too deep") from None
    except ValueError:
        raise ValueError("its data is not JSON") from None
    if not isinstance(recorded, dict):
        raise ValueError("its data is not a JSON object")
    return recorded


def _actor(raw: bytes, recorded: Mapping[str, Any]) -> tuple[StockActor, Layers]:
    found = read_state(WEIGHTS_ENTRY, raw)
    if not isinstance(found, dict) or not all(
        isinstance(k, str) and isinstance(v, np.ndarray) for k, v in found.items()
    ):
        raise ValueError(f"{WEIGHTS_ENTRY} holds no tensors by name")
    if recorded.get("use_sde") is True:
        raise ValueError("it explores by gSDE, whose actor is more than plain layers")
    actor = actor_of(found)
    return actor, layers_named(found, actor.names)


def _demand_spaces(source: Path, layers: Layers, recorded: Mapping[str, Any], layout: str) -> None:
    """Check that its observations and actions are a driver's; the error names both."""
    has = (len(layers[0][0]), len(layers[-1][1]))
    wanted = (N_OBS if layout == LAYOUT else has[0], N_ACTIONS)
    if has != wanted:
        raise UserError(
            f"{shown_path(source)} turns {has[0]} observations into {has[1]} actions; "
            f"a driver turns {wanted[0]} ('{layout}') into {wanted[1]} (steer, throttle)"
        )
    space = recorded.get("action_space")
    for name, bound in (("low", -1.0), ("high", 1.0)):
        text = space.get(name) if isinstance(space, dict) else None
        numbers = _NUMBERS.findall(text[:400]) if isinstance(text, str) else []
        if any(n == "..." or float(n) != bound for n in numbers):
            raise UserError(
                f"{shown_path(source)} gives actions whose {name} is {shown(text, 40)}; a "
                f"driver's is {bound:g}: train it on retroracer/RetroRacer-v0 as it is"
            )


def _activation(source: Path, actor: StockActor, recorded: Mapping[str, Any]) -> str:
    """The activation of hidden layers: the one recorded, else the algorithm's default."""
    kwargs = recorded.get("policy_kwargs")
    text = kwargs.get("activation_fn") if isinstance(kwargs, dict) else None
    if text is None:
        return actor.activation
    found = _CLASS.fullmatch(text) if isinstance(text, str) else None
    name = found[1] if found else shown(text, 40)
    if name.lower() not in ACTIVATIONS:
        raise UserError(
            f"{shown_path(source)} has layers with {name}; a driver's have "
            f"{', '.join(ACTIVATIONS)} (--activation says otherwise)"
        )
    return name.lower()


def _algorithm(actor: StockActor, recorded: Mapping[str, Any]) -> str:
    """The algorithm's name; the settings distinguish PPO, A2C and TRPO."""
    if actor.algorithm != "PPO" or "clip_range" in recorded:
        return actor.algorithm
    return "TRPO" if "cg_max_steps" in recorded else "A2C"


def _settings(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """SAC's settings that ``data`` records as plain values within their bounds."""
    kept: dict[str, Any] = {}
    for name in SacSettings.__dataclass_fields__:
        if type(recorded.get(name)) not in (int, float, str):
            continue
        try:
            config.from_dict(SacSettings, {name: recorded[name]}, DATA_ENTRY)
        except UserError:
            continue
        kept[name] = recorded[name]
    return kept


def _count(recorded: Mapping[str, Any], name: str) -> int:
    value = recorded.get(name)
    return value if type(value) is int and 0 <= value < 2**53 else 0


def _version(entries: Mapping[str, bytes]) -> str:
    text = entries.get(VERSION_ENTRY, b"").decode("ascii", "replace").strip()
    return f"Stable-Baselines3 {shown(text, 20)}".strip()
