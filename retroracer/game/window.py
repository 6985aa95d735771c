"""The window itself. Owns opening it, and saying in a line why it cannot be; loads only pygame."""

from __future__ import annotations

import os

import pygame

from retroracer.errors import UserError

UNSEEN = ("dummy", "offscreen")
"""Video drivers without a screen."""


def open_window(size: tuple[int, int], fullscreen: bool, headless: bool) -> None:
    """Open the window, or without a screen the picture that takes its place.

    Raises:
        UserError: if there is no screen to open one on.
    """
    if not getattr(pygame, "IS_CE", False):  # both install the same folder
        raise UserError(
            "this is pygame, not pygame-ce, which it replaces; run: pip uninstall -y pygame "
            "&& pip install --force-reinstall pygame-ce"
        )
    if headless:
        os.environ["SDL_VIDEODRIVER"] = "dummy"
        os.environ["SDL_AUDIODRIVER"] = "dummy"
    flags = pygame.FULLSCREEN if fullscreen else pygame.RESIZABLE
    try:
        pygame.display.init()
        pygame.display.set_mode((0, 0) if fullscreen else size, flags)
    except pygame.error as error:
        raise UserError(f"cannot open a window: {error}; without a screen use --headless") from None
    chosen = os.environ.get("SDL_VIDEODRIVER") or os.environ.get("SDL_VIDEO_DRIVER")
    if not headless and not chosen and pygame.display.get_driver() in UNSEEN:
        pygame.display.quit()  # SDL falls back to a driver without a screen
        raise UserError("there is no screen to open a window on; without one use --headless")
    pygame.display.set_caption("RetroRacer")


def close_window() -> None:
    """Close the window; does nothing if it is closed."""
    pygame.display.quit()
