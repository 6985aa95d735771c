"""Plots of laps and runs: made from real laps, whole, of a sensible size."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retroracer.agents.model_file import find_model
from retroracer.laptime.limit import limit_of
from retroracer.laptime.line_driver import LineDriver, line_to_follow
from retroracer.physics.car import load_car
from retroracer.physics.race import Race
from retroracer.training.judging.laps import LapTrace, Report, Result
from retroracer.training.pictures.curve import draw_curve
from retroracer.training.pictures.laps import _braking_points, plot_laps
from retroracer.training.pictures.run_film import draw_film
from retroracer.training.run.folder import RunFolder
from tests.shapes import oval

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lap() -> tuple[Report, LapTrace]:
    """A lap of the line driver on an oval, recorded step by step."""
    car, track = load_car("gt"), oval()
    driver = LineDriver([line_to_follow(track, car)])
    race, trace = Race([track], [car]), LapTrace(0)
    while race.lap[0] < 2 and race.time[0] < 200.0:
        race.advance(driver(race))
        trace(race)
    time = float(race.last_lap_time[0])
    result = Result(track.name, 2, time, 0.0, "finished", limit_of(track, car).lap_time)
    return Report("line", (result,)), trace


def test_a_trace_holds_one_lap_in_driving_order(lap):
    points = np.array(lap[1].points)
    assert abs(len(points) * 0.05 - lap[0].results[0].lap_time_s) < 0.1
    assert (np.diff(points[1:-1, 3]) > 0.0).all()  # stations
    assert np.hypot(*np.diff(points[:, :2], axis=0).T) == pytest.approx(
        0.05 * points[1:, 2], rel=0.1
    )


def test_braking_begins_where_the_speed_falls_hard(lap):
    speed = np.concatenate([np.full(30, 60.0), 60.0 - 0.5 * np.arange(60), np.full(30, 30.0)])
    assert _braking_points(speed).tolist() == [31]
    assert 1 <= len(_braking_points(np.array(lap[1].points)[:, 2])) <= 6


def test_laps_are_plotted_against_the_limit(lap, tmp_path: Path):
    limit = limit_of(oval(), load_car("gt"))
    for laps in ([lap], [lap, lap]):
        plot_laps(tmp_path / "laps.png", oval(), limit, laps)
        with Image.open(tmp_path / "laps.png") as image:
            picture = np.asarray(image.convert("RGB"))
        assert picture.shape[0] > 500 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 100


def test_a_run_without_evaluations_or_checkpoints_has_no_pictures(tmp_path: Path):
    folder = RunFolder(tmp_path / "run")
    assert draw_curve(folder) is None
    assert draw_film(folder, oval(), load_car("gt")) is None


def test_a_runs_film_shows_each_checkpoint_for_its_time(tmp_path: Path):
    folder = RunFolder(tmp_path / "run")
    folder.checkpoints.mkdir(parents=True)
    for name in ("rookie", "base"):
        shutil.copy(find_model(name), folder.checkpoints / f"{name}.zip")
    out = draw_film(folder, oval(), load_car("gt"))
    assert out == (folder.path / "film.png", folder.path / "film.gif")
    with Image.open(out[1]) as film:
        shown = []
        for k in range(film.n_frames):
            film.seek(k)
            shown.append((film.info["duration"], np.asarray(film.convert("RGB")).copy()))
    assert [time for time, _ in shown] == [1200, 1200]
    one, other = (picture for _, picture in shown)
    assert one.shape == (540, 640, 3) and (one != other).any()
    # The line's colours, from slow to fast, beside paper, road and ink.
    assert all(len(np.unique(p.reshape(-1, 3), axis=0)) > 20 for p in (one, other))


def test_a_curve_is_drawn_even_before_the_first_completed_lap(tmp_path: Path):
    row = {"seconds": 60.0, "steps": 10, "updates": 3, "score": -1.0, "tracks": 4, "completed": 0,
           "clean": 0, "median_ratio": None, "worst_ratio": None}  # fmt: skip
    later = row | {"seconds": 90.0, "completed": 3, "median_ratio": 1.4, "worst_ratio": 1.9}
    (tmp_path / "evaluations.json").write_text(json.dumps([row, later]))
    path = draw_curve(RunFolder(tmp_path))
    assert path is not None
    with Image.open(path) as picture:
        assert picture.size[0] > 500
