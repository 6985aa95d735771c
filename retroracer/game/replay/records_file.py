"""The file of laps on disk: ``records.sqlite``, its rows, and what to do when it is damaged.

Owns the schema and every statement. Each row read is checked, so that one bad row costs only
itself. A damaged or foreign file is moved aside, never deleted, and the laps that can still be
read in it are taken over. Does not wait: a file that is locked raises ``LockedError``.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from retroracer.game.replay.new_file import set_aside
from retroracer.game.replay.records_row import (
    COLUMNS,
    NUMBERS,
    SLOWEST,
    TEXT_MOST,
    Row,
    row_of,
    values_of,
)
from retroracer.game.replay.tape import MOST_PACKED
from retroracer.reading import shown

APPLICATION = 0x52455452  # "RETR"
VERSION = 1

TAPES_KEPT = 5
"""Laps of a kind whose inputs are kept: the fastest."""

_SCHEMA = f"""
CREATE TABLE laps (
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
CREATE INDEX by_kind ON laps (track, car, physics, assists, driver, valid, time);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""

_GOOD = (
    f"typeof(time) IN ('real', 'integer') AND time > 0 AND time <= {SLOWEST} AND valid IN (0, 1)"
)

OF_KIND = "track=? AND car=? AND physics=? AND assists=? AND driver=?"
"""The laps of a ``Kind``, whose values it takes."""

ERRORS = (sqlite3.Error, UnicodeError)
"""What the database raises."""


def _checked(column: str) -> str:
    """A column for SELECT: NULL where its type is wrong or a text is too long."""
    if column in NUMBERS:
        return f"CASE WHEN typeof({column}) IN ('real', 'integer') THEN {column} END"
    size = f"length(CAST({column} AS BLOB)) <= {TEXT_MOST}"
    return f"CASE WHEN typeof({column}) = 'text' AND {size} THEN {column} END"


_FIELDS = (
    f"id, {', '.join(map(_checked, COLUMNS))}, "
    f"typeof(tape) = 'blob' AND length(tape) <= {MOST_PACKED}"
)


class LockedError(Exception):
    """Another program has the file locked."""


class NewerError(Exception):
    """The file is of a newer game; it is left alone."""


class DamagedError(Exception):
    """The file's content is not what the game wrote; the reason in words."""


class UnusableError(Exception):
    """The file cannot be read or written now; the reason in words."""


def _text(raw: bytes) -> str | bytes:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw  # no text of ours: the row is refused


def _told(error: Exception) -> Exception:
    """What an error of the database means here."""
    if isinstance(error, UnicodeError):
        return DamagedError("is damaged")  # in a message about a damaged schema
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    text = shown(str(error), 120)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LockedError(text)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
        return DamagedError(f"has {text}" if "no such" in text else "is no database, or damaged")
    return UnusableError(text)


@contextmanager
def _opened(path: Path, wait: float) -> Iterator[sqlite3.Connection]:
    """A connection; what the database raises is told in the errors of this module."""
    try:
        with closing(sqlite3.connect(path, timeout=wait, isolation_level=None)) as connection:
            connection.text_factory = _text
            yield connection
    except ERRORS as error:
        raise _told(error) from None


def prepare(path: Path, wait: float) -> str:
    """See that the file is there and ours; what is in the way is moved aside.

    Returns:
        What was done to it, in words, or "".

    Raises:
        LockedError: if another program has it locked.
        NewerError: if it is of a newer game.
        UnusableError: if it cannot be read, made or moved aside.
    """
    told = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.stat().st_ino if path.exists() else None
        try:
            empty = _look_at(path, wait)
        except DamagedError as error:
            if before is None or not path.exists() or path.stat().st_ino != before:
                raise UnusableError("it was replaced just now") from None
            aside = _move_aside(path)
            told = f"{path.name} {error}: set aside as {aside.name}"
            empty = True
        if empty:
            with _opened(path, wait) as connection:
                _make(connection)
        if told:
            taken = _salvage(aside, path, wait)
            told += f"; {taken} of its laps could be taken over" if taken else ""
    except OSError as error:
        raise UnusableError(error.strerror or str(error)) from None
    return told


def _make(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        for statement in _SCHEMA.split(";"):  # executescript would commit between them
            connection.execute(statement)
    connection.execute("COMMIT")


def _look_at(path: Path, wait: float) -> bool:
    """True if the file is missing or empty.

    Raises:
        DamagedError: if its content is not what the game writes.
    """
    if not os.path.lexists(path):
        return True
    if path.exists() and not path.is_file():
        raise DamagedError("is no file")
    with _opened(path, wait) as connection:
        things = connection.execute("SELECT type, name FROM sqlite_master").fetchall()
        ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if ours and version > VERSION:
            raise NewerError
        if not things and not ours:
            return True
        if not ours:
            raise DamagedError("is another program's")
        if ("table", "laps") not in things:
            raise DamagedError("has no table of laps")
        if version != VERSION or any(kind in ("trigger", "view") for kind, _ in things):
            raise DamagedError("is not as this game writes it")
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise DamagedError("is damaged")
        connection.execute(f"SELECT {_FIELDS} FROM laps LIMIT 1").fetchall()
    return False


def _move_aside(path: Path) -> Path:
    """Give the file, and what SQLite keeps beside it, another name."""
    aside = set_aside(path, f".{time.strftime('%Y%m%d-%H%M%S')}.aside")
    for end in ("-journal", "-wal", "-shm"):  # a stale journal would be played into the new file
        with suppress(FileNotFoundError):
            path.with_name(path.name + end).rename(aside.with_name(aside.name + end))
    return aside


def _salvage(aside: Path, path: Path, wait: float) -> int:
    """Take over the laps that can be read in a file set aside; how many they were."""
    if not aside.is_file():
        return 0
    found: dict[int, Row] = {}
    for order in ("ASC", "DESC"):  # from both ends, up to where it breaks
        with (
            suppress(*ERRORS),
            closing(sqlite3.connect(f"{aside.as_uri()}?mode=ro", uri=True)) as connection,
        ):
            connection.text_factory = _text
            for values in connection.execute(
                f"SELECT {_FIELDS}, tape FROM laps ORDER BY id {order}"
            ):
                with suppress(ValueError):
                    tape = values[-1] if values[-2] == 1 else None
                    found[values[0]] = row_of(0, values[1:-2], tape, tape is not None)
    with suppress(LockedError, DamagedError, UnusableError):
        write(path, [found[k] for k in sorted(found)], wait)
        return len(found)
    return 0


def write(path: Path, rows: Sequence[Row], wait: float) -> None:
    """Add laps in one transaction; those that are in the file already are not added twice.

    Raises:
        LockedError, DamagedError, UnusableError: and the file is as it was.
    """
    same = "made=? AND track=? AND driver=? AND time=? AND valid=?"
    with _opened(path, wait) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for row in rows:
            connection.execute(
                f"INSERT INTO laps ({', '.join(COLUMNS)}, tape)"
                f" SELECT {', '.join('?' * (len(COLUMNS) + 1))}"
                f" WHERE NOT EXISTS (SELECT 1 FROM laps WHERE {same})",
                (*values_of(row), row.tape,
                 row.made, row.track, row.driver, row.time, int(row.valid)),
            )  # fmt: skip
        for which in {row.kind for row in rows}:
            connection.execute(
                f"UPDATE laps SET tape = NULL WHERE tape IS NOT NULL AND {OF_KIND} AND {_GOOD}"
                f" AND id NOT IN (SELECT id FROM laps WHERE {OF_KIND} AND {_GOOD}"
                " AND tape IS NOT NULL ORDER BY valid DESC, time LIMIT ?)",
                (*which, *which, TAPES_KEPT),
            )
        connection.execute("COMMIT")


def read(
    path: Path, where: str, values: Sequence[Any], most: int, wait: float
) -> tuple[list[Row], int]:
    """Up to ``most`` good rows, and how many bad ones were passed over.

    ``where`` is what follows ``FROM laps`` in SQL: which rows, and their order; ``values`` are for
    its question marks. Another program's short lock is waited for, for ``wait`` seconds.

    Raises:
        LockedError, DamagedError, UnusableError: if the file cannot be read.
    """
    good: list[Row] = []
    bad = 0
    with _opened(path, wait) as connection:
        rows = connection.execute(f"SELECT {_FIELDS} FROM laps {where}", values)
        while len(good) < most and (found := rows.fetchone()) is not None:
            try:
                good.append(row_of(int(found[0]), found[1:-1], None, found[-1] == 1))
            except (ValueError, TypeError):
                bad += 1
    return good, bad


def read_tape(path: Path, row: int, wait: float) -> bytes | None:
    """The packed inputs of a lap, None if they are not kept.

    Raises:
        LockedError, DamagedError, UnusableError: if the file cannot be read.
    """
    with _opened(path, wait) as connection:
        found = connection.execute(
            f"SELECT tape FROM laps WHERE id=? AND length(tape) <= {MOST_PACKED}", (row,)
        ).fetchone()
    return found[0] if found is not None and isinstance(found[0], bytes) else None
