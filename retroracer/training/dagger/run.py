"""DAgger, round by round: drive with the student, ask the expert, learn from all drives so far.

Owns: the rounds, the run's folder, and going on after a stop. While the student learns from the
drives there are, the next are driven beside it by the student of the round before; counts, not
the clock, say when a round ends, so that a run is the same again on the same machine.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from retroracer import config
from retroracer.agents.facts import Facts
from retroracer.agents.model_file import find_model
from retroracer.agents.pixel_nets import Network
from retroracer.atomic import replacing
from retroracer.carracing.expert import N_SEEN, Style
from retroracer.carracing.pipeline import Pipeline
from retroracer.carracing.vector import CarRacingVectorEnv
from retroracer.carracing.workers import start_context
from retroracer.errors import UserError
from retroracer.training.dagger.drives import Drive, Mixture, drive
from retroracer.training.dagger.memory import Memory, read_drives, write_drives
from retroracer.training.dagger.student import Sight, Student, rows_of
from retroracer.training.pixel_checkpoint import LAYOUT, read_weights, save
from retroracer.training.pixel_vec_env import PixelVecEnv

Tell = Callable[[str], None]

FIRST_SEED = 1_000_000_000
"""Seeds of the tracks learned on begin here; drivers are judged on small ones."""


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

    seed: int = 1
    rounds: int = 24
    first_drives: int = 48
    drives: int = 24
    steps: int = 500
    batch: int = 256
    rate: float = 1e-3
    expert: float = 0.5
    shoves: float = 0.6
    capacity: int = 440_000
    processes: int = 1
    parent: str | None = None
    style: Style = field(
        default_factory=lambda: Style(room=2.0, grip=165.0, braking=150.0, top_speed=85.0)
    )
    network: Network = field(default_factory=lambda: Network("atari", 256, "relu", (128,)))
    pipeline: Pipeline = field(default_factory=lambda: Pipeline(action_repeat=1))

    def mixture(self, number: int) -> Mixture:
        """Who drives in a round."""
        share = self.expert * 0.5 ** (number - 1)
        return Mixture(share if share > 0.03 else 0.0, self.shoves, style=self.style)

    def rate_at(self, step: int) -> float:
        """The learning rate of a step."""
        share = min(step / (self.steps * (self.rounds + 1)), 1.0)
        return self.rate * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * share)))


def gather(
    weights: bytes | None, seeds: list[int], settings: DaggerRun, mixture: Mixture
) -> list[Drive]:
    """Drive, in a process of its own."""
    torch.set_num_threads(1)
    act = None
    if weights is not None:
        act = Sight(settings.pipeline, settings.network, weights).act
    found: list[Drive] = []
    for first in range(0, len(seeds), 8):
        found += drive(act, seeds[first : first + 8], settings.pipeline, mixture)
    return found


class Run:
    """A run in a folder.

    Args:
        settings: of the run.
        folder: of its drives and its state; made if there is none, gone on with if there is.
        tell: where lines of progress go.

    Raises:
        UserError: if the folder holds a run of other settings.
    """

    def __init__(self, settings: DaggerRun, folder: Path, tell: Tell = print) -> None:
        self.settings, self.folder, self.tell = settings, folder, tell
        folder.mkdir(parents=True, exist_ok=True)
        self._demand_same()
        envs = PixelVecEnv(CarRacingVectorEnv(1, workers=0, pipeline=settings.pipeline))
        self.student = Student(envs, settings.network, N_SEEN, settings.seed)
        envs.close()
        pipeline = settings.pipeline
        self.memory = Memory(settings.capacity, pipeline.size, pipeline.stack, N_SEEN)
        self.done = 0
        self.driven = 0
        if settings.parent is not None:
            path = find_model(settings.parent)
            self.student.take_over(read_weights(path)["policy"], path)
        self._go_on()

    def _demand_same(self) -> None:
        path, plain = self.folder / "settings.json", config.to_dict(self.settings)
        if path.is_file() and json.loads(path.read_text()) != json.loads(json.dumps(plain)):
            raise UserError(f"{self.folder} holds a run of other settings; name another folder")
        path.write_text(json.dumps(plain, indent=2))

    def _drives_file(self, number: int) -> Path:
        return self.folder / f"drives-{number:03d}.npz"

    def _go_on(self) -> None:
        state = self.folder / "state.pt"
        if state.is_file():
            kept = torch.load(state, weights_only=True)
            self.student.restore(kept["student"])
            self.done = int(kept["done"])
            for number in range(self.done):
                self._take(read_drives(self._drives_file(number)))
            self.tell(f"going on after round {self.done} with {self.memory.used:,} frames")

    def _keep(self) -> None:
        buffer = io.BytesIO()
        torch.save({"student": self.student.state(), "done": self.done}, buffer)
        with replacing(self.folder / "state.pt") as part:
            part.write_bytes(buffer.getvalue())

    def _take(self, drives: list[Drive]) -> None:
        self.memory.add(drives)
        self.driven += sum(len(d.frames) for d in drives)

    def learn(self) -> None:
        """All rounds that are left."""
        s = self.settings
        threads = os.environ.get("OMP_NUM_THREADS")
        os.environ["OMP_NUM_THREADS"] = "1"
        torch.set_num_threads(1)
        try:
            with ProcessPoolExecutor(s.processes, start_context(None)) as pool:
                coming = self._drives_of(pool, self.done)
                while self.done <= s.rounds:
                    number = self.done
                    drives = [d for part in coming for d in part.result()]
                    write_drives(self._drives_file(number), drives)
                    self._take(drives)
                    if number < s.rounds:
                        coming = self._drives_of(pool, number + 1)
                    self._round(number, drives)
        finally:
            if threads is None:
                del os.environ["OMP_NUM_THREADS"]
            else:
                os.environ["OMP_NUM_THREADS"] = threads

    def _drives_of(self, pool: ProcessPoolExecutor, number: int) -> list[Future[list[Drive]]]:
        s = self.settings
        count = s.drives if number else s.first_drives
        first = FIRST_SEED + s.seed * 1_000_000 + number * 1_000
        seeds = list(range(first, first + count))
        # Only the expert is fit to drive before the first lesson.
        taught = self.student.steps > 0 or s.parent is not None
        weights = self.student.weights() if taught else None
        mixture = s.mixture(number) if taught else Mixture(1.0, s.shoves, style=s.style)
        parts = [seeds[k :: s.processes] for k in range(s.processes)]
        return [pool.submit(gather, weights, part, s, mixture) for part in parts]

    def _round(self, number: int, drives: list[Drive]) -> None:
        s, began = self.settings, time.monotonic()
        losses = []
        for _ in range(s.steps * (2 if number == s.rounds else 1)):
            step = self.student.steps
            batch = self.memory.draw(rows_of(self.memory.used, s.batch, s.seed, step))
            losses.append(self.student.learn(batch, s.rate_at(step)))
        self.done = number + 1
        self._keep()
        loss, state = np.mean(losses[-200:], axis=0)
        alone = [d for d in drives if d.alone] or drives
        line = {
            "round": number,
            "frames": self.memory.used,
            "steps": self.student.steps,
            "loss": round(float(loss), 4),
            "state_loss": round(float(state), 4),
            "drives": len(alone),
            "alone": alone[0].alone,
            "mean": round(float(np.mean([d.reward for d in alone])), 1),
            "min": round(min(d.reward for d in alone), 1),
            "finished": sum(d.finished for d in alone),
            "seconds": round(time.monotonic() - began, 1),
        }
        with (self.folder / "progress.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        self.tell(json.dumps(line))

    def save(self, path: Path) -> Facts:
        """Write the student, with averaged weights, as a model."""
        model = self.student.model
        model.num_timesteps, model._n_updates = self.driven, self.student.steps
        facts = Facts(
            observation_layout=LAYOUT,
            steps=self.driven,
            seed=self.settings.seed,
            tracks=("CarRacing-v3",),
            settings={"method": "DAgger", **_plain(self.settings)},
            notes={"expert": dataclasses.asdict(self.settings.style)},
        )
        with self.student.averaged():
            return save(model, path, self.settings.pipeline, facts)


def _plain(settings: DaggerRun) -> dict[str, Any]:
    record: dict[str, Any] = config.to_dict(settings)
    return {k: v for k, v in record.items() if k not in ("network", "pipeline", "style")}
