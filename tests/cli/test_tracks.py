"""``retroracer tracks``: what it writes, prints and returns."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from retroracer.cli import main
from retroracer.track.csv_io import read_points
from retroracer.track.files import load_track
from retroracer.track.generate import random_tracks
from retroracer.track.validity import is_valid

PAGES = Path(__file__).parents[1] / "track" / "pages"
BROKEN = Path(__file__).parents[1] / "track" / "broken"


def ring(tmp_path, header="x_m,y_m,w_tr_right_m,w_tr_left_m"):
    angle = np.linspace(0.0, 2.0 * np.pi, 80, endpoint=False)
    rows = np.column_stack([90 * np.cos(angle), 60 * np.sin(angle), 0 * angle + 4, 0 * angle + 5])
    np.savetxt(tmp_path / "ring.csv", rows, delimiter=",", fmt="%.3f", header=header)
    return rows.round(3)


def test_validate_says_valid_and_writes_figures(tmp_path, capsys):
    out = tmp_path / "v.json"
    page = PAGES / "harbour.yaml"
    assert main(["tracks", "validate", str(page), "--json", str(out)]) == 0
    assert "valid, 1899 m" in capsys.readouterr().out
    (row,) = json.loads(out.read_text(encoding="utf-8"))["tracks"]
    assert row["valid"] and row["title"] == "Harbour Loop" and row["turns"] == "right"
    assert row["length_m"] == pytest.approx(load_track(page).length, abs=0.01)


def test_validate_judges_every_file_and_returns_2_if_one_is_broken(tmp_path, capsys):
    out = tmp_path / "v.json"
    pages = [BROKEN / "unknown_key.yaml", PAGES / "small.yaml", BROKEN / "turn_sum.yaml"]
    assert main(["tracks", "validate", *map(str, pages), "--json", str(out)]) == 2
    told = capsys.readouterr()
    assert "unknown_key.yaml:7: T02" in told.err and "turn_sum.yaml:5: T10" in told.err
    assert "small.yaml: valid" in told.out
    rows = json.loads(out.read_text(encoding="utf-8"))["tracks"]
    assert [row["valid"] for row in rows] == [False, True, False]


@pytest.mark.slow
def test_a_broken_page_gives_exit_code_2_and_no_traceback():
    command = [sys.executable, "-m", "retroracer", "tracks", "export"]
    page = str(BROKEN / "duplicate_key.yaml")
    done = subprocess.run([*command, page, "--csv", "x.csv"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "duplicate_key.yaml:3: T01" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("page", ["small", "harbour"])
def test_exporting_segments_writes_the_built_centreline(tmp_path, page):
    path = PAGES / f"{page}.yaml"
    assert main(["tracks", "export", str(path), "--csv", str(tmp_path / "o.csv")]) == 0
    track, points = load_track(path), read_points(tmp_path / "o.csv")
    assert np.abs(points.xy - track.xy).max() < 1e-3
    assert np.abs(points.left - track.half_width_left).max() < 1e-3
    assert np.abs(points.right - track.half_width_right).max() < 1e-3


def test_import_then_export_gives_the_same_points_back(tmp_path):
    rows = ring(tmp_path)
    page, out = tmp_path / "my_ring.yaml", tmp_path / "out.csv"
    assert main(["tracks", "import", str(tmp_path / "ring.csv"), "--out", str(page)]) == 0
    assert main(["tracks", "export", str(page), "--csv", str(out)]) == 0
    points = read_points(out)
    back = np.column_stack([points.xy, points.right, points.left])
    assert np.abs(back - rows).max() < 1e-3
    track = load_track(page)
    assert track.title == "My Ring" and track.meta["source"] == "imported from ring.csv"


def test_export_of_a_moved_start_line_begins_there(tmp_path):
    ring(tmp_path)
    page, out = tmp_path / "r.yaml", tmp_path / "out.csv"
    assert main(["tracks", "import", str(tmp_path / "ring.csv"), "--out", str(page)]) == 0
    page.write_text(page.read_text(encoding="utf-8") + "start: {at: 100}\n", encoding="utf-8")
    assert main(["tracks", "export", str(page), "--csv", str(out)]) == 0
    track = load_track(page)
    assert np.abs(read_points(out).xy - track.xy).max() < 1e-3


def test_an_import_never_overwrites_its_own_source(tmp_path, capsys):
    ring(tmp_path)
    source = (tmp_path / "ring.csv").rename(tmp_path / "r_points.csv")
    before = source.read_bytes()
    assert main(["tracks", "import", str(source), "--out", str(tmp_path / "r.yaml")]) == 2
    assert "overwritten" in capsys.readouterr().err
    assert source.read_bytes() == before


def test_generate_writes_the_same_valid_tracks_for_the_same_seed(tmp_path):
    for name in ("a", "b"):
        args = ["tracks", "generate", "--seed", "5", "--count", "3", "--out", str(tmp_path / name)]
        assert main(args) == 0
    files = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert len(files) == 6  # a page and its points each
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.slow
def test_generated_pages_load_as_the_tracks_they_were(tmp_path):
    args = ["tracks", "generate", "--seed", "9", "--count", "4", "--out", str(tmp_path)]
    assert main(args) == 0
    pages = sorted(tmp_path.glob("*.yaml"))
    for page, track in zip(pages, random_tracks(9, 4), strict=True):
        again = load_track(page)
        assert is_valid(again)
        assert again.length == pytest.approx(track.length, rel=1e-4)
        assert np.abs(again.xy - track.xy).max() < 0.02
        assert np.abs(again.half_width_left - track.half_width_left).max() < 0.01
        assert np.array_equal(again.runoff_left, track.runoff_left)
        assert np.array_equal(again.runoff_right, track.runoff_right)


def test_a_new_page_is_valid_and_is_not_written_over(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["tracks", "new", "my_track"]) == 0
    assert main(["tracks", "validate", "my_track.yaml"]) == 0
    assert load_track("my_track.yaml").title == "My Track"
    told = capsys.readouterr()
    assert "warning" not in told.err
    assert main(["tracks", "new", "my_track.yaml"]) == 2
    assert "there already" in capsys.readouterr().err


def test_draw_writes_a_picture_of_the_size_asked_for(tmp_path):
    from PIL import Image

    out = tmp_path / "small.png"
    page = str(PAGES / "small.yaml")
    assert main(["tracks", "draw", page, "--out", str(out), "--size", "400x300"]) == 0
    with Image.open(out) as picture:
        assert picture.size == (400, 300)
        assert len(picture.convert("RGB").getcolors(400 * 300)) > 10


@pytest.mark.parametrize(
    "args",
    [
        ["draw", "nowhere", "--out", "x.png"],
        ["draw", str(PAGES / "small.yaml"), "--out", "x.yaml"],
        ["draw", str(PAGES / "small.yaml"), "--out", "x.png", "--size", "big"],
        ["import", "nowhere.csv", "--out", "x.yaml"],
        ["import", "nowhere.csv", "--out", "x.png"],
        ["import", "nowhere.csv", "--out", "x.yaml", "--width", "wide"],
        ["export", str(PAGES / "small.yaml"), "--csv", "no/such/folder/x.csv"],
        ["generate", "--count", "-1", "--out", "x"],
        ["generate", "--seed", "-1", "--out", "x"],
        ["new", "no/such/folder/x"],
        ["nonsense"],
        [],
    ],
)
def test_mistakes_on_the_command_line_return_2(tmp_path, monkeypatch, capsys, args):
    monkeypatch.chdir(tmp_path)
    assert main(["tracks", *args]) == 2
    assert capsys.readouterr().err.strip()
    assert not list(tmp_path.glob("*.yaml"))


@pytest.mark.parametrize(
    "command", ["list", "validate", "draw", "import", "export", "generate", "new"]
)
def test_every_command_has_help_with_an_example(capsys, command):
    assert main(["tracks", command, "--help"]) == 0
    assert f"example: retroracer tracks {command}" in capsys.readouterr().out


@pytest.mark.slow
def test_list_names_every_shipped_track(tmp_path, capsys):
    from retroracer.track.files import shipped_tracks

    out = tmp_path / "l.json"
    assert main(["tracks", "list", "--json", str(out)]) == 0
    rows = json.loads(out.read_text(encoding="utf-8"))["tracks"]
    assert [row["track"] for row in rows] == shipped_tracks()
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1 + len(rows)
