"""Laps sent as files: they race along elsewhere, and say what does not fit."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pygame
import pytest

from retroracer.errors import UserError
from retroracer.game.race.session import Session
from retroracer.game.replay.ghost_file import GhostFile, read_ghost, write_ghost
from retroracer.game.replay.tape import Tape
from retroracer.game.screens.race import RaceScreen
from retroracer.laptime.limit import car_digest
from retroracer.physics.car import load_car
from retroracer.track.files import load_track
from tests.game.races import frames, game

ROOT = Path(__file__).parents[3]


pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture
def sent(lap: tuple[Session, Tape], tmp_path: Path) -> Path:
    path = tmp_path / "lap.ghost"
    write_ghost(path, lap[0].track, lap[1], "no assists")
    return path


def test_a_lap_comes_back_as_it_was_and_is_small(lap: tuple[Session, Tape], sent: Path) -> None:
    ghost = read_ghost(sent)
    assert ghost.track == lap[0].track.name and ghost.tape.lap_time == lap[1].lap_time
    assert (ghost.tape.actions == lap[1].actions[:, :1]).all()
    assert sent.stat().st_size < 200_000


@pytest.mark.slow
def test_a_ghost_let_go_over_the_window_races_along(sent: Path) -> None:
    app = game()
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    pygame.event.post(pygame.event.Event(pygame.DROPFILE, file=str(sent)))
    frames(app, 2)
    assert len(screen.ghosts.views()) == 1


@pytest.mark.slow
def test_over_the_menu_it_opens_its_own_race(sent: Path) -> None:
    app = game(menu=True)
    pygame.event.post(pygame.event.Event(pygame.DROPFILE, file=str(sent)))
    frames(app, 2)
    assert isinstance(app.screen, RaceScreen)
    assert app.screen.setup.track.name == "copper_bowl" and app.screen.ghosts.views()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"track": "monza"}, "was driven on monza"),
        ({"track_digest": "0" * 16}, "another form of copper_bowl"),
        ({"physics": "0" * 16}, "another physics"),
    ],
)
def test_what_does_not_fit_is_named(sent: Path, change: dict[str, str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        replace(read_ghost(sent), **change).demand_fits(load_track("copper_bowl"))


def test_another_car_is_named(sent: Path) -> None:
    kart = load_car("kart")
    with pytest.raises(UserError, match=kart.title):
        read_ghost(sent).demand_car(car_digest(kart), kart.title)


def spoiled(raw: bytes, kind: str) -> bytes:
    first, _, rest = raw.partition(b"\n")
    header = json.loads(first)
    if kind == "newer":
        header["retroracer_ghost"] = 2
    elif kind == "nameless":
        del header["car"]
    elif kind == "of another car":
        header["car_digest"] = "0" * 12
    elif kind == "cut":
        return raw[: len(raw) // 2]
    elif kind == "pickle":
        return first + b"\n\x80\x04cos\nsystem\n"
    elif kind == "deep":
        return b"[" * 3000 + b"\n" + rest
    elif kind == "nothing":
        return b""
    return json.dumps(header).encode() + b"\n" + rest


@pytest.mark.parametrize(
    "kind", ["newer", "nameless", "of another car", "cut", "pickle", "deep", "nothing"]
)
def test_a_file_that_is_none_is_refused_in_one_line(sent: Path, kind: str) -> None:
    sent.write_bytes(spoiled(sent.read_bytes(), kind))
    with pytest.raises(UserError) as refused:
        read_ghost(sent)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_ghost_at_all_is_told_and_changes_nothing() -> None:
    app = game()
    screen = app.screen
    pygame.event.post(pygame.event.Event(pygame.DROPFILE, file=str(ROOT / "README.md")))
    frames(app, 2)
    assert app.screen is screen and any("no ghost" in t[0] for t in app._toasts._told)


@pytest.mark.slow
def test_the_command_exports_a_ghost_and_races_against_it(tmp_path: Path) -> None:
    path = tmp_path / "driver.ghost"
    env = {**os.environ, "RETRORACER_HOME": str(tmp_path / "home")}

    def play(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "play.py", *more]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=env)

    done = play("--track", "copper_bowl", "--watch", "--export-ghost", str(path))
    assert done.returncode == 0 and "lap of" in done.stdout, done.stderr
    assert isinstance(read_ghost(path), GhostFile)
    done = play("--ghost", str(path), "--headless", "--frames", "3")
    assert done.returncode == 0, done.stderr
    done = play("--ghost", str(path), "--track", "monza", "--headless", "--frames", "3")
    assert done.returncode == 2 and "was driven on copper_bowl, not on monza" in done.stderr
