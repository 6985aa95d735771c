"""Laps that are remembered: times, sectors, inputs, in a SQLite file of the player's folder.

Owns the file, its writing beside the frames, and what may be compared with what: laps of the
same track (by digest), car, physics and assists. A file that is damaged or not ours is set
aside and reported, never written over; without a file the game goes on and remembers nothing.
"""

from __future__ import annotations

import json
import queue
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from retroracer.game.home import data_dir
from retroracer.game.physics_print import physics_print
from retroracer.game.tape import Tape
from retroracer.laptime.limit import car_digest
from retroracer.physics.car import Car
from retroracer.track.track import Track

FILE = "records.sqlite"
APPLICATION = 0x52455452  # "RETR"
VERSION = 1

TAPES_KEPT = 5
"""Laps of a kind whose inputs are kept: the fastest."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS laps (
    id INTEGER PRIMARY KEY,
    made REAL NOT NULL,
    track TEXT NOT NULL,
    track_name TEXT NOT NULL,
    car TEXT NOT NULL,
    car_name TEXT NOT NULL,
    physics TEXT NOT NULL,
    assists TEXT NOT NULL,
    driver TEXT NOT NULL,
    time REAL NOT NULL,
    valid INTEGER NOT NULL,
    sectors TEXT NOT NULL,
    tape BLOB
);
CREATE INDEX IF NOT EXISTS by_kind ON laps (track, car, physics, assists, driver, valid, time);
"""


@dataclass(frozen=True)
class Kind:
    """What laps must share to be compared.

    Attributes:
        track: digest.
        car: digest.
        physics: fingerprint.
        assists: in words.
        driver: "you", or a model's name.
    """

    track: str
    car: str
    physics: str
    assists: str
    driver: str = "you"


@dataclass(frozen=True)
class Lap:
    """A remembered lap.

    Attributes:
        id: of its row.
        made: when [s since 1970].
        time: [s].
        valid: True if it never left the road.
        driver: "you", or a model's name.
        car_name: of the car.
        assists: in words.
        sectors: [s].
        stale: why it cannot be raced any more, or "".
        taped: True if its inputs are kept.
    """

    id: int
    made: float
    time: float
    valid: bool
    driver: str
    car_name: str
    assists: str
    sectors: tuple[float, ...]
    stale: str
    taped: bool


def kind_of(track: Track, car: Car, assists: str, driver: str = "you") -> Kind:
    """What a lap now would have to be compared with."""
    return Kind(track.digest, car_digest(car), physics_print(), assists, driver)


class Records:
    """The player's laps.

    Args:
        folder: of the file; default the player's.

    Attributes:
        trouble: what went wrong, in a line, or "".
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or data_dir()) / FILE
        self.trouble = ""
        self._queue: queue.Queue[tuple[str, tuple[object, ...]] | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._open = self._prepare()

    def _prepare(self) -> bool:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.trouble = f"records are not kept: {self.path.parent}: {error.strerror}"
            return False
        why = self._wrong_with_file()
        if why.startswith("newer"):
            self.trouble = f"records are not kept: {self.path.name} is of a {why}"
            return False
        if why:
            aside = self.path.with_name(f"{FILE}.{time.strftime('%Y%m%d-%H%M%S')}.aside")
            try:
                self.path.rename(aside)
            except OSError as error:
                self.trouble = f"records are not kept: {self.path.name} {why} ({error.strerror})"
                return False
            self.trouble = f"{self.path.name} {why}: set aside as {aside.name}"
        try:
            with self._connect() as connection:
                connection.executescript(_SCHEMA)
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.close()
        except sqlite3.Error as error:
            self.trouble = f"records are not kept: {self.path}: {error}"
            return False
        return True

    def _wrong_with_file(self) -> str:
        """Why an existing file is not ours to write, or ""."""
        if not self.path.exists() or self.path.stat().st_size == 0:
            return ""
        try:
            connection = self._connect()
            try:
                tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
                ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if tables and not ours:
                    return "is another program's"
                if ours and version > VERSION:
                    return "newer RetroRacer"
                if connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                    return "is damaged"
                if ours:
                    connection.execute("SELECT id, tape, sectors FROM laps LIMIT 1").fetchall()
            finally:
                connection.close()
        except sqlite3.OperationalError as error:
            return "" if "locked" in str(error) else f"cannot be read ({error})"
        except sqlite3.DatabaseError:
            return "is no database, or damaged"
        return ""

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=5.0)

    # Writing, beside the frames.
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
        if not self._open:
            return
        values = (
            time.time(), kind.track, track_name, kind.car, car_name, kind.physics, kind.assists,
            kind.driver, lap_time, int(valid), json.dumps(sectors), tape,
        )  # fmt: skip
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_all, daemon=True)
            self._thread.start()
        self._queue.put(("lap", values))

    def _write_all(self) -> None:
        while True:
            job = self._queue.get()
            try:
                if job is None:
                    return
                self._write(job[1])
            except (sqlite3.Error, OSError) as error:
                self.trouble = f"a lap was not kept: {error}"
            finally:
                self._queue.task_done()

    def _write(self, values: tuple[object, ...]) -> None:
        tape = values[-1]
        packed = tape.pack() if isinstance(tape, Tape) else None
        connection = self._connect()
        try:
            with connection:  # one transaction: a kill leaves all older laps as they were
                connection.execute(
                    "INSERT INTO laps (made, track, track_name, car, car_name, physics, assists,"
                    " driver, time, valid, sectors, tape) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                    (*values[:-1], packed),
                )
                kind = (values[1], values[3], values[5], values[6], values[7])
                connection.execute(
                    "UPDATE laps SET tape = NULL WHERE tape IS NOT NULL AND track=? AND car=? AND"
                    " physics=? AND assists=? AND driver=? AND id NOT IN (SELECT id FROM laps"
                    " WHERE track=? AND car=? AND physics=? AND assists=? AND driver=? AND"
                    " tape IS NOT NULL ORDER BY valid DESC, time LIMIT ?)",
                    (*kind, *kind, TAPES_KEPT),
                )
        finally:
            connection.close()

    def flush(self) -> None:
        """Wait until everything added is written."""
        if self._thread is not None:
            self._queue.join()

    def close(self) -> None:
        """Write what is left and stop."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout=10.0)
            self._thread = None

    # Reading.
    def _rows(self, query: str, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        if not self._open:
            return []
        try:
            connection = self._connect()
            try:
                return connection.execute(query, values).fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            self.trouble = f"records cannot be read: {error}"
            return []

    def best(self, kind: Kind) -> tuple[int, float] | None:
        """Row and time [s] of the fastest valid lap of a kind."""
        rows = self._rows(
            "SELECT id, time FROM laps WHERE track=? AND car=? AND physics=? AND assists=? AND"
            " driver=? AND valid=1 ORDER BY time LIMIT 1",
            (kind.track, kind.car, kind.physics, kind.assists, kind.driver),
        )
        return (int(str(rows[0][0])), float(str(rows[0][1]))) if rows else None

    @property
    def kept(self) -> bool:
        """True if laps can be remembered."""
        return self._open

    def driven(self, kind: Kind) -> bool:
        """Whether there is a lap of this kind, valid or not."""
        return bool(self._rows(
            "SELECT 1 FROM laps WHERE track=? AND car=? AND physics=? AND assists=? AND driver=?"
            " LIMIT 1",
            (kind.track, kind.car, kind.physics, kind.assists, kind.driver),
        ))  # fmt: skip

    def author(self, kind: Kind, drivers: list[str]) -> float | None:
        """The fastest valid lap [s] any of these drivers has done on this track, in this car."""
        marks = ",".join("?" * len(drivers))
        rows = self._rows(
            "SELECT min(time) FROM laps WHERE track=? AND car=? AND physics=? AND valid=1 AND"
            f" driver IN ({marks})",
            (kind.track, kind.car, kind.physics, *drivers),
        )
        return float(str(rows[0][0])) if rows and rows[0][0] is not None else None

    def laps(self, track: Track, most: int = 40) -> list[Lap]:
        """The fastest laps on a track of this name, those that count first; stale ones say why."""
        rows = self._rows(
            "SELECT id, made, time, valid, driver, car_name, assists, sectors, track, physics,"
            " tape IS NOT NULL FROM laps WHERE track_name=?"
            " ORDER BY track=? DESC, physics=? DESC, valid DESC, time LIMIT ?",
            (track.name, track.digest, physics_print(), most),
        )
        found = []
        for row in rows:
            stale = ""
            if row[8] != track.digest:
                stale = "the track was edited since"
            elif row[9] != physics_print():
                stale = "the physics changed since"
            found.append(
                Lap(
                    id=int(str(row[0])),
                    made=float(str(row[1])),
                    time=float(str(row[2])),
                    valid=bool(row[3]),
                    driver=str(row[4]),
                    car_name=str(row[5]),
                    assists=str(row[6]),
                    sectors=tuple(float(t) for t in json.loads(str(row[7]))),
                    stale=stale,
                    taped=bool(row[10]),
                )
            )
        return found

    def tape(self, row: int) -> Tape | None:
        """The inputs of a lap, None if they are not kept or cannot be read."""
        rows = self._rows("SELECT tape FROM laps WHERE id=?", (row,))
        if not rows or not isinstance(rows[0][0], bytes):
            return None
        try:
            return Tape.unpack(rows[0][0])
        except ValueError as error:
            self.trouble = str(error)
            return None
