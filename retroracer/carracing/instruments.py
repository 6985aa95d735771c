"""The strip below the picture: bars for speed, wheels, steering, gyro, and the score.

Owns: where the stock env paints them. Does not own what they show.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pygame

from retroracer.compiled import compiled

TOP = 84
"""First row of the frame that belongs to the strip: 700 of 800 pixels."""
ROWS, COLUMNS = 12, 96
SCORE_COLUMNS = 12
"""The score ends before column 12: 125 of 1000 pixels."""
_X, _Y = COLUMNS / 1000.0, ROWS / 100.0  # frame pixels per window pixel
SHOWN_FROM = 1e-4
"""The stock env draws no bar for less."""

# place, whether upright, then red, green, blue; in the order of ``bars``' values
_BARS = np.array(
    [
        [5, 1, 255, 255, 255],  # speed
        [7, 1, 0, 0, 255],  # wheels: front left, front right, rear left, rear right
        [8, 1, 0, 0, 255],
        [9, 1, 51, 0, 255],
        [10, 1, 51, 0, 255],
        [20, 0, 0, 255, 0],  # steering
        [30, 0, 255, 0, 0],  # gyro
    ],
    np.float64,
)
_SCALES = np.array([0.02, 0.01, 0.01, 0.01, 0.01, -10.0, -0.8])


@compiled()
def draw_bars(frame: Any, values: Any, loss: float) -> None:
    """Draw the strip without its score.

    Args:
        frame: (96, 96, 3) uint8; the last 12 rows are overwritten.
        values: (7,) speed, four wheels' angular velocities, steering angle, yaw rate.
        loss: what the stock env's scaling takes off a colour.
    """
    frame[TOP:] = 0
    for k in range(7):
        if abs(values[k]) <= SHOWN_FROM:
            continue
        place, long = _BARS[k, 0] * 25.0, values[k] * _SCALES[k]
        if _BARS[k, 1] == 1.0:
            # Corners are cut to whole pixels, and the pixels of both corners are painted.
            left, right = place, place + 26.0
            top, bottom = float(int(800.0 - (20.0 + 20.0 * long))), 780.0
            if k in (1, 2, 3) and values[k + 1] > SHOWN_FROM:
                right -= 1.0  # the next bar paints over the column they share
        else:
            left, right = place, float(int(place + long * 25.0))
            top, bottom = 720.0, 760.0
        if left > right:
            left, right = right, left
        if top > bottom:
            top, bottom = bottom, top
        x0, x1 = left * _X, (right + (0.0 if _BARS[k, 1] == 1.0 else 1.0)) * _X
        y0, y1 = (top - 700.0) * _Y, (bottom + 1.0 - 700.0) * _Y
        x0, x1 = max(x0, 0.0), min(x1, float(COLUMNS))
        y0, y1 = max(y0, 0.0), min(y1, float(ROWS))
        for i in range(int(y0), min(int(np.ceil(y1)), ROWS)):
            high = min(y1, i + 1.0) - max(y0, float(i))
            for j in range(int(x0), min(int(np.ceil(x1)), COLUMNS)):
                covered = high * (min(x1, j + 1.0) - max(x0, float(j)))
                for c in range(3):
                    v = covered * _BARS[k, 2 + c] - loss
                    if v > 0.0:
                        frame[TOP + i, j, c] = min(frame[TOP + i, j, c] + v, 255.0)


_fonts: list[pygame.font.Font] = []


def _score_text(score: str) -> pygame.Surface:
    try:
        return _fonts[0].render(score, True, (255, 255, 255), (0, 0, 0))
    except (IndexError, pygame.error):  # no font yet, or pygame was quit since
        pygame.font.init()
        _fonts[:] = [pygame.font.Font(pygame.font.get_default_font(), 42)]
        return _fonts[0].render(score, True, (255, 255, 255), (0, 0, 0))


@cache
def score_picture(score: str) -> npt.NDArray[np.uint8]:
    """The score as the stock env shows it: (12, 12, 3), drawn once for each text."""
    strip = pygame.Surface((125, 100))  # scales to whole pixels, as the whole window does
    text = _score_text(score)
    box = text.get_rect()
    box.center = (60, 50)
    strip.blit(text, box)
    small = pygame.surfarray.array3d(pygame.transform.smoothscale(strip, (SCORE_COLUMNS, ROWS)))
    return np.ascontiguousarray(small.transpose(1, 0, 2))
