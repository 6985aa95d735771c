"""Convolutions over CarRacing's frames in torch, and SB3's arguments for a network's shape.

The shape is defined in ``network``.
"""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from retroracer.agents.pixels.network import CONVOLUTIONS, Network


class PixelEncoder(BaseFeaturesExtractor):
    """Convolutions over pictures (channels, H, W), then one linear layer with ``features`` outputs.

    Pictures are uint8 (SB3 divides by 255) or floats from 0 to 1; ``convs`` is a key of
    ``CONVOLUTIONS``, ``trunk`` "relu" or "norm".

    Attributes:
        detached: True stops gradients before the convolutions.
    """

    def __init__(
        self,
        observation_space: Any,
        convs: str = "atari",
        features: int = 256,
        trunk: str = "relu",
    ) -> None:
        super().__init__(observation_space, features)
        channels = observation_space.shape[0]
        layers: list[nn.Module] = []
        for out, kernel, stride in CONVOLUTIONS[convs]:
            layers += [nn.Conv2d(channels, out, kernel, stride), nn.ReLU()]
            channels = out
        self.convs = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            width = self.convs(torch.zeros(1, *observation_space.shape)).shape[1]
        after = [nn.ReLU()] if trunk == "relu" else [nn.LayerNorm(features), nn.Tanh()]
        self.trunk = nn.Sequential(nn.Linear(width, features), *after)
        self.detached = False

    def forward(self, observations: Tensor) -> Tensor:
        """Features (B, features) of pictures (B, channels, H, W) from 0 to 1."""
        seen = self.convs(observations)
        return self.trunk(seen.detach() if self.detached else seen)  # type: ignore[no-any-return]


def arrange(policy: nn.Module) -> None:
    """Store the weights of convolutions in channels-last order, which torch computes fastest.

    Saved weights are the same; on one core the convolutions take about three quarters of the time.
    """
    for module in policy.modules():
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def policy_kwargs(algorithm: str, network: Network) -> dict[str, Any]:
    """SB3's ``policy_kwargs`` for a network's shape and an algorithm ("SAC", "SAC+DrQ", ...)."""
    hidden = list(network.hidden)
    arguments: dict[str, Any] = {
        "features_extractor_class": PixelEncoder,
        "features_extractor_kwargs": {
            "convs": network.convs,
            "features": network.features,
            "trunk": network.trunk,
        },
        "net_arch": hidden,
        "activation_fn": nn.ReLU,
    }
    if algorithm == "PPO":
        arguments |= {
            "net_arch": {"pi": hidden, "vf": hidden},
            "share_features_extractor": network.shared,
        }
    return arguments


def network_of(arguments: dict[str, Any]) -> Network:
    """The shape behind ``policy_kwargs``; a ``ValueError`` if these are somebody else's."""
    if arguments.get("features_extractor_class") is not PixelEncoder:
        raise ValueError("the model was not built with agents.pixels.nets.policy_kwargs")
    arch = arguments["net_arch"]
    hidden = arch["pi"] if isinstance(arch, dict) else arch
    shared = bool(arguments.get("share_features_extractor", True))
    return Network(**arguments["features_extractor_kwargs"], hidden=tuple(hidden), shared=shared)
