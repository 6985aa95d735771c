"""DAgger, round by round: drive with the student, ask the expert, learn from all drives so far.

Owns: the rounds, what a run keeps in its folder, and going on after a stop. While the student
learns from the drives there are, the next are driven beside it by the student of the round
before; counts, not the clock, say when a round ends, so that a run is the same again on the
same machine, however often it was stopped.

In the run's folder, beside ``run_folder``'s files, lie the drives of every round.
"""

from __future__ import annotations

import copy
import dataclasses
import io
import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from retroracer import config
from retroracer.agents.facts import Facts
from retroracer.agents.model_file import find_model
from retroracer.carracing import ENV_ID
from retroracer.carracing.expert import N_SEEN
from retroracer.carracing.starting import start_context
from retroracer.carracing.vector import CarRacingVectorEnv
from retroracer.checks import count, number, records
from retroracer.processes import pool, serve_only_the_parent, stops_held_back
from retroracer.training.checkpoint import MISFIT, first_line, read_torch
from retroracer.training.dagger.drives import Drive, Mixture, drive
from retroracer.training.dagger.memory import Memory, read_drives, write_drives
from retroracer.training.dagger.settings import DaggerRun, plain
from retroracer.training.dagger.student import Sight, Student, rows_of
from retroracer.training.pixel_checkpoint import LAYOUT, load_driver, read_weights, save
from retroracer.training.pixel_evaluate import drive as judge
from retroracer.training.pixel_evaluate import summary
from retroracer.training.pixel_vec_env import PixelVecEnv
from retroracer.training.pixels.gathering import check_parent, named
from retroracer.training.run.keeping import Keeper
from retroracer.training.run.stopping import PATIENCE, Stopped, check, held, stoppable
from retroracer.training.run_folder import BEGINNING, RUN_NOTE, RunFolder, State

Tell = Callable[[str], None]
Losses = tuple[float, float]
"""Of the actions and of the state, in a step."""

FIRST_SEED = 1_000_000_000
"""Seeds of the tracks learned on begin here; drivers are judged on small ones."""

MARK_EVERY = 5.0
"""Seconds a stop loses at most, if it has to be left in the midst of a step."""

JUDGED_ON = range(977_000_001, 977_000_005)
"""Seeds of the tracks on which a new driver is held against the one it would replace."""

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
        interrupted: whether a stop ended ``learn``.

    Raises:
        UserError: for an unfit parent, or a run that cannot be gone on with.
        Stopped: if a stop came before there was anything to save but the run's beginning.
    """

    def __init__(
        self, settings: DaggerRun, folder: DaggerFolder, resume: bool = False, tell: Tell = print
    ) -> None:
        check_parent(settings)
        state = folder.load() if resume else ({}, BEGINNING)
        if not resume:
            with held():
                folder.begin(settings)
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
        # The round's drives and the losses of its steps so far; None: it still waits for drives.
        self.lesson: tuple[list[Drive], list[Losses]] | None = None
        self.whole = True  # False within a step
        self._marked: tuple[dict[str, Any], int] = ({}, 0)
        # The driver of the coming round; None: only the expert is fit to drive.
        self.pilot: bytes | None = None
        if settings.parent is not None:
            path = find_model(settings.parent)
            self.student.take_over(read_weights(path)["policy"], path)
            self.pilot = self.student.weights()
        if state != ({}, BEGINNING):
            self._restore(*state)

    def _restore(self, state: State, facts: dict[str, Any]) -> None:
        try:
            self.student.restore(read_torch(state["student"].tobytes()))
            self.pilot = state["pilot"].tobytes() or None
            if self.pilot is not None:
                Sight(self.settings.pipeline, self.settings.network, self.pilot)
            self.done = count(facts, "done", self.settings.rounds + 1)
            self.rows = records(facts, "rows")
            losses = facts.get("losses")
            if losses is not None:
                pairs = [{"action": action, "state": state_} for action, state_ in losses]
                losses = [(number(p, "action"), number(p, "state")) for p in pairs]
        except MISFIT as error:
            raise self.folder.unfit(first_line(error)) from None
        drives: list[Drive] = []
        for number_ in range(self.done + (losses is not None)):
            drives = read_drives(self.folder.drives(number_))
            self._take(drives)
        if losses is not None:
            self.lesson = drives, losses
        self.tell(f"going on after {self.done} rounds with {self.memory.used:,} frames")

    def _keep(self) -> None:
        raw = io.BytesIO()
        torch.save(self.student.state(), raw)
        parts = {"student": raw.getvalue(), "pilot": self.pilot or b""}
        state = {name: np.frombuffer(data, np.uint8) for name, data in parts.items()}
        facts: dict[str, Any] = {"done": self.done, "rows": self.rows}
        if self.lesson is not None:
            facts["losses"] = self.lesson[1]
        self.folder.save(state, facts)

    def _take(self, drives: list[Drive]) -> None:
        self.memory.add(drives)
        self.driven += sum(len(d.frames) for d in drives)

    def learn(self) -> None:
        """All rounds that are left. A stop loses a few seconds, and drives under way.

        Raises:
            UserError: if a process that drives dies.
        """
        torch.set_num_threads(1)
        with stoppable() as stop:
            try:
                with _drivers(self.settings.processes) as drivers:
                    self._rounds(drivers)
            except Stopped:
                stop.settle()
                self.interrupted = True
                with held():
                    if not self.whole:
                        self._go_back()
                    if self.student.steps or self.lesson is not None:
                        self._keep()

    def _rounds(self, drivers: ProcessPoolExecutor) -> None:
        s = self.settings
        coming: list[Future[list[Drive]]] = []
        if self.done <= s.rounds and self.lesson is None:
            coming = self._drives_of(drivers)
        elif self.done < s.rounds:
            coming = self._drives_of(drivers, 1)
        while self.done <= s.rounds:
            if self.lesson is None:
                self.tell(f"round {self.done}: waiting for its drives")
                drives = _driven(coming)
                write_drives(self.folder.drives(self.done), drives)
                with held():
                    self._take(drives)
                    self.lesson = drives, []
                    if self.done < s.rounds:
                        # Who drives beside the lesson is who the last lesson left.
                        taught = self.student.steps > 0 or s.parent is not None
                        self.pilot = self.student.weights() if taught else None
                        coming = self._drives_of(drivers, 1)
            self._round(*self.lesson)

    def _drives_of(self, drivers: ProcessPoolExecutor, later: int = 0) -> list[Future[list[Drive]]]:
        s, number = self.settings, self.done + later
        count = s.drives if number else s.first_drives
        first = FIRST_SEED + s.seed * 1_000_000 + number * 1_000
        seeds = list(range(first, first + count))
        alone = Mixture(1.0, s.shoves, style=s.style)
        mixture = alone if self.pilot is None else s.mixture(number)
        parts = [seeds[k :: s.processes] for k in range(s.processes)]
        with stops_held_back():
            return [drivers.submit(gather, self.pilot, part, s, mixture) for part in parts]

    def _round(self, drives: list[Drive], losses: list[Losses]) -> None:
        """Learn from all drives there are, from where the round was left."""
        s, began, number = self.settings, time.monotonic(), self.done
        marked = -math.inf
        for _ in range(len(losses), s.steps * (2 if number == s.rounds else 1)):
            with held(PATIENCE):
                if time.monotonic() >= marked + MARK_EVERY:
                    self._marked = copy.deepcopy(self.student.state()), len(losses)
                    marked = time.monotonic()
                self.whole = False
                step = self.student.steps
                batch = self.memory.draw(rows_of(self.memory.used, s.batch, s.seed, step))
                losses.append(self.student.learn(batch, s.rate_at(step)))
                self.whole = True
            check()
        with held():
            self._note(drives, losses, time.monotonic() - began)

    def _go_back(self) -> None:
        """Return to where the round was marked last."""
        assert self.lesson is not None
        state, count = self._marked
        self.student.restore(state)
        del self.lesson[1][count:]

    def _note(self, drives: list[Drive], losses: list[Losses], seconds: float) -> None:
        """The round is over: write it all down."""
        s, number = self.settings, self.done
        self.done += 1
        self.lesson = None
        loss, state = np.mean(losses[-200:], axis=0)
        alone = [d for d in drives if d.alone]
        row = {
            "round": number,
            "frames": self.driven,
            "updates": self.student.steps,
            "loss": round(float(loss), 4),
            "state_loss": round(float(state), 4),
            "seconds": round(seconds, 1),
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
        self._keep()
        self.save(self.folder.checkpoint(self.driven))
        judged = [r for r in self.rows if "mean" in r]
        if judged:
            self.folder.note(judged)
        self.tell(_line(row, s.rounds))

    def put(self, out: Path) -> bool:
        """Put the student at ``out``, unless the driver of another run there is as good.

        Returns:
            Whether it is there.

        Raises:
            UserError: if another kind of model lies there.
        """
        keeper = self.keeper(out)
        score, other = 0.0, keeper.stranger(observation_layout=LAYOUT, algorithm="PPO")
        if other is not None:
            self.tell(f"judging the driver that is in {other}, and the new one")
            self.save(self.folder.best)
            keeper.to_beat, score = _mean_of(other), _mean_of(self.folder.best)
        with held():
            return keeper.keep(self.save, score)

    def keeper(self, out: Path) -> Keeper:
        """Who guards what lies at ``out``."""
        return Keeper(out, self.folder.best, self.folder.name)

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
            notes={
                "expert": dataclasses.asdict(self.settings.style),
                RUN_NOTE: self.folder.name,
            },
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


def _mean_of(path: Path) -> float:
    """Mean return of a driver, on a few tracks nobody trains on."""
    driver = load_driver(path)
    episodes = judge(driver.act, driver.records.pipeline, JUDGED_ON, ENV_ID, len(JUDGED_ON))
    return float(summary(episodes)["mean"])


@contextmanager
def _drivers(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that drive, of one thread each; gone at once when the run stops."""
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        with pool(processes, start_context(None), serve_only_the_parent, ()) as executor:
            yield executor
    finally:
        if threads is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = threads


def _driven(coming: list[Future[list[Drive]]]) -> list[Drive]:
    """The drives, once there."""
    while wait(coming, timeout=0.2).not_done:
        check()
    return [d for part in coming for d in part.result()]
