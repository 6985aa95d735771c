"""The data set of imitation from pixels: frames of many drives, stacked when they are drawn.

Owns the arrays, the batches, and the file of a round's drives. Every frame is stored once, and
nothing is ever overwritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.archive import Archive
from retroracer.atomic import replacing
from retroracer.checks import Form, demand_array
from retroracer.errors import UserError
from retroracer.reading import shown
from retroracer.training.learners.pixels.drives import Drive

N_ACTIONS = 2

MOST_DRIVES, LONGEST_DRIVE, MOST_SIDE = 1000, 1000, 256
"""Largest values accepted from a file: drives in a round, frames in a drive, pixels of a side."""


def bytes_of_a_frame(size: int, n_state: int) -> int:
    """Memory that ``DrivesMemory`` takes for a frame [bytes]."""
    return size * size + 4 * (N_ACTIONS + n_state) + 8


@dataclass
class Batch:
    """A batch of an update.

    Attributes:
        pictures: (B, stack, size, size) uint8.
        actions: (B, 2) float32, the expert's actions.
        state: (B, K) float32, true states.
    """

    pictures: npt.NDArray[np.uint8]
    actions: npt.NDArray[np.float32]
    state: npt.NDArray[np.float32]


class DrivesMemory:
    """Up to ``capacity`` frames of ``size`` pixels a side, the expert's actions and true states.

    Memory is taken as it fills; ``used`` is the number of frames in it.
    """

    def __init__(self, capacity: int, size: int, stack: int, n_state: int) -> None:
        self.capacity, self.used = capacity, 0
        self._frames = np.empty((capacity, size, size), np.uint8)
        self._labels = np.empty((capacity, N_ACTIONS + n_state), np.float32)
        self._first = np.empty(capacity, np.int64)
        self._back = np.arange(stack - 1, -1, -1)

    def add(self, drives: Sequence[Drive]) -> None:
        """Keep drives; those for which there is no room are left out."""
        for drive in drives:
            begin, end = self.used, self.used + len(drive.frames)
            if end > self.capacity:
                return
            self._frames[begin:end] = drive.frames
            self._labels[begin:end, :N_ACTIONS] = drive.actions
            self._labels[begin:end, N_ACTIONS:] = drive.state
            self._first[begin:end] = begin
            self.used = end

    def draw(self, rows: npt.NDArray[np.int64]) -> Batch:
        """The stacks that end at ``rows``; a drive's first frame fills up stacks at its start."""
        places = np.maximum(rows[:, None] - self._back, self._first[rows, None])
        labels = self._labels[rows]
        return Batch(self._frames[places], labels[:, :N_ACTIONS], labels[:, N_ACTIONS:])


_CANNOT_RESUME = "and the run has learned from it, so it cannot go on; --fresh begins a new one"


def write_drives(path: Path, drives: Sequence[Drive], compressed: bool = True) -> None:
    """Write a round's drives to disk, atomically; uncompressed is larger and many times as fast."""
    write = np.savez_compressed if compressed else np.savez
    with replacing(path) as part, part.open("wb") as file:
        write(
            file,
            frames=np.concatenate([d.frames for d in drives]),
            actions=np.concatenate([d.actions for d in drives]),
            state=np.concatenate([d.state for d in drives]),
            lengths=[len(d.frames) for d in drives],
            rewards=[d.reward for d in drives],
            finished=[d.finished for d in drives],
            alone=[d.alone for d in drives],
        )


def read_drives(path: Path) -> list[Drive]:
    """Read what ``write_drives`` wrote.

    Raises:
        UserError: if the file is damaged.
    """
    try:
        kept = _read(path)
        ends = np.cumsum(kept["lengths"])
        facts = zip(kept["rewards"], kept["finished"], kept["alone"], strict=True)
        pieces = [np.split(kept[n], ends[:-1]) for n in ("frames", "actions", "state")]
        return [
            Drive(f, a, s, float(reward), bool(finished), bool(alone))
            for f, a, s, (reward, finished, alone) in zip(*pieces, facts, strict=True)
        ]
    except (ValueError, KeyError) as error:
        raise UserError(f"{path} is damaged ({shown(str(error), 120)}), {_CANNOT_RESUME}") from None


def _read(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a round's drives; the lengths of drives give the shapes of the others."""
    if not path.is_file():
        raise UserError(f"{path} is missing, {_CANNOT_RESUME}")
    with Archive(path, 16, ratio=2000) as page:
        (drives,) = page.form("lengths.npy")[1]
        if drives > MOST_DRIVES:
            raise ValueError(f"it has {drives} drives")
        lengths = Form((drives,), np.int64, 1, LONGEST_DRIVE)
        frames = int(demand_array("lengths", page.array("lengths.npy"), lengths).sum())
        sides = page.form("frames.npy")[1][1:]
        if len(sides) != 2 or max(sides) > MOST_SIDE:
            raise ValueError(f"its frames are not pictures of at most {MOST_SIDE} pixels a side")
        numbers = page.form("state.npy")[1][1:]
        if len(numbers) != 1 or max(numbers) > MOST_SIDE:
            raise ValueError(f"its states are not rows of at most {MOST_SIDE} numbers")
        forms = {
            "frames": Form((frames, *sides), np.uint8),
            "actions": Form((frames, N_ACTIONS), np.float32, -10.0, 10.0),
            "state": Form((frames, *numbers), np.float32, -1e6, 1e6),
            "lengths": lengths,
            "rewards": Form((drives,), np.float64, -1e6, 1e6),
            "finished": Form((drives,), np.bool_),
            "alone": Form((drives,), np.bool_),
        }
        for name, form in forms.items():
            if page.form(f"{name}.npy")[1] != form.shape:  # before memory is taken for it
                raise ValueError(f"{name} has not one row per frame or drive")
        return {n: demand_array(n, page.array(f"{n}.npy"), f) for n, f in forms.items()}
