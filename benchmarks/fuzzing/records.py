"""Mutations of ``records.sqlite``: damaged rows, damaged files, and what is not one at all.

``cases`` yields commands that open each; none may end in a traceback, hang or lose the file.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from retroracer.game.replay.records import FILE, Records, kind_of
from retroracer.physics.car import load_car
from retroracer.track.files import load_track

TRACK = "copper_bowl"

LOOK = """
import sys
from pathlib import Path
from retroracer.game.replay.records import Records, kind_of
from retroracer.game.replay.tape_checks import TapeError
from retroracer.physics.car import load_car
from retroracer.track.files import load_track

track = load_track("copper_bowl")
kind = kind_of(track, load_car("gt"), "no assists")
records = Records(Path(sys.argv[1]))
best = records.best(kind)
assert best is None or 0.0 < best[1] <= 1e5, best
records.driven(kind)
records.author(kind, ["you", "base"])
for lap in records.laps(track):
    assert 0.0 < lap.time <= 1e5 and isinstance(lap.driver, str), lap
    try:
        records.tape(lap.id)
    except TapeError as error:
        print(error)
records.add(kind, track.name, "GT car", 77.0, True, (38.0, 39.0), None)
left = records.close()
print(records.news(), left)
assert not records.kept or Records(Path(sys.argv[1])).best(kind) is not None, "the lap is lost"
"""
"""Everything the game asks of its records, and a lap that must be in them afterwards."""

COLUMNS = (
    "made", "track", "track_name", "car", "car_name", "physics", "assists", "driver", "time",
    "valid", "sectors", "tape",
)  # fmt: skip

VALUES: tuple[object, ...] = (
    "", "nonsense", "33,1;33,2", "[1", "[[]]", "[1e999]", '{"a": 1}', "NaN", "\x1b[31m", "x" * 9000,
    "9" * 400, b"", b"\xff\xfe", b"PK\x03\x04", 0, 1, -1, 2**62, -(2**62), 1e308, -1e308, 1e-320,
    float("inf"), float("-inf"), -5.0, "\udcff".encode("utf-8", "surrogateescape"),
)  # fmt: skip


def good(folder: Path, tape: bytes | None = None) -> Path:
    """A file of twelve laps; ``tape`` goes with each."""
    track = load_track(TRACK)
    kind = kind_of(track, load_car("gt"), "no assists")
    records = Records(folder)
    for n in range(12):
        records.add(kind, track.name, "GT car", 40.0 + n, n % 3 > 0, (20.0, 20.0 + n), None)
    records.flush()
    records.close()
    path = folder / FILE
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE laps SET tape=?", (tape,))
        file.commit()
    return path


def _rows(rng: random.Random, path: Path) -> str:
    with closing(sqlite3.connect(path)) as file:
        done = []
        for _ in range(rng.randint(1, 4)):
            column, value = rng.choice(COLUMNS), rng.choice(VALUES)
            which = rng.choice(("", " WHERE id=1", " WHERE id>4", " WHERE valid=1"))
            try:
                file.execute(f"UPDATE laps SET {column}=?{which}", (value,))
                done.append(column)
            except sqlite3.Error:
                continue
        file.commit()
    return "rows-" + "-".join(done)


def _bytes(rng: random.Random, path: Path) -> str:
    raw = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 3, 20, 200))):
        raw[rng.randrange(len(raw))] = rng.randrange(256)
    path.write_bytes(raw)
    return "bytes"


def _head(rng: random.Random, path: Path) -> str:
    raw = bytearray(path.read_bytes())
    raw[rng.randrange(100)] = rng.randrange(256)
    path.write_bytes(raw)
    return "head"


def _cut(rng: random.Random, path: Path) -> str:
    raw = path.read_bytes()
    path.write_bytes(raw[: rng.randrange(len(raw))])
    return "cut"


def _page(rng: random.Random, path: Path) -> str:
    raw = bytearray(path.read_bytes())
    at = rng.randrange(len(raw) // 4096) * 4096
    raw[at : at + 4096] = rng.choice((bytes(4096), rng.randbytes(4096), raw[:4096]))
    path.write_bytes(raw)
    return "page"


def _schema(rng: random.Random, path: Path) -> str:
    statement = rng.choice((
        "DROP TABLE laps", "ALTER TABLE laps DROP COLUMN tape", "ALTER TABLE laps DROP COLUMN made",
        "ALTER TABLE laps RENAME TO circuits", "ALTER TABLE laps RENAME COLUMN sectors TO splits",
        "DROP INDEX by_kind", "CREATE TABLE other (x)", "PRAGMA user_version = 0",
        "PRAGMA user_version = -7", "PRAGMA user_version = 99", "PRAGMA application_id = 1",
        "CREATE TRIGGER t AFTER INSERT ON laps BEGIN DELETE FROM laps; END",
        "CREATE VIEW v AS SELECT * FROM laps", "PRAGMA journal_mode = WAL", "DELETE FROM laps",
    ))  # fmt: skip
    with closing(sqlite3.connect(path)) as file:
        file.execute(statement)
        file.commit()
    return "schema"


def _other(rng: random.Random, path: Path) -> str:
    path.unlink()
    kind = rng.choice(("folder", "text", "empty", "link", "zip", "journal"))
    if kind == "folder":
        path.mkdir()
        (path / "theirs").write_text("kept")
    elif kind == "link":
        path.symlink_to(path.parent / "nowhere")
    else:
        path.write_bytes({"empty": b"", "zip": b"PK\x03\x04" * 99}.get(kind, b"no database\n" * 99))
        if kind == "journal":
            path.with_name(path.name + "-journal").write_bytes(rng.randbytes(2000))
    return kind


def _left(rng: random.Random, path: Path) -> str:
    """A damaged file of laps left behind by a game that could not write them."""
    text = rng.choice((
        "", "{", "[]", "null", '{"version": 1}', '{"version": 1, "laps": 3}',
        '{"version": 9, "laps": []}', '{"version": 1, "laps": [1, null, {}, {"lap": []}]}',
        '{"version": 1, "laps": [{"lap": "abcdefghijk", "tape": "????"}]}', "[" * 100000,
    ))  # fmt: skip
    path.with_name("records.unsaved-1-abc.json").write_text(text)
    return "left"


MUTATORS: tuple[Callable[[random.Random, Path], str], ...] = (
    _rows, _rows, _rows, _bytes, _head, _cut, _page, _schema, _other, _left,
)  # fmt: skip


def cases(seed: int, count: int, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Commands that use mutated records.

    Args:
        seed: the same seed gives the same mutations.
        count: how many.
        folder: to write them in; each case has a folder of its own there.

    Yields:
        A name, and a command that must end with 0 within seconds and without a traceback.
    """
    rng = random.Random(seed)
    start = folder / "good"
    original = good(start)
    for k in range(count):
        home = folder / f"records-{k}"
        home.mkdir(parents=True)
        path = Path(shutil.copy(original, home / FILE))
        name = rng.choice(MUTATORS)(rng, path)
        yield f"records-{k}-{name}", [sys.executable, "-c", LOOK, str(home)]
