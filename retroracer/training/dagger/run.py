"""DAgger, round by round: drive with the student, ask the expert, learn from all drives so far.

Owns: the rounds, what a run keeps in its folder, and going on after a stop. While the student
learns from the drives there are, the next are driven beside it by the student of the round
before; counts, not the clock, say when a round ends, so that a run is the same again on the
same machine, however often it was stopped.

In the run's folder, beside ``run_folder``'s files, lie the drives of every round.
"""

from __future__ import annotations

import dataclasses
import io
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from retroracer import config
from retroracer.agents.facts import Facts
from retroracer.agents.model_file import find_model
from retroracer.carracing.expert import N_SEEN
from retroracer.carracing.starting import start_context
from retroracer.carracing.vector import CarRacingVectorEnv
from retroracer.checks import count, records
from retroracer.errors import UserError
from retroracer.processes import serve_only_the_parent
from retroracer.training.checkpoint import MISFIT, first_line, read_torch
from retroracer.training.dagger.drives import Drive, Mixture, drive
from retroracer.training.dagger.memory import Memory, read_drives, write_drives
from retroracer.training.dagger.settings import DaggerRun, plain
from retroracer.training.dagger.student import Sight, Student, rows_of
from retroracer.training.pixel_checkpoint import LAYOUT, read_weights, save
from retroracer.training.pixel_vec_env import PixelVecEnv
from retroracer.training.pixels.gathering import check_parent, named
from retroracer.training.run_folder import RunFolder
from retroracer.training.stopping import Stop, stop_requested

Tell = Callable[[str], None]

FIRST_SEED = 1_000_000_000
"""Seeds of the tracks learned on begin here; drivers are judged on small ones."""

TOGETHER = 8
"""Cars a process drives side by side, so that the network sees them as one batch."""


class DaggerFolder(RunFolder):
    """The folder of such a run."""

    def unfinished(self) -> DaggerRun | None:  # type: ignore[override]
        """The settings of the run that is here; None if there is none to go on with."""
        if not self.unfinished_here():
            return None
        return config.load(DaggerRun, self.path / "settings.yaml")

    def drives(self, number: int) -> Path:
        """Where the drives of a round are kept."""
        return self.path / f"drives-{number:03d}.npz"


def gather(
    weights: bytes | None, seeds: list[int], settings: DaggerRun, mixture: Mixture
) -> list[Drive]:
    """Drive, in a process of its own."""
    torch.set_num_threads(1)
    act = None
    if weights is not None:
        act = Sight(settings.pipeline, settings.network, weights).act
    found: list[Drive] = []
    for first in range(0, len(seeds), TOGETHER):
        found += drive(act, seeds[first : first + TOGETHER], settings.pipeline, mixture)
    return found


class Run:
    """A run in a folder.

    Args:
        settings: of the run.
        folder: of its drives and its state.
        resume: go on with the run that is there; otherwise what is there is moved aside.
        tell: where lines of progress go.

    Attributes:
        done: rounds.
        interrupted: whether Ctrl+C ended ``learn``.

    Raises:
        UserError: for an unfit parent, or a run that cannot be gone on with.
    """

    def __init__(
        self, settings: DaggerRun, folder: DaggerFolder, resume: bool = False, tell: Tell = print
    ) -> None:
        check_parent(settings)
        self.settings, self.folder, self.tell = settings, folder, tell
        envs = PixelVecEnv(CarRacingVectorEnv(1, workers=0, pipeline=settings.pipeline))
        self.student = Student(envs, settings.network, N_SEEN, settings.seed)
        envs.close()
        pipeline = settings.pipeline
        self.memory = Memory(settings.capacity, pipeline.size, pipeline.stack, N_SEEN)
        self.done = 0
        self.driven = 0
        self.interrupted = False
        self.rows: list[dict[str, Any]] = []
        # The driver of the coming round; None: only the expert is fit to drive.
        self.pilot: bytes | None = None
        if settings.parent is not None:
            path = find_model(settings.parent)
            self.student.take_over(read_weights(path)["policy"], path)
            self.pilot = self.student.weights()
        if resume:
            self._restore()
        else:
            folder.begin(settings)
            self._keep()

    def _restore(self) -> None:
        state, facts = self.folder.load()
        try:
            self.student.restore(read_torch(state["student"].tobytes()))
            self.pilot = state["pilot"].tobytes() or None
            if self.pilot is not None:
                Sight(self.settings.pipeline, self.settings.network, self.pilot)
            self.done = count(facts, "done", self.settings.rounds + 1)
            self.rows = records(facts, "rows")
        except MISFIT as error:
            raise self.folder.unfit(first_line(error)) from None
        for number in range(self.done):
            self._take(read_drives(self.folder.drives(number)))
        self.tell(f"going on after {self.done} rounds with {self.memory.used:,} frames")

    def _keep(self) -> None:
        raw = io.BytesIO()
        torch.save(self.student.state(), raw)
        parts = {"student": raw.getvalue(), "pilot": self.pilot or b""}
        state = {name: np.frombuffer(data, np.uint8) for name, data in parts.items()}
        self.folder.save(state, {"done": self.done, "rows": self.rows})

    def _take(self, drives: list[Drive]) -> None:
        self.memory.add(drives)
        self.driven += sum(len(d.frames) for d in drives)

    def learn(self) -> None:
        """All rounds that are left. Ctrl+C loses the one under way.

        Raises:
            UserError: if a process that drives dies.
        """
        s = self.settings
        torch.set_num_threads(1)
        with stop_requested() as stop, _drivers(s.processes) as pool:
            coming = self._drives_of(pool) if self.done <= s.rounds else []
            while self.done <= s.rounds:
                drives = _driven(coming, stop)
                if stop.requested:
                    break
                write_drives(self.folder.drives(self.done), drives)
                self._take(drives)
                if self.done < s.rounds:
                    # Who drives beside the lesson is who the last lesson left.
                    taught = self.student.steps > 0 or s.parent is not None
                    self.pilot = self.student.weights() if taught else None
                    coming = self._drives_of(pool, 1)
                if not self._round(drives, stop):
                    break
            self.interrupted = stop.requested and self.done <= s.rounds

    def _drives_of(self, pool: ProcessPoolExecutor, later: int = 0) -> list[Future[list[Drive]]]:
        s, number = self.settings, self.done + later
        count = s.drives if number else s.first_drives
        first = FIRST_SEED + s.seed * 1_000_000 + number * 1_000
        seeds = list(range(first, first + count))
        alone = Mixture(1.0, s.shoves, style=s.style)
        mixture = alone if self.pilot is None else s.mixture(number)
        parts = [seeds[k :: s.processes] for k in range(s.processes)]
        return [pool.submit(gather, self.pilot, part, s, mixture) for part in parts]

    def _round(self, drives: list[Drive], stop: Stop) -> bool:
        """Learn from all drives there are; False if Ctrl+C came between."""
        s, began, number = self.settings, time.monotonic(), self.done
        losses = []
        for _ in range(s.steps * (2 if number == s.rounds else 1)):
            if stop.requested:
                return False
            step = self.student.steps
            batch = self.memory.draw(rows_of(self.memory.used, s.batch, s.seed, step))
            losses.append(self.student.learn(batch, s.rate_at(step)))
        self.done += 1
        loss, state = np.mean(losses[-200:], axis=0)
        alone = [d for d in drives if d.alone]
        row = {
            "round": number,
            "frames": self.driven,
            "updates": self.student.steps,
            "loss": round(float(loss), 4),
            "state_loss": round(float(state), 4),
            "seconds": round(time.monotonic() - began, 1),
        }
        if alone:
            rewards = [d.reward for d in alone]
            row |= {
                "episodes": len(alone),
                "mean": round(float(np.mean(rewards)), 1),
                "min": round(min(rewards), 1),
                "max": round(max(rewards), 1),
                "finished": sum(d.finished for d in alone),
            }
        self.rows.append(row)
        self.save(self.folder.checkpoint(self.driven))
        self._keep()
        judged = [r for r in self.rows if "mean" in r]
        if judged:
            self.folder.note(judged)
        self.tell(_line(row, s.rounds))
        return True

    def save(self, path: Path) -> Facts:
        """Write the student, with averaged weights, as a model."""
        model = self.student.model
        model.num_timesteps, model._n_updates = self.driven, self.student.steps
        facts = Facts(
            observation_layout=LAYOUT,
            steps=self.driven,
            seed=self.settings.seed,
            parent=named(self.settings.parent),
            tracks=("CarRacing-v3",),
            settings={"method": "DAgger", **plain(self.settings)},
            notes={"expert": dataclasses.asdict(self.settings.style)},
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.student.averaged():
            return save(model, path, self.settings.pipeline, facts)


def _line(row: dict[str, Any], rounds: int) -> str:
    line = f"round {row['round']:3d}/{rounds} {row['frames']:>9,} frames  loss {row['loss']:.4f}"
    if "mean" in row:
        line += (
            f"  pupil alone: mean {row['mean']:6.1f} (min {row['min']:6.1f}, "
            f"laps {row['finished']}/{row['episodes']})"
        )
    return f"{line}  {row['seconds']:.0f} s"


@contextmanager
def _drivers(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that drive, of one thread each; gone at once when the run stops."""
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(processes, start_context(None), initializer=serve_only_the_parent)
    try:
        yield pool
    except BrokenProcessPool:
        raise UserError(
            "a process that drives has died, killed perhaps for want of memory; the same command "
            "goes on"
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        if threads is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = threads


def _driven(coming: list[Future[list[Drive]]], stop: Stop) -> list[Drive]:
    """The drives, once there; nothing if Ctrl+C comes first."""
    while not stop.requested:
        if not wait(coming, timeout=0.2).not_done:
            return [d for part in coming for d in part.result()]
    return []
