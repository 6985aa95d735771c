"""A lap as numbers: true to the lap, as CSV, as a page in a browser, as a page of the game."""

import csv
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pygame
import pytest

from retroracer.errors import UserError
from retroracer.game.race.session import Session
from retroracer.game.replay.tape import Tape
from retroracer.game.replay.telemetry import (
    COLUMNS,
    telemetry_of,
    telemetry_of_limit,
    write_telemetry,
)
from retroracer.game.screens.telemetry import TelemetryScreen
from retroracer.laptime.limit import known_limit
from tests.game.races import GT, frames, game, hold, setup

LIMIT = known_limit(setup().track, GT)
assert LIMIT is not None, "it ships"


pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture(scope="module")
def lap() -> tuple[Session, Tape]:
    race = setup(human=False)
    session = Session(race.track, race.policies, race.cars, False, 2)
    while session.finish[0] is None:
        session.tick()
    return session, session.tapes[1]


@pytest.mark.slow
def test_speed_integrates_to_the_way_and_time_to_the_lap(lap: tuple[Session, Tape]) -> None:
    session, tape = lap
    t = telemetry_of(tape, session.track)
    assert t.time[0] == pytest.approx(0.0, abs=0.02)
    assert t.time[-1] == pytest.approx(tape.lap_time, abs=0.3)
    middle = 0.5 * (t.speed[1:] + t.speed[:-1])
    driven = (middle * np.diff(t.time)).sum()
    assert driven == pytest.approx(session.track.length, rel=0.03)
    assert np.abs(t.offset).max() < session.track.half_width_left.max()
    assert -1.0 <= t.throttle.min() < t.throttle.max() <= 1.0


@pytest.mark.slow
def test_the_time_lost_to_the_limit_ends_at_the_difference_of_the_laps(
    lap: tuple[Session, Tape],
) -> None:
    session, tape = lap
    t, ideal = telemetry_of(tape, session.track), telemetry_of_limit(LIMIT)
    lost = t.lost(ideal.curve())
    assert lost[-1] == pytest.approx(tape.lap_time - LIMIT.lap_time, abs=0.4)
    assert (np.diff(lost) > -0.3).all()


@pytest.mark.slow
def test_the_csv_has_its_columns_and_a_row_every_five_metres(
    lap: tuple[Session, Tape], tmp_path: Path
) -> None:
    session, tape = lap
    path = tmp_path / "lap.csv"
    write_telemetry(path, session.track, [telemetry_of(tape, session.track)], LIMIT)
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS and len(rows) == int(session.track.length / 5.0) + 1
    assert float(rows[10]["distance_m"]) == 50.0 and float(rows[10]["speed_kmh"]) > 10.0


@pytest.mark.slow
def test_an_unknown_ending_is_refused(lap: tuple[Session, Tape], tmp_path: Path) -> None:
    session, tape = lap
    with pytest.raises(UserError, match=r"\.csv, \.html"):
        write_telemetry(
            tmp_path / "x.pdf", session.track, [telemetry_of(tape, session.track)], None
        )


@pytest.fixture
def page(lap: tuple[Session, Tape], tmp_path: Path) -> Path:
    session, tape = lap
    path = tmp_path / "lap.html"
    t = telemetry_of(tape, session.track)
    other = telemetry_of(session.tapes[0], session.track, name="<b>the first</b>")
    write_telemetry(path, session.track, [t, other], LIMIT)
    return path


@pytest.mark.slow
def test_the_page_asks_nothing_of_a_network(page: Path) -> None:
    text = page.read_text()
    head = text[: text.index("<script")]
    assert "src=" not in head and "<link" not in head
    assert '<script src="' not in text and "<b>the first" not in text


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_the_page_draws_itself_in_a_browser(page: Path, tmp_path: Path) -> None:
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu",
        "--host-resolver-rules=MAP * 0.0.0.0",
        f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000", "--dump-dom",
        page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=170)
    assert "main-svg" in done.stdout, done.stderr[-2000:]
    assert "time lost to the limit" in done.stdout and "speed [km/h]" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("size", [(480, 270), (1280, 720), (1920, 1080)])
def test_the_games_page_has_a_cursor_for_keys_and_mouse(
    lap: tuple[Session, Tape], size: tuple[int, int]
) -> None:
    session = lap[0]
    app = game(menu=True, size=size)
    laps = [telemetry_of(t, session.track) for t in session.tapes]
    page = TelemetryScreen(app, session.track, laps, LIMIT)
    app.show(page)
    hold(pygame.K_RIGHT)
    frames(app, 30)
    hold(pygame.K_RIGHT, False)
    frames(app, 1)
    assert page.at > 20
    event = pygame.event.Event(
        pygame.MOUSEMOTION, pos=(size[0] - 1, 100), buttons=(0, 0, 0), rel=(1, 1)
    )
    pygame.event.post(event)
    frames(app, 1)
    assert page.at == page.last
