"""A run's checkpoints as cars, and new ones joining."""

from pathlib import Path

import pytest

from retroracer.errors import UserError
from retroracer.game.screens.watch_run import RunScreen, checkpoints, run_setup, spread
from retroracer.track.files import find_track, load_track
from tests.game.races import frames, game, save_driver


def save(folder: Path, steps: int) -> None:
    """A checkpoint as training writes it."""
    save_driver(folder / f"{steps:09d}.zip", steps=steps)


def test_checkpoints_come_in_order_and_broken_ones_are_left_out(tmp_path: Path) -> None:
    for steps in (30_000, 1_000, 2_000_000):
        save(tmp_path / "checkpoints", steps)
    (tmp_path / "checkpoints" / "half.zip").write_bytes(b"PK half written")
    assert [c.steps for c in checkpoints(tmp_path)] == [1_000, 30_000, 2_000_000]
    page = find_track("copper_bowl")
    setup = run_setup(tmp_path, load_track(page), page)
    assert setup.names == ("2.0M", "30k", "1k") and len(set(setup.colours)) == 3


def test_many_are_spread_with_the_first_and_the_newest(tmp_path: Path) -> None:
    for steps in range(1, 21):
        save(tmp_path, steps)
    shown = [c.steps for c in spread(checkpoints(tmp_path))]
    assert len(shown) == 8 and shown[0] == 1 and shown[-1] == 20


@pytest.mark.slow
def test_a_new_checkpoint_joins_the_race_while_it_is_watched(tmp_path: Path) -> None:
    save(tmp_path / "checkpoints", 1_000)
    app = game(menu=True)
    screen = RunScreen(app, tmp_path, "copper_bowl")
    app.show(screen)
    frames(app, 90)
    assert screen.session.race.n == 1 and screen.session.time > 1.0
    save(tmp_path / "checkpoints", 5_000)
    for _ in range(220):
        app.screen.advance(0.1)
    assert screen.session.names == ["5k", "1k"]
    frames(app, 3)


def test_a_folder_without_checkpoints_is_told(tmp_path: Path) -> None:
    page = find_track("copper_bowl")
    with pytest.raises(UserError, match="no checkpoints in"):
        run_setup(tmp_path, load_track(page), page)
    with pytest.raises(UserError, match="no run at"):
        run_setup(tmp_path / "none", load_track(page), page)
