"""Work beside the game: no frame waits for its process to begin or to end."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from retroracer.game.race.background_process import BackgroundProcess

GO = threading.Event()


class Mode:
    """A mode that is sent only once ``GO`` is set: like arguments that take long to send."""

    def __reduce__(self) -> tuple[Callable[..., int], tuple[str, int]]:
        if not GO.wait(60.0):
            raise OSError("never sent")
        return int, ("755", 8)


class Refused:
    """What cannot be sent for want of a resource of the system."""

    def __reduce__(self) -> str:
        raise BlockingIOError("no more processes")


@pytest.mark.slow
def test_the_game_goes_on_while_a_process_takes_its_arguments(tmp_path: Path) -> None:
    GO.clear()
    done = tmp_path / "done"
    work = BackgroundProcess(os.mkdir, str(done), Mode())  # would wait for GO a minute
    assert work.running
    GO.set()
    end = time.monotonic() + 60.0
    while work.running and time.monotonic() < end:
        time.sleep(0.02)
    assert done.is_dir()
    work.close()


def test_a_process_that_cannot_be_had_is_done_with() -> None:
    work = BackgroundProcess(os.mkdir, "nowhere", Refused())
    work.close()
    assert not work.running


@pytest.mark.slow
def test_closing_ends_the_work(tmp_path: Path) -> None:
    work = BackgroundProcess(time.sleep, 600.0)
    begun = time.monotonic()
    work.close()
    assert not work.running
    assert time.monotonic() - begun < 60.0
