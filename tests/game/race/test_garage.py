"""Who can be raced."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retroracer.agents.policy import Policy
from retroracer.envs.race_task import N_RACE_OBS, RACE_LAYOUT
from retroracer.envs.task import N_OBS
from retroracer.errors import UserError
from retroracer.game.race import garage
from retroracer.game.race.garage import (
    default_driver,
    drivers,
    put_together,
    rivals_for,
    why_no_driver,
)
from retroracer.game.race.session import Session
from tests.game.races import follower, save_driver


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models: the default, part of the ladder, a specialist, and broken ones."""
    for name, steps, layout in (
        ("base", 900, None), ("rookie", 100, None), ("pro", 800, None), ("monza", 950, None),
        ("old", 10, "another layout"),
    ):  # fmt: skip
        more = {"observation_layout": layout} if layout else {}
        tracks = ("monza",) if name == "monza" else ()
        save_driver(tmp_path / f"{name}.zip", steps=steps, tracks=tracks, **more)
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 no zip")
    monkeypatch.setattr(garage, "models_dir", lambda: tmp_path)
    monkeypatch.setattr("retroracer.agents.model_file.models_dir", lambda: tmp_path)
    return tmp_path


def test_drivers_are_the_default_the_ladder_from_below_and_the_others(models: Path) -> None:
    assert list(drivers()) == ["base", "rookie", "pro", "monza"]


def test_rivals_are_different_drivers_as_far_as_there_are_any(models: Path) -> None:
    assert rivals_for("base", 0) == []
    assert rivals_for("base", 3)[0] == "base"
    assert len(set(rivals_for("rookie", 3))) == 3
    setup = put_together("copper_bowl", "base", rivals=3)
    assert len(setup.cars) == 4 and len(set(setup.names)) == 3


def test_one_driver_three_times_is_told_apart(models: Path) -> None:
    for name in ("rookie", "pro", "monza"):
        (models / f"{name}.zip").unlink()
    assert put_together("copper_bowl", rivals=3).names == ("base 1", "base 2", "base 3")


def test_without_any_model_you_drive_alone_and_cannot_watch(models: Path) -> None:
    for path in models.glob("*.zip"):
        path.unlink()
    setup = put_together("copper_bowl")
    assert setup.policies == () and len(setup.cars) == 1
    with pytest.raises(UserError, match="no driver to watch"):
        put_together("copper_bowl", watch=True)


@pytest.mark.parametrize("contents", [b"PK no zip", b""])
def test_a_default_driver_that_cannot_drive_leaves_you_alone_on_the_road(
    models: Path, contents: bytes
) -> None:
    (models / "base.zip").write_bytes(contents)
    assert put_together("copper_bowl").policies == ()
    assert "base.zip" in why_no_driver("base")
    assert put_together("copper_bowl", "rookie").names == ("rookie",)
    with pytest.raises(UserError, match=r"no driver to watch: .*base\.zip"):
        put_together("copper_bowl", watch=True)


def test_a_driver_of_the_pixel_task_is_sent_there(models: Path) -> None:
    save_driver(models / "pixels.zip", observation_layout="carracing-pixels-1")
    assert "pixels" not in drivers()
    with pytest.raises(UserError, match="--env carracing --model pixels"):
        put_together("copper_bowl", "pixels")


@pytest.mark.parametrize("name", ["broken", "old", "nobody"])
def test_a_model_that_cannot_drive_is_told(models: Path, name: str) -> None:
    with pytest.raises(UserError, match=name):
        put_together("copper_bowl", name)


def test_a_racer_in_the_folder_is_the_first_rival_by_itself_and_sees_the_cars(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert default_driver(drivers()) == "base"
    driver = follower()
    wide = [(np.vstack([w, np.zeros((N_RACE_OBS - N_OBS, 2), np.float32)]), b)
            for w, b in driver._layers]  # fmt: skip
    racer = Policy(wide, replace(driver.facts, observation_layout=RACE_LAYOUT), "racer")
    monkeypatch.setattr("tests.game.races.follower", lambda: racer)
    save_driver(models / "racer.zip", observation_layout=RACE_LAYOUT)
    assert default_driver(drivers()) == "racer" and next(iter(drivers())) == "racer"
    setup = put_together("copper_bowl", rivals=3)
    assert setup.names[0] == "racer" and setup.solid
    assert setup.policies[0].n_observations == N_RACE_OBS
    session = Session(
        setup.track, setup.policies, setup.cars, setup.human, 1, setup.names, solid=True
    )
    for _ in range(300):
        session.tick()
    assert session.race.progress[1] > 1.0, "it drives off"


def test_a_time_trial_is_against_the_tracks_specialist_and_a_race_is_not(models: Path) -> None:
    save_driver(models / "copper_bowl.zip", tracks=("copper_bowl",))
    save_driver(models / "racer.zip")
    for watch in (False, True):
        alone = put_together("copper_bowl", ghosts=not watch, watch=watch)
        assert alone.names == ("copper_bowl",) and not alone.solid
    assert put_together("copper_bowl").names == ("racer",)
    assert put_together("copper_bowl", watch=True, rivals=2).names[0] == "racer"
    assert put_together("clockwork", ghosts=True).names == ("base",)
    save_driver(models / "clockwork.zip")  # named like a track, but trained elsewhere
    assert put_together("clockwork", ghosts=True).names == ("base",)
