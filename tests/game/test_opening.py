"""The first picture: there before the simulator is loaded, alive while it is compiled."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pygame
import pytest

from retroracer.errors import UserError
from retroracer.game.opening import wait_for
from retroracer.game.window import open_window

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _window() -> Iterator[None]:
    open_window((640, 360), fullscreen=False, headless=True)
    pygame.event.clear()
    yield
    pygame.display.quit()


def test_what_is_loaded_is_drawn_while_it_is_loaded_and_then_handed_over() -> None:
    pictures: list[bytes] = []

    def load(tell: Callable[[str], None]) -> str:
        surface = pygame.display.get_surface()
        assert surface is not None
        tell("compiling the simulator, once: about half a minute ...")
        end = time.monotonic() + 20.0
        while len(set(pictures)) < 3 and time.monotonic() < end:
            pictures.append(pygame.image.tobytes(surface, "RGB"))
            time.sleep(0.02)
        return "ready"

    assert wait_for(load) == "ready"
    assert len(set(pictures)) >= 3, "the picture moves while the work goes on"


def test_a_mistake_found_while_loading_reaches_the_command() -> None:
    def load(tell: Callable[[str], None]) -> None:
        raise UserError("no track called 'monzza'")

    with pytest.raises(UserError, match="monzza"):
        wait_for(load)


def test_the_window_can_be_closed_while_it_loads() -> None:
    def load(tell: Callable[[str], None]) -> str:
        pygame.event.post(pygame.event.Event(pygame.QUIT))
        time.sleep(0.5)
        return "too late"

    assert wait_for(load) is None


@pytest.mark.slow
def test_the_first_picture_needs_neither_simulator_nor_compiler() -> None:
    words = (
        "import sys; from retroracer.game import opening, window;"
        "window.open_window((1280, 720), False, True); opening.draw('loading', 0.0);"
        "print([m for m in ('numba', 'scipy', 'gymnasium', 'shapely', 'pydantic', 'torch')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr


@pytest.mark.slow
def test_a_race_begins_without_what_only_training_and_solving_need(tmp_path: Path) -> None:
    words = (
        "import sys; from retroracer.game.app import App, Options;"
        "from retroracer.game.race.garage import put_together;"
        "App(Options(headless=True), put_together('monza')).step(1 / 60);"
        "print([m for m in ('torch', 'ray', 'scipy.spatial', 'scipy.interpolate', 'matplotlib',"
        " 'PIL', 'retroracer.training') if m in sys.modules])"
    )
    environment = os.environ | {"RETRORACER_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", words], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr
