"""Random tracks: valid, varied, and the same for a seed everywhere."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import LinearRing, Polygon

from retroracer.errors import UserError
from retroracer.track.character import character_of, quantiles
from retroracer.track.files import load_track
from retroracer.track.generate import random_track, random_tracks, track_from_seed
from retroracer.track.recipe import UNEVEN
from retroracer.track.track import Track
from retroracer.track.validity import find_flaws

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def many() -> list[Track]:
    return random_tracks(2024, 200)


@pytest.mark.slow
def test_edges_are_simple_and_the_road_is_a_ring_by_shapelys_judgement(many: list[Track]) -> None:
    for t in many:
        left, right = LinearRing(t.left_edge), LinearRing(t.right_edge)
        assert left.is_simple and right.is_simple, t.name
        outer, inner = (left, right) if Polygon(left).area > Polygon(right).area else (right, left)
        road = Polygon(outer, [inner])
        assert road.is_valid, t.name
        widths = (t.half_width_left + t.half_width_right).mean()
        assert road.area == pytest.approx(widths * t.length, rel=0.02), t.name


@pytest.mark.slow
def test_no_track_has_a_flaw_the_track_file_would_be_refused_for(many: list[Track]) -> None:
    assert {t.name: find_flaws(t) for t in many[:60] if find_flaws(t)} == {}


@pytest.mark.slow
def test_no_corner_is_tighter_than_the_half_width_and_a_margin(many: list[Track]) -> None:
    for t in many:
        k = t.curvature
        inside = np.where(k > 0.0, t.half_width_left, t.half_width_right)
        assert (1.0 / np.maximum(np.abs(k), 1e-9) > inside + 1.0).all(), t.name
        assert np.abs(np.diff(k)).max() < 0.06, "curvature jumps"


@pytest.mark.slow
def test_a_seed_means_the_same_track_in_another_process(many: list[Track]) -> None:
    code = (
        "from retroracer.track.generate import random_tracks\n"
        "print(*(t.digest for t in random_tracks(2024, 5)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == [t.digest for t in many[:5]]
    assert len({t.digest for t in many}) == len(many)
    by_name = track_from_seed(int(many[3].name.removeprefix("random-")))
    assert by_name.digest == many[3].digest


def test_a_track_of_a_list_depends_only_on_its_place() -> None:
    assert [t.digest for t in random_tracks(5, 3)] == [t.digest for t in random_tracks(5, 6)[:3]]


def test_a_generator_draws_another_track_every_time_and_the_same_again() -> None:
    one, two = np.random.default_rng(3), np.random.default_rng(3)
    first = [random_track(one).digest for _ in range(3)]
    assert len(set(first)) == 3
    assert [random_track(two).digest for _ in range(3)] == first


def test_both_directions_lengths_and_widths_vary(many: list[Track]) -> None:
    left = np.mean([t.closing_turn > 0.0 for t in many])
    assert 0.38 < left < 0.62
    lengths = np.array([t.length for t in many])
    assert lengths.min() >= 600.0 and lengths.max() <= 4000.0
    assert np.quantile(lengths, 0.1) < 1100.0 and np.quantile(lengths, 0.9) > 2600.0
    widths = np.array([character_of(t).width for t in many])
    assert widths.max() - widths.min() > 4.0


@pytest.mark.slow
def test_their_corners_and_straights_span_those_of_real_circuits(many: list[Track]) -> None:
    real = ["monza", "spa", "silverstone", "suzuka", "interlagos", "zandvoort", "red_bull_ring"]
    figures = quantiles(many, (0.02, 0.98))
    for name in real:
        c = character_of(load_track(name))
        for figure in ("tightest", "slow", "median", "straight", "width"):
            low, high = figures[figure]
            assert 0.85 * low <= getattr(c, figure) <= 1.15 * high, (name, figure)


@pytest.mark.slow
def test_uneven_tracks_are_valid_and_have_sharper_bends_and_wider_roads(many: list[Track]) -> None:
    uneven = random_tracks(2025, 100, UNEVEN)
    assert {t.name: find_flaws(t) for t in uneven if find_flaws(t)} == {}
    ours, usual = quantiles(uneven), quantiles(many)
    assert ours["tightest"][0] < usual["tightest"][0]
    assert ours["narrowing"][1] > 2.0 * usual["narrowing"][1]
    widest = np.array([(t.half_width_left + t.half_width_right).max() for t in uneven])
    assert (widest > 16.0).mean() > 0.1  # ordinary roads are at most 14.5 m wide


def test_a_circle_has_the_character_of_a_circle() -> None:
    from retroracer.track.track import even_track

    angle = np.arange(314) / 314 * 2.0 * np.pi
    xy = 100.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    circle = even_track("circle", xy, np.full(314, 5.0), np.full(314, 6.0))
    c = character_of(circle)
    assert c.tightest == pytest.approx(100.0, rel=1e-3)
    assert (c.straight, c.longest, c.corners) == (0.0, 0.0, 0.0)
    assert c.width == pytest.approx(11.0)
    assert c.turning == pytest.approx(360.0 / (0.2 * np.pi), rel=1e-3)


def test_a_negative_seed_is_refused_with_what_to_do() -> None:
    with pytest.raises(UserError, match="seed -1 is negative: give an integer of 0 or more"):
        track_from_seed(-1)
