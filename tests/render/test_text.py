"""Text is drawn whatever others do to pygame."""

from __future__ import annotations

import pygame
import pytest

from retroracer.render.text import write


@pytest.mark.parametrize("back", [True, False])
def test_text_is_written_after_somebody_quit_pygame(back: bool) -> None:
    surface = pygame.Surface((200, 40))
    write(surface, "before", (0.0, 0.0), 23, (255, 255, 255))
    pygame.font.quit()
    if back:
        pygame.font.init()
    drawn = write(surface, f"after, {back}", (0.0, 0.0), 23, (255, 255, 255))
    assert drawn.width > 20
    assert pygame.surfarray.array3d(surface).any()
