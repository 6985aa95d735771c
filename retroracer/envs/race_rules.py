"""The rules of a race: its page, penalties, who is out, and the finishing order.

``Stewards`` watch any ``physics.Race`` of cars in company, however it is stepped: the environments
and the game share them. They change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from retroracer.config import Range
from retroracer.envs.task import EVALUATION_STALL, stalled_rows
from retroracer.physics import state
from retroracer.physics.company import AT_FAULT, CONTACTS
from retroracer.physics.race import Race
from retroracer.track.geometry import Array

RACING, FINISHED, OUT = "racing", "finished", "did not finish"

CHEQUERED, YELLOW, BLUE, NONE = "chequered", "yellow", "blue", ""
"""The flags: they warn drivers and change nothing."""

YELLOW_WITHIN = 150.0
"""A car that hardly moves so far ahead is told of by a yellow flag [m]."""

SLOW = 10.0
"""Such a car is slower than this [m/s]."""

CALM = 6.0
"""No yellow flag so long after the start: everybody is slow [s]."""

BLUE_WITHIN = 30.0
"""A car a lap ahead so close behind is told of by a blue flag [m]."""


@dataclass(frozen=True)
class RacePage:
    """What a race's page asks for.

    Attributes:
        laps: to the finish.
        start: "standing" (from the grid) or "rolling" (the same places, at speed).
        rolling_speed: of a rolling start [m/s].
        contact_seconds: penalty for each contact at fault [s].
        track_limit_seconds: penalty for each excursion beyond track limits [s] after the warnings.
        warnings: excursions that are free.
        out_after: seconds without a break beyond track limits after which a car is out; 0 = never.
        time: seconds after which the race is over for everybody.
    """

    laps: Annotated[int, Range(1, 1000)] = 3
    start: str = "standing"
    rolling_speed: Annotated[float, Range(1.0, 60.0)] = 20.0
    contact_seconds: Annotated[float, Range(0.0, 60.0)] = 0.0
    track_limit_seconds: Annotated[float, Range(0.0, 60.0)] = 0.0
    warnings: Annotated[int, Range(0, 1000)] = 3
    out_after: Annotated[float, Range(0.0, 600.0)] = 10.0
    time: Annotated[float, Range(1.0, 86400.0)] = 1800.0

    def __post_init__(self) -> None:
        if self.start not in ("standing", "rolling"):
            raise ValueError(f"start must be 'standing' or 'rolling', not {self.start!r}")


class Stewards:
    """Referees of one race: a range of rows that race each other.

    Args:
        race: the cars.
        page: the rules.
        begin: first row.
        end: row after the last.
        names: of the drivers, in the order of the rows.

    Attributes:
        finish: (K,) race time at which each finished [s], nan before.
        out: (K,) True for a car that is out.
        faults: (K,) contacts at fault.
        excursions: (K,) times beyond track limits.
        best: (K,) best lap [s], nan before there is one.
    """

    def __init__(
        self, race: Race, page: RacePage, begin: int, end: int, names: list[str] | None = None
    ) -> None:
        if race.company is None:
            raise ValueError("stewards watch cars in company: Race(..., company=...)")
        self.race, self.page, self.rows = race, page, slice(begin, end)
        n = end - begin
        self.names = names or [f"car_{k}" for k in range(n)]
        self.finish = np.full(n, np.nan)
        self.out = np.zeros(n, np.bool_)
        self.faults = np.zeros(n, np.int64)
        self.contacts = np.zeros(n, np.int64)
        self.excursions = np.zeros(n, np.int64)
        self.best = np.full(n, np.nan)
        self.distance = np.zeros(n)
        self._off = np.zeros(n, np.bool_)
        self._marks = np.zeros((n, 2))
        self._laps = np.zeros(n, np.int64)
        self.watch()

    @property
    def racing(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """(K,) cars still in the race."""
        return np.asarray(np.isnan(self.finish) & ~self.out)

    @property
    def over(self) -> bool:
        """Whether no car is racing any more."""
        return not self.racing.any()

    def watch(self) -> None:
        """Look at the cars after each advance; the finish is told to the microsecond even so."""
        race, rows = self.race, self.rows
        floats, ints = race.floats[rows], race.ints[rows]
        assert race.company is not None
        marks = race.company.marks[rows]
        racing = self.racing
        laps = ints[:, state.LAP]
        raced = self._raced()
        self.distance[racing] = raced[racing]
        self.faults[racing] = marks[racing, AT_FAULT]
        self.contacts[racing] = marks[racing, CONTACTS]
        off = np.asarray(floats[:, state.OFF_FOR] > 0.0)
        self.excursions += racing & off & ~self._off
        self._off = off
        new = racing & (laps > self._laps)
        self._laps = laps.copy()
        self.best[new] = np.fmin(self.best[new], floats[new, state.LAST_LAP])
        stalled = stalled_rows(floats, self._marks, EVALUATION_STALL)
        done = racing & (laps >= self.page.laps)
        self.finish[done] = floats[done, state.LAP_START]
        lost = stalled | (floats[:, state.TIME] > self.page.time - 1e-6)
        if self.page.out_after > 0.0:
            lost |= floats[:, state.OFF_FOR] > self.page.out_after
        self.out |= racing & ~done & lost

    def _raced(self) -> Array:
        """(K,) how far each car is beyond the line it first starts at, laps included [m]."""
        floats, laps = self.race.floats[self.rows], self.race.ints[self.rows, state.LAP]
        length = self.race.length()[self.rows]
        raced: Array = (laps + 1) * length - (
            floats[:, state.LAP_FINISH] - floats[:, state.PROGRESS]
        )
        return raced

    def retire(self, row: int) -> None:
        """Take a car out of the race."""
        k = row - (self.rows.start or 0)
        self.out[k] = bool(np.isnan(self.finish[k]))

    def flag(self, row: int, time: float | None = None) -> str:
        """The flag a driver is shown: "chequered", "yellow" (before "blue"), "blue" or "".

        Yellow: a car that hardly moves is on the road ahead. Blue: a car that is a lap ahead comes
        up from behind.

        Args:
            row: the driver's.
            time: since the start [s]; None = the car's own clock.
        """
        k = row - (self.rows.start or 0)
        if not np.isnan(self.finish[k]):
            return CHEQUERED
        if self.out[k]:
            return NONE
        race, rows = self.race, self.rows
        assert race.company is not None
        length = float(race.length()[row])
        station, raced = race.s[rows], self._raced()
        ahead: Array = station - station[k]
        ahead = ahead - length * np.floor(ahead / length + 0.5)
        others = race.company.solid[rows].copy()
        others[k] = False
        slow = (race.speed[rows] < SLOW) & (ahead > 0.0) & (ahead < YELLOW_WITHIN)
        now = float(race.time[row]) if time is None else time
        if now > CALM and (others & slow).any():
            return YELLOW
        laps = raced - raced[k] > 0.5 * length
        near = (ahead < 0.0) & (ahead > -BLUE_WITHIN)
        return BLUE if (others & laps & near).any() else NONE

    def penalties(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """(K,) seconds that are added to each car's time."""
        page = self.page
        charged = np.maximum(self.excursions - page.warnings, 0)
        return np.asarray(
            page.contact_seconds * self.faults + page.track_limit_seconds * charged, float
        )

    def order(self) -> list[int]:
        """The classification, winner first, as places in the group of rows.

        By time with penalties among those who finished, then by distance among those who race,
        then by distance among those who are out; ties by place on the grid.
        """
        total = self.finish + self.penalties()

        def rank(k: int) -> tuple[int, float, int]:
            if not np.isnan(total[k]):
                return 0, float(total[k]), k
            return (2 if self.out[k] else 1), -float(self.distance[k]), k

        return sorted(range(len(self.finish)), key=rank)

    def results(self) -> list[dict[str, Any]]:
        """The classification as plain data, winner first.

        Keys: place, driver, status, laps, distance_m, time_s (None unless finished), penalties
        (reason, count, seconds), total_s, best_lap_s, contacts, contacts_at_fault, off_track.
        """
        penalties, page = self.penalties(), self.page
        out = []
        for place, k in enumerate(self.order(), start=1):
            finished = not np.isnan(self.finish[k])
            charged = max(int(self.excursions[k]) - page.warnings, 0)
            reasons = [
                ("contact", int(self.faults[k]), page.contact_seconds),
                ("track limits", charged, page.track_limit_seconds),
            ]
            out.append(
                {
                    "place": place,
                    "driver": self.names[k],
                    "flag": self.flag(k + (self.rows.start or 0)),
                    "status": FINISHED if finished else (OUT if self.out[k] else RACING),
                    "laps": int(self._laps[k]),
                    "distance_m": float(self.distance[k]),
                    "time_s": float(self.finish[k]) if finished else None,
                    "penalties": [
                        {"reason": why, "count": count, "seconds": count * each}
                        for why, count, each in reasons
                        if count and each
                    ],
                    "total_s": float(self.finish[k] + penalties[k]) if finished else None,
                    "best_lap_s": None if np.isnan(self.best[k]) else float(self.best[k]),
                    "contacts": int(self.contacts[k]),
                    "contacts_at_fault": int(self.faults[k]),
                    "off_track": int(self.excursions[k]),
                }
            )
        return out
