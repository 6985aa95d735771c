"""CarRacing drivers computed by torch, bit for bit as in training.

Evaluations use it: it takes many pictures at once, and their figures equal those of training. The
game uses ``inference``, which does not import torch.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from retroracer.agents.model_file import FloatArray
from retroracer.agents.pixels.inference import PixelDriver, PixelNet, read_net
from retroracer.reading import shown


class TorchNet:
    """A network computed by torch's functions, in the order of SB3's modules."""

    def __init__(self, net: PixelNet) -> None:
        self._net = net
        # Channels last: the order that is fastest, and that training used.
        self._convs = [
            (_tensor(w).to(memory_format=torch.channels_last), _tensor(b), stride)
            for w, b, stride in net.convs
        ]
        self._linear = [(_tensor(w), _tensor(b)) for w, b in (net.trunk, *net.hidden, net.head)]
        self._norm = None if net.norm is None else (_tensor(net.norm[0]), _tensor(net.norm[1]))

    @torch.no_grad()
    def values(self, pictures: FloatArray) -> FloatArray:
        """The last layer's output (N, actions) for pictures (N, channels, H, W) from 0 to 1."""
        x = torch.from_numpy(pictures)
        for weight, bias, stride in self._convs:
            x = functional.relu(functional.conv2d(x, weight, bias, stride))
        trunk, *hidden, head = self._linear
        x = functional.linear(x.flatten(1), *trunk)
        if self._norm is None:
            x = functional.relu(x)
        else:
            x = torch.tanh(functional.layer_norm(x, x.shape[1:], *self._norm))
        for layer in hidden:
            x = functional.relu(functional.linear(x, *layer))
        x = functional.linear(x, *head)
        out: FloatArray = (torch.tanh(x) if self._net.squashes else x).numpy()
        return out


def _tensor(array: FloatArray) -> Tensor:
    return torch.from_numpy(array.copy())


def load_driver(name_or_path: str | Path) -> PixelDriver:
    """Load a CarRacing driver for evaluation without running code from its file.

    Raises:
        UserError: if the file is missing, damaged, or not a CarRacing driver.
    """
    path, net, records = read_net(name_or_path)
    return PixelDriver(TorchNet(net).values, records, shown(path.stem, 80))
