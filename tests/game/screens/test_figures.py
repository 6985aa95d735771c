"""Figures on the screen: one sign for one gap, minutes as minutes, nothing offered in vain."""

import re

import numpy as np
import pygame
import pytest

from retroracer.game.race.coach import Target
from retroracer.game.race.session import LapDone, Session
from retroracer.game.race.timing import LapCurve
from retroracer.game.replay.records import kind_of
from retroracer.game.screens.canvas import Canvas
from retroracer.game.screens.hud import sector_text, signed
from retroracer.game.screens.race import RaceScreen
from retroracer.game.screens.records import RecordsScreen
from tests.game.races import GT, frames, game, setup, strike

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(7.0, "7.00"), (59.994, "59.99"), (59.996, "1:00.00"), (120.25, "2:00.25"),
     (130.7, "2:10.70"), (float("nan"), "--.--")],
)  # fmt: skip
def test_sector_times_have_minutes_as_lap_times_do(seconds: float, told: str) -> None:
    assert sector_text(seconds) == told


@pytest.mark.slow
def test_one_gap_has_one_sign_wherever_it_is_shown(written: list[str]) -> None:
    app = game()
    frames(app, 400)  # you stand, the rival drives off ...
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    for _ in range(900):
        screen.session.tick(0.0, 0.3)
    written.clear()
    frames(app, 1)
    gap = screen.session.gap(0, 1)
    assert gap is not None and gap > 0.0
    assert "▼" + signed(gap) in written, "at the top: behind"
    assert signed(gap) in written, "in the list: the same"
    assert signed(-gap) not in written


@pytest.mark.parametrize("taped", [True, False])
def test_records_offer_to_watch_only_what_can_be_watched(taped: bool, written: list[str]) -> None:
    app = game(menu=True)
    race = setup()
    session = Session(race.track, race.policies, race.cars, True, 1)
    for _ in range(300):
        session.tick(0.0, 0.4)
    tape = session.recorder.finish(session.cars, session.names, session.roles, 5.0, True)
    kind = kind_of(race.track, GT, "no assists")
    app.records.add(
        kind, race.track.name, GT.title, 5.0, True, (1.0, 2.0, 2.0), tape if taped else None
    )
    app.records.flush()
    app.show(RecordsScreen(app, race.track))
    frames(app, 1)
    assert ("watch" in written) == taped


@pytest.mark.slow
def test_no_figure_is_a_negative_nothing(written: list[str]) -> None:
    app = game()
    strike(pygame.K_F3)
    frames(app, 200)
    assert "+0.00" in written
    assert not [line for line in written if re.fullmatch(r"-0(\.0+)?( .*)?", line)]


def test_results_tell_the_lap_that_the_best_sectors_of_your_valid_laps_make(
    written: list[str],
) -> None:
    app = game(setup(laps=3))
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    screen.session.finish[0] = 70.0
    curve = LapCurve(np.array([0.0, 100.0]), np.array([0.0, 25.0]), 25.0)
    laps = [((10.0, 7.0, 8.0), True), ((9.0, 7.5, 6.5), True), ((1.0, 1.0, 1.0), False)]
    for k, (sectors, valid) in enumerate(laps):
        done = LapDone(0, k + 1, sum(sectors), valid, sectors, curve, None)
        screen.results.add(done)
        screen.since_over = 2.0
        written.clear()
        frames(app, 1)
        assert ("theoretical best" in written) == (k > 0)
    assert written[written.index("theoretical best") + 1 :][:4] == [
        "9.00", "7.00", "6.50", "0:22.500",
    ]  # fmt: skip


def test_a_lap_that_does_not_count_is_drawn_beside_the_rivals_too() -> None:
    app = game(setup(laps=1))
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    surface = pygame.display.get_surface()
    assert surface is not None
    seen = []
    curve = LapCurve(np.linspace(0.0, 400.0, 50), np.linspace(0.0, 25.0, 50) ** 1.1, 25.0)
    for _ in range(2):
        surface.fill((0, 0, 0))
        screen.results.draw(Canvas(surface, screen.scene.palette), None, None)
        ink = pygame.surfarray.array3d(surface) == screen.scene.palette.human
        seen.append(int(ink.all(axis=2).sum()))
        screen.results.add(LapDone(0, 1, 25.0, False, (25.0,), curve, None))
    assert seen[1] > seen[0] + 100


def test_a_long_target_is_broken_between_what_was_lost_and_what_to_do(written: list[str]) -> None:
    app = game(setup(laps=1))
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    surface = pygame.display.get_surface()
    assert surface is not None
    screen.results.target = Target(7.0, 3, "brake later at the corner at 1.2 km", "pro")
    screen.results.draw(Canvas(surface, screen.scene.palette), None, None)
    assert written[written.index("NEXT") + 1 :][:2] == [
        "7.0 s lost in sector 3 to pro:", "brake later at the corner at 1.2 km",
    ]  # fmt: skip
