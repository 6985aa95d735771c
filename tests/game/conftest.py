"""What every test of the game needs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pygame
import pytest

from retroracer.game.race.session import Session
from retroracer.game.replay.tape import Tape
from retroracer.game.screens.canvas import Canvas
from tests.game.races import setup


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close the window."""
    yield
    pygame.display.quit()


@pytest.fixture
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep settings and records of the test to itself."""
    monkeypatch.setenv("RETRORACER_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def lap() -> tuple[Session, Tape]:
    """A finished race of one lap, and the lap."""
    race = setup(human=False)
    session = Session(race.track, race.policies, race.cars, False, 1)
    while session.finish[0] is None:
        session.tick()
    return session, session.tapes[0]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every line written on a canvas."""
    lines: list[str] = []
    write = Canvas.text

    def text(self: Canvas, text: str, *more: Any, **named: Any) -> float:
        lines.append(text)
        return write(self, text, *more, **named)

    monkeypatch.setattr(Canvas, "text", text)
    return lines
