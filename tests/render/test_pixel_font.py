"""The game's own letters."""

from pathlib import Path

import pygame
import pytest

from retroracer.render import pixel_font
from retroracer.render.palette import DEFAULT
from retroracer.render.pixel_font import CAPITAL, HEIGHT, fitted, label, text_width
from retroracer.track.files import load_track, shipped_tracks

ART = Path(pixel_font.__file__).with_name("glyphs.txt").read_text(encoding="utf-8")
BANDS = [band.splitlines() for band in ART.strip().split("\n\n")]


def test_every_cell_has_its_rows_and_columns() -> None:
    for characters, *art in BANDS:
        rows = [line.split() for line in art]
        assert len(rows) == HEIGHT
        assert all(len(row) == len(characters) for row in rows)
        assert all(len(cell) == 5 for row in rows for cell in row)


def test_printable_ascii_is_all_there() -> None:
    have = "".join(characters for characters, *_ in BANDS)
    assert not [chr(c) for c in range(33, 127) if chr(c) not in have]


def test_figures_are_equally_wide() -> None:
    assert len({text_width(f"0:0{d}.{d}{d}{d}") for d in "0123456789"}) == 1


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_letters_are_whole_pixels_at_any_scale(scale: int) -> None:
    drawn = label("Ag 8", scale, (255, 255, 255))
    assert drawn.get_height() == HEIGHT * scale
    for x in range(0, drawn.get_width(), scale):
        for y in range(0, drawn.get_height(), scale):
            block = {
                tuple(drawn.get_at((x + i, y + j))) for i in range(scale) for j in range(scale)
            }
            assert len(block) == 1


def test_accents_rise_above_their_letter() -> None:
    ink = pygame.mask.from_surface(label("é", 1, (0, 0, 0))).get_bounding_rects()
    plain = pygame.mask.from_surface(label("e", 1, (0, 0, 0))).get_bounding_rects()
    assert min(r.top for r in ink) < plain[0].top


def test_what_the_font_has_not_is_drawn_all_the_same() -> None:
    assert label("日本", 2, (0, 0, 0)).get_width() > 0
    assert text_width("日本", 2) > 0


def test_long_text_is_cut_short_and_says_so() -> None:
    short = fitted("A very long name of a track", 60)
    assert short.endswith("…") and text_width(short) <= 60
    assert fitted("Spa", 60) == "Spa"


@pytest.mark.slow
def test_titles_of_shipped_tracks_need_no_other_font() -> None:
    for name in shipped_tracks():
        assert label(load_track(name).title, 1, DEFAULT.text).get_height() == HEIGHT
    assert CAPITAL < HEIGHT
