"""Records that are damaged, locked, foreign or cannot be written: nothing is lost, all is told."""

import errno
import json
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from benchmarks.fuzzing import records as fuzz
from retroracer.game.replay import records_file, unsaved
from retroracer.game.replay.records import FILE, Records, kind_of
from retroracer.game.replay.records_file import UnusableError
from retroracer.game.screens.records import RecordsScreen
from retroracer.physics.car import load_car
from retroracer.track.files import load_track
from tests.game.races import frames, game

TRACK = load_track("copper_bowl")
KIND = kind_of(TRACK, load_car("gt"), "no assists")

HOLD = """
import sqlite3, sys
file = sqlite3.connect(sys.argv[1])
file.execute("begin exclusive")
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds an open write transaction, as a database browser does."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin is not None and other.stdout is not None
        other.stdout.readline()
        try:
            yield
        finally:
            other.stdin.close()
            other.wait()


def add(records: Records, lap: float, valid: bool = True) -> None:
    records.add(KIND, TRACK.name, "GT car", lap, valid, (lap / 2, lap / 2), None)


def kept(folder: Path, *laps: float) -> Path:
    records = Records(folder)
    for lap in laps:
        add(records, lap)
    assert records.flush()
    records.close()
    return folder / FILE


def times(path: Path) -> list[float]:
    with closing(sqlite3.connect(path)) as file:
        return [row[0] for row in file.execute("SELECT time FROM laps ORDER BY time")]


def change(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute(statement, values)
        file.commit()


@pytest.mark.parametrize("column", [c for c in fuzz.COLUMNS if c != "tape"])
@pytest.mark.parametrize("value", ["33,1;33,2", b"\xff", 9e999, -9e999, 2**62, "x" * 9000, "\xff"])
def test_a_bad_row_is_passed_over_and_told_once_and_the_others_hold(
    tmp_path: Path, column: str, value: object
) -> None:
    path = kept(tmp_path, 40.0, 39.0, 38.0)
    change(path, f"UPDATE laps SET {column}=? WHERE time=38.0", value)
    records = Records(tmp_path)
    best = records.best(KIND)
    listed = [lap.time for lap in records.laps(TRACK)]
    assert best is not None and {40.0, 39.0} <= set(listed)
    if column in ("time", "valid", "made", "sectors"):
        assert best[1] == 39.0 and listed == [39.0, 40.0]
        records.laps(TRACK)
        assert records.news() == ["damaged rows in records.sqlite were passed over"]
    records.close()
    assert len(times(path)) == 3  # what cannot be read is not thrown away


def test_a_bad_row_never_costs_the_tapes_of_good_ones(tmp_path: Path) -> None:
    path = kept(tmp_path, *(40.0 + k for k in range(5)))
    change(path, "UPDATE laps SET tape=x'00'")
    change(path, "INSERT INTO laps SELECT NULL, made, track, track_name, car, car_name, physics,"
           " assists, driver, 'fast', valid, sectors, tape FROM laps")  # fmt: skip
    kept(tmp_path, 60.0)
    with closing(sqlite3.connect(path)) as file:
        good = "SELECT count(*) FROM laps WHERE tape IS NOT NULL AND typeof(time)='real'"
        assert file.execute(good).fetchone() == (5,)


@pytest.mark.slow
def test_while_another_program_has_the_file_nothing_waits_and_the_lap_is_written_after(
    tmp_path: Path,
) -> None:
    path = kept(tmp_path, 40.0)
    records = Records(tmp_path)
    assert records.best(KIND) == (1, 40.0)
    with locked(path):
        begun = time.monotonic()
        add(records, 35.0)
        best = records.best(KIND)
        for _ in range(200):
            records.laps(TRACK)
        assert time.monotonic() - begun < 3.0  # for 201 looks; each once waited five seconds
        assert best is not None and best[1] == 35.0 and best[0] < 0
        assert [lap.time for lap in records.laps(TRACK)] == [35.0]  # all it can know
        assert not records.flush(2.5)
        told = records.news()
        assert told == [
            "records are locked by another program; your lap is kept and will be written"
        ]
        add(records, 34.0)
        assert records.news() == told  # for every lap of yours
    assert records.flush(5.0)
    assert any("free again" in line for line in records.news())
    assert times(path) == [34.0, 35.0, 40.0]
    assert records.best(KIND) == (3, 34.0)
    assert records.close() == "" and not list(tmp_path.glob("records.unsaved*"))


@pytest.mark.slow
def test_a_game_that_ends_while_the_file_is_locked_leaves_its_laps_for_the_next(
    tmp_path: Path,
) -> None:
    path = kept(tmp_path, 40.0)
    with locked(path):
        records = Records(tmp_path)
        assert records.trouble.startswith("records are locked by another program")
        add(records, 35.0)
        begun = time.monotonic()
        left = records.close()
        assert time.monotonic() - begun < 3.0
        (beside,) = tmp_path.glob("records.unsaved*")
        assert str(beside) in left and "1 lap left" in left
        again = Records(tmp_path)  # another start, still locked: known, and still beside
        best = again.best(KIND)
        assert best is not None and best[1] == 35.0
        again.close()
    records = Records(tmp_path)
    assert records.flush()
    assert times(path) == [35.0, 40.0] and not list(tmp_path.glob("records.unsaved*"))
    records.close()


GAME = """
import sys, time
from pathlib import Path
from retroracer.game.replay.records import Kind, Records
records = Records(Path(sys.argv[1]))
records.add(Kind("t", "c", "p", "a"), "t", "c", 99.0, True, (1.0,), None)
print("driven", flush=True)
time.sleep(60)
"""


@pytest.mark.slow
def test_a_game_killed_while_the_file_is_locked_loses_no_lap(tmp_path: Path) -> None:
    path = kept(tmp_path, 40.0)
    with locked(path), subprocess.Popen(
        [sys.executable, "-c", GAME, str(tmp_path)], stdout=subprocess.PIPE
    ) as driving:  # fmt: skip
        assert driving.stdout is not None
        driving.stdout.readline()
        until = time.monotonic() + 20.0
        while not list(tmp_path.glob("records.unsaved*.json")) and time.monotonic() < until:
            time.sleep(0.1)
        driving.kill()
    records = Records(tmp_path)
    assert records.flush()
    records.close()
    assert times(path) == [40.0, 99.0]


def test_laps_that_two_games_take_in_are_in_the_file_once(tmp_path: Path) -> None:
    path = kept(tmp_path, 40.0)
    row, _ = records_file.read(path, "WHERE id=1", (), 1, 1.0)
    unsaved.leave(tmp_path / "records.unsaved-1-a.json", [replace(row[0], time=33.0)] * 2)
    first, second = Records(tmp_path), Records(tmp_path)
    assert first.flush() and second.flush()
    first.close(), second.close()
    assert times(path) == [33.0, 40.0]


WRITER = """
import sys
from pathlib import Path
from retroracer.game.replay.records import Kind, Records
records = Records(Path(sys.argv[1]))
for n in range(150):
    lap = 100.0 + int(sys.argv[2]) + n / 1000
    records.add(Kind("t", "c", "p", "a"), "t", "c", lap, True, (1.0,), None)
    if n % 10 == 0:
        records.best(Kind("t", "c", "p", "a"))
assert records.flush(60.0), records.trouble
records.close()
"""


@pytest.mark.slow
def test_three_games_at_once_keep_all_their_laps(tmp_path: Path) -> None:
    games = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(k)]) for k in range(3)
    ]
    assert [game.wait(timeout=120) for game in games] == [0, 0, 0]
    assert len(set(times(tmp_path / FILE))) == 450
    assert not list(tmp_path.glob("*.aside")) and not list(tmp_path.glob("records.unsaved*"))


def test_of_a_damaged_file_the_laps_that_can_be_read_are_taken_over(tmp_path: Path) -> None:
    path = kept(tmp_path, *(40.0 + k for k in range(200)))
    whole = path.read_bytes()
    raw = bytearray(whole)
    raw[-4096:] = bytes(4096)  # the last page of laps
    path.write_bytes(raw)
    records = Records(tmp_path)
    assert "set aside as" in records.trouble and "could be taken over" in records.trouble
    (aside,) = tmp_path.glob("*.aside")
    assert aside.read_bytes() == bytes(raw)
    assert records.best(KIND) is not None
    records.close()
    assert 50 < len(times(path)) <= 200


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DROP TABLE laps", "has no table of laps"),
        ("ALTER TABLE laps DROP COLUMN sectors", "no such column"),
        ("PRAGMA user_version = 0", "is not as this game writes it"),
        ("CREATE TRIGGER t AFTER INSERT ON laps BEGIN DELETE FROM laps; END", "is not as"),
    ],
)
def test_a_file_with_another_schema_is_set_aside_in_words(
    tmp_path: Path, statement: str, told: str
) -> None:
    path = kept(tmp_path, 40.0)
    change(path, statement)
    records = Records(tmp_path)
    assert told in records.trouble and len(list(tmp_path.glob("*.aside"))) == 1
    add(records, 41.0)
    assert records.flush()
    records.close()
    assert 41.0 in times(path)


def test_a_folder_in_its_place_and_a_stale_journal_are_moved_aside(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    (tmp_path / FILE / "theirs").write_text("kept")
    (tmp_path / f"{FILE}-journal").write_bytes(b"of another file" * 50)
    records = Records(tmp_path)
    add(records, 40.0)
    assert records.flush() and "is no file: set aside" in records.trouble
    records.close()
    assert times(tmp_path / FILE) == [40.0]
    assert [p.read_text() for p in tmp_path.glob("*.aside/theirs")] == ["kept"]


@pytest.mark.slow
def test_a_file_lost_in_the_middle_of_a_game_is_made_anew(tmp_path: Path) -> None:
    path = kept(tmp_path / "home", 40.0)
    records = Records(path.parent)
    for p in path.parent.iterdir():
        p.unlink()
    path.parent.rmdir()
    add(records, 41.0)
    assert records.flush(10.0)
    assert times(path) == [41.0]
    path.write_bytes(b"overwritten by something else" * 300)
    add(records, 42.0)
    assert records.flush(10.0) and "set aside" in records.trouble
    records.close()
    assert times(path) == [42.0]


@pytest.mark.slow
def test_on_a_full_disk_laps_stay_and_are_told_as_lost_only_if_they_are(tmp_path: Path) -> None:
    path = kept(tmp_path, 40.0)
    records = Records(tmp_path)
    full = UnusableError("database or disk is full")
    none_left = OSError(errno.ENOSPC, "No space left on device")
    with (
        mock.patch("retroracer.game.replay.records_file.write", side_effect=full),
        mock.patch("retroracer.game.replay.unsaved.leave", side_effect=none_left),
    ):
        add(records, 35.0)
        assert not records.flush(1.0)
        best = records.best(KIND)
        assert best is not None and best[1] == 35.0 and records.readable
        assert records.news()[0] == (
            "records are not kept for now: database or disk is full;"
            " your lap is kept and will be written"
        )
    assert records.flush(10.0) and times(path) == [35.0, 40.0]
    with (
        mock.patch("retroracer.game.replay.records_file.write", side_effect=full),
        mock.patch("retroracer.game.replay.unsaved.leave", side_effect=none_left),
    ):
        add(records, 34.0)
        assert "1 lap lost" in records.close()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[" * 100_000, '{"version": 2, "laps": []}', '{"version": 1, "laps": [1, {}, null]}'],
)
def test_a_damaged_file_of_left_laps_is_set_aside_and_told(tmp_path: Path, text: str) -> None:
    path = kept(tmp_path, 40.0)
    (tmp_path / "records.unsaved-7-x.json").write_text(text)
    records = Records(tmp_path)
    assert "set aside as records.unsaved-7-x.json.aside" in records.trouble
    assert (tmp_path / "records.unsaved-7-x.json.aside").read_text() == text
    records.close()
    assert times(path) == [40.0]


def test_good_laps_beside_a_damaged_one_in_a_left_file_are_kept(tmp_path: Path) -> None:
    path = kept(tmp_path, 40.0)
    row, _ = records_file.read(path, "WHERE id=1", (), 1, 1.0)
    beside = tmp_path / "records.unsaved-7-x.json"
    unsaved.leave(beside, [replace(row[0], time=33.0)])
    page = json.loads(beside.read_text())
    page["laps"].append({"lap": ["nonsense"], "tape": None})
    beside.write_text(json.dumps(page))
    records = Records(tmp_path)
    assert records.flush() and "1 laps of" in records.trouble
    records.close()
    assert times(path) == [33.0, 40.0]


def test_a_clock_set_back_and_a_driver_with_an_odd_name_are_fine(tmp_path: Path) -> None:
    records = Records(tmp_path)
    kind = kind_of(TRACK, load_car("gt"), "no assists", "mod\udcffel")
    with mock.patch("time.time", return_value=-5.0):
        records.add(kind, TRACK.name, "GT car", 50.0, True, (float("nan"), 25.0), None)
    assert records.flush()
    assert records.laps(TRACK)[0].made == -5.0 and records.best(kind) == (1, 50.0)
    records.close()


@pytest.mark.slow
def test_the_game_tells_that_its_records_are_locked_and_lists_laps_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = kept(tmp_path, 40.0)
    change(path, "UPDATE laps SET made=1e10")
    monkeypatch.setenv("RETRORACER_HOME", str(tmp_path))
    with locked(path):
        app = game(menu=True)
        add(app.records, 35.0)
        begun = time.monotonic()
        app.show(RecordsScreen(app, TRACK))
        frames(app, 3)
        assert time.monotonic() - begun < 2.0
        assert isinstance(app.screen, RecordsScreen)
        assert [lap.time for lap in app.screen.laps] == [35.0]
        app.close()
    said = capsys.readouterr().out
    assert "locked by another program; your lap is kept and will be written" in said
    assert "left in" in said
    assert not [t for t in threading.enumerate() if not t.daemon and t.name.startswith("Lap")]


@pytest.mark.slow
def test_mutated_records_never_break_the_game_nor_lose_the_next_lap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = compile(fuzz.LOOK, "look", "exec")
    for name, command in fuzz.cases(5, 60, tmp_path):
        monkeypatch.setattr(sys, "argv", ["look", command[-1]])
        begun = time.monotonic()
        exec(look, {"__name__": name})
        assert time.monotonic() - begun < 5.0, name


def test_the_same_seed_gives_the_same_mutations(tmp_path: Path) -> None:
    path = fuzz.good(tmp_path / "a")
    raw = path.read_bytes()
    made = []
    for _ in range(2):
        path.write_bytes(raw)
        fuzz._page(random.Random(3), path)
        made.append(path.read_bytes())
    assert made[0] == made[1] != raw
