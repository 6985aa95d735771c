"""What is remembered, and what is never written over."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from retroracer.game.race.session import LapDone, Session
from retroracer.game.race.timing import LapCurve
from retroracer.game.replay.ghosts import Ghosts
from retroracer.game.replay.physics_fingerprint import physics_print
from retroracer.game.replay.records import FILE, Records, kind_of
from retroracer.physics.car import load_car
from retroracer.track.files import load_track
from retroracer.track.surface import SURFACES
from tests.game.races import setup

TRACK = load_track("copper_bowl")
KIND = kind_of(TRACK, load_car("gt"), "no assists")


def add(records: Records, lap: float, valid: bool = True, kind=KIND) -> None:  # type: ignore[no-untyped-def]
    records.add(kind, TRACK.name, "GT car", lap, valid, (lap / 2, lap / 2), None)
    records.flush()


def test_the_best_is_the_fastest_valid_lap_of_the_same_kind(tmp_path: Path) -> None:
    records = Records(tmp_path)
    for lap, valid in ((40.0, True), (35.0, False), (38.5, True), (39.0, True)):
        add(records, lap, valid)
    add(records, 30.0, kind=KIND._replace(assists="ABS"))
    best = records.best(KIND)
    assert best is not None and best[1] == 38.5
    records.close()
    assert Records(tmp_path).best(KIND) == best


def test_a_lap_of_an_edited_track_is_listed_with_the_reason(tmp_path: Path) -> None:
    records = Records(tmp_path)
    add(records, 40.0)
    add(records, 20.0, kind=KIND._replace(track="another digest"))
    add(records, 21.0, kind=KIND._replace(physics="older"))
    add(records, 22.0, kind=KIND._replace(physics="older", track="its grass was another"))
    listed = records.laps(TRACK)
    assert [(x.time, x.stale) for x in listed] == [
        (40.0, ""), (21.0, "the physics changed since"), (20.0, "the track was edited since"),
        (22.0, "the physics changed since"),
    ]  # fmt: skip
    records.close()


@pytest.mark.parametrize("content", [b"this is no database at all" * 50, b"SQLite format 3\0oops"])
def test_a_corrupt_file_is_set_aside_and_told_never_overwritten(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / FILE).write_bytes(content)
    records = Records(tmp_path)
    assert "set aside" in records.trouble
    (aside,) = tmp_path.glob("*.aside")
    assert aside.read_bytes() == content
    add(records, 40.0)
    assert records.best(KIND) is not None
    records.close()


def test_another_programs_database_is_set_aside(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    records = Records(tmp_path)
    assert "another program's" in records.trouble
    (aside,) = tmp_path.glob("*.aside")
    with closing(sqlite3.connect(aside)) as theirs:
        assert theirs.execute("SELECT count(*) FROM theirs").fetchone() == (0,)


def test_a_newer_games_records_are_left_alone(tmp_path: Path) -> None:
    Records(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    records = Records(tmp_path)
    assert "newer" in records.trouble and not list(tmp_path.glob("*.aside"))
    add(records, 40.0)
    assert records.best(KIND) is None


WRITER = """
import sys
from pathlib import Path
from retroracer.game.replay.records import Kind, Records
records = Records(Path(sys.argv[1]))
k = 0
while True:
    k += 1
    records.add(Kind("t", "c", "p", "a"), "t", "c", 1000.0 - k, True, (1.0,) * 8, None)
    records.flush()
    print(k, flush=True)
"""


@pytest.mark.slow
def test_a_kill_in_the_middle_of_writing_loses_nothing_older(tmp_path: Path) -> None:
    for attempt in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            told = [int(writer.stdout.readline()) for _ in range(5 + attempt)]
            time.sleep(0.003 * attempt)
            os.kill(writer.pid, signal.SIGKILL)
            told += [int(line) for line in writer.stdout.read().split()]
        connection = sqlite3.connect(tmp_path / FILE)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        count = connection.execute("SELECT count(*) FROM laps").fetchone()[0]
        assert count >= told[-1]
        connection.execute("DELETE FROM laps")
        connection.commit()
        connection.close()


@pytest.mark.parametrize("which", range(len(SURFACES)), ids=[s.name for s in SURFACES])
def test_the_fingerprint_of_physics_is_another_when_a_surface_is(
    which: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = list(SURFACES)
    changed[which] = replace(SURFACES[which], ploughing=SURFACES[which].ploughing + 1e-4)
    monkeypatch.setattr("retroracer.track.track.SURFACES", tuple(changed))
    assert physics_print.__wrapped__() != physics_print()


def test_a_lap_driven_before_grass_cost_anything_says_so_and_does_not_race_along(
    tmp_path: Path,
) -> None:
    race = setup()
    session = Session(race.track, race.policies, race.cars)
    records = Records(tmp_path)
    before = KIND._replace(physics="a211dd839c99", track="of that time")
    add(records, 61.5, kind=before)
    ghosts = Ghosts(records, session, race)
    assert ghosts.best is None and not ghosts.views()
    assert ghosts.refused == "your 1:01.500 does not race along: the physics changed since"
    assert physics_print() != before.physics


@pytest.mark.slow
def test_the_fingerprint_of_physics_is_the_same_in_every_process() -> None:
    module = "retroracer.game.replay.physics_fingerprint"
    code = f"from {module} import physics_print; print(physics_print())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == physics_print()


def test_a_track_edited_since_refuses_your_ghost_and_says_why(tmp_path: Path) -> None:
    race = setup()
    session = Session(race.track, race.policies, race.cars)
    records = Records(tmp_path)
    add(records, 61.5, kind=KIND._replace(track="of the page as it was"))
    ghosts = Ghosts(records, session, race)
    assert ghosts.best is None and not ghosts.views()
    assert ghosts.refused == "your 1:01.500 does not race along: the track was edited since"
    add(records, 62.0)
    assert Ghosts(records, session, race).refused == ""
    records.close()


def test_an_agents_lap_is_kept_once_and_again_only_if_it_is_faster(tmp_path: Path) -> None:
    race = setup()
    session = Session(race.track, race.policies, race.cars)
    records = Records(tmp_path)
    ghosts = Ghosts(records, session, race)
    curve = LapCurve([0.0, race.track.length], [0.0, 30.0], 30.0)
    for lap, time_s in enumerate((30.0, 29.9999, 30.2, 29.9), start=1):
        ghosts.remember(LapDone(1, lap, time_s, True, (time_s,), curve, None), False)
    records.flush()
    assert [lap.time for lap in records.laps(race.track)] == [29.9, 30.0]
    records.close()
