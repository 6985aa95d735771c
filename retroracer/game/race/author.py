"""The author's lap: the fastest valid one of any shipped driver on this very track and car.

Owns having it driven, once, beside the game, and remembered. The laps are those of evaluation:
a standing start, two laps, the same inference; what counts is the records' business.
"""

from __future__ import annotations

from pathlib import Path

from retroracer.agents.model_file import car_of
from retroracer.agents.policy import Policy, load_policy
from retroracer.errors import UserError
from retroracer.game.race.background_process import BackgroundProcess
from retroracer.game.race.expected import author_time
from retroracer.game.race.garage import drivers
from retroracer.game.race.session import LapDone, Session
from retroracer.game.replay.records import Records, kind_of
from retroracer.laptime.limit import car_digest, known_time
from retroracer.physics.car import Car
from retroracer.physics.race import N_SUBSTEPS
from retroracer.track.track import Track

LAPS = 2
PATIENCE = 20.0
"""Seconds without progress after which an attempt is given up."""


def authors(car: Car) -> list[str]:
    """Names of shipped drivers that were trained with this car."""
    found = []
    for name, facts in drivers().items():
        try:
            theirs = car_of(facts, name) if facts.car else None
        except UserError:
            continue
        if theirs is not None and car_digest(theirs) == car_digest(car):
            found.append(name)
    return found


def author_lap(records: Records, names: list[str], track: Track, car: Car) -> float | None:
    """The fastest valid lap [s] of drivers of this car: in the records, or in their evaluations."""
    driven = records.author(kind_of(track, car, "no assists"), names)
    shipped = author_time(names, track, known_time(track, car))
    return min((t for t in (driven, shipped) if t is not None), default=None)


def laps_of(policy: Policy, track: Track, car: Car, patience: float = PATIENCE) -> list[LapDone]:
    """The laps of a driver alone, as in evaluation; fewer if it gets no further for some time."""
    session = Session(track, [policy], [car], human=False, laps=LAPS)
    got_to = since = 0.0
    while session.finish[0] is None and session.time - since < patience:
        for _ in range(20 * N_SUBSTEPS):
            session.tick()
        progress = float(session.race.progress[0])
        if progress > got_to + 50.0:
            got_to, since = progress, session.time
    return [d for d in session.take_done() if d.lap <= LAPS]


def drive_authors(names: list[str], track: Track, car: Car, folder: Path) -> None:
    """Have shipped drivers drive and write their best valid laps into the records of a folder.

    Of a driver without a valid one its last is written.
    """
    records = Records(folder)
    for name in names:
        try:
            policy = load_policy(name)
        except UserError:
            continue  # the others still drive
        laps = sorted(laps_of(policy, track, car), key=lambda d: (not d.valid, d.time))
        for best in laps[:1]:
            kind = kind_of(track, car_of(policy.facts, name), "no assists", name)
            records.add(kind, track.name, car.title, best.time, best.valid, best.sectors, None)
    records.close()


class AuthorFinder:
    """Finds the author's time: in the records, or by letting missing drivers drive once.

    Args:
        records: the player's.
        track: raced on.
        car: yours.
        drive: False only looks in the records.
    """

    def __init__(self, records: Records, track: Track, car: Car, drive: bool = True) -> None:
        self._records, self._track, self._car, self._drive = records, track, car, drive
        self._names = authors(car)
        self._kind = kind_of(track, car, "no assists")
        self._process: BackgroundProcess | None = None
        self._sent = False
        self._known = self._look()

    def get(self) -> float | None:
        """The time [s], None while there is none; cheap enough for every frame."""
        if self._process is not None and not self._process.running:
            self._process = None
            self._known = self._look()
        return self._known

    def _look(self) -> float | None:
        return author_lap(self._records, self._names, self._track, self._car)

    def note(self, name: str, lap_time: float) -> None:
        """Take in a driver's valid lap [s] in this car, just driven in the race."""
        if name in self._names:
            self._known = min(lap_time, self._known or lap_time)

    def send(self) -> None:
        """Let the drivers without a lap on this track drive one, in another process; once."""
        if self._sent or not self._drive or not self._records.kept or not self._records.readable:
            return
        self._sent = True
        missing = [
            n for n in self._names if not self._records.driven(self._kind._replace(driver=n))
        ]
        if missing:
            folder = self._records.path.parent
            self._process = BackgroundProcess(
                drive_authors, missing, self._track, self._car, folder
            )

    def close(self) -> None:
        """Stop them."""
        if self._process is not None:
            self._process.close()
            self._process = None
