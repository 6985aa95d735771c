"""CarRacing drivers without torch: their networks in NumPy.

Owns the network's arithmetic, and loading a driver with its wrappers without running code from its
file. A test compares the actions with torch's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.agents.model_file import FloatArray, Layers, damaged, find_model, read_layers
from retroracer.agents.pixels.network import CONVOLUTIONS
from retroracer.agents.pixels.records import ACTIONS, Records, read_records
from retroracer.agents.policy import MAX_SUM
from retroracer.reading import shown

SHIPPED = "carracing"
"""Name of the default driver."""


class PixelNet:
    """The actor of a driver: from pictures to the last layer's output.

    It is made of layers in the order of ``Records.actor``; a ``ValueError`` if they do not fit.

    Attributes:
        convs: (weight (outputs, inputs, k, k), bias, stride) of each convolution.
        trunk: weight (outputs, inputs) and bias of the linear layer behind them.
        norm: gain and shift of the layer norm; None = the layer ends in ReLU.
        hidden: weight and bias of each hidden layer after it.
        head: weight and bias of the output layer.
        squashes: True if its output goes through tanh.
    """

    def __init__(self, layers: Layers, records: Records) -> None:
        expected = [shape for _, shape in records.actor()]
        if [w.shape for w, _ in layers] != expected or not all(_fits(*x) for x in layers):
            raise ValueError("its weights do not fit its wrappers and network")
        turned = [(np.ascontiguousarray(w.T) if w.ndim == 2 else w, b) for w, b in layers]
        shapes = CONVOLUTIONS[records.network.convs]
        convs, rest = turned[: len(shapes)], turned[len(shapes) :]
        self.convs = [(w, b, s) for (w, b), (*_, s) in zip(convs, shapes, strict=True)]
        self.trunk = rest.pop(0)
        self.norm = rest.pop(0) if records.network.trunk == "norm" else None
        *self.hidden, self.head = rest
        self.squashes = records.facts.algorithm.startswith("SAC")

    def values(self, pictures: FloatArray) -> FloatArray:
        """The last layer's output (N, actions) for pictures (N, channels, H, W) from 0 to 1."""
        return np.stack([self._values(picture) for picture in pictures])

    def _values(self, x: FloatArray) -> FloatArray:
        for weight, bias, stride in self.convs:
            x = _convolved(x, weight, bias, stride)
        weight, bias = self.trunk
        x = weight @ x.reshape(-1) + bias
        if self.norm is None:
            x = np.maximum(x, 0.0)
        else:
            gain, shift = self.norm
            x = (x - x.mean()) / np.sqrt(x.var() + np.float32(1e-5)) * gain + shift
            x = np.tanh(x)
        for weight, bias in self.hidden:
            x = np.maximum(weight @ x + bias, 0.0)
        weight, bias = self.head
        out: FloatArray = weight @ x + bias
        return np.tanh(out) if self.squashes else out

    def largest(self) -> float:
        """Upper bound of the sums in all layers, valid for any picture."""
        worst, channels = 1.0, np.ones(self.convs[0][0].shape[1])
        for weight, bias, _ in self.convs:
            channels = np.einsum("oikl,i->o", _magnitude(weight), channels) + np.abs(bias)
            worst = max(worst, float(channels.max()))
        weight, bias = self.trunk
        # In the flattened input the channel index changes slowest.
        x = _magnitude(weight) @ np.repeat(channels, weight.shape[1] // len(channels))
        worst = max(worst, float((x + np.abs(bias)).max()))
        if self.norm is not None:
            gain, shift = self.norm
            worst = max(worst, worst * worst)  # the variance
            x = np.ones_like(x) * float(np.abs(gain).max() + np.abs(shift).max()) * len(x) ** 0.5
        for weight, bias in (*self.hidden, self.head):
            x = _magnitude(weight) @ x + np.abs(bias)
            worst = max(worst, float(x.max()))
        return worst


def _fits(weight: FloatArray, bias: FloatArray) -> bool:
    return bias.shape == (weight.shape[1 if weight.ndim == 2 else 0],)


def _magnitude(weight: FloatArray) -> npt.NDArray[np.float64]:
    return np.abs(weight).astype(np.float64)


def _convolved(x: FloatArray, weight: FloatArray, bias: FloatArray, stride: int) -> FloatArray:
    """A convolution without padding, and its ReLU: (outputs, h, w)."""
    outputs, _, k, _ = weight.shape
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), (1, 2))[:, ::stride, ::stride]
    h, w = windows.shape[1:3]
    rows = windows.transpose(1, 2, 0, 3, 4).reshape(h * w, -1)
    out = rows @ weight.reshape(outputs, -1).T
    out += bias
    np.maximum(out, 0.0, out=out)
    return np.ascontiguousarray(out.T).reshape(outputs, h, w)


class PixelDriver:
    """A driver with its wrappers; ``name`` is for display."""

    # ``values`` gives the last layer's output (N, actions) for pictures from 0 to 1.
    def __init__(
        self, values: Callable[[FloatArray], FloatArray], records: Records, name: str
    ) -> None:
        self.values, self.name = values, name
        self.facts, self.pipeline = records.facts, records.pipeline

    def act(self, seen: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Deterministic actions for pictures (N, ...) behind its wrappers.

        Returns:
            (N, 2 or 3) actions, or (N,) indices of discrete actions.
        """
        pipeline = self.pipeline
        if pipeline.layout == "last":
            seen = np.ascontiguousarray(np.moveaxis(seen, -1, 1))
        pictures: FloatArray = np.asarray(seen, np.float32)
        if not pipeline.unit_floats:
            pictures = pictures / np.float32(255.0)
        values = self.values(pictures)
        if pipeline.actions == "discrete":
            return np.asarray(np.argmax(values, axis=1))
        low = np.array(ACTIONS[pipeline.actions], np.float32)
        if self.facts.algorithm.startswith("SAC"):  # from -1..1 to the range of each
            return low + 0.5 * (values + np.float32(1.0)) * (np.float32(1.0) - low)
        return np.clip(values, low, np.float32(1.0))


def load_pixel_driver(name_or_path: str | Path) -> PixelDriver:
    """Load a CarRacing driver without running code from its file.

    Raises:
        UserError: if the file is missing, damaged, or not a CarRacing driver.
    """
    path, net, records = read_net(name_or_path)
    return PixelDriver(net.values, records, shown(path.stem, 80))


def read_net(name_or_path: str | Path) -> tuple[Path, PixelNet, Records]:
    """A driver's file, network and records; errors as of ``load_pixel_driver``."""
    path = find_model(name_or_path)
    records = read_records(path)
    layers = read_layers(path, lambda _: [name for name, _ in records.actor()])
    try:
        net = PixelNet(layers, records)
        with np.errstate(all="ignore"):
            if not net.largest() < MAX_SUM:
                raise ValueError("its weights are so large that they overflow")
    except ValueError as error:
        raise damaged(path, str(error)) from None
    return path, net, records
