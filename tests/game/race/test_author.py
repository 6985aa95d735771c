"""The author's lap is the best shipped driver's, driven as in evaluation and remembered."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pygame
import pytest

from retroracer.game.race import garage
from retroracer.game.race.author import AuthorFinder, authors, drive_authors
from retroracer.game.replay.records import Records
from retroracer.game.screens.results import medal_for
from retroracer.physics.car import car_facts, load_car
from retroracer.track.files import load_track
from retroracer.training.judging.laps import Entry, evaluate
from tests.game.races import GT, follower, save_driver


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "models"
    save_driver(folder / "base.zip")
    save_driver(folder / "kart.zip", car=car_facts(load_car("kart")))
    monkeypatch.setattr(garage, "models_dir", lambda: folder)
    monkeypatch.setattr("retroracer.agents.model_file.models_dir", lambda: folder)
    monkeypatch.setattr("retroracer.game.race.expected.models_dir", lambda: folder)
    yield folder
    pygame.display.quit()


def test_authors_are_those_who_drive_your_car(models: Path) -> None:
    assert authors(GT) == ["base"]
    assert authors(load_car("kart")) == ["kart"]
    assert authors(replace(GT, mass=GT.mass + 1.0)) == []


@pytest.mark.slow
def test_the_authors_time_is_its_lap_in_evaluate_and_beating_it_earns_the_medal(
    tmp_path: Path,
) -> None:
    track = load_track("copper_bowl")
    (report,) = evaluate([Entry("base", follower().act, GT)], [track])
    assert report.results[0].clean
    drive_authors(["gone", "base"], track, GT, tmp_path)
    time = AuthorFinder(Records(tmp_path), track, GT, drive=False).get()
    assert time == report.results[0].lap_time_s
    assert medal_for(time - 0.001, limit=1.0, author=time) == "author"
    assert medal_for(time + 0.001, limit=1.0, author=time) == ""


@pytest.mark.slow
def test_what_was_driven_once_is_not_driven_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[list[str]] = []

    class Noted:
        running = False

        def __init__(self, work: object, names: list[str], *_: object) -> None:
            sent.append(names)

    monkeypatch.setattr("retroracer.game.race.author.BackgroundProcess", Noted)
    track = load_track("copper_bowl")
    finder = AuthorFinder(Records(tmp_path), track, GT)
    assert finder.get() is None
    finder.send()
    finder.send()
    assert sent == [["base"]]
    drive_authors(["base"], track, GT, tmp_path)
    assert finder.get() is not None
    AuthorFinder(Records(tmp_path), track, GT).send()
    assert sent == [["base"]]


def test_without_records_nobody_is_sent(tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.write_text("no folder")
    finder = AuthorFinder(Records(home), load_track("copper_bowl"), GT)
    finder.send()
    assert finder.get() is None
