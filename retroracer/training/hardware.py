"""What the machine offers a learner. Owns finding out, and the profiles chosen by it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from retroracer.training.run_settings import RunSettings


@dataclass(frozen=True)
class Profile:
    """How a run is shaped for a kind of machine.

    Attributes:
        name: of the kind.
        cars: driving side by side.
        batch_size: transitions an update.
        gradient_steps: updates a control step of all cars.
        memory: transitions kept.
    """

    name: str
    cars: int
    batch_size: int
    gradient_steps: int
    memory: int

    def overrides(self) -> list[str]:
        """Settings, as ``config.load`` takes them."""
        return [
            f"cars={self.cars}",
            f"memory={self.memory}",
            f"sac.batch_size={self.batch_size}",
            f"sac.gradient_steps={self.gradient_steps}",
        ]


TRANSITION_BYTES = 2 * 22 * 4 + 2 * 4 + 4 + 2
"""A transition in ``agents.memory``: two observations, an action, a reward, two flags."""

PROFILES = {
    p.name: p
    for p in (
        Profile("cpu", 512, 512, 16, 1_000_000),
        Profile("4gb", 1024, 1024, 32, 2_000_000),
        Profile("6gb", 1024, 1024, 32, 4_000_000),
        Profile("8gb", 2048, 2048, 32, 6_000_000),
        Profile("12gb", 2048, 2048, 32, 10_000_000),
    )
}
"""By name: the processor alone, or a GPU with at least so much memory."""


def profile_of(device: str) -> Profile:
    """The profile of this machine for a ``device`` of "auto", "cpu" or "cuda"."""
    if device == "cpu" or not torch.cuda.is_available():
        return PROFILES["cpu"]
    gigabytes = torch.cuda.get_device_properties(0).total_memory / 1e9
    fitting = [p for n, p in PROFILES.items() if n != "cpu" and float(n[:-2]) <= gigabytes + 0.5]
    return fitting[-1] if fitting else PROFILES["cpu"]


def has_bfloat16(device: str) -> bool:
    """Whether matrices are multiplied faster in bfloat16 than in float32."""
    if device != "cpu" and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    features = torch.cpu.get_capabilities()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))


def use_cores(device: str) -> None:
    """Give torch the cores there are, unless the user has set OMP_NUM_THREADS."""
    if device != "cuda" and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(os.cpu_count() or 1, 8))


def describe(settings: RunSettings) -> str:
    """The machine, how a run will use it and what memory it will take, in one line."""
    if settings.device != "cpu" and torch.cuda.is_available():
        facts = torch.cuda.get_device_properties(0)
        machine = f"{facts.name}, {facts.total_memory / 1e9:.0f} GB"
    else:
        machine = f"{torch.get_num_threads()} CPU threads"
    megabytes = settings.memory * TRANSITION_BYTES / 1e6
    return (
        f"on {machine}: {settings.cars} cars, {settings.sac.gradient_steps} updates of "
        f"{settings.sac.batch_size} a step in {'bfloat16' if settings.half() else 'float32'}, "
        f"{settings.memory:,} transitions kept ({megabytes:,.0f} MB)"
    )
