"""``retroracer limit``, and limits in ``retroracer evaluate``."""

import json

import numpy as np
import pytest

from retroracer.cli import main
from retroracer.laptime import limit
from retroracer.laptime.limit import solve
from retroracer.physics.car import car_facts, load_car
from retroracer.tables import lap_text
from retroracer.track.files import load_track
from retroracer.training.judging.laps import Report, Result


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RETRORACER_HOME", str(tmp_path / "home"))


@pytest.mark.slow
def test_limit_writes_the_promised_figures(tmp_path, monkeypatch, capsys):
    # Solved here: another processor, as of the shipped lines, ends a few microseconds apart.
    monkeypatch.setattr(limit, "LINES", tmp_path)
    assert main(["limit", "clockwork", "--json", str(tmp_path / "f.json")]) == 0
    page = json.loads((tmp_path / "f.json").read_text())
    track, car = load_track("clockwork"), load_car("gt")
    found = solve(track, car)
    assert page["track"] == "clockwork"
    assert page["limit_s"] == pytest.approx(found.lap_time)
    assert page["centerline_s"] == pytest.approx(found.centerline_time)
    assert page["length_m"] == pytest.approx(track.length)
    assert page["car"] == car_facts(car)
    assert sum(page["sectors_s"]) == pytest.approx(page["limit_s"])
    assert len({len(column) for column in page["line"].values()}) == 1
    shown = capsys.readouterr().out
    assert lap_text(found.lap_time) in shown
    assert all(label.name in shown for label in track.labels)
    assert "sector 3" in shown


@pytest.mark.slow
def test_another_car_has_another_limit(tmp_path):
    for car in ("gt", "kart"):
        assert main(["limit", "clockwork", "--car", car, "--json", str(tmp_path / car)]) == 0
    times = [json.loads((tmp_path / car).read_text())["limit_s"] for car in ("gt", "kart")]
    assert times[0] < times[1]


@pytest.mark.slow
def test_the_plot_shows_the_line_in_colour(tmp_path):
    from PIL import Image

    path = tmp_path / "line.png"
    assert main(["limit", "copper_bowl", "--plot", str(path)]) == 0
    picture = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
    assert len(np.unique(picture, axis=0)) > 500


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["limit", "nowhere"], "no track 'nowhere'"),
        (["limit", "clockwork", "--car", "tank"], "no car 'tank'"),
        (["limit", "clockwork", "--plot", "line.xyz"], "end it with .png"),
        (["limit", "clockwork", "--json", "/no/such/folder/f.json"], "does not exist"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(line, told, capsys):
    assert main(line) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("seconds", "text"), [(59.9996, "1:00.000"), (102.2171, "1:42.217"), (7.5, "0:07.500")]
)
def test_lap_times_read_as_people_write_them(seconds, text):
    assert lap_text(seconds) == text


def test_a_report_takes_limits_and_then_knows_ratios():
    results = [Result(name, 2, 110.0, 0.0, "finished") for name in "ab"]
    report = Report("m", tuple(results)).with_limits([100.0, None])
    assert [r.ratio for r in report.results] == [pytest.approx(1.1), None]
    assert report.summary()["median_ratio"] == pytest.approx(1.1)
