"""What a run of DAgger is: a page of settings, and the memory it will take.

Owns the record and its bounds. Does not own teaching.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any

from retroracer.agents.pixel_nets import Network
from retroracer.carracing.expert import N_SEEN, Style
from retroracer.carracing.pipeline import Pipeline
from retroracer.config import Range
from retroracer.errors import UserError
from retroracer.training.dagger.drives import Mixture
from retroracer.training.dagger.memory import bytes_of_a_frame
from retroracer.training.pixels.machine import PROGRAM, SPARE, free_ram

Share = Annotated[float, Range(low=0, high=1)]
Count = Annotated[int, Range(low=1, high=1_000_000)]

_APART = ("parent", "network", "pipeline", "style")

LONGEST = 1000
"""Frames of a drive, at most."""


@dataclass(frozen=True)
class DaggerRun:
    """A run.

    Attributes:
        seed: of weights, batches and tracks.
        rounds: of driving and learning.
        first_drives: of the expert, before the first round.
        drives: in a round.
        steps: of the optimiser, in a round; the last round has twice as many.
        batch: stacks in a step.
        rate: learning rate at first; it falls to a fiftieth by a cosine.
        expert: share of the time the expert drives in the first round; it falls by half a round.
        shoves: disturbances a second, in every other drive.
        capacity: frames kept.
        processes: that drive.
        parent: a driver taught earlier to begin with, of the same network and wrappers.
        style: the expert's. Calmer than it could be: what its pupil gets wrong at its pace it
            survives, and a tile missed costs more than the frames won.
        network: shape.
        pipeline: wrappers.
    """

    seed: Annotated[int, Range(low=0, high=900)] = 1
    rounds: Annotated[int, Range(low=0, high=900)] = 24
    first_drives: Annotated[int, Range(low=1, high=1000)] = 48
    drives: Annotated[int, Range(low=1, high=1000)] = 24
    steps: Count = 500
    batch: Count = 256
    rate: Annotated[float, Range(above=0, high=1)] = 1e-3
    expert: Share = 0.5
    shoves: Annotated[float, Range(low=0, high=50)] = 0.6
    capacity: Annotated[int, Range(low=LONGEST, high=100_000_000)] = 440_000
    processes: Annotated[int, Range(low=1, high=256)] = 1
    parent: str | None = None
    style: Style = field(
        default_factory=lambda: Style(room=2.0, grip=165.0, braking=150.0, top_speed=85.0)
    )
    network: Network = field(default_factory=lambda: Network("atari", 256, "relu", (128,)))
    pipeline: Pipeline = field(default_factory=lambda: Pipeline(action_repeat=1))

    def __post_init__(self) -> None:
        """Check what types cannot say."""
        p = self.pipeline
        # The expert speaks in these actions, and frames are kept as one plane each.
        if (p.actions, p.colour, p.layout, p.unit_floats) != (
            "steer-accel",
            "grey",
            "first",
            False,
        ):
            raise ValueError(
                "teaching needs pipeline.actions=steer-accel, pipeline.colour=grey, "
                "pipeline.layout=first and pipeline.unit_floats=false"
            )

    @property
    def algorithm(self) -> str:
        """Whose network the pupil has."""
        return "PPO"

    def mixture(self, number: int) -> Mixture:
        """Who drives in a round."""
        share = self.expert * 0.5 ** (number - 1)
        return Mixture(share if share > 0.03 else 0.0, self.shoves, style=self.style)

    def rate_at(self, step: int) -> float:
        """The learning rate of a step."""
        share = min(step / (self.steps * (self.rounds + 1)), 1.0)
        return self.rate * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * share)))

    def frames(self) -> int:
        """Frames that will be kept, at most."""
        drives = self.first_drives + self.rounds * self.drives
        return min(self.capacity, drives * LONGEST)


def demand_room(settings: DaggerRun, free: int | None = None) -> int:
    """Make sure that a run fits into memory, and tell the bytes it will take.

    Args:
        settings: of the run.
        free: bytes there are; None = look.

    Raises:
        UserError: if it does not fit, with what would.
    """
    frame = bytes_of_a_frame(settings.pipeline.size, N_SEEN)
    programs = (1 + settings.processes) * PROGRAM
    wanted = programs + settings.frames() * frame
    free = free_ram() if free is None else free
    if wanted > SPARE * free:
        fits = int((SPARE * free - programs) / frame) // 1000 * 1000
        advice = f"--set capacity={fits} fits" if fits >= 20_000 else "close other programs"
        raise UserError(
            f"this run needs {wanted / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free; "
            + advice
        )
    return wanted


def plain(settings: DaggerRun) -> dict[str, Any]:
    """The settings a driver's facts tell of; parent, wrappers and network stand there apart."""
    from retroracer import config

    record: dict[str, Any] = config.to_dict(settings)
    return {k: v for k, v in record.items() if k not in _APART}
