"""Finding and loading track files; what every key of a page does."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retroracer.errors import UserError
from retroracer.track import files
from retroracer.track.files import find_track, load_track, open_track, shipped_tracks
from retroracer.track.surface import GRASS, GRAVEL, Surface
from retroracer.track.validity import is_valid

PAGES = Path(__file__).parent / "pages"
HARBOUR = (PAGES / "harbour.yaml").read_text(encoding="utf-8")
SMALL = (PAGES / "small.yaml").read_text(encoding="utf-8")
DOTS = (PAGES / "dots.yaml").read_text(encoding="utf-8")


@pytest.fixture
def build(tmp_path):
    """Load a page given as text."""

    def opened(text, name="page"):
        path = tmp_path / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return open_track(path)

    return opened


def label(track, name):
    return next(x for x in track.labels if x.name == name)


def test_a_track_is_found_by_name_and_by_path(tmp_path, monkeypatch):
    (tmp_path / "harbour.yaml").write_text(HARBOUR, encoding="utf-8")
    monkeypatch.setattr(files, "tracks_dir", lambda: tmp_path)
    assert shipped_tracks() == ["harbour"]
    for way in ("harbour", "harbour.yaml", "tracks/harbour.yaml", tmp_path / "harbour.yaml"):
        assert find_track(way) == tmp_path / "harbour.yaml"
    with pytest.raises(UserError, match="did you mean 'harbour'"):
        load_track("harbor")


def test_a_file_beside_the_caller_goes_before_a_shipped_track(tmp_path, monkeypatch):
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "mine.yaml").write_text(HARBOUR, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(SMALL, encoding="utf-8")
    monkeypatch.setattr(files, "tracks_dir", lambda: tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)
    assert load_track("mine.yaml").title == "Small"
    assert load_track("mine").title == "Harbour Loop"


def test_a_page_becomes_an_even_closed_track_from_the_start_line(build):
    track = build(HARBOUR, "harbour").track
    assert (track.name, track.title, track.laps) == ("harbour", "Harbour Loop", 3)
    assert track.n == round(track.length / 2.0)
    steps = np.hypot(*(np.roll(track.xy, -1, axis=0) - track.xy).T)
    # Chords are shorter than arcs by (spacing / radius)^2 / 24 of their length.
    assert np.allclose(steps, track.spacing, rtol=2e-4)
    assert track.xy[0] == pytest.approx([60.0, 0.0], abs=1e-6)
    assert track.heading[0] == pytest.approx(0.0, abs=1e-9)
    assert track.closing_turn == pytest.approx(-2.0 * np.pi)
    assert is_valid(track)


def test_facts_of_the_page_reach_the_track(build):
    track = build(HARBOUR).track
    assert track.meta["country"] == "NO"  # YAML 1.1 would say False
    assert track.sectors == (600.0, 1200.0)
    assert (track.grid_gap, track.start_side) == (9.0, 1)
    assert track.medals == {"author": 38.412, "gold": 40.0}
    assert track.theme == {
        "preset": "harbour",
        "road": "#46464b",
        "kerb": "#d03030",
        "kerb_alt": "#f0f0f0",
    }


def test_the_smallest_page_takes_plain_defaults(build):
    track = build(SMALL).track
    assert track.sectors == pytest.approx((track.length / 3, track.length * 2 / 3))
    assert {track.surfaces[i].name for i in track.road} == {"asphalt"}
    assert {track.surfaces[i].name for i in track.runoff_left} == {"grass"}
    assert np.isinf(track.wall_left).all() and np.isinf(track.wall_right).all()
    assert track.medals == {} and not track.crossing and track.start_side == 0


def test_medals_must_get_easier(build):
    with pytest.raises(UserError, match=r"page\.yaml:14: T31: silver 40 s is no slower than gold"):
        build(SMALL + "medals: {author: 38, gold: 40.5, silver: 40}\n")


def test_surfaces_of_the_page_change_and_add_to_the_known_ones(build):
    track = build(HARBOUR).track
    known = {s.name: s for s in track.surfaces}
    assert known["grass"] == replace(GRASS, grip=0.5, drag=0.9)
    assert known["ice"] == Surface("ice", 0.1)
    assert known["gravel"] == GRAVEL


def test_a_page_says_how_a_surface_resists(build):
    text = SMALL + "surfaces: {mud: {grip: 0.3, drag: 2, ploughing: 0.02}, grass: {grip: 0.4}}\n"
    known = {s.name: s for s in build(text).track.surfaces}
    assert known["mud"] == Surface("mud", 0.3, 2.0, 0.02)
    assert known["grass"] == replace(GRASS, grip=0.4)
    with pytest.raises(UserError, match=r"page\.yaml:\d+: .*ploughing.*0\.05"):
        build(SMALL + "surfaces: {mud: {grip: 0.3, ploughing: 2}}\n")


def test_what_is_beside_the_road_changes_the_digest_but_not_that_of_the_road(build):
    plain = build(SMALL).track
    for page in ("surface: {runoff: gravel}\n", "surfaces: {grass: {grip: 0.35, ploughing: 0}}\n"):
        other = build(SMALL + page).track
        assert other.digest != plain.digest and other.road_digest == plain.road_digest
    for page in ("surface: {road: gravel}\n", "surface: {walls: both}\n"):
        other = build(SMALL + page).track
        assert other.digest != plain.digest and other.road_digest != plain.road_digest


def test_patches_cover_their_stretch_on_their_side_only(build):
    track = build(HARBOUR).track
    gravel = [s.name for s in track.surfaces].index("gravel")
    ice = [s.name for s in track.surfaces].index("ice")
    chicane = label(track, "Chicane")
    on = track.s[track.runoff_left == gravel]
    assert on.min() >= chicane.start and on.max() <= chicane.start + 40.0
    assert len(on) * track.spacing == pytest.approx(40.0, abs=2.1)
    assert not (track.runoff_right == gravel).any()
    assert track.s[track.road == ice].min() >= 100.0
    assert track.s[track.road == ice].max() <= 150.0


def test_walls_stand_a_runoff_width_beyond_the_edge(build):
    track = build(HARBOUR).track
    gentle = track.curvature < 1.0 / 60.0
    assert np.allclose(track.wall_left[gentle], track.half_width_left[gentle] + 15.0)
    assert np.isinf(track.wall_right).all()


def test_inner_walls_stay_short_of_the_centre_of_their_corner(build):
    track = build(SMALL + "surface: {walls: both, runoff_width: 90}\n").track
    assert np.allclose(track.wall_right, track.half_width_right + 90.0)
    tight = track.curvature > 1.0 / 55.0
    assert (track.wall_left[tight] < 1.0 / track.curvature[tight]).all()
    assert (track.wall_left > track.half_width_left).all()


def test_automatic_kerbs_lie_inside_tight_corners_and_nowhere_else(build):
    track = build(SMALL).track
    tight = track.curvature > 1.0 / 60.0
    assert (track.kerb_left[tight] == 1.2).all()
    exits = track.s[track.kerb_right == 1.2]  # outside, on the way out
    ends = np.array([label(track, name).end for name in ("Quay", "Bridge")])
    assert all(((exits > end - 20) & (exits < end + 18)).any() for end in ends)
    assert not track.kerb_right[tight].any()
    straight = label(track, "Pit straight")
    middle = (track.s > straight.start + 30) & (track.s < straight.end - 30)
    assert not track.kerb_left[middle].any()


@pytest.mark.parametrize(
    ("kerb", "left", "right"),
    [
        ("both", True, True),
        ("outside", False, True),
        ("inside", True, False),
        ("none", False, False),
        ("no", False, False),
        ("right", False, True),
    ],
)
def test_a_kerb_named_by_its_author_replaces_the_automatic_one(build, kerb, left, right):
    page = SMALL.replace("name: Quay", f"name: Quay, kerb: {kerb}")
    track = build(page).track
    quay = label(track, "Quay")
    middle = int(0.5 * (quay.start + quay.end) / track.spacing)
    assert bool(track.kerb_left[middle]) is left
    assert bool(track.kerb_right[middle]) is right


def test_a_width_is_reached_by_the_end_of_its_segment_and_kept(build):
    page = SMALL.replace("{straight: 150}", "{straight: 150, width: 8}")
    track = build(page).track
    width = track.half_width_left + track.half_width_right
    quay, bridge = label(track, "Quay"), label(track, "Bridge")
    assert width[int(quay.end / track.spacing)] == pytest.approx(12.0, abs=0.01)
    assert width[int(np.ceil(bridge.start / track.spacing))] == pytest.approx(8.0, abs=0.01)
    assert width[int(bridge.end / track.spacing)] == pytest.approx(8.0)
    assert abs(width[-1] - 12.0) < 0.05 and width[0] == pytest.approx(12.0)


def test_reverse_drives_the_same_road_the_other_way_from_the_same_line(build):
    forward = build(HARBOUR.replace("sectors: [600, 1200]\n", "")).track
    page = HARBOUR.replace("direction: forward", "direction: reverse")
    back = build(page.replace("sectors: [600, 1200]\n", "")).track
    assert np.allclose(back.xy, forward.reversed().xy)
    assert np.allclose(back.xy[0], forward.xy[0])
    assert back.closing_turn == -forward.closing_turn
    assert is_valid(back)
    # What the page says outside its layout is told in racing direction.
    gravel = [s.name for s in back.surfaces].index("gravel")
    chicane = label(back, "Chicane")
    assert 0.0 <= chicane.start < back.length
    assert back.s[back.runoff_left == gravel].min() >= chicane.start
    assert np.isfinite(back.wall_left).all() and np.isinf(back.wall_right).all()


def test_flaws_of_a_reversed_page_are_told_at_the_right_line(build):
    page = SMALL.replace("radius: 50, angle: 90, name: Quay", "radius: 6, angle: 90, name: Quay")
    page = page.replace("width: 12", "width: 14") + "start: {at: 100}\n"
    for direction in ("forward", "reverse"):
        with pytest.raises(UserError, match=r"page\.yaml:7: T22") as caught:
            build(page + f"race: {{direction: {direction}}}\n")
        assert '"Quay"' in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "read"),
    [
        ("{straight: 300, ", "{straight: 3e2, ", lambda t: label(t, "Pit straight").end),
        ("{straight: 300, ", "{straight: +0300, ", lambda t: label(t, "Pit straight").end),
        ("{straight: 300, ", '{straight: "300", ', lambda t: label(t, "Pit straight").end),
    ],
)
def test_numbers_are_read_as_their_author_means_them(build, old, new, read):
    assert read(build(SMALL.replace(old, new)).track) == pytest.approx(300.0)


def test_words_yaml_would_twist_stay_what_they_are(build):
    page = SMALL.replace("name: Small", "name: 12:30")
    page = page.replace("name: Quay", "name: ON").replace("name: Bridge", "name: 010")
    track = build(page + "meta: {country: NO, author: ~x, notes: 1e3}\nkerbs: {auto: off}\n").track
    assert track.title == "12:30"
    assert [x.name for x in track.labels][1:3] == ["ON", "010"]
    assert track.meta == {"country": "NO", "author": "~x", "notes": "1e3"}
    assert not track.kerb_left.any()


def test_anchors_and_aliases_may_be_used(build):
    page = SMALL.replace("{straight: 150}", "{straight: &gap 150}")
    assert build(page + "start: {at: *gap}\n").page.start.at == 150.0


def test_points_are_passed_through_with_their_widths(build):
    opened = build(DOTS)
    track, page = opened.track, opened.page
    assert opened.knots is not None and page.layout.points is not None
    for point in opened.knots.xy:
        segment = np.hypot(*(track.xy - point).T).min()
        assert segment <= 0.51 * track.spacing  # between two samples at most
    quay = label(track, "Quay")
    here = round(quay.start / track.spacing) % track.n
    assert track.half_width_left[here] == pytest.approx(6.0, abs=0.1)
    assert track.half_width_right[here] == pytest.approx(9.0, abs=0.1)
    assert np.abs(np.diff(track.curvature)).max() < 0.01  # smooth


def test_a_points_file_is_read_beside_the_page(build, tmp_path):
    angle = np.linspace(0.0, 2.0 * np.pi, 101)  # the last point repeats the first
    rows = np.column_stack([200 * np.cos(angle), 200 * np.sin(angle), 0 * angle + 5, 0 * angle + 7])
    np.savetxt(tmp_path / "ring.csv", rows, delimiter=",")
    track = build("schema: 1\nname: Ring\nlayout: {points_file: ring.csv}\n").track
    assert track.length == pytest.approx(2.0 * np.pi * 200.0, rel=1e-5)
    assert np.allclose(track.curvature, 1.0 / 200.0, rtol=1e-2)
    assert np.allclose(track.half_width_left, 7.0) and np.allclose(track.half_width_right, 5.0)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda p: p + "meta: {length_m: 2000}\n", "W40"),
        (lambda p: p.replace("width: 12", "width: 5"), "W41"),
        (lambda p: p + "start: {at: 330}\n", "W42"),
    ],
)
def test_odd_but_possible_tracks_are_built_with_a_warning(build, change, code):
    assert build(SMALL).warnings == ()
    warnings = build(change(SMALL)).warnings
    assert len(warnings) == 1 and f"warning {code}" in warnings[0]


def test_a_bridge_lets_the_road_cross_itself(build):
    page = (Path(__file__).parent / "broken" / "crossing.yaml").read_text(encoding="utf-8")
    track = build(page.replace("width: 10", "width: 10\n  crossings: bridge")).track
    assert track.crossing


def test_every_mistake_is_told_at_once_in_the_order_of_lines(build):
    page = SMALL.replace("radius: 50, angle: 90, name: Quay", "radius: -5, angel: 90, name: Quay")
    page = page.replace("{straight: 150}", "{straight: x}") + "kreb: 1\nrace: {laps: 0}\n"
    with pytest.raises(UserError) as caught:
        build(page)
    lines = [x.split(":")[1] for x in str(caught.value).splitlines() if x.startswith("page.yaml")]
    assert lines == ["7", "7", "8", "14", "15"]


@pytest.mark.slow
def test_loading_segments_imports_neither_scipy_nor_the_heavy_rooms():
    code = (
        "import sys; from retroracer.track.files import load_track;"
        f"load_track({str(PAGES / 'harbour.yaml')!r});"
        "print([m for m in ('scipy', 'torch', 'pygame', 'ray', 'matplotlib') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
