"""Laps that are remembered: times, sectors and inputs, in a SQLite file of the player's folder.

Owns what may be compared with what (laps of the same track, by digest, car, physics and
assists) and what is asked of them. The game's thread never waits for another program: while the
file is locked, what was read before and the laps not written yet answer. Writing is
``lap_keeper``'s, the file itself ``records_file``'s.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retroracer.game.home import data_dir
from retroracer.game.replay import records_file
from retroracer.game.replay.lap_keeper import LOCKED, LapKeeper
from retroracer.game.replay.physics_fingerprint import physics_print
from retroracer.game.replay.records_file import DamagedError, LockedError, UnusableError
from retroracer.game.replay.records_row import Kind, Row
from retroracer.game.replay.tape import AGREES, Tape
from retroracer.game.replay.tape_checks import TapeError
from retroracer.laptime.limit import car_digest
from retroracer.physics.car import Car
from retroracer.track.track import Track

FILE = "records.sqlite"

IN_COMPANY = " + race"
"""Added to the help of laps that were driven in another's wake, or with a contact."""

RACE = "race"
"""Instead of the help: a whole race."""

GLANCE = 0.1
"""Seconds the game's thread waits for a lock: for another game, which holds it for hundredths."""


@dataclass(frozen=True)
class Lap(Row):
    """A remembered lap.

    Attributes:
        stale: why it cannot be raced any more, or "".
    """

    stale: str = ""

    @property
    def raced(self) -> bool:
        """True for a race, and for a lap of one in another's wake or with a contact."""
        return self.assists.endswith(IN_COMPANY) or self.assists.startswith(f"{RACE}, ")


def kind_of(track: Track, car: Car, assists: str, driver: str = "you") -> Kind:
    """What a lap now would have to be compared with."""
    return Kind(track.digest, car_digest(car), physics_print(), assists, _plain(driver))


def _plain(name: str) -> str:
    """A name as a database can hold it: file names need not be valid UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()[:1000]


class Records(LapKeeper):
    """The player's laps.

    Args:
        folder: of the file; default the player's.
    """

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__((folder or data_dir()) / FILE)
        self._known: dict[tuple[Any, ...], list[Row]] = {}

    def add(
        self,
        kind: Kind,
        track_name: str,
        car_name: str,
        lap_time: float,
        valid: bool,
        sectors: tuple[float, ...],
        tape: Tape | None,
    ) -> None:
        """Remember a lap; returns at once."""
        if not self.kept:
            return
        row = Row(
            0, time.time(), kind.track, _plain(track_name), kind.car, _plain(car_name),
            kind.physics, kind.assists, kind.driver, float(lap_time), bool(valid),
            tuple(map(float, sectors)), False,
        )  # fmt: skip
        self.keep(row, tape)

    def _rows(
        self,
        matches: Callable[[Row], bool],
        where: str,
        values: tuple[object, ...],
        most: int = 1,
    ) -> list[Row]:
        """Good rows of the file and, after them, those not written yet that match."""
        if not self.kept:
            return []
        waiting = self.waiting(matches)  # first: those written meanwhile are in the file
        key = (where, values, most)
        if self.readable:
            try:
                rows, bad = records_file.read(self.path, where, values, most, GLANCE)
                if len(self._known) > 256:
                    self._known.clear()
                self._known[key] = rows
                if bad:
                    self._say(f"damaged rows in {self.path.name} were passed over")
            except (LockedError, DamagedError, UnusableError) as error:
                self.cannot_read(error)
        known = self._known.get(key, [])
        there = {_same(row) for row in known}
        return known + [row for row in waiting if _same(row) not in there]

    def _of(self, kind: Kind, where: str, valid: bool) -> list[Row]:
        return self._rows(
            lambda row: (row.valid or not valid) and row.kind == kind,
            f"WHERE {records_file.OF_KIND} {where}",
            kind,
        )

    def best(self, kind: Kind) -> tuple[int, float] | None:
        """Row and time [s] of the fastest valid lap of a kind."""
        rows = self._of(kind, "AND valid=1 ORDER BY time", True)
        best = min(rows, key=lambda row: row.time, default=None)
        return None if best is None else (best.id, best.time)

    def driven(self, kind: Kind) -> bool:
        """Whether there is a lap of this kind, valid or not."""
        return bool(self._of(kind, "", False))

    def author(self, kind: Kind, drivers: list[str]) -> float | None:
        """The fastest valid lap [s] any of these drivers has done on this track, in this car."""

        def matches(row: Row) -> bool:
            return row.kind[:3] == kind[:3] and row.valid and row.driver in drivers

        drivers = [_plain(name) for name in drivers]
        marks = ",".join("?" * len(drivers))
        rows = self._rows(
            matches,
            f"WHERE track=? AND car=? AND physics=? AND valid=1 AND driver IN ({marks})"
            " ORDER BY time",
            (*kind[:3], *drivers),
        )
        return min((row.time for row in rows), default=None)

    def laps(self, track: Track, most: int = 40) -> list[Lap]:
        """The fastest laps on a track of this name, those that count first; stale ones say why."""
        now, name = physics_print(), _plain(track.name)
        rows = self._rows(
            lambda row: row.track_name == name,
            "WHERE track_name=? ORDER BY track=? DESC, physics=? DESC, valid DESC, time",
            (name, track.digest, now),
            most,
        )
        rows.sort(key=lambda r: (r.track != track.digest, r.physics != now, not r.valid, r.time))
        return [_lap(row, track, now) for row in rows[:most]]

    def tape(self, row: int) -> Tape | None:
        """The inputs of a lap, None if they are not kept.

        Raises:
            TapeError: if they cannot be read, or are another lap's.
        """
        waiting = self.waiting(lambda r: r.id == row)
        try:
            if waiting:
                mine, raw = waiting[0], self.waiting_tape(waiting[0])
            elif not self.readable:
                raise TapeError(LOCKED)
            else:
                found, _ = records_file.read(self.path, "WHERE id=?", (row,), 1, GLANCE)
                if not found:
                    return None
                mine, raw = found[0], records_file.read_tape(self.path, row, GLANCE)
        except LockedError:
            raise TapeError(LOCKED) from None
        except (DamagedError, UnusableError) as error:
            raise TapeError(f"records cannot be read: {error}") from None
        if raw is None:
            return None
        tape = raw if isinstance(raw, Tape) else Tape.unpack(raw)
        if not abs(tape.lap_time - mine.time) < AGREES or car_digest(tape.cars[0]) != mine.car:
            raise TapeError("its tape is of another lap")
        return tape


def _same(row: Row) -> tuple[object, ...]:
    """What no two laps have in common."""
    return (row.made, row.track, row.driver, row.time, row.valid)


def _lap(row: Row, track: Track, physics: str) -> Lap:
    stale = ""
    if row.physics != physics:  # first: a change of what grass does changes the track's digest too
        stale = "the physics changed since"
    elif row.track != track.digest:
        stale = "the track was edited since"
    return Lap(**vars(row), stale=stale)
