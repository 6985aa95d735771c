"""The settings of a run from pixels that do not belong to a single learner, with their bounds."""

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

_SIZES = {
    "cpu": (8, 128, 100_000, 1),
    "4gb": (8, 128, 100_000, 2),
    "6gb": (8, 256, 200_000, 2),
    "8gb": (16, 512, 200_000, 1),
    "12gb": (16, 1024, 500_000, 1),
}
"""By profile: envs, batch size, frames kept, and vector steps between rounds of updates."""


def profiles_of(learner: str) -> dict[str, tuple[str, ...]]:
    """Settings laid over a learner's shipped page, for a processor or a GPU with so much memory.

    PPO's have twice as many envs, imitation's are empty.
    """
    if learner == "imitation":
        return dict.fromkeys(_SIZES, ())
    found = {}
    for name, (envs, batch, frames, every) in _SIZES.items():
        gpu = name != "cpu"
        replay = {"batch_size": batch, "buffer_size": frames, "update_every": every}
        found[name] = (
            f"envs={2 * envs if learner == 'ppo' else envs}",
            f"compile={str(gpu).lower()}",
            f"network.convs={'atari' if gpu else 'slim'}",
            *(f"{kind}.{k}={v}" for kind in ("sac", "sac_drq", "dqn") for k, v in replay.items()),
            f"sac_drq.amp={str(gpu).lower()}",
            f"ppo.batch_size={2 * batch}",
        )
    return found


@dataclass(frozen=True)
class Footprint:
    """What a learner keeps in memory.

    Attributes:
        kept: size of the frames it keeps [bytes].
        frames: number of those frames.
        setting: name of the setting that limits them; empty if there is none.
        gathered: size of a rollout [bytes].
        batch: pictures in an update.
        passes: passes of a picture through the convolutions in an update.
        on_device: True if frames are kept on the GPU.
        processes: number of processes, besides this one and the envs' workers.
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
    """The settings of a run from pixels, in addition to those of every run.

    ``evaluate_on`` counts episodes of the fast env on fixed seeds; ``steps`` counts actions.

    Attributes:
        envs: number of envs that are stepped together.
        workers: processes they run in; None = one per core, 0 = the learner's own process.
        compile: True to let torch compile the convolutions, which takes about a minute once.
        pipeline: the wrappers.
        network: shape of the network (a parent's shape is kept).
    """

    envs: Annotated[int, Range(low=1, high=1024)] = 8
    workers: Annotated[int, Range(low=0, high=1024)] | None = None
    compile: bool = False
    pipeline: Pipeline = field(default_factory=Pipeline)
    network: Network = field(default_factory=Network)

    @property
    def colours(self) -> int:
        """Colour planes of one frame."""
        return 1 if self.pipeline.colour == "grey" else 3

    @property
    def picture_bytes(self) -> int:
        """Size of a stack of frames [bytes]."""
        return self.pipeline.stack * self.colours * self.pipeline.size**2

    def __post_init__(self) -> None:
        """Check what types cannot express."""
        super().__post_init__()
        if self.pipeline.layout != "first" or self.pipeline.unit_floats:
            raise ValueError("training needs pipeline.layout=first and pipeline.unit_floats=false")
        for stage in self.stages:
            settings = getattr(self, stage.learner.replace("-", "_"), None)
            complaint = settings.complaint(self) if settings is not None else None
            if complaint:
                raise ValueError(complaint)
