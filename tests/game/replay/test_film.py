"""Laps as films and the viewer."""

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pygame
import pytest
from PIL import Image

from retroracer.errors import UserError
from retroracer.game.race.session import Session
from retroracer.game.replay.film import write_lap
from retroracer.game.replay.tape import Tape
from retroracer.game.screens.replay import SPEEDS, ReplayScreen
from tests.game.races import frames, game, save_driver, strike

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [".gif", ".webp", ".png"])
def test_a_lap_is_written_as_a_film(lap, tmp_path: Path, kind: str) -> None:  # type: ignore[no-untyped-def]
    session, tape = lap
    path = tmp_path / f"lap{kind}"
    count = write_lap(session.track, tape, path, last=1.0)
    with Image.open(path) as picture:
        assert picture.size == (480, 270)
        assert count == (1 if kind == ".png" else 21)
        # Pillow joins pictures that are alike, as the first ones of a standing start are.
        assert min(count, 2) <= getattr(picture, "n_frames", 1) <= count


@pytest.mark.slow
def test_a_lap_is_written_as_an_mp4_that_plays(lap, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    session, tape = lap
    path = tmp_path / "lap.mp4"
    assert write_lap(session.track, tape, path, last=2.0) == 41
    with av.open(str(path)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == 41 and frames[0].shape == (270, 480, 3)
    assert np.abs(frames[-1].astype(int) - frames[0]).mean() > 1.0  # the car has moved on


def test_an_unknown_kind_is_refused_in_words(lap, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match=r"end it with \.gif"):
        write_lap(lap[0].track, lap[1], tmp_path / "lap.avi")


@pytest.mark.slow
def test_the_viewer_plays_steps_scrubs_and_slows_down(lap) -> None:  # type: ignore[no-untyped-def]
    session, tape = lap
    app = game(menu=True)
    screen = ReplayScreen(app, session.track, [tape, tape])
    app.show(screen)
    frames(app, 60)
    assert screen.tick == pytest.approx(100.0, abs=1.0)
    strike(pygame.K_SPACE)
    frames(app, 5)
    held = screen.tick
    strike(pygame.K_PERIOD)
    frames(app, 1)
    assert screen.tick == held + 1
    strike(pygame.K_COMMA, pygame.K_COMMA)
    frames(app, 1)
    assert screen.tick == held - 1
    for _ in range(9):
        strike(pygame.K_DOWN)
    frames(app, 1)
    assert SPEEDS[screen.speed] == 0.1
    strike(pygame.K_RIGHT)
    frames(app, 2)
    assert screen.tick > held
    strike(pygame.K_END)
    frames(app, 1)
    assert screen.tick == screen.last
    strike(pygame.K_PAGEUP, pygame.K_TAB, pygame.K_c)
    frames(app, 2)
    assert screen.at == 0 and screen.same


@pytest.mark.slow
def test_the_command_exports_the_drivers_lap(tmp_path: Path) -> None:
    path = tmp_path / "lap.gif"
    driver = str(save_driver(tmp_path / "driver.zip"))
    more = ["--track", "copper_bowl", "--model", driver, "--watch", "--export", str(path)]
    more += ["--seconds", "0.5"]
    done = subprocess.run(
        [sys.executable, "play.py", *more], cwd=ROOT, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    assert path.stat().st_size > 1000 and "pictures of" in done.stdout


@pytest.mark.slow
def test_a_long_film_is_thinned_to_be_shared_and_tells_how_far_it_is(
    lap: tuple[Session, Tape], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, tape = lap
    monkeypatch.setattr("retroracer.game.replay.film.SHORT", 1.5)
    told: list[float] = []
    path = tmp_path / "lap.gif"
    count = write_lap(session.track, tape, path, last=2.0, progress=told.append)
    with Image.open(path) as film:
        assert film.size == (320, 180) and film.info["duration"] == 100
    assert count == 21 and told == sorted(told) and told[-1] == 1.0 and len(told) >= count - 1


@pytest.mark.slow
def test_an_mp4_keeps_every_picture_and_is_small(lap: tuple[Session, Tape], tmp_path: Path) -> None:
    session, tape = lap
    path = tmp_path / "lap.mp4"
    count = write_lap(session.track, tape, path, last=20.0)
    assert count == int(min(tape.duration, 20.0) * 20) + 1
    per_second = path.stat().st_size / min(tape.duration, 20.0)
    assert per_second * 57.0 < 8e6, "a lap of 57 s can be sent"
