"""The facts of a model: the record in ``retroracer.json`` of its zip.

Owns the record, its JSON, and checking JSON that may come from somebody else. ``model_file`` owns
the zips.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retroracer import __version__
from retroracer.errors import UserError
from retroracer.reading import shown

FORMAT = 2
"""Newest version of the record; increased when an older reader could misread it. Version 2 has
drivers whose last layer is clipped; all other drivers are still written as version 1."""

MAX_LAYERS = 16
MAX_WIDTH = 4096

MAX_TEXT = 120
"""Characters kept of a text in a record."""

MAX_DEPTH = 16

_TEXTS = ("observation_layout", "algorithm", "activation", "output", "package_version")
_COUNTS = ("steps", "updates", "format")
_RECORDS = ("car", "settings", "evaluation", "notes", "reward", "pipeline", "network")


@dataclass(frozen=True)
class Facts:
    """What is known of a model.

    Attributes:
        observation_layout: id of the observations it was trained on.
        steps: control steps experienced.
        seed: seed of the run.
        algorithm: "SAC", "SAC+DrQ", "PPO" or "DQN"; of an adopted driver also "TQC", "TD3",
            "DDPG", "A2C" or "TRPO".
        activation: activation of the hidden layers, a key of ``policy.ACTIVATIONS``.
        output: what turns the last layer into actions, a key of ``policy.OUTPUTS``.
        layers: widths of the actor's hidden layers.
        car: name and every parameter (SI) of the car driven.
        tracks: names of the tracks, or of the generator, trained on.
        parent: name of the model this one continued from, or None.
        updates: gradient updates done.
        settings: plain hyperparameters needed to continue (gamma, tau, ...).
        evaluation: summary of the last evaluation, empty if never evaluated.
        notes: anything else, plain data.
        reward: weights of the reward's terms it was trained with, by name; empty if unknown.
        pipeline: the wrappers a driver of CarRacing was trained with; empty for all others.
        network: the shape of such a driver's network.
        package_version: package version of RetroRacer when it was saved.
        format: version of this record.
    """

    observation_layout: str
    steps: int
    seed: int | None = None
    algorithm: str = "SAC"
    activation: str = "relu"
    layers: tuple[int, ...] = ()
    car: Mapping[str, Any] = field(default_factory=dict)
    tracks: tuple[str, ...] = ()
    parent: str | None = None
    updates: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    reward: Mapping[str, Any] = field(default_factory=dict)
    pipeline: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    package_version: str = __version__
    format: int = 1
    output: str = "tanh"

    def __post_init__(self) -> None:
        """Make sure of the types; a ``ValueError`` names a field of a wrong one."""
        _demand(all(isinstance(getattr(self, n), str) for n in _TEXTS), f"{_TEXTS} must be text")
        for name in _COUNTS:
            value = getattr(self, name)
            _demand(type(value) is int and 0 <= value < 2**63, f"{name} must be a whole number")
        for name in _RECORDS:
            _demand(isinstance(getattr(self, name), Mapping), f"{name} must be a record")
        _demand(self.seed is None or type(self.seed) is int, "seed must be a whole number")
        _demand(self.parent is None or isinstance(self.parent, str), "parent must be text")
        lists = isinstance(self.tracks, (list, tuple)) and isinstance(self.layers, (list, tuple))
        _demand(lists, "tracks and layers must be lists")
        _demand(all(isinstance(t, str) for t in self.tracks), "tracks must be names")
        widths = all(type(w) is int and 0 < w <= MAX_WIDTH for w in self.layers)
        _demand(widths and len(self.layers) < MAX_LAYERS, "layers must be a few widths")
        if self.output != "tanh":
            object.__setattr__(self, "format", max(self.format, 2))
        object.__setattr__(self, "tracks", tuple(self.tracks))
        object.__setattr__(self, "layers", tuple(self.layers))

    def to_json(self) -> str:
        """JSON text for a person; a ``ValueError`` if a value is not plain data or not finite."""
        try:
            return json.dumps(dataclasses.asdict(self), indent=2, allow_nan=False)
        except TypeError as error:
            raise ValueError(f"facts must be plain data: {error}") from None


def from_json(raw: bytes, source: str) -> Facts:
    """Read a record in UTF-8 JSON; fields that this version does not know are left out.

    Raises:
        UserError: if it was saved in a newer format; ``source`` is the file it comes from.
        ValueError: if it is not such a record.
    """
    data = _cleaned(plain_json(raw), MAX_DEPTH)
    if not isinstance(data, dict) or type(data.get("format")) is not int:
        raise ValueError("it is not a record with a format")
    if data["format"] > FORMAT:
        raise UserError(
            f"{source} was saved in format {data['format']} and this RetroRacer reads up to "
            f"{FORMAT}; upgrade RetroRacer"
        )
    known = {f.name for f in dataclasses.fields(Facts)}
    try:
        return Facts(**{k: v for k, v in data.items() if k in known})
    except TypeError as error:
        raise ValueError(str(error)) from None


def plain_json(raw: bytes, bits: int = 64) -> Any:
    """Read strict JSON: no NaN or infinity, integers of at most ``bits`` bits.

    Raises:
        ValueError: if it is not such JSON.
    """
    try:
        return json.loads(
            raw.decode("utf-8"),
            parse_constant=_no_number,
            parse_int=lambda text: _whole(text, bits),
            parse_float=_finite,
        )
    except RecursionError:
        raise ValueError("nested too deep") from None


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a number")


def _whole(text: str, bits: int) -> int:
    if len(text) > bits or not -(2 ** (bits - 1)) <= int(text) < 2 ** (bits - 1):
        raise ValueError("a number in it is too long")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number in it is too large")
    return value


def _cleaned(value: Any, depth: int) -> Any:
    """The same data with every text short and printable, so that it can be shown to a person."""
    if depth == 0:
        raise ValueError("nested too deep")
    if isinstance(value, str):
        return shown(value, MAX_TEXT)
    if isinstance(value, list):
        return [_cleaned(v, depth - 1) for v in value]
    if isinstance(value, dict):
        return {shown(k, MAX_TEXT): _cleaned(v, depth - 1) for k, v in value.items()}
    return value


def _demand(holds: bool, complaint: str) -> None:
    if not holds:
        raise ValueError(complaint)
