"""Solid cars on the screen: what is told of them, and which laps are kept as what."""

from pathlib import Path

import pygame
import pytest

from retroracer.errors import UserError
from retroracer.game.replay.ghost_file import write_ghost
from retroracer.game.replay.progress import yours
from retroracer.game.replay.records import kind_of
from retroracer.game.replay.tape import drive_again
from retroracer.game.screens.hud import listed
from retroracer.game.screens.race import RaceScreen
from retroracer.game.screens.replay import ReplayScreen
from tests.game.races import GT, drive_cleanly, frames, game, setup, strike, until


def test_a_contact_is_told_felt_and_charged_on_the_screen(written: list[str]) -> None:
    app = game(setup(solid=True))
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    session = screen.session
    session.race.place(rows=[0, 1], s=[100.0, 107.0], speed=[20.0, 0.0])
    app.settings.change(shake=1.0)
    frames(app, 18)
    assert "CONTACT WITH FOLLOWER 1: YOUR FAULT +5 s" in written
    assert "+5" in written and "WITH TOW + CONTACT" in written
    assert screen.view.effects.draw_sparks(app_surface(), camera(screen), session.time) > 0
    assert screen.view._struck > 0.0


def app_surface() -> pygame.Surface:
    surface = pygame.display.get_surface()
    assert surface is not None
    return surface


def camera(screen: RaceScreen):  # type: ignore[no-untyped-def]
    return screen.view.follower.view(0.0, 0.0, 0.0, 10.0, (640, 360), 0.1)


@pytest.mark.slow
def test_laps_of_a_race_are_kept_as_what_they_were_and_the_race_with_all_cars(
    tmp_path: Path, written: list[str]
) -> None:
    app = game(setup(rivals=2, laps=2, solid=True))
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    session = screen.session
    drive_cleanly(app)
    until(app, lambda: session.over)
    assert session.race_tape is not None
    until(app, lambda: screen.showing_results)
    app.records.flush()
    laps = [lap for lap in app.records.laps(session.track) if lap.driver == "you"]
    whole = next(lap for lap in laps if lap.assists == "race, 2 laps, 3 cars")
    assert whole.time == session.finish[0] and whole.raced
    mine = [lap for lap in laps if lap is not whole]
    for lap, tape in zip(sorted(mine, key=lambda x: x.made), session.tapes, strict=True):
        assert lap.raced == (lap.assists == "no assists + race")
        kept = app.records.tape(lap.id)
        assert kept is not None and len(kept.cars) == (3 if lap.raced else 1)
        assert drive_again(kept, session.track).lap_time == tape.lap_time == lap.time
    assert any(lap.raced for lap in mine), "from the grid one is in somebody's wake"
    assert not any(lap.raced for lap in yours(laps))
    alone = app.records.best(kind_of(session.track, GT, "no assists"))
    assert (alone is None) == (session.alone[0] is None)
    kept = app.records.tape(whole.id)
    assert kept is not None and drive_again(kept, session.track).lap_time == whole.time
    with pytest.raises(UserError, match="company"):
        write_ghost(tmp_path / "x.ghost", session.track, kept, "no assists")
    frames(app, 2)
    assert "PENALTY" in written and "race, no assists" in written
    strike(pygame.K_v)
    frames(app, 1)
    written.clear()
    frames(app, 1)
    assert isinstance(app.screen, ReplayScreen) and app.screen.tape.race and app.screen.same
    listed_now = [w for w in written if w.startswith("FOLLOWER") or w == "YOU" or w.endswith(" m")]
    assert listed_now == ["FOLLOWER 1", "+16 m", "FOLLOWER 2", "+8 m", "YOU"], "as on the grid"


def test_a_race_has_no_ghosts_and_says_where_they_are(written: list[str]) -> None:
    app = game(setup(solid=True))
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    assert screen.ghosts.views() == []
    with pytest.raises(UserError, match="time trial: --ghosts"):
        screen.ghosts.join(None)  # type: ignore[arg-type]


def test_nobody_is_compared_with_a_car_that_is_out(written: list[str]) -> None:
    app = game(setup(rivals=2, solid=True))
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    control = screen.session.control
    assert control is not None
    assert screen.references.deltas(0)[0][0] == "FOLLOWER 1"
    control.stewards.out[1] = True
    assert screen.references.deltas(0)[0][0] == "FOLLOWER 2"
    frames(app, 1)
    assert "OUT" in written


def test_a_long_list_shows_the_first_three_and_those_round_you() -> None:
    assert listed(4, 3, 8) == [0, 1, 2, 3]
    assert listed(20, 19, 8) == [0, 1, 2, 15, 16, 17, 18, 19]
    assert listed(20, 0, 8) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert listed(20, 10, 8) == [0, 1, 2, 8, 9, 10, 11, 12]


def test_the_results_of_twenty_cars_fit_the_smallest_screen(written: list[str]) -> None:
    app = game(setup(rivals=19, laps=1, solid=True), size=(480, 270))
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    screen.session.finish[0] = 50.0
    screen.since_over = 5.0
    frames(app, 1)
    assert "PLACE 20 OF 20" in written and "YOU" in written
