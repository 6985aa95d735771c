"""Laps on tape are driven again to the same bits."""

import io
import json

import numpy as np
import pytest

from retroracer.game.race.session import Session
from retroracer.game.replay.tape import Tape, drive_again
from tests.drivers import PathFollower
from tests.game.races import setup


@pytest.fixture(scope="module")
def laps() -> tuple[Session, list[Tape]]:
    """Two laps by the agent's own inputs on row 0, put back on the road once."""
    race = setup()
    session = Session(race.track, race.policies, race.cars, True, 2)
    driver = PathFollower(race.track, race.cars[0], pace=0.8)
    while session.finish[0] is None:
        steer, throttle = driver(session.race)[0]
        if session.ticks == 1500:
            session.put_back()
        session.tick(float(steer), float(throttle))
    return session, list(session.tapes)


@pytest.mark.slow
def test_a_lap_driven_again_comes_to_the_same_time_and_the_same_state(laps) -> None:  # type: ignore[no-untyped-def]
    session, tapes = laps
    assert len(tapes) == 2 and not tapes[0].valid and tapes[1].valid
    for tape in tapes:
        again = drive_again(tape, session.track)
        assert again.lap_time == tape.lap_time
    np.testing.assert_array_equal(again.ends, session.race.floats)


@pytest.mark.slow
def test_one_car_of_a_tape_drives_as_it_did_among_others(laps) -> None:  # type: ignore[no-untyped-def]
    session, tapes = laps
    assert drive_again(tapes[1].only(), session.track).lap_time == tapes[1].lap_time


def test_a_packed_tape_comes_back_equal(laps) -> None:  # type: ignore[no-untyped-def]
    tape = laps[1][1]
    back = Tape.unpack(tape.pack())
    np.testing.assert_array_equal(back.actions, tape.actions)
    np.testing.assert_array_equal(back.floats, tape.floats)
    assert (back.lap_time, back.valid, back.names, back.cars) == (
        tape.lap_time, tape.valid, tape.names, tape.cars,
    )  # fmt: skip


def test_a_lap_nobody_could_touch_is_written_in_the_form_that_older_games_read(laps) -> None:  # type: ignore[no-untyped-def]
    tape = laps[1][0]
    with np.load(io.BytesIO(tape.pack())) as page:
        facts = json.loads(page["facts"].tobytes())
    assert facts["version"] == 1 and facts["resets"] == [1500]
    assert facts.keys() == {"version", "cars", "names", "roles", "lap_time", "valid", "resets"}
    assert Tape.unpack(tape.pack()).resets == tape.resets == ((1500, 0),)


@pytest.mark.parametrize("raw", [b"", b"no tape", b"PK\x03\x04 broken"])
def test_what_is_no_tape_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="not a tape"):
        Tape.unpack(raw)
