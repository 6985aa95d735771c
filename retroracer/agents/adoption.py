"""Drivers trained by plain Stable-Baselines3, made models of ours without running anything.

Owns reading a stranger's zip that has no record of ours, and writing it anew with one and with
its actor as plain arrays. The pickles in it are carried along and never opened: weights are read
as tensors, and ``data`` as the plain JSON that stands beside its pickles. Which tensors are the
actor is known to ``stock_actor``.
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
    WEIGHTS_ENTRY,
    Layers,
    actor_bytes,
    layers_named,
)
from retroracer.agents.policy import ACTIVATIONS, MAX_OBSERVATION, MAX_SUM, N_ACTIONS, Policy
from retroracer.agents.sac_settings import SacSettings
from retroracer.agents.stock_actor import StockActor, actor_of
from retroracer.agents.tensor_file import read_plain
from retroracer.archive import Archive, NotAZipError
from retroracer.atomic import replacing
from retroracer.envs.task import LAYOUT, N_OBS
from retroracer.errors import UserError
from retroracer.physics.car import Car, car_facts
from retroracer.reading import shown, shown_path

DATA_ENTRY, VERSION_ENTRY = "data", "_stable_baselines3_version"

MAX_DATA_BYTES = 16_000_000
MAX_STATE_BYTES = 256_000_000
"""Of all weights and moments in a zip together."""

_KEPT = re.compile(r"(policy|pytorch_variables|(\w{1,40}\.)?(\w{1,40}_)?optimizer)\.pth", re.ASCII)
_NUMBERS = re.compile(r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf)|\.\.\.", re.ASCII)
_CLASS = re.compile(r"<class '(?:\w{1,40}\.){0,9}(\w{1,40})'>", re.ASCII)


def adopt(
    source: Path, out: Path, car: Car, *, activation: str | None = None, layout: str = LAYOUT
) -> Facts:
    """Write a zip of plain Stable-Baselines3 as a model of ours.

    Its own entries stay byte for byte, so that what plain Stable-Baselines3 opened it opens
    still, and training goes on from the same critics and moments.

    Args:
        source: saved by SAC, PPO, A2C, TD3 or DDPG, or by TQC or TRPO of sb3-contrib, with an
            ``MlpPolicy`` of any widths.
        out: of the model.
        car: it was trained in.
        activation: of hidden layers; None = what the zip tells beside its pickles, or what the
            algorithm has by default.
        layout: id of the observations it was trained on, which no plain zip tells.

    Returns:
        The facts written.

    Raises:
        UserError: if it is damaged, another kind of policy, of other spaces, or ours already.
    """
    try:
        entries = _entries(source)
        told = _told(entries[DATA_ENTRY])
        actor, layers = _actor(entries[WEIGHTS_ENTRY], told)
    except NotAZipError:
        raise UserError(f"{shown_path(source)} is not a zip of Stable-Baselines3") from None
    except ValueError as error:
        reason = shown(str(error), 300)
        raise UserError(f"{shown_path(source)} cannot be adopted: {reason}") from None
    _demand_spaces(source, layers, told, layout)
    name = activation or _activation(source, actor, told)
    facts = Facts(
        observation_layout=layout,
        steps=_count(told, "num_timesteps"),
        seed=told["seed"] if type(told.get("seed")) is int else None,
        algorithm=_algorithm(actor, told),
        activation=name,
        output=actor.output,
        layers=tuple(len(bias) for _, bias in layers[:-1]),
        car=car_facts(car),
        updates=_count(told, "_n_updates"),
        settings=_settings(told) if actor.algorithm == "SAC" else {},
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
    """What is kept of a zip, by name: all of its tensor files read as nothing but that.

    Raises:
        ValueError: if it is damaged, too big, or holds more than tensors.
        UserError: if there is nothing to adopt in it.
    """
    kept: dict[str, bytes] = {}
    left = MAX_STATE_BYTES
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
                _demand_tensors(name, kept[name])
    return kept


def _demand_tensors(name: str, raw: bytes) -> None:
    try:
        found = read_plain(raw, MAX_STATE_BYTES)
    except ValueError as error:
        raise ValueError(f"{name} does not hold plain tensors: {error}") from None
    if not _finite(found):
        raise ValueError(f"a number in {name} is not finite")


def _finite(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind != "f" or bool(np.isfinite(value).all())
    if isinstance(value, dict):
        return all(_finite(v) for v in value.values())
    return not isinstance(value, list) or all(_finite(v) for v in value)


def _told(raw: bytes) -> Mapping[str, Any]:
    """What ``data`` says in plain JSON; texts of pickles in it are texts here.

    Numbers beyond reason become None: only those that are used are looked at.

    Raises:
        ValueError: if it is no JSON of a record.
    """
    try:
        told = json.loads(
            raw.decode("utf-8"),
            parse_constant=lambda text: None,
            parse_int=lambda text: int(text) if len(text) < 20 else None,
        )
    except RecursionError:
        raise ValueError("its data is nested too deep") from None
    except ValueError:
        raise ValueError("its data is no JSON") from None
    if not isinstance(told, dict):
        raise ValueError("its data is no record")
    return told


def _actor(raw: bytes, told: Mapping[str, Any]) -> tuple[StockActor, Layers]:
    found = read_plain(raw, MAX_STATE_BYTES)
    if not isinstance(found, dict) or not all(
        isinstance(k, str) and isinstance(v, np.ndarray) for k, v in found.items()
    ):
        raise ValueError(f"{WEIGHTS_ENTRY} holds no tensors by name")
    if told.get("use_sde") is True:
        raise ValueError("it explores by gSDE, whose actor is more than plain layers")
    actor = actor_of(found)
    return actor, layers_named(found, actor.names)


def _demand_spaces(source: Path, layers: Layers, told: Mapping[str, Any], layout: str) -> None:
    """Hold its observations and actions against a driver's.

    Raises:
        UserError: saying what either side has.
    """
    has = (len(layers[0][0]), len(layers[-1][1]))
    wanted = (N_OBS if layout == LAYOUT else has[0], N_ACTIONS)
    if has != wanted:
        raise UserError(
            f"{shown_path(source)} turns {has[0]} observations into {has[1]} actions; "
            f"a driver turns {wanted[0]} ('{layout}') into {wanted[1]} (steer, throttle)"
        )
    space = told.get("action_space")
    for name, bound in (("low", -1.0), ("high", 1.0)):
        text = space.get(name) if isinstance(space, dict) else None
        numbers = _NUMBERS.findall(text[:400]) if isinstance(text, str) else []
        if any(n == "..." or float(n) != bound for n in numbers):
            raise UserError(
                f"{shown_path(source)} gives actions whose {name} is {shown(text, 40)}; a "
                f"driver's is {bound:g}: train it on retroracer/RetroRacer-v0 as it is"
            )


def _activation(source: Path, actor: StockActor, told: Mapping[str, Any]) -> str:
    """Of hidden layers: what stands beside the pickle, else the algorithm's own."""
    kwargs = told.get("policy_kwargs")
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


def _algorithm(actor: StockActor, told: Mapping[str, Any]) -> str:
    """Its name: PPO, A2C and TRPO are told apart by their settings."""
    if actor.algorithm != "PPO" or "clip_range" in told:
        return actor.algorithm
    return "TRPO" if "cg_max_steps" in told else "A2C"


def _settings(told: Mapping[str, Any]) -> dict[str, Any]:
    """SAC's settings that ``data`` tells plainly and that make sense."""
    kept: dict[str, Any] = {}
    for name in SacSettings.__dataclass_fields__:
        if type(told.get(name)) not in (int, float, str):
            continue
        try:
            config.from_dict(SacSettings, {name: told[name]}, DATA_ENTRY)
        except UserError:
            continue
        kept[name] = told[name]
    return kept


def _count(told: Mapping[str, Any], name: str) -> int:
    value = told.get(name)
    return value if type(value) is int and 0 <= value < 2**53 else 0


def _version(entries: Mapping[str, bytes]) -> str:
    text = entries.get(VERSION_ENTRY, b"").decode("ascii", "replace").strip()
    return f"Stable-Baselines3 {shown(text, 20)}".strip()
