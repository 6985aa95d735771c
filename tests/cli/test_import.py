"""``retroracer tracks import`` and ``export``: what is understood, asked, refused and written."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from retroracer.cli import main
from retroracer.track.csv_io import read_points
from retroracer.track.files import load_track
from tests.track.survey.circuits import XY, lonlat

POINTS = [
    (200.0 * math.cos(k / 40 * math.tau), 120.0 * math.sin(k / 40 * math.tau)) for k in range(40)
]


def table(path, header, row):
    lines = [row(i, x, y) for i, (x, y) in enumerate(POINTS)]
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def take(path, *args):
    out = path.with_suffix(".yaml")
    return main(["tracks", "import", str(path), "--out", str(out), *args]), out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("header", "row", "right", "left"),
    [
        ("north_m,east_m,w_right_m,w_left_m", lambda i, x, y: f"{y:.2f},{x:.2f},4,8", 4, 8),
        (
            "x_ref_m,y_ref_m,width_left_m,width_right_m",
            lambda i, x, y: f"{x:.2f},{y:.2f},8,4",
            4,
            8,
        ),
        (",x_m,y_m,w_tr_right_m,w_tr_left_m", lambda i, x, y: f"{i},{x:.2f},{y:.2f},6,6", 6, 6),
    ],
    ids=["north and east", "left first", "pandas"],
)
def test_headers_of_others_are_understood_and_told(tmp_path, capsys, header, row, right, left):
    code, out = take(table(tmp_path / "c.csv", header, row))
    assert code == 0
    points = read_points(tmp_path / "c_points.csv")
    assert np.allclose(points.xy, np.round(POINTS, 2))
    assert np.allclose(points.right, right) and np.allclose(points.left, left)
    assert load_track(out).closing_turn > 0  # driven to the left, as drawn
    assert "c.csv: columns: x from '" in capsys.readouterr().out


def test_a_circuit_at_a_tenth_is_asked_about_and_scaled_on_demand(tmp_path, capsys):
    header = "# x_m, y_m, w_tr_right_m, w_tr_left_m"
    path = table(
        tmp_path / "c.csv", header, lambda i, x, y: f"{x / 10:.3f}, {y / 10:.3f}, 0.55, 0.55"
    )
    code, out = take(path)
    told = capsys.readouterr().err
    assert code == 2 and not out.exists()
    assert "c.csv: widths of 1.1 m: is this at 1:10? then add --scale 10" in told
    code, out = take(path, "--scale", "10")
    assert code == 0 and load_track(out).length == pytest.approx(1021.0, abs=1.0)
    assert "positions and widths times 10" in capsys.readouterr().out


@pytest.mark.slow
def test_the_question_needs_no_terminal(tmp_path):
    path = table(tmp_path / "c.csv", "x,y,right,left", lambda i, x, y: f"{x / 10},{y / 10},0.5,0.5")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "retroracer",
            "tracks",
            "import",
            path,
            "--out",
            tmp_path / "o.yaml",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.PIPE,
    )
    assert done.returncode == 2 and "--scale 10" in done.stderr and not done.stdout


def test_geojson_is_imported_with_a_width_and_its_projection_is_told(tmp_path, capsys):
    path, figures = tmp_path / "c.geojson", tmp_path / "f.json"
    path.write_text(json.dumps({"type": "LineString", "coordinates": lonlat().tolist()}))
    assert take(path)[0] == 2
    assert "--width METRES" in capsys.readouterr().err
    code, out = take(path, "--width", "12", "--json", str(figures))
    assert code == 0
    assert "no place is off by more than" in capsys.readouterr().out
    written = json.loads(figures.read_text(encoding="utf-8"))
    assert any("WGS 84" in line for line in written["understood"])
    assert written["width_min_m"] == written["width_max_m"] == 12.0
    assert load_track(out).meta["source"] == "imported from c.geojson"


@pytest.mark.slow
def test_an_export_comes_back_byte_by_byte(tmp_path, capsys):
    rng = np.random.default_rng(2)
    xy = XY + rng.normal(0.0, 1e-4, XY.shape).round(9)
    rows = np.column_stack([xy, np.full(len(xy), 5.25), np.full(len(xy), 6.000000001)])
    np.savetxt(tmp_path / "a.csv", rows, delimiter=",", fmt="%.9f")
    previous = None
    for name in ("a", "b", "c"):
        code, out = take(tmp_path / f"{name}.csv")
        following = tmp_path / f"{chr(ord(name) + 1)}.csv"
        assert code == 0
        assert main(["tracks", "export", str(out), "--csv", str(following)]) == 0
        points = read_points(following)
        back = np.column_stack([points.xy, points.right, points.left])
        assert np.array_equal(back, rows.round(9))
        assert previous in (None, following.read_bytes())
        previous = following.read_bytes()


def test_what_is_no_ordinary_file_is_refused_at_once(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.csv")
    with open(tmp_path / "huge.csv", "wb") as file:
        file.truncate(1_000_000_000)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "page.csv").write_text("schema: 1\nname: x\n")
    expected = {
        str(tmp_path / "pipe.csv"): "a pipe",
        str(tmp_path / "huge.csv"): "1000.0 MB",
        str(tmp_path / "folder.csv"): "a folder",
        str(tmp_path / "none.csv"): "no file",
        str(tmp_path / "page.csv"): "a track page",
        "/dev/zero": "a device",
    }
    for path, message in expected.items():
        assert main(["tracks", "import", path, "--out", str(tmp_path / "o.yaml")]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "o.yaml").exists()


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "inf", "1:10", "1e9", "ten"])
def test_a_scale_that_is_no_factor_is_refused(tmp_path, capsys, scale):
    assert main(["tracks", "import", "c.csv", "--out", "o.yaml", "--scale", scale]) == 2
    assert "to multiply by (10 for a circuit at 1:10)" in capsys.readouterr().err


def test_help_tells_formats_and_examples(capsys):
    assert main(["tracks", "import", "--help"]) == 0
    told = capsys.readouterr().out
    for words in ("GeoJSON", "GPX", "lap.gpx --out lap.yaml --width 11", "--scale 10", "projected"):
        assert words in told
