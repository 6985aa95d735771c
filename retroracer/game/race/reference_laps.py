"""The laps that a race is compared with while it is driven: the limit, the author's, your best.

Owns finding the first two beside the game, and the live differences. Your earlier best comes
from the records (``ghosts``).
"""

from __future__ import annotations

from retroracer.game.race.author import AuthorFinder
from retroracer.game.race.coach import Target, curve_of_limit, next_target
from retroracer.game.race.garage import Setup
from retroracer.game.race.limit_line import LimitFinder
from retroracer.game.race.session import LapDone, Session
from retroracer.game.race.timing import LapCurve
from retroracer.game.replay.records import Records
from retroracer.laptime.limit import Limit, known_time

Delta = tuple[str, float | None]
"""A name and how far behind it a car is [s] (negative = ahead), None while unknown."""


class ReferenceLaps:
    """What laps are compared with.

    Args:
        setup: the race.
        session: read only.
        records: the player's.
        best: your best lap so far, None before there is one.
        find: False looks into cache and records only, and starts no process.

    Attributes:
        best: your best lap, of this race or an earlier one.
        best_sectors: sector times [s] of your best lap of this race.
    """

    def __init__(
        self, setup: Setup, session: Session, records: Records, best: LapCurve | None, find: bool
    ) -> None:
        self._session = session
        self._limit = LimitFinder(setup.track, setup.cars[0], solve=find)
        self._author = AuthorFinder(
            records, setup.track, setup.cars[0], drive=bool(setup.human) and find
        )
        self._limit_curve: LapCurve | None = None
        self._limit_time = known_time(setup.track, setup.cars[0])
        self.best = best
        self.best_sectors: list[float] | None = None

    def close(self) -> None:
        """Stop what runs beside the race."""
        self._limit.close()
        self._author.close()

    def limit(self) -> Limit | None:
        """The limit, None while it is being solved; cheap enough for every frame."""
        limit = self._limit.get()
        if limit is not None and self._limit_curve is None:
            self._limit_curve = curve_of_limit(limit)
            self._author.send()  # one after the other: there may be two processors only
        return limit

    def limit_time(self) -> float | None:
        """The limit's lap time [s]: of shipped tracks and cars there before its line is."""
        limit = self.limit()
        return self._limit_time or (limit.lap_time if limit is not None else None)

    def target(self, mine: LapCurve | None, theirs: LapCurve | None, name: str) -> Target | None:
        """Where your lap could win the most time: against a faster rival's, else the limit."""
        if mine is None:
            return None
        track = self._session.track
        if theirs is not None and theirs.lap_time < mine.lap_time:
            return next_target(track, mine, theirs, name)
        limit = self._limit_curve
        return None if limit is None else next_target(track, mine, limit, "the limit")

    def author(self) -> float | None:
        """The author's time [s], None while there is none."""
        return self._author.get()

    def take(self, done: LapDone) -> None:
        """Take in a lap just finished."""
        session = self._session
        if session.roles[done.row] == "agent" and done.valid and not done.company:
            policy = session.policies[done.row - session.human]
            if session.cars[done.row] == session.cars[0]:
                self._author.note(policy.name, done.time)
        counts = done.row == 0 and done.valid and not done.company
        if counts and (self.best is None or done.time < self.best.lap_time):
            self.best = done.curve
            self.best_sectors = list(done.sectors)

    def deltas(self, row: int) -> list[Delta]:
        """Live differences of a car: to the first agent still racing, the best and the limit."""
        session = self._session
        agents = [
            i
            for i in range(session.race.n)
            if session.roles[i] == "agent" and i != row and not session.is_out(i)
        ]
        found: list[Delta] = []
        if agents:
            found.append((session.names[agents[0]].upper(), session.gap(row, agents[0])))
        mine = self.best if row == 0 and session.human else session.curves[row]
        if mine is not None:
            found.append(("BEST", session.delta(row, mine)))
        if self._limit_curve is not None:
            found.append(("LIMIT", session.delta(row, self._limit_curve)))
        return found
