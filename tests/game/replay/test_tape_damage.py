"""Damaged, foreign and hostile tapes are refused in one line before anything is driven."""

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.fuzzing import tapes as fuzz
from retroracer.errors import UserError
from retroracer.game.race.session import Session
from retroracer.game.replay.film import write_lap
from retroracer.game.replay.ghosts import Ghosts
from retroracer.game.replay.records import FILE, Records, kind_of
from retroracer.game.replay.tape import AGREES, LONGEST, Tape, drive_again
from retroracer.game.replay.tape_checks import TapeError
from retroracer.physics import state
from retroracer.physics.car import load_car
from retroracer.track.files import load_track
from tests.game.races import setup

ROOT = Path(__file__).parents[3]
TRACK = load_track(fuzz.TRACK)


@pytest.fixture(scope="module")
def tape() -> Tape:
    return fuzz.drive()


@pytest.mark.slow
def test_mutated_tapes_are_refused_in_a_line_or_come_to_their_time(tape: Tape) -> None:
    for name, raw in fuzz.mutations(11, 150, tape.pack()):
        begun = time.monotonic()
        try:
            found = Tape.unpack(raw)
            again = drive_again(found, TRACK)
        except TapeError as error:
            assert len(str(error)) < 200 and str(error).isprintable(), name
        else:
            assert np.isfinite(again.pose).all(), name
        assert time.monotonic() - begun < 5.0, name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "value"),
    [
        (state.X, np.nan), (state.X, 1e8), (state.VX, np.inf), (state.VX, 2000.0),
        (state.NEXT_LINE, -1e9), (state.LAP_FINISH, -1e9), (state.LAP_FINISH, 1e300),
        (state.PROGRESS, 1e9), (state.S, -1.0), (state.S, 1e6), (state.TIME, -1.0),
        (state.YAW_RATE, 1e6), (state.OFFSET, 50.0), (state.LAP_START, np.nan),
    ],
)  # fmt: skip
def test_a_start_that_no_car_can_be_in_never_reaches_compiled_code(
    tape: Tape, column: int, value: float
) -> None:
    floats = tape.floats.copy()
    floats[0, column] = value
    with pytest.raises(TapeError):
        drive_again(Tape.unpack(replace(tape, floats=floats).pack()), TRACK)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "value"), [(state.SECTOR, 7), (state.LAP, -1), (state.TIMED, 9)]
)
def test_counters_out_of_range_never_reach_compiled_code(
    tape: Tape, column: int, value: int
) -> None:
    ints = tape.ints.copy()
    ints[0, column] = value
    with pytest.raises(TapeError):
        drive_again(Tape.unpack(replace(tape, ints=ints).pack()), TRACK)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: replace(t, actions=np.full_like(t.actions, np.nan)),
        lambda t: replace(t, actions=t.actions * 7.0),
        lambda t: replace(t, actions=np.zeros((LONGEST + 1, 1, 2), np.float32)),
        lambda t: replace(t, actions=t.actions[:0]),
        lambda t: replace(t, actions=t.actions.astype(np.float64)),
        lambda t: replace(t, splits=t.splits[:, :3]),
        lambda t: replace(t, resets=((-1, 0),)),
        lambda t: replace(t, resets=((10**9, 0),)),
        lambda t: replace(t, resets=((1, 1),)),
        lambda t: replace(t, solid=(True, True)),
        lambda t: replace(t, solid=(1,)),
        lambda t: replace(t, solid=(True,), leaves=((0, 3),)),
        lambda t: replace(t, solid=(True,), leaves=((0, 0), (1, 0))),
        lambda t: replace(t, lap_time=1e9),
        lambda t: replace(t, roles=("driver",)),
        lambda t: replace(t, names=("a", "b")),
    ],
)
def test_a_tape_out_of_bounds_is_refused(tape: Tape, change: Callable[[Tape], Tape]) -> None:
    with pytest.raises(TapeError, match="not a tape"):
        Tape.unpack(change(tape).pack())


def test_a_tape_of_another_track_is_refused_in_words(tape: Tape, tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="track"):
        drive_again(tape, load_track("monza"))
    with pytest.raises(UserError, match="cannot be driven again"):
        write_lap(load_track("monza"), tape, tmp_path / "lap.png")
    assert not list(tmp_path.iterdir())


def test_a_newer_tape_and_a_drivers_odd_name(tape: Tape) -> None:
    with pytest.raises(TapeError, match="another version"):
        Tape.unpack(_with_facts(tape, version=3))
    assert Tape.unpack(_with_facts(tape, names=["a\x1b[31m" + "b" * 500])).names[0].isprintable()


@pytest.mark.slow
def test_every_state_in_a_race_is_a_start_that_can_be_driven() -> None:
    """The checks refuse no tape of the game's own, wherever a lap began."""
    race = setup()
    rng = np.random.default_rng(2)
    session = Session(race.track, race.policies, race.cars, True, 9)
    for tick in range(6000):
        if tick % 400 == 0:
            session.recorder.begin()
            throw = rng.uniform(-1.0, 1.0, 2)
        session.tick(float(throw[0]), float(throw[1]))
        if tick % 400 == 50:
            made = session.recorder.finish(
                session.cars, session.names, session.roles, float("nan"), False
            )
            assert made is not None
            back = Tape.unpack(made.pack())
            np.testing.assert_array_equal(drive_again(back, race.track).ends, session.race.floats)


def test_a_damaged_ghost_does_not_race_along_and_says_so(tape: Tape, tmp_path: Path) -> None:
    home = _records(tmp_path, tape, b"PK\x03\x04 nothing")
    race = setup()
    session = Session(race.track, race.policies, race.cars)
    ghosts = Ghosts(Records(home), session, race)
    assert ghosts.refused.startswith("your best lap does not race along: not a tape")
    with closing(sqlite3.connect(home / FILE)) as file:
        file.execute("UPDATE laps SET time=12.5, tape=?", (tape.pack(),))
        file.commit()
    ghosts = Ghosts(Records(home), session, race)
    assert ghosts.refused == "your best lap does not race along: its tape is of another lap"


def _records(folder: Path, tape: Tape, raw: bytes) -> Path:
    records = Records(folder)
    kind = kind_of(TRACK, load_car("gt"), "no assists")
    records.add(kind, TRACK.name, "GT car", tape.lap_time, True, (20.0, 20.0), tape)
    assert records.flush()
    records.close()
    with closing(sqlite3.connect(folder / FILE)) as file:
        file.execute("UPDATE laps SET tape=?", (raw,))
        file.commit()
    return folder


def _with_facts(tape: Tape, **changed: Any) -> bytes:
    import io
    import json

    parts = fuzz._unzip(tape.pack())
    facts = json.loads(np.load(io.BytesIO(parts["facts.npy"])).tobytes()) | changed
    parts["facts.npy"] = fuzz._npy(np.frombuffer(json.dumps(facts).encode(), np.uint8))
    return fuzz._zip(parts)


@pytest.mark.slow
def test_the_command_refuses_a_damaged_tape_in_one_line_and_writes_nothing(
    tape: Tape, tmp_path: Path
) -> None:
    wilder = replace(tape, actions=np.clip(tape.actions + np.float32(0.05), -1, 1))
    raws = [b"", tape.pack()[:3000], fuzz._shape(random.Random(1), tape.pack()), wilder.pack()]
    for k, raw in enumerate([*raws, tape.pack()]):
        home = _records(tmp_path / str(k), tape, raw)
        done = subprocess.run(
            [sys.executable, "play.py", "--track", fuzz.TRACK, "--opponents", "0",
             "--export", str(home / "lap.png")],
            cwd=ROOT, capture_output=True, text=True, timeout=120,
            env=os.environ | {"RETRORACER_HOME": str(home)},
        )  # fmt: skip
        wrong = raw != tape.pack()
        assert done.returncode == (2 if wrong else 0), done.stderr
        assert (home / "lap.png").exists() != wrong
        if wrong:
            (line,) = [x for x in done.stderr.splitlines() if "compiling" not in x]
            assert "your best lap cannot be driven again" in line or "no lap of yours" in line


@pytest.mark.slow
def test_a_lap_with_its_own_tape_is_driven_to_its_time(tape: Tape, tmp_path: Path) -> None:
    records = Records(_records(tmp_path, tape, tape.pack()))
    best = records.best(kind_of(TRACK, load_car("gt"), "no assists"))
    assert best is not None
    back = records.tape(best[0])
    assert back is not None
    assert abs(drive_again(back, TRACK).lap_time - best[1]) < AGREES
