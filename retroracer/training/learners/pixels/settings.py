"""The settings of a run from pixels that are not a learner's own.

Owns the record and its bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from retroracer.agents.pixels.network import Network
from retroracer.carracing.pipeline import Pipeline
from retroracer.config import Range
from retroracer.training.run.settings import RunSettings

Rate = Annotated[float, Range(low=1e-8, high=1)]
Share = Annotated[float, Range(low=0, high=1)]
Count = Annotated[int, Range(low=1, high=1_000_000)]


PROFILES: dict[str, tuple[str, ...]] = {
    name: (
        f"envs={envs}",
        f"compile={compiled}",
        f"network.convs={convs}",
        f"sac.batch_size={batch}",
        f"sac_drq.batch_size={batch}",
        f"dqn.batch_size={batch}",
        f"sac.buffer_size={frames}",
        f"sac_drq.buffer_size={frames}",
        f"dqn.buffer_size={frames}",
        f"sac.update_every={every}",
        f"sac_drq.update_every={every}",
        f"dqn.update_every={every}",
        f"sac_drq.amp={amp}",
        f"ppo.batch_size={2 * batch}",
    )
    for name, envs, batch, frames, every, convs, amp, compiled in (
        ("cpu", 8, 128, 100_000, 1, "slim", "false", "false"),
        ("4gb", 8, 128, 100_000, 2, "atari", "true", "true"),
        ("6gb", 8, 256, 200_000, 2, "atari", "true", "true"),
        ("8gb", 16, 512, 200_000, 1, "atari", "true", "true"),
        ("12gb", 16, 1024, 500_000, 1, "atari", "true", "true"),
    )
}
"""Settings laid over a shipped page on a processor, or a GPU with at least so much memory."""


def profiles_of(learner: str) -> dict[str, tuple[str, ...]]:
    """The profiles of a learner's page: PPO drives twice as many envs, imitation none."""
    if learner == "imitation":
        return {name: () for name in PROFILES}
    if learner != "ppo":
        return PROFILES
    doubled = {
        name: tuple(
            f"envs={2 * int(text[5:])}" if text.startswith("envs=") else text for text in sets
        )
        for name, sets in PROFILES.items()
    }
    return doubled


@dataclass(frozen=True)
class Footprint:
    """What a learner keeps in memory.

    Attributes:
        kept: bytes of the frames it keeps.
        frames: how many they are.
        setting: that says how many; empty if there is none.
        gathered: bytes of a rollout.
        batch: pictures in an update.
        passes: of a picture through the convolutions in an update.
        on_device: whether frames are kept on the GPU.
        processes: beside this one and the envs' own.
    """

    kept: int = 0
    frames: int = 0
    setting: str = ""
    gathered: int = 0
    batch: int = 1
    passes: int = 1
    on_device: bool = False
    processes: int = 0


@dataclass(frozen=True)
class PixelSettings(RunSettings):
    """What a run from pixels has, beside what every run has.

    ``evaluate_on`` counts episodes of the fast env on fixed seeds; ``steps`` counts actions.

    Attributes:
        envs: side by side.
        workers: processes they run in; None = one a core, 0 = in the learner's own.
        compile: whether torch compiles the convolutions, about a minute once.
        pipeline: the wrappers.
        network: its shape (a parent's stands).
    """

    envs: Annotated[int, Range(low=1, high=1024)] = 8
    workers: Annotated[int, Range(low=0, high=1024)] | None = None
    compile: bool = False
    pipeline: Pipeline = field(default_factory=Pipeline)
    network: Network = field(default_factory=Network)

    @property
    def colours(self) -> int:
        """Planes of one frame."""
        return 1 if self.pipeline.colour == "grey" else 3

    @property
    def picture_bytes(self) -> int:
        """Of a stack of frames."""
        return self.pipeline.stack * self.colours * self.pipeline.size**2

    def __post_init__(self) -> None:
        """Check what types cannot say."""
        super().__post_init__()
        if self.pipeline.layout != "first" or self.pipeline.unit_floats:
            raise ValueError("training needs pipeline.layout=first and pipeline.unit_floats=false")
        for stage in self.stages:
            settings = getattr(self, stage.learner.replace("-", "_"), None)
            complaint = settings.complaint(self) if settings is not None else None
            if complaint:
                raise ValueError(complaint)
