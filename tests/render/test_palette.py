from itertools import combinations

import pytest

from retroracer.errors import UserError
from retroracer.render.palette import (
    DEFAULT,
    PRESETS,
    RIVALS,
    palette_for,
    parse_colour,
)
from retroracer.track.files import load_track, shipped_tracks
from tests.colours import contrast, lightness


def test_a_theme_overrides_its_preset_by_role():
    palette = palette_for({"preset": "forest", "road": "#102030", "kerb": "#fff"})
    assert palette.road == (16, 32, 48)
    assert palette.kerb == (255, 255, 255)
    assert palette.grass == PRESETS["forest"].grass


def test_roles_nobody_knows_are_ignored():
    assert palette_for({"clouds": "#ffffff"}) == DEFAULT


def test_a_broken_colour_names_the_role_and_the_remedy():
    with pytest.raises(UserError, match=r"'road'.*'#rrggbb'"):
        palette_for({"road": "blackish"})
    assert parse_colour("#0a0B0c") == (10, 11, 12)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_drivers_differ_in_lightness_and_stand_out_from_every_road(name):
    p = PRESETS[name]
    assert lightness(p.agent) - lightness(p.human) > 0.2
    assert lightness(p.human) - lightness(p.road) > 0.1


def test_contrast_is_that_of_wcag():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21.0)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_road_edge_and_ground_of_every_theme_are_told_apart(name):
    """WCAG asks 3:1 of what must be seen to be understood, 4.5:1 of what is read."""
    p = PRESETS[name]
    assert contrast(p.road, p.grass) >= 3.0
    assert contrast(p.road_alt, p.grass_alt) >= 3.0
    assert contrast(p.line, p.road) >= 4.5
    assert contrast(p.tree, p.grass) >= 2.0
    for car in (p.human, *RIVALS):
        assert contrast(car, p.road) >= 2.4


@pytest.mark.parametrize("name", shipped_tracks())
def test_every_circuit_in_its_own_colours_keeps_that_contrast(name):
    p = palette_for(load_track(name).theme)
    assert contrast(p.road, p.grass) >= 3.0
    assert contrast(p.line, p.road) >= 4.5
    assert contrast(p.kerb, p.kerb_alt) >= 2.0


@pytest.mark.slow
def test_famous_circuits_do_not_look_alike():
    names = ("monza", "spa", "monaco", "silverstone", "suzuka", "zandvoort", "red_bull_ring")
    looks = {n: palette_for(load_track(n).theme) for n in names}
    for a, b in combinations(names, 2):
        apart = max(
            sum(abs(x - y) for x, y in zip(getattr(looks[a], r), getattr(looks[b], r), strict=True))
            for r in ("grass", "kerb", "tree")
        )
        assert apart > 60, (a, b)
