"""A lap on tape: the state it began from and every input of every car; drives it again.

Owns: recording, plain-data packing, re-simulation through the one kernel. Does not own where
tapes are kept (``records``) or how they are watched (``replay``).
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.archive import read_npz
from retroracer.errors import UserError
from retroracer.game.replay.tape_checks import (
    FASTEST,
    LONGEST,
    TapeError,
    check_arrays,
    check_facts,
    check_start,
    plain_name,
)
from retroracer.physics import state
from retroracer.physics.car import Car, car_facts, car_from
from retroracer.physics.race import PHYSICS_DT, Race
from retroracer.track.geometry import Array
from retroracer.track.track import Track

AGREES = 0.0005
"""A lap driven again must come to its time to this [s]: half a millisecond."""

VERSION = 1
"""Of the packed form; a tape that does not say is of this one."""

MOST_BYTES = 4_000_000
"""An unpacked tape larger than this is not one of ours: eight cars for ten minutes take less."""

MOST_PACKED = MOST_BYTES


@dataclass(frozen=True, eq=False)
class Tape:
    """One lap.

    Attributes:
        floats: (N, N_FLOATS) state the lap began from.
        ints: (N, N_INTS) likewise.
        splits: (N, MAX_SECTORS) likewise.
        actions: (T, N, 2) float32 steer and throttle of each physics step.
        resets: step numbers before which car 0 was put back on the track.
        cars: of the N cars.
        names: of the N drivers.
        roles: "human", "agent" or "ghost" of each.
        lap_time: of car 0's lap [s], nan if it was not finished.
        valid: True if car 0 never left the road in it.
    """

    floats: Array
    ints: npt.NDArray[np.int64]
    splits: Array
    actions: npt.NDArray[np.float32]
    resets: tuple[int, ...]
    cars: tuple[Car, ...]
    names: tuple[str, ...]
    roles: tuple[str, ...]
    lap_time: float = float("nan")
    valid: bool = False

    @property
    def duration(self) -> float:
        """[s]."""
        return len(self.actions) * PHYSICS_DT

    @property
    def standing(self) -> bool:
        """True if the lap began on the grid."""
        return bool(abs(self.floats[0, state.VX]) < 1e-9)

    def only(self, row: int = 0) -> Tape:
        """The tape of one car alone."""
        pick = slice(row, row + 1)
        return replace(
            self,
            floats=self.floats[pick],
            ints=self.ints[pick],
            splits=self.splits[pick],
            actions=self.actions[:, pick],
            resets=self.resets if row == 0 else (),
            cars=self.cars[pick],
            names=self.names[pick],
            roles=self.roles[pick],
        )

    def pack(self) -> bytes:
        """Plain bytes; ``unpack`` gives back an equal tape."""
        facts = {
            "version": VERSION,
            "cars": [car_facts(c) for c in self.cars],
            "names": self.names,
            "roles": self.roles,
            "lap_time": self.lap_time if self.lap_time == self.lap_time else None,
            "valid": self.valid,
            "resets": self.resets,
        }
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            floats=self.floats,
            ints=self.ints,
            splits=self.splits,
            actions=self.actions,
            facts=np.frombuffer(json.dumps(facts).encode(), np.uint8),
        )
        return buffer.getvalue()

    @classmethod
    def unpack(cls, raw: bytes) -> Tape:
        """Read ``pack``'s bytes; every value is checked, nothing is reserved on their word.

        Raises:
            TapeError: if they are none of ours, are damaged, or a newer game's.
        """
        try:
            if len(raw) > MOST_PACKED:
                raise TapeError("it is too long")
            page = read_npz(raw, MOST_BYTES)
            if page.keys() != {"floats", "ints", "splits", "actions", "facts"}:
                raise TapeError("its parts are not those of a tape")
            facts: Any = json.loads(page["facts"].tobytes())
            check_facts(facts, len(page["actions"]) if page["actions"].ndim else 0)
            if facts.get("version", VERSION) != VERSION:
                raise TapeError("it is another version's")
            cars = tuple(car_from(c, "its car") for c in facts["cars"])
            arrays = page["floats"], page["ints"], page["splits"], page["actions"]
            check_arrays(*arrays, len(cars))
        except (ValueError, UserError, OverflowError, RecursionError) as error:
            text = str(error).splitlines()
            raise TapeError(f"not a tape: {text[0]:.120}" if text else "not a tape") from None
        return cls(
            *arrays,
            resets=tuple(facts["resets"]),
            cars=cars,
            names=tuple(plain_name(n) for n in facts["names"]),
            roles=tuple(facts["roles"]),
            lap_time=float("nan") if facts["lap_time"] is None else float(facts["lap_time"]),
            valid=facts["valid"],
        )


class Recorder:
    """Tapes the current lap of a race.

    Args:
        race: read only.
    """

    def __init__(self, race: Race) -> None:
        self._race = race
        self.begin()

    def begin(self) -> None:
        """Start a new tape from the state the race is in."""
        race = self._race
        self._start = (race.floats.copy(), race.ints.copy(), race.splits.copy())
        self._actions = np.empty((4096, race.n, 2), np.float32)
        self._count = 0
        self._resets: list[int] = []

    def add(self, actions: Array) -> None:
        """Note the inputs of the step about to be made."""
        if self._count >= LONGEST:
            return
        if self._count == len(self._actions):
            self._actions = np.concatenate([self._actions, np.empty_like(self._actions)])
        self._actions[self._count] = actions
        self._count += 1

    def reset(self) -> None:
        """Note that car 0 is put back on the track before the next step."""
        self._resets.append(self._count)

    def finish(
        self,
        cars: Sequence[Car],
        names: Sequence[str],
        roles: Sequence[str],
        lap_time: float,
        valid: bool,
    ) -> Tape | None:
        """The tape so far, None if it is empty or overflowed."""
        if not 0 < self._count < LONGEST:
            return None
        floats, ints, splits = self._start
        return Tape(
            floats,
            ints,
            splits,
            self._actions[: self._count].copy(),
            tuple(self._resets),
            tuple(cars),
            tuple(names),
            tuple(roles),
            lap_time,
            valid,
        )


def put_back(race: Race, row: int) -> None:
    """Stand a car on the middle of the road where it is; its lap does not count.

    Clocks run on and distances stay: only the place, the direction and the speed change.
    """
    f, g = race.floats[row].copy(), race.ints[row].copy()
    splits, last = race.splits[row].copy(), race.last_sectors[row].copy()
    race.place(rows=[row], s=float(f[state.S]), track=int(g[state.TRACK]))
    kept = [
        state.PROGRESS, state.TIME, state.LAP_FINISH, state.NEXT_LINE, state.LAP_START,
        state.LAST_LAP, state.OFF_TIME, state.LAST_LAP_OFF,
    ]  # fmt: skip
    race.floats[row, kept] = f[kept]
    # The lap becomes invalid, as if the car had left the road for one step.
    race.floats[row, state.LAP_OFF] = f[state.LAP_OFF] + PHYSICS_DT
    race.ints[row] = g
    race.splits[row] = splits
    race.last_sectors[row] = last


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Where the cars of a tape were after each of T steps, the start included.

    Attributes:
        pose: (T + 1, N, 3) x [m], y [m], heading [rad].
        speed: (T + 1, N) [m/s].
        steer_angle: (T + 1, N) [rad].
        s: (T + 1, N) stations [m].
        progress: (T + 1, N) since the start of the race [m].
        off: (T + 1, N) beyond track limits.
        lap_time: of car 0's lap [s], nan if it did not finish.
        ends: floats (N, N_FLOATS) after the last step.
    """

    pose: Array
    speed: Array
    steer_angle: Array
    s: Array
    progress: Array
    off: npt.NDArray[np.bool_]
    lap_time: float
    ends: Array

    def between(self, tick: float) -> tuple[int, Array]:
        """The step before a time in physics steps, and (N, 3) poses at that time."""
        last = len(self.speed) - 1
        i = min(max(int(tick), 0), max(last - 1, 0))
        share = min(max(tick - i, 0.0), 1.0)
        return i, self.pose[i] + share * (self.pose[min(i + 1, last)] - self.pose[i])


def drive_again(tape: Tape, track: Track) -> Trajectory:
    """Re-simulate a tape, bit for bit where track and physics are the same.

    Args:
        tape: what to drive.
        track: the track it was recorded on.

    Raises:
        TapeError: if it was not recorded on this track, or leaves the world.
    """
    race = Race([track], list(tape.cars))
    check_start(race, tape.floats, tape.ints)
    race.floats[:], race.ints[:], race.splits[:] = tape.floats, tape.ints, tape.splits
    race.ints[:, state.TRACK] = 0
    steps, n = len(tape.actions), race.n
    columns = [state.X, state.Y, state.HEADING, state.STEER_ANGLE, state.S, state.PROGRESS]
    kept = np.empty((steps + 1, n, len(columns)))
    speed = np.empty((steps + 1, n))
    off = np.zeros((steps + 1, n), bool)
    actions = tape.actions.astype(np.float64)
    again = set(tape.resets)
    lap_time = float("nan")
    for t in range(steps + 1):
        kept[t] = race.floats[:, columns]
        speed[t] = race.speed
        off[t] = race.off_track
        if not speed[t].max() <= FASTEST:
            raise TapeError("a car on it comes to no speed a car can have")
        if t == steps:
            break
        if t in again:
            put_back(race, 0)
        race.advance(actions[t], 1)
        if race.ints[0, state.STEP_LAP]:
            lap_time = float(race.last_lap_time[0])
    return Trajectory(
        pose=kept[:, :, :3],
        speed=speed,
        steer_angle=kept[:, :, 3],
        s=kept[:, :, 4],
        progress=kept[:, :, 5].copy(),
        off=off,
        lap_time=lap_time,
        ends=race.floats.copy(),
    )
