"""Networks that see: convolutions over CarRacing's frames, one record of their shape.

Owns the encoder, and SB3's arguments for a shape. Does not own learning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from retroracer.agents.pixels.convolutions import CONVOLUTIONS
from retroracer.config import Range


@dataclass(frozen=True)
class Network:
    """The shape of a driver's network.

    Attributes:
        convs: a key of ``convolutions.CONVOLUTIONS``.
        features: numbers the picture is boiled down to.
        trunk: what follows the convolutions: "relu", or "norm" for layer norm and tanh (DrQ).
        hidden: widths of the layers behind.
        shared: PPO only: policy and value see with the same eyes.
    """

    convs: Literal["atari", "drq", "slim"] = "atari"
    features: Annotated[int, Range(low=1, high=4096)] = 256
    trunk: Literal["relu", "norm"] = "relu"
    hidden: tuple[int, ...] = (256,)
    shared: bool = True

    def __post_init__(self) -> None:
        """Check what types cannot say."""
        if len(self.hidden) > 8 or not all(1 <= w <= 4096 for w in self.hidden):
            raise ValueError(f"hidden must be up to 8 widths from 1 to 4096: {self.hidden}")


class PixelEncoder(BaseFeaturesExtractor):
    """Convolutions, then one linear layer.

    Args:
        observation_space: (channels, H, W), uint8 (SB3 divides by 255) or floats from 0 to 1.
        convs: a key of ``CONVOLUTIONS``.
        features: numbers it gives.
        trunk: "relu" or "norm".

    Attributes:
        detached: True lets no gradient through to the convolutions.
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
    """Lay convolutions out in memory as processors and GPUs compute them fastest.

    Channels last: torch follows the weights' order. What is computed and saved means the same;
    on one core the convolutions take about three quarters of the time.
    """
    for module in policy.modules():
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def policy_kwargs(algorithm: str, network: Network) -> dict[str, Any]:
    """SB3's ``policy_kwargs`` of a shape.

    Args:
        algorithm: "SAC", "SAC+DrQ", "PPO" or "DQN".
        network: the shape.
    """
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
    """The shape that made these ``policy_kwargs``.

    Raises:
        ValueError: if they were not made by ``policy_kwargs``.
    """
    if arguments.get("features_extractor_class") is not PixelEncoder:
        raise ValueError("the model was not built with agents.pixel_nets.policy_kwargs")
    arch = arguments["net_arch"]
    hidden = arch["pi"] if isinstance(arch, dict) else arch
    shared = bool(arguments.get("share_features_extractor", True))
    return Network(**arguments["features_extractor_kwargs"], hidden=tuple(hidden), shared=shared)
