"""Your earlier laps in a race: remembered, compared with, drawn as ghosts beside you.

Owns what a race takes from the records and gives to them. Ghosts are laps driven again from
their inputs; one that comes to another time than it once did is refused.
"""

from __future__ import annotations

from retroracer.errors import UserError
from retroracer.game.race.garage import Setup
from retroracer.game.race.session import LapDone, Session
from retroracer.game.race.timing import LapCurve
from retroracer.game.replay.ghost_file import GhostFile
from retroracer.game.replay.records import IN_COMPANY, RACE, Records, kind_of
from retroracer.game.replay.tape import AGREES, Tape, Trajectory, along_lap, drive_again
from retroracer.game.replay.tape_checks import TapeError
from retroracer.laptime.limit import car_digest
from retroracer.physics.race import PHYSICS_DT
from retroracer.render.cars import CarView
from retroracer.render.text import lap_text

MOST = 3
"""Ghosts that race along."""

OPACITY = 0.42


def curve_of_tape(tape: Tape, trajectory: Trajectory, length: float) -> LapCurve:
    """A taped lap as time against distance."""
    into, time, rising = along_lap(tape, trajectory, length)
    keep = rising & (into > 0.0) & (into < length)
    return LapCurve(
        [0.0, *into[keep].tolist(), length], [0.0, *time[keep].tolist(), tape.lap_time],
        tape.lap_time,
    )  # fmt: skip


class Ghosts:
    """What is known of your laps in a race.

    Args:
        records: the player's.
        session: the race; read only.
        setup: the race.

    Attributes:
        best: your best lap so far, None before there is one.
        refused: why an earlier lap of yours does not race along, or "".
    """

    def __init__(self, records: Records, session: Session, setup: Setup) -> None:
        self._records, self._session, self._setup = records, session, setup
        self._ghosts: list[tuple[Tape, Trajectory]] = []
        self._known: dict[str, tuple[int, float] | None] = {}
        self.best: LapCurve | None = None
        self.refused = ""
        car = setup.cars[0]
        self._kind = kind_of(setup.track, car, setup.assists.named())
        if not setup.human:
            return
        best = records.best(self._kind)
        if best is None:
            old = [p for p in records.laps(setup.track) if p.driver == "you" and p.valid]
            if old and old[0].stale:
                self.refused = f"your {lap_text(old[0].time)} does not race along: {old[0].stale}"
            return
        try:
            tape = records.tape(best[0])
            if tape is not None and not self.take(tape.only()):
                self.refused = "your best lap is not the same any more: it is not raced against"
        except TapeError as error:
            self.refused = f"your best lap does not race along: {error}"

    def take(self, tape: Tape) -> bool:
        """Race against a lap from now on; False if it does not come to its time any more.

        Raises:
            TapeError: if it was not driven on this track.
        """
        track = self._setup.track
        if tape.solid:
            return False
        tape = tape.only()
        trajectory = drive_again(tape, track)
        if not abs(trajectory.lap_time - tape.lap_time) < AGREES:
            return False
        self._ghosts = [(tape, trajectory), *self._ghosts][:MOST]
        curve = curve_of_tape(tape, trajectory, track.length)
        if self.best is None or curve.lap_time < self.best.lap_time:
            self.best = curve
        return True

    def join(self, ghost: GhostFile) -> str:
        """Race against somebody's lap from now on.

        Returns:
            Whose it is, in words.

        Raises:
            UserError: saying what does not fit: track, car or physics.
        """
        if self._session.control is not None:
            raise UserError(
                "a ghost is raced in a time trial: --ghosts, or GHOSTS at the menu's MODE"
            )
        car = self._setup.cars[0]
        ghost.demand_fits(self._setup.track)
        ghost.demand_car(car_digest(car), car.title)
        try:
            raced = self.take(ghost.tape)
        except TapeError as error:
            raise UserError(f"this ghost cannot be driven again: {error}") from None
        if not raced:
            raise UserError("this ghost's lap takes another time here: it is not raced against")
        told = f"{ghost.driver}, {lap_text(ghost.tape.lap_time)}, {ghost.assists}"
        return f"a ghost races along: {told}"

    def remember(self, done: LapDone, line_shown: bool) -> None:
        """Write a finished lap down.

        A lap in another's wake, or with a contact, is marked and of a kind of its own: it is
        compared with no lap of a time trial. Of two people nobody knows which is the player.
        """
        setup, session = self._setup, self._session
        if session.roles[done.row] == "human" and session.human > 1:
            return
        driver = "you" if session.roles[done.row] == "human" else session.policies[
            done.row - session.human
        ].name  # fmt: skip
        assists = setup.assists.named() if driver == "you" else "no assists"
        if driver == "you" and line_shown and not setup.assists.line:
            assists = "line" if assists == "no assists" else f"{assists} + line"
        if done.company:
            assists = f"{assists}{IN_COMPANY}"
        car = session.cars[done.row]
        kind = kind_of(setup.track, car, assists, driver)
        if driver != "you":
            known = self._known.setdefault(driver, self._records.best(kind))
            slower = known is not None and known[1] - done.time < AGREES
            if done.company or not done.valid or slower:
                return  # agents are deterministic: one lap is enough
            self._known[driver] = (0, done.time)
        tape = done.tape if done.row == 0 else None
        if tape is not None and not done.company:
            tape = tape.only()
        self._records.add(
            kind, setup.track.name, car.title, done.time, done.valid, done.sectors, tape
        )

    def remember_race(self) -> None:
        """Write the race down that you have just finished, with all cars of it."""
        setup, session = self._setup, self._session
        tape, control = session.race_tape, session.control
        if tape is None or control is None or session.human != 1:
            return
        car, laps = setup.cars[0], f"{setup.laps} lap{'s' * (setup.laps != 1)}"
        kind = kind_of(setup.track, car, f"{RACE}, {laps}, {session.race.n} cars")
        clean = control.penalty(0) == 0.0
        self._records.add(kind, setup.track.name, car.title, tape.lap_time, clean, (), tape)

    def views(self) -> list[CarView]:
        """The ghosts where they were at this time into the lap; none among solid cars."""
        session = self._session
        if session.control is not None:
            return []
        now = float(session.race.lap_time[0])
        first = int(session.race.lap[0]) == 0
        out = []
        for tape, trajectory in self._ghosts:
            if first and not tape.standing:
                continue  # a flying lap cannot race against a standing start
            tick = (now - tape.begun()) / PHYSICS_DT
            if not 0.0 <= tick < len(trajectory.speed) - 1:
                continue
            i, pose = trajectory.between(tick)
            out.append(
                CarView.of(
                    tape.cars[0],
                    pose[0],
                    float(trajectory.steer_angle[i, 0]),
                    float(trajectory.s[i, 0]),
                    "ghost",
                    OPACITY,
                )
            )
        return out
