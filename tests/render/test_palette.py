import pytest

from retroracer.errors import UserError
from retroracer.render.palette import DEFAULT, PRESETS, lightness, palette_for, parse_colour


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
