"""The first picture: the game's name over what is being loaded, while that goes on beside it.

Owns the waiting. Loads little itself, so that the picture is there within a tenth of a second of
work; the simulator, which takes a second (once, half a minute to compile), follows in a thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import pygame

from retroracer.game.screens.backdrop import draw_logo, page

T = TypeVar("T")

EVERY = 1.0 / 20.0
"""Time between two pictures [s]."""

Tell = Callable[[str], None]


def wait_for(load: Callable[[Tell], T]) -> T | None:
    """Show the first picture until ``load`` is done, which works in a thread of its own.

    Args:
        load: the work; it is given a function that tells what it is about, in a few words.

    Returns:
        What ``load`` returned; None if the window was closed before.

    Raises:
        Exception: what ``load`` raised.
    """
    told = ["loading"]
    done: list[T] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            done.append(load(told.append))
        except BaseException as error:  # told where it is waited for
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    begun = time.perf_counter()
    draw(told[-1], 0.0)
    thread.start()
    while thread.is_alive():
        if pygame.event.get(pygame.QUIT):
            return None
        draw(told[-1], time.perf_counter() - begun)
        thread.join(EVERY)
    pygame.event.clear()
    if failed:
        raise failed[0]
    return done[0]


def draw(told: str, seconds: float) -> None:
    """Draw the picture after some seconds of waiting."""
    surface = pygame.display.get_surface()
    if surface is None:
        return
    c = page(surface)
    if c.w >= 320 and c.h >= 180:
        left = max(14.0, c.w / 2 - 300)
        draw_logo(c, left, 14)
        wide = max(180.0, c.width(told) + 24.0)
        c.panel(left, c.h - 44, wide, 28, alpha=236)
        c.text(told, left + 10, c.h - 37)
        # A piece of kerb that runs along: something is going on.
        span = wide - 20
        at = (60.0 * seconds) % (span - 30)
        c.rect(left + 10, c.h - 24, span, 3, c.palette.panel_edge)
        c.stripes(left + 10 + at, c.h - 24, 30, 3)
    pygame.display.flip()
