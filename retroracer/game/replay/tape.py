"""A lap or a race on tape: the state it began from, every input of every car; drives it again.

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
from retroracer.game.race.race_control import bumps_of
from retroracer.game.replay.tape_checks import (
    FASTEST,
    LONGEST,
    MOST_INPUTS,
    TapeError,
    check_arrays,
    check_facts,
    check_start,
    plain_name,
)
from retroracer.physics import state
from retroracer.physics.car import Car, car_facts, car_from
from retroracer.physics.company import STEP_BUMP
from retroracer.physics.race import PHYSICS_DT, Race
from retroracer.track.geometry import Array
from retroracer.track.track import Track

AGREES = 0.0005
"""A lap driven again must come to its time to this [s]: half a millisecond."""

VERSION = 2
"""Of the packed form. A tape that does not say is of version 1, which knows no solid cars; laps
without any are still written as such, so that older games read them."""

MOST_BYTES = 10_500_000
"""An unpacked tape larger than this is not one of ours: ``MOST_INPUTS`` take less."""

MOST_PACKED = MOST_BYTES

_ARRAYS = ("floats", "ints", "splits", "actions")


@dataclass(frozen=True, eq=False)
class Tape:
    """One lap, or one race.

    Attributes:
        floats: (N, N_FLOATS) state it began from.
        ints: (N, N_INTS) likewise.
        splits: (N, MAX_SECTORS) likewise.
        actions: (T, N, 2) float32 steer and throttle of each physics step.
        resets: (step number, row) before which a car was put back on the track.
        cars: of the N cars.
        names: of the N drivers.
        roles: "human", "agent" or "ghost" of each.
        lap_time: of car 0's lap [s], nan if it was not finished; of a race its time.
        valid: True if car 0 never left the road in it.
        solid: of each car whether it could be touched at the beginning; empty: nobody could.
        leaves: (step number, row) before which a car left the race: solid no more.
        race: True if it is a whole race, to car 0's finish.
    """

    floats: Array
    ints: npt.NDArray[np.int64]
    splits: Array
    actions: npt.NDArray[np.float32]
    resets: tuple[tuple[int, int], ...]
    cars: tuple[Car, ...]
    names: tuple[str, ...]
    roles: tuple[str, ...]
    lap_time: float = float("nan")
    valid: bool = False
    solid: tuple[bool, ...] = ()
    leaves: tuple[tuple[int, int], ...] = ()
    race: bool = False

    @property
    def duration(self) -> float:
        """[s]."""
        return len(self.actions) * PHYSICS_DT

    @property
    def standing(self) -> bool:
        """True if the lap began on the grid."""
        return bool(abs(self.floats[0, state.VX]) < 1e-9)

    def begun(self, row: int = 0) -> float:
        """How far into its lap a car is at the beginning [s]."""
        return float(self.floats[row, state.TIME] - self.floats[row, state.LAP_START])

    def only(self, row: int = 0) -> Tape:
        """The tape of one car alone; driven in company it comes to another time."""
        pick = slice(row, row + 1)
        return replace(
            self,
            floats=self.floats[pick],
            ints=self.ints[pick],
            splits=self.splits[pick],
            actions=self.actions[:, pick],
            resets=tuple((step, 0) for step, k in self.resets if k == row),
            cars=self.cars[pick],
            names=self.names[pick],
            roles=self.roles[pick],
            solid=(),
            leaves=(),
        )

    def solid_at(self, step: int) -> list[bool]:
        """Of each car whether it can be touched after some physics steps."""
        now = list(self.solid) or [False] * len(self.cars)
        for left, row in self.leaves:
            if left <= step:
                now[row] = False
        return now

    def pack(self) -> bytes:
        """Plain bytes; ``unpack`` gives back an equal tape."""
        plain = not (self.solid or self.race or any(row for _, row in self.resets))
        facts = {
            "version": 1 if plain else VERSION,
            "cars": [car_facts(c) for c in self.cars],
            "names": self.names,
            "roles": self.roles,
            "lap_time": self.lap_time if self.lap_time == self.lap_time else None,
            "valid": self.valid,
            "resets": [step for step, _ in self.resets] if plain else self.resets,
        }
        if not plain:
            facts |= {"solid": self.solid, "leaves": self.leaves, "race": self.race}
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            **{name: getattr(self, name) for name in _ARRAYS},
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
            if page.keys() != {*_ARRAYS, "facts"}:
                raise TapeError("its parts are not those of a tape")
            facts: Any = json.loads(page["facts"].tobytes())
            if isinstance(facts, dict) and facts.get("version", 1) not in (1, VERSION):
                raise TapeError("it is another version's")
            check_facts(facts, len(page["actions"]) if page["actions"].ndim else 0)
            cars = tuple(car_from(c, "its car") for c in facts["cars"])
            arrays = page["floats"], page["ints"], page["splits"], page["actions"]
            check_arrays(*arrays, len(cars))
        except (ValueError, UserError, OverflowError, RecursionError) as error:
            text = str(error).splitlines()
            raise TapeError(f"not a tape: {text[0]:.120}" if text else "not a tape") from None
        return cls(
            *arrays,
            resets=tuple(_events(facts["resets"])),
            cars=cars,
            names=tuple(plain_name(n) for n in facts["names"]),
            roles=tuple(facts["roles"]),
            lap_time=float("nan") if facts["lap_time"] is None else float(facts["lap_time"]),
            valid=facts["valid"],
            solid=tuple(facts.get("solid", ())),
            leaves=tuple(_events(facts.get("leaves", ()))),
            race=facts.get("race", False),
        )


def _events(listed: Sequence[Any]) -> list[tuple[int, int]]:
    """Step numbers and rows; a step number alone is of car 0."""
    return [(e, 0) if isinstance(e, int) else (e[0], e[1]) for e in listed]


class Recorder:
    """Tapes the current lap of a race, or the race.

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
        self._solid = () if race.company is None else tuple(race.company.solid.tolist())
        self._actions = np.empty((4096, race.n, 2), np.float32)
        self._count = 0
        self._most = min(LONGEST, MOST_INPUTS // race.n)
        self._resets: list[tuple[int, int]] = []
        self._leaves: list[tuple[int, int]] = []

    def add(self, actions: Array) -> None:
        """Note the inputs of the step about to be made."""
        if self._count >= self._most:
            return
        if self._count == len(self._actions):
            self._actions = np.concatenate([self._actions, np.empty_like(self._actions)])
        self._actions[self._count] = actions
        self._count += 1

    def reset(self, row: int = 0) -> None:
        """Note that a car is put back on the track before the next step."""
        self._resets.append((self._count, row))

    def leave(self, row: int) -> None:
        """Note that a car has left the race: before the next step nobody touches it any more."""
        self._leaves.append((self._count, row))

    def finish(
        self,
        cars: Sequence[Car],
        names: Sequence[str],
        roles: Sequence[str],
        lap_time: float,
        valid: bool,
    ) -> Tape | None:
        """The tape so far, None if it is empty or overflowed."""
        if not 0 < self._count < self._most:
            return None
        return Tape(
            *self._start, self._actions[: self._count].copy(), tuple(self._resets),
            tuple(cars), tuple(names), tuple(roles), lap_time, valid, self._solid,
            tuple(self._leaves),
        )  # fmt: skip


ROOM = 8.0
"""A car that is put back keeps so far from the solid cars on the road [m]."""


def put_back(race: Race, row: int) -> None:
    """Stand a car on the middle of the road where it is; its lap does not count.

    Clocks run on and distances stay: only the place, the direction and the speed change. Where a
    solid car is in the way it stands further back.
    """
    f, g = race.floats[row].copy(), race.ints[row].copy()
    splits, last = race.splits[row].copy(), race.last_sectors[row].copy()
    company = race.company
    back = 0.0
    if company is not None:
        marks, touched = company.marks[row].copy(), company.touched.copy()
        solid = bool(company.solid[row])
        back = _back_to_room(race, row)
    s = (float(f[state.S]) - back) % float(race.length()[row])
    race.place(rows=[row], s=s, track=int(g[state.TRACK]))
    if company is not None:  # contacts and faults stay on the account
        company.marks[row], company.touched[:], company.solid[row] = marks, touched, solid
    f[state.PROGRESS] -= back
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


def _back_to_room(race: Race, row: int) -> float:
    """How far behind a car is the first room for it on the road [m]."""
    assert race.company is not None
    others = race.company.solid.copy()
    others[row] = False
    length = float(race.length()[row])
    ahead = race.s[others] - race.s[row]
    for tries in range(4 * race.n):
        gap = ahead + tries * ROOM
        if (np.abs(gap - length * np.floor(gap / length + 0.5)) >= ROOM).all():
            return tries * ROOM
    return 0.0


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
        lap_time: of car 0's lap [s], nan if it did not finish; of a race its time.
        ends: floats (N, N_FLOATS) after the last step.
        bumps: (M, 4) contacts: step, x [m], y [m], closing speed [m/s].
    """

    pose: Array
    speed: Array
    steer_angle: Array
    s: Array
    progress: Array
    off: npt.NDArray[np.bool_]
    lap_time: float
    ends: Array
    bumps: Array

    def between(self, tick: float) -> tuple[int, Array]:
        """The step before a time in physics steps, and (N, 3) poses at that time."""
        last = len(self.speed) - 1
        i = min(max(int(tick), 0), max(last - 1, 0))
        share = min(max(tick - i, 0.0), 1.0)
        return i, self.pose[i] + share * (self.pose[min(i + 1, last)] - self.pose[i])


def along_lap(
    tape: Tape, again: Trajectory, length: float, row: int = 0
) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
    """Of a car after each step: how far into its lap [m], its time [s], and if it is new ground."""
    into = again.progress[:, row] - (float(tape.floats[row, state.LAP_FINISH]) - length)
    time: Array = np.asarray(np.arange(len(into)) * PHYSICS_DT + tape.begun(row), float)
    return into, time, np.concatenate([[True], into[1:] > np.maximum.accumulate(into)[:-1]])


def drive_again(tape: Tape, track: Track) -> Trajectory:
    """Re-simulate a tape, bit for bit where track and physics are the same.

    Raises:
        TapeError: if it was not recorded on this track, or leaves the world.
    """
    race = Race([track], list(tape.cars), company=[len(tape.cars)] if tape.solid else 1)
    check_start(race, tape.floats, tape.ints)
    race.floats[:], race.ints[:], race.splits[:] = tape.floats, tape.ints, tape.splits
    race.ints[:, state.TRACK] = 0
    company = race.company
    if company is not None:
        company.solid[:] = tape.solid
    steps, n = len(tape.actions), race.n
    columns = [state.X, state.Y, state.HEADING, state.STEER_ANGLE, state.S, state.PROGRESS]
    kept = np.empty((steps + 1, n, len(columns)))
    speed = np.empty((steps + 1, n))
    off = np.zeros((steps + 1, n), bool)
    actions = tape.actions.astype(np.float64)
    events = {step for step, _ in (*tape.resets, *tape.leaves)}
    bumps: list[tuple[float, float, float, float]] = []
    lap_time = float("nan")
    for t in range(steps + 1):
        kept[t] = race.floats[:, columns]
        speed[t] = race.speed
        off[t] = race.off_track
        if not speed[t].max() <= FASTEST:
            raise TapeError("a car on it comes to no speed a car can have")
        if t == steps:
            break
        if t in events:
            for step, row in tape.leaves:
                if step == t and company is not None:
                    company.solid[row] = False
            for step, row in tape.resets:
                if step == t:
                    put_back(race, row)
        race.advance(actions[t], 1)
        if company is not None and company.marks[:, STEP_BUMP].any():
            bumps += [(t + 1.0, b.x, b.y, b.closing) for b in bumps_of(race, t * PHYSICS_DT)]
        if race.ints[0, state.STEP_LAP]:
            lap_time = float(race.last_lap_time[0])
    if tape.race:
        lap_time = float(race.floats[0, state.LAP_START])
    return Trajectory(
        pose=kept[:, :, :3],
        speed=speed,
        steer_angle=kept[:, :, 3],
        s=kept[:, :, 4],
        progress=kept[:, :, 5].copy(),
        off=off,
        lap_time=lap_time,
        ends=race.floats.copy(),
        bumps=np.array(bumps).reshape(-1, 4),
    )
