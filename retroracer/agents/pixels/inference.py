"""Drivers of CarRacing without torch: their convolutions in NumPy.

Owns the network's arithmetic and loading a driver with its wrappers, running nothing from its
file. The numbers are the ones training saved; a test holds the actions against torch's.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer import config
from retroracer.agents.facts import Facts
from retroracer.agents.model_file import (
    MAX_WEIGHTS_BYTES,
    WEIGHTS_ENTRY,
    damaged,
    find_model,
    read_entry,
    read_facts,
)
from retroracer.agents.pixels.convolutions import CONVOLUTIONS
from retroracer.agents.policy import MAX_SUM
from retroracer.agents.tensor_file import read_tensors
from retroracer.carracing.pipeline import Pipeline
from retroracer.errors import UserError
from retroracer.reading import shown, shown_path

LAYOUT = "carracing-pixels-1"
"""``Facts.observation_layout`` of the drivers that can be shown."""

SHIPPED = "carracing"
"""Name of the driver that is there without being named."""

Floats = npt.NDArray[np.float32]

_EXTRACTOR = {"PPO": "pi_features_extractor.", "DQN": "q_net.features_extractor."}
_HIDDEN = {"PPO": "mlp_extractor.policy_net.", "DQN": "q_net.q_net."}
_HEAD = {"PPO": "action_net", "SAC": "actor.mu", "SAC+DrQ": "actor.mu"}
_LEAST = {"steer-accel": [-1.0, -1.0], "stock": [-1.0, 0.0, 0.0], "discrete": [0.0] * 5}
"""The least of each action, by the wrappers' name of them."""
_KNOWN = ("PPO", "SAC", "SAC+DrQ", "DQN")


class PixelNet:
    """The actor of a driver: from a picture to its best action.

    Args:
        weights: the policy's tensors by name.
        facts: what its model says of it.

    Raises:
        KeyError, ValueError: if they do not fit together.
    """

    def __init__(self, weights: dict[str, npt.NDArray[Any]], facts: Facts) -> None:
        kind = facts.algorithm
        extractor = _EXTRACTOR.get(kind, "actor.features_extractor.")
        if not any(name.startswith(extractor) for name in weights):
            extractor = "features_extractor."
        shapes = CONVOLUTIONS[str(facts.network["convs"])]
        convs = _in_order(weights, f"{extractor}convs.")
        if [(w.shape[0], *w.shape[2:]) for w, _ in convs] != [(n, k, k) for n, k, _ in shapes]:
            raise ValueError("it has other convolutions than it says")
        self._convs = [(*layer, s) for layer, (*_, s) in zip(convs, shapes, strict=True)]
        self._trunk = _plain(weights, f"{extractor}trunk.0")
        normed = f"{extractor}trunk.1.weight" in weights
        self._norm = _plain(weights, f"{extractor}trunk.1") if normed else None
        self._hidden = _in_order(weights, _HIDDEN.get(kind, "actor.latent_pi."))
        head = _HEAD.get(kind)
        self._head = _plain(weights, head) if head else self._hidden.pop()
        self._squashes = kind.startswith("SAC")

    def values(self, seen: Floats) -> Floats:
        """What the last layer says of a picture (channels, H, W) from 0 to 1."""
        x = seen
        for weight, bias, stride in self._convs:
            x = _convolved(x, weight, bias, stride)
        weight, bias = self._trunk
        x = weight @ x.reshape(-1) + bias
        if self._norm is None:
            x = np.maximum(x, 0.0)
        else:
            gain, shift = self._norm
            x = (x - x.mean()) / np.sqrt(x.var() + np.float32(1e-5)) * gain + shift
            x = np.tanh(x)
        for weight, bias in self._hidden:
            x = np.maximum(weight @ x + bias, 0.0)
        weight, bias = self._head
        out: Floats = weight @ x + bias
        return np.tanh(out) if self._squashes else out

    def largest(self) -> float:
        """The largest sum in any layer for any picture: a bound, not a sample."""
        worst, channels = 1.0, np.ones(self._convs[0][0].shape[1])
        for weight, bias, _ in self._convs:
            channels = np.einsum("oikl,i->o", _magnitude(weight), channels) + np.abs(bias)
            worst = max(worst, float(channels.max()))
        weight, bias = self._trunk
        # Channels are what changes slowest in the row that the trunk is given.
        x = _magnitude(weight) @ np.repeat(channels, weight.shape[1] // len(channels))
        worst = max(worst, float((x + np.abs(bias)).max()))
        if self._norm is not None:
            gain, shift = self._norm
            worst = max(worst, worst * worst)  # the variance
            x = np.ones_like(x) * float(np.abs(gain).max() + np.abs(shift).max()) * len(x) ** 0.5
        for weight, bias in (*self._hidden, self._head):
            x = _magnitude(weight) @ x + np.abs(bias)
            worst = max(worst, float(x.max()))
        return worst


def _magnitude(weight: Floats) -> npt.NDArray[np.float64]:
    return np.abs(weight).astype(np.float64)


def _plain(weights: dict[str, npt.NDArray[Any]], name: str) -> tuple[Floats, Floats]:
    found = [np.ascontiguousarray(weights[f"{name}.{part}"], np.float32) for part in
             ("weight", "bias")]  # fmt: skip
    if not all(np.isfinite(a).all() for a in found):
        raise ValueError(f"{name} is not finite")
    return found[0], found[1]


def _in_order(weights: dict[str, npt.NDArray[Any]], prefix: str) -> list[tuple[Floats, Floats]]:
    """The layers whose names begin with ``prefix``, in the order of their numbers."""
    places = {int(found[1]) for name in weights
              if (found := re.fullmatch(re.escape(prefix) + r"(\d+)\.weight", name))}  # fmt: skip
    return [_plain(weights, f"{prefix}{k}") for k in sorted(places)]


def _convolved(x: Floats, weight: Floats, bias: Floats, stride: int) -> Floats:
    """A convolution without a border, and what of it is positive: (outputs, h, w)."""
    outputs, channels, k, _ = weight.shape
    if len(x) != channels:
        raise ValueError("its convolutions see another number of channels")
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), (1, 2))[:, ::stride, ::stride]
    h, w = windows.shape[1:3]
    rows = windows.transpose(1, 2, 0, 3, 4).reshape(h * w, -1)
    out = rows @ weight.reshape(outputs, -1).T
    out += bias
    np.maximum(out, 0.0, out=out)
    return np.ascontiguousarray(out.T).reshape(outputs, h, w)


class PixelDriver:
    """A driver and the wrappers it sees and acts through.

    Attributes:
        name: what to call it.
        facts: what its model says of it.
        pipeline: its wrappers.
    """

    def __init__(self, net: PixelNet, facts: Facts, pipeline: Pipeline, name: str) -> None:
        self._net, self.facts, self.pipeline, self.name = net, facts, pipeline, name

    def act(self, seen: npt.NDArray[Any]) -> Any:
        """The best action for what its wrappers show: numbers, or the number of a discrete one."""
        pipeline = self.pipeline
        if pipeline.layout == "last":
            seen = np.moveaxis(seen, -1, 0)
        picture: Floats = np.asarray(seen, np.float32)
        if not pipeline.unit_floats:
            picture = picture / np.float32(255.0)
        values = self._net.values(picture)
        low = np.array(_LEAST[pipeline.actions])
        if len(values) != len(low):
            raise ValueError("it has another number of actions than its wrappers")
        if pipeline.actions == "discrete":
            return int(np.argmax(values))
        if self.facts.algorithm.startswith("SAC"):  # from -1..1 to the range of each
            return (low + 0.5 * (values + 1.0) * (1.0 - low)).astype(np.float32)
        return np.clip(values, low, 1.0).astype(np.float32)


def load_pixel_driver(name_or_path: str | Path) -> PixelDriver:
    """Load a driver of CarRacing, running nothing from its file.

    Raises:
        UserError: if it is missing, damaged, or no driver of CarRacing.
    """
    path = find_model(name_or_path)
    facts = read_facts(path)
    if facts.observation_layout != LAYOUT or facts.algorithm not in _KNOWN:
        raise UserError(
            f"{shown_path(path)} does not drive CarRacing (it is {facts.algorithm} and sees "
            f"'{facts.observation_layout}'); name a model made by train-pixels"
        )
    known = {f.name for f in dataclasses.fields(Pipeline)}
    record = {k: v for k, v in facts.pipeline.items() if k in known}
    pipeline: Pipeline = config.from_dict(Pipeline, record, f"{shown_path(path)}: pipeline")
    try:
        weights = read_tensors(read_entry(path, WEIGHTS_ENTRY, MAX_WEIGHTS_BYTES))
        with np.errstate(all="ignore"):
            net = PixelNet(weights, facts)
            if not net.largest() < MAX_SUM:
                raise ValueError("its weights are so large that they overflow")
        driver = PixelDriver(net, facts, pipeline, shown(path.stem, 80))
        side, colours = pipeline.size, 3 if pipeline.colour == "rgb" else 1
        blank = np.zeros((colours * pipeline.stack, side, side), np.uint8)
        driver.act(np.moveaxis(blank, 0, -1) if pipeline.layout == "last" else blank)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise damaged(path, f"its network cannot be read ({error})") from None
    return driver
