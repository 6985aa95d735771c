"""Race control: the rules of a race of solid cars as the game applies them, and what it tells.

Owns who has left the race, what is told of contacts and track limits, flags, and whether a lap was
driven alone. Penalties, places and results are the ``Stewards``': the same as in the environments.
Knows no window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retroracer.envs.race_rules import RacePage, Stewards
from retroracer.physics import state
from retroracer.physics.company import AT_FAULT, CONTACTS, LOSS, STEP_BUMP, STEP_CONTACT, TOW
from retroracer.physics.race import Race
from retroracer.track.geometry import Array

NO_END = 1000
"""Laps on the page of a race without end."""

SOFTEST = 0.2
"""Contacts softer than this are not felt [m/s]."""


def game_rules(laps: int) -> RacePage:
    """The page of a race in the game.

    Five seconds for a contact at fault; two for each time beyond track limits after the third.
    """
    return RacePage(
        laps=laps or NO_END, contact_seconds=5.0, track_limit_seconds=2.0, time=86_400.0
    )


@dataclass(frozen=True)
class Told:
    """A line of race control at a race time [s] for a row; ``bad`` if it costs something."""

    time: float
    row: int
    text: str
    bad: bool = False


@dataclass(frozen=True)
class Bump:
    """Two cars that touch at a race time [s], at (x, y) [m], and their closing speed [m/s]."""

    time: float
    rows: tuple[int, int]
    x: float
    y: float
    closing: float


class RaceControl:
    """Watches a race of solid cars.

    Args:
        race: the cars, in company.
        laps: of the race; 0 = without end.
        names: of the drivers.
        people: the first so many rows are driven by people, who are never out: they can put
            themselves back on the road.

    Attributes:
        stewards: they keep the account.
        lines: what was told, the newest last.
        bumps: contacts that can be felt, the newest last.
    """

    def __init__(self, race: Race, laps: int, names: Sequence[str], people: int) -> None:
        assert race.company is not None
        self.race, self.company = race, race.company
        self.names, self.people, self.laps = list(names), people, laps
        self.stewards = Stewards(race, game_rules(laps), 0, race.n, self.names)
        self.lines: deque[Told] = deque(maxlen=32)
        self.bumps: deque[Bump] = deque(maxlen=128)
        self._towed = np.zeros(race.n, np.bool_)
        self._touched = np.zeros(race.n, np.bool_)
        self._contacts = np.zeros(race.n, np.int64)
        self._faults = np.zeros(race.n, np.int64)
        self._excursions = np.zeros(race.n, np.int64)

    def watch(self, time: float) -> list[int]:
        """Look at the cars after a physics step.

        Returns:
            Rows that have left the race in it, home or out: nobody touches them any more.
        """
        company, stewards = self.company, self.stewards
        marks = company.marks
        self._towed |= (marks[:, TOW] > 0.0) | (marks[:, LOSS] > 0.0)
        touching = marks[:, STEP_CONTACT] > 0.0
        if touching.any():
            self._touched |= touching
            self.bumps.extend(bumps_of(self.race, time))
        stewards.watch()
        stewards.out[: self.people] = False
        if touching.any():
            self._tell_contacts(time)
        self._tell_limits(time)
        left = np.flatnonzero(company.solid & ~stewards.racing)
        company.solid[left] = False
        for row in left.tolist():
            if stewards.out[row]:
                self.lines.extend(
                    Told(time, k, f"{self.names[row].upper()} IS OUT") for k in range(self.people)
                )
        return [int(row) for row in left]

    def _tell_contacts(self, time: float) -> None:
        contacts = self.company.marks[:, CONTACTS].astype(np.int64)
        faults = self.company.marks[:, AT_FAULT].astype(np.int64)
        new, blamed = contacts > self._contacts, faults > self._faults
        cost = f"+{self.stewards.page.contact_seconds:.0f} s"
        for row in np.flatnonzero(new[: self.people]).tolist():
            touched = self.company.touched[row]
            # Of those that came into a new contact too, the one this car touched last.
            met = np.where(new, touched[: self.race.n], -np.inf)
            met[row] = -np.inf
            other = int(np.argmax(met))
            name = self.names[other].upper()
            if not self.stewards.racing[row]:
                continue
            if blamed[row] and blamed[other]:
                text = f"CONTACT WITH {name}: BOTH AT FAULT {cost}"
            elif blamed[row]:
                text = f"CONTACT WITH {name}: YOUR FAULT {cost}"
            else:
                text = f"CONTACT WITH {name}: THEIR FAULT, {cost} FOR THEM"
            self.lines.append(Told(time, row, text, bool(blamed[row])))
        self._contacts, self._faults = contacts, faults

    def _tell_limits(self, time: float) -> None:
        page, now = self.stewards.page, self.stewards.excursions
        for row in np.flatnonzero(now[: self.people] > self._excursions[: self.people]).tolist():
            if now[row] <= page.warnings:
                text = f"TRACK LIMITS: WARNING {now[row]} OF {page.warnings}"
            else:
                text = f"TRACK LIMITS: +{page.track_limit_seconds:.0f} s"
            self.lines.append(Told(time, row, text, bool(now[row] > page.warnings)))
        self._excursions = now.copy()

    def go_on(self, before: RaceControl) -> None:
        """Take over the account of a race whose track was changed under way."""
        for name in ("finish", "out", "faults", "contacts", "excursions"):
            getattr(self.stewards, name)[:] = getattr(before.stewards, name)
        self.company.marks[:] = before.company.marks
        self.company.solid[:] = before.company.solid
        self._contacts, self._faults = before._contacts.copy(), before._faults.copy()
        self._excursions = before._excursions.copy()
        self._towed[:], self._touched[:] = before._towed, before._touched

    def lapped(self, row: int, time: float) -> str:
        """A car crossed the line: what company its lap had, "" for none; a new lap begins."""
        told = self.company_of(row)
        self._towed[row] = self._touched[row] = False
        if row < self.people and self.laps > 1 and int(self.race.lap[row]) == self.laps - 1:
            self.lines.append(Told(time, row, "LAST LAP"))
        return told

    def company_of(self, row: int) -> str:
        """What company a car's present lap has had: "slipstream", "contact", both, or ""."""
        words = (("slipstream", self._towed[row]), ("contact", self._touched[row]))
        return " + ".join(word for word, true in words if true)

    def line_for(self, row: int, time: float, seconds: float) -> Told | None:
        """What was told a driver last, unless that is longer ago than some seconds."""
        for told in reversed(self.lines):
            if told.row == row:
                return told if time - told.time < seconds else None
        return None

    def penalty(self, row: int) -> float:
        """Seconds that are added to a driver's time."""
        return float(self.stewards.penalties()[row])

    def flag(self, row: int, time: float) -> str:
        """The flag a driver is shown: "chequered", "yellow", "blue" or ""."""
        return self.stewards.flag(row, time)


def beyond_line(race: Race) -> Array:
    """(N,) how far each car is beyond the line it first starts at, laps included [m]."""
    floats = race.floats
    left = floats[:, state.LAP_FINISH] - floats[:, state.PROGRESS]
    return np.asarray((race.lap + 1) * race.length() - left)


def bumps_of(race: Race, time: float) -> list[Bump]:
    """The contacts of cars in company in the last advance that can be felt."""
    assert race.company is not None
    bump, found = race.company.bump, []
    for i in np.flatnonzero(race.company.marks[:, STEP_BUMP] > SOFTEST).tolist():
        for j in np.flatnonzero(bump[i] > SOFTEST).tolist():
            if j > i:
                x, y = 0.5 * (race.x[i] + race.x[j]), 0.5 * (race.y[i] + race.y[j])
                found.append(Bump(time, (i, j), float(x), float(y), float(bump[i, j])))
    return found
