import numpy as np
import pygame
import pytest

from retroracer.errors import UserError
from retroracer.render.palette import palette_for
from retroracer.render.picture import (
    draw_track_picture,
    round_length,
    save_contact_sheet,
    save_track_picture,
)
from retroracer.track.track import Label
from tests.shapes import figure_of_eight, oval


def pixels(surface):
    return pygame.surfarray.array3d(surface).astype(int)


def test_a_picture_has_the_size_asked_for_and_shows_a_road(tmp_path):
    track = oval(title="Test Oval", labels=(Label("First", 300.0, 480.0),))
    path = tmp_path / "oval.png"
    save_track_picture(track, path, size=(640, 480))
    shown = pygame.image.load(path)
    assert shown.get_size() == (640, 480)
    road = np.array(palette_for({}).road)
    assert (np.abs(pixels(shown) - road).max(axis=2) <= 2).sum() > 1500


def test_a_picture_is_the_same_every_time():
    track = figure_of_eight()
    first, second = (
        pygame.image.tobytes(draw_track_picture(track, (320, 240)), "RGB") for _ in "ab"
    )
    assert first == second


def test_a_corners_name_changes_only_the_picture_with_it():
    plain = pixels(draw_track_picture(oval(), (640, 480)))
    named = pixels(draw_track_picture(oval(labels=(Label("Hairpin", 300.0, 480.0),)), (640, 480)))
    changed = (plain != named).any(axis=2)
    assert 500 < changed.sum() < 0.1 * changed.size


@pytest.mark.parametrize("size", [(10, 10), (100_000, 100_000)])
def test_impossible_sizes_are_a_users_mistake(tmp_path, size):
    with pytest.raises(UserError, match="try 1280x960"):
        save_track_picture(oval(), tmp_path / "x.png", size=size)
    assert not list(tmp_path.iterdir())


def test_a_contact_sheet_has_a_card_for_each_track(tmp_path):
    path = tmp_path / "sheet.png"
    save_contact_sheet([oval(), figure_of_eight(), oval(turn=-1)], path, columns=2, card=(160, 140))
    assert pygame.image.load(path).get_size() == (2 * 170 + 10, 2 * 150 + 10)
    with pytest.raises(UserError):
        save_contact_sheet([], path)


@pytest.mark.parametrize(("metres", "round_one"), [(732.0, 500.0), (200.0, 200.0), (19.0, 10.0)])
def test_scale_bars_are_round_numbers(metres, round_one):
    assert round_length(metres) == round_one
