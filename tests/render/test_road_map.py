import pygame
import pytest

from retroracer.errors import UserError
from retroracer.render.picture import (
    round_length,
    save_track_picture,
    track_picture,
)
from retroracer.track.track import Label
from tests.shapes import figure_of_eight, oval


def pixels(surface):
    return pygame.surfarray.array3d(surface).astype(int)


def test_a_picture_is_the_same_every_time():
    track = figure_of_eight()
    first, second = (pygame.image.tobytes(track_picture(track, (320, 240)), "RGB") for _ in "ab")
    assert first == second


def test_a_corners_name_changes_only_the_picture_with_it():
    plain = pixels(track_picture(oval(), (640, 480)))
    named = pixels(track_picture(oval(labels=(Label("Hairpin", 300.0, 480.0),)), (640, 480)))
    changed = (plain != named).any(axis=2)
    assert 500 < changed.sum() < 0.1 * changed.size


@pytest.mark.parametrize("size", [(10, 10), (100_000, 100_000)])
def test_impossible_sizes_are_a_users_mistake(tmp_path, size):
    with pytest.raises(UserError, match="try 1280x960"):
        save_track_picture(oval(), tmp_path / "x.png", size=size)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("metres", "round_one"), [(732.0, 500.0), (200.0, 200.0), (19.0, 10.0)])
def test_scale_bars_are_round_numbers(metres, round_one):
    assert round_length(metres) == round_one
