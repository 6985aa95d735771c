"""Once in a real window: under Xvfb, with a keyboard that xdotool plays."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pygame
import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="needs Xvfb and xdotool"
)


@pytest.fixture
def display() -> Iterator[str]:
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with os.fdopen(read) as told:
            number = told.readline().strip()
        yield f":{number}"
        server.terminate()


def wait_for(what: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.1)


@pytest.mark.slow
def test_a_race_in_a_real_window_from_the_first_key_to_the_last(
    display: str, tmp_path: Path
) -> None:
    env = {k: v for k, v in os.environ.items() if k not in ("SDL_VIDEODRIVER", "SDL_VIDEO_DRIVER")}
    env |= {
        "DISPLAY": display,
        "SDL_VIDEODRIVER": "x11",
        "SDL_AUDIODRIVER": "dummy",
        "RETRORACER_HOME": str(tmp_path),
    }

    def do(*words: str) -> str:
        done = subprocess.run(
            ["xdotool", *words], env=env, capture_output=True, text=True, timeout=20
        )
        return done.stdout.strip()

    def under_pointer() -> str:
        return do("getmouselocation").rpartition("window:")[2]

    def struck(key: str) -> bool:
        """Strike a key; a busy machine may take it late, so it is struck until it has worked."""
        do("key", key)
        time.sleep(0.7)
        return True

    root = under_pointer()
    command = [sys.executable, "play.py", "--track", "copper_bowl", "--size", "960x540"]
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as game:
        try:
            # Without a window manager the keyboard goes to the window under the pointer.
            wait_for(
                lambda: under_pointer() != root or game.poll() is not None,
                seconds=180.0,  # the simulator may have to be compiled first
            )
            window = under_pointer()
            time.sleep(1.0)
            do("key", "space")  # no lights
            do("keydown", "Up")
            time.sleep(3.0)  # race time: three seconds of throttle
            do("keyup", "Up")
            wait_for(lambda: struck("F12") and any(tmp_path.glob("pictures/*.png")))
            do("windowsize", window, "700", "500")
            do("key", "F1")
            time.sleep(0.3)
            # Escape only pauses, and the menu asks; Up reaches the last row, "to the menu".
            for key in ("Escape", "Up", "Return", "Escape"):
                struck(key)
            wait_for(lambda: struck("Return") and game.poll() is not None)
            assert game.stderr is not None
            errors = game.stderr.read()
        finally:
            game.kill()
    assert game.returncode == 0 and "Traceback" not in errors, errors
    picture = min(tmp_path.glob("pictures/*.png"))
    assert pygame.image.load(str(picture)).get_size() == (960, 540)
