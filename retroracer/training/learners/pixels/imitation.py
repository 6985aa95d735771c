"""Imitation learning from pixels: the model learns the actions of an expert (DAgger).

The expert knows the road. Owns the rounds: drive with the model, label with the expert's actions,
learn from all drives so far. While the model learns, worker processes drive the next round with the
model of the round before. A round ends after a fixed number of drives and updates, so a run is
reproducible on the same machine, however often it was stopped.

Source: Ross, Gordon and Bagnell 2011, A Reduction of Imitation Learning and Structured
Prediction to No-Regret Online Learning.
"""

from __future__ import annotations

import json
import math
import multiprocessing
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch

from retroracer.agents.checkpoint import read_torch
from retroracer.agents.facts import plain_json
from retroracer.agents.pixels.network import Network
from retroracer.carracing.expert import N_SEEN, Style
from retroracer.carracing.pipeline import Pipeline
from retroracer.carracing.starting import start_context
from retroracer.checks import count
from retroracer.config import Range
from retroracer.errors import UserError
from retroracer.processes import serve_only_the_parent, stops_held_back
from retroracer.training.learners.learner import Clock, Learner, State
from retroracer.training.learners.pixels.drives import Drive, Mixture, drive
from retroracer.training.learners.pixels.drives_memory import (
    DrivesMemory,
    bytes_of_a_frame,
    read_drives,
    write_drives,
)
from retroracer.training.learners.pixels.settings import (
    Count,
    Footprint,
    PixelSettings,
    Rate,
    Share,
)
from retroracer.training.learners.pixels.student import Student, pilot, rows_of
from retroracer.training.learners.pixels.task import Pixels, packed

FIRST_SEED = 1_000_000_000
"""First seed of the tracks learned on; drivers are evaluated on smaller seeds."""

TOGETHER = 8
"""Cars a process drives side by side, so that the network sees them as one batch."""

LONGEST = 1000
"""Most frames of a drive."""

CHUNK = 4
"""Updates in one round of the run, so that a stop never waits long."""

POLL = 0.2
"""Seconds to wait for drives before a round of the run returns."""


@dataclass(frozen=True)
class ImitationSettings:
    """How the expert is imitated.

    Attributes:
        rounds: number of rounds of driving and learning.
        first_drives: episodes driven by the expert before the first round.
        drives: episodes in a round.
        updates: gradient updates in a round; the last round has twice as many.
        batch_size: stacks of frames in an update.
        learning_rate: at first; it falls to a fiftieth along half a cosine.
        expert: share of the time the expert drives in the first round; it halves every round.
        shoves: disturbances per second, in every second drive.
        capacity: most frames kept.
        processes: worker processes that drive.
        style: driving style of the expert. It drives below its limit: at that speed the student
            survives its mistakes, and a missed tile costs more than the frames gained.
    """

    rounds: Annotated[int, Range(low=0, high=900)] = 24
    first_drives: Annotated[int, Range(low=1, high=1000)] = 48
    drives: Annotated[int, Range(low=1, high=1000)] = 24
    updates: Count = 500
    batch_size: Count = 256
    learning_rate: Rate = 1e-3
    expert: Share = 0.5
    shoves: Annotated[float, Range(low=0, high=50)] = 0.6
    capacity: Annotated[int, Range(low=LONGEST, high=100_000_000)] = 440_000
    processes: Annotated[int, Range(low=1, high=256)] = 1
    style: Style = field(
        default_factory=lambda: Style(room=2.0, grip=165.0, braking=150.0, top_speed=85.0)
    )

    def footprint(self, run: PixelSettings) -> Footprint:
        """Memory it takes: frames, and the worker processes."""
        return Footprint(
            kept=self.frames() * bytes_of_a_frame(run.pipeline.size, N_SEEN),
            frames=self.frames(),
            setting="imitation.capacity",
            batch=self.batch_size,
            processes=self.processes,
        )

    def complaint(self, run: PixelSettings) -> str | None:
        """Why these settings cannot work in a run; None if they can."""
        p = run.pipeline
        # The expert's labels are actions of this kind, and frames are stored as one plane each.
        if (p.actions, p.colour, p.action_repeat) != ("steer-accel", "grey", 1):
            return (
                "imitation needs pipeline.actions=steer-accel, pipeline.colour=grey and "
                "pipeline.action_repeat=1"
            )
        if run.seed > 900:
            return "imitation needs a seed up to 900"
        return None

    def mixture(self, number: int) -> Mixture:
        """Who drives in a round."""
        share = self.expert * 0.5 ** (number - 1)
        return Mixture(share if share > 0.03 else 0.0, self.shoves, style=self.style)

    def rate_at(self, update: int) -> float:
        """The learning rate of an update."""
        share = min(update / (self.updates * (self.rounds + 1)), 1.0)
        return self.learning_rate * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * share)))

    def frames(self) -> int:
        """Frames that will be kept, at most."""
        drives = self.first_drives + self.rounds * self.drives
        return min(self.capacity, drives * LONGEST)


def gather(
    weights: bytes | None,
    seeds: list[int],
    pipeline: Pipeline,
    network: Network,
    mixture: Mixture,
) -> list[Drive]:
    """Drive episodes in a worker process; the expert drives alone if there are no weights."""
    torch.set_num_threads(1)
    act = None if weights is None else pilot(pipeline, network, weights)
    found: list[Drive] = []
    for first in range(0, len(seeds), TOGETHER):
        found += drive(act, seeds[first : first + TOGETHER], pipeline, mixture)
    return found


class Imitation(Learner):
    """Regression on the expert's actions; workers gather drives meanwhile."""

    Settings = ImitationSettings
    algorithm = "imitation"

    def __init__(self, pixels: Pixels, settings: ImitationSettings, first: bool) -> None:
        self.pixels, self.settings = pixels, settings
        run = pixels.settings
        torch.set_num_threads(1)  # the other cores drive
        model = pixels.make_model("PPO", n_steps=64)
        self.student = Student(model, run.network, N_SEEN)
        pixels.averages = self.student.averages
        self.memory = DrivesMemory(settings.capacity, run.pipeline.size, run.pipeline.stack, N_SEEN)
        self.number, self.updates_done, self.taken = 0, 0, 0
        self._unsaved: list[tuple[int, list[Drive]]] = []
        self._coming: list[Future[list[Drive]]] = []
        self._pool: ProcessPoolExecutor | None = None
        self._before = set(multiprocessing.active_children())
        # The driver of the next round; None = the model cannot drive yet, the expert does.
        able = not first or run.parent is not None
        self.pilot = self.student.weights() if able else None

    def describe(self) -> str:
        """A round in a few words: batch, updates, learning rate."""
        s = self.settings
        return (
            f"{s.rounds} rounds of {s.drives} drives and {s.updates} updates of {s.batch_size}, "
            f"rate {s.learning_rate:g}"
        )

    def round(self, clock: Clock) -> dict[str, float]:
        """Wait up to POLL seconds for this round's drives, or make a few updates."""
        s = self.settings
        if self.number > s.rounds:
            self.finished = True
            return {}
        last = self.number == s.rounds
        wanted = s.updates * (2 if last else 1)
        clock.tell((self.number + self.updates_done / wanted) / (s.rounds + 1))
        if self.taken == self.number:
            if not self._coming:
                self._coming = self._drives_of(self.number)
            if wait(self._coming, timeout=POLL).not_done:
                return {}
            self._take()
        if not self._coming and not last:
            self._coming = self._drives_of(self.number + 1)
        losses = []
        for _ in range(min(CHUNK, wanted - self.updates_done)):
            rows = rows_of(
                self.memory.used, s.batch_size, self.pixels.settings.seed, self.student.steps
            )
            rate = clock.lr_scale * s.rate_at(self.student.steps)
            losses.append(self.student.learn(self.memory.draw(rows), rate))
            self.updates_done += 1
            self.pixels.model._n_updates += 1
        if self.updates_done == wanted:
            self.number, self.updates_done = self.number + 1, 0
            self.finished = self.number > s.rounds
        loss, state = np.mean(losses, axis=0)
        return {"imitation_loss": float(loss), "state_loss": float(state), "learning_rate": rate}

    def _take(self) -> None:
        """Add drives to the memory; the next ones are driven with the model's current weights."""
        try:
            drives = [d for done in self._coming for d in done.result()]
        except BrokenProcessPool:
            raise UserError(
                "a process that drives has died, killed perhaps for want of memory; the same "
                "command goes on"
            ) from None
        self._unsaved.append((self.taken, drives))
        self.memory.add(drives)
        self.pixels.model.num_timesteps += sum(len(d.frames) for d in drives)
        self.pixels.add_returns([d.reward for d in drives if d.alone])
        self.taken += 1
        self._coming = []
        if self.student.steps > 0 or self.pilot is not None:
            self.pilot = self.student.weights()

    def _drives_of(self, number: int) -> list[Future[list[Drive]]]:
        s, run = self.settings, self.pixels.settings
        count = s.drives if number else s.first_drives
        first = FIRST_SEED + run.seed * 1_000_000 + number * 1_000
        seeds = list(range(first, first + count))
        alone = Mixture(1.0, s.shoves, style=s.style)
        mixture = alone if self.pilot is None else s.mixture(number)
        parts = [seeds[k :: s.processes] for k in range(s.processes)]
        shape = run.pipeline, run.network
        with stops_held_back():  # processes start here
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    s.processes, start_context(None), initializer=serve_only_the_parent
                )
            return [self._pool.submit(gather, self.pilot, p, *shape, mixture) for p in parts]

    def close(self) -> None:
        """End the worker processes at once."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - self._before:
                process.kill()  # they ignore SIGTERM

    def save_files(self, folder: Path, moment: float = math.inf) -> bool:
        """Write the drives that are not on disk yet; uncompressed if there is a time limit."""
        for number, drives in self._unsaved:
            write_drives(_drives(folder, number), drives, compressed=moment == math.inf)
        self._unsaved = []
        return True

    def load_files(self, folder: Path) -> None:
        """Read the drives of all rounds so far."""
        for number in range(self.taken):
            self.memory.add(read_drives(_drives(folder, number)))

    def state(self) -> State:
        """Student, the next round's driver, and counters; drives are separate files."""
        plain = {
            "number": self.number,
            "updates": self.updates_done,
            "taken": self.taken,
            "finished": self.finished,
        }
        return {
            "facts": np.frombuffer(json.dumps(plain).encode(), np.uint8),
            "student": packed(self.student.state()),
            "pilot": np.frombuffer(self.pilot or b"", np.uint8),
        }

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Continue from what ``state`` returned."""
        plain = plain_json(bytes(state["facts"]))
        s = self.settings
        self.number = count(plain, "number", s.rounds + 1)
        self.updates_done = count(plain, "updates", 2 * s.updates)
        self.taken = count(plain, "taken", s.rounds + 1)
        self.finished = bool(plain["finished"])
        self.student.restore(read_torch(state["student"].tobytes()))
        self.pilot = state["pilot"].tobytes() or None
        if self.pilot is not None:
            pilot(self.pixels.settings.pipeline, self.pixels.settings.network, self.pilot)


def _drives(folder: Path, number: int) -> Path:
    """The file of a round's drives."""
    return folder / f"drives-{number:03d}.npz"
