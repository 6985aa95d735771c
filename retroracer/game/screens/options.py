"""The page of options: sound, picture, text, help. Each holds at once and is kept."""

from __future__ import annotations

from dataclasses import replace

import pygame

from retroracer.game.screens.backdrop import page, plate
from retroracer.game.screens.canvas import text_size
from retroracer.game.screens.choices import STEP, Choice, Choices
from retroracer.game.screens.keys import KeysScreen
from retroracer.game.screens.screen import AppServices, Screen

SHAKES = {0.0: "off", 0.5: "light", 1.0: "full"}


class OptionsScreen(Screen):
    """Options in rows; ``racing``, over a race that waits, without those its record depends on."""

    def __init__(self, app: AppServices, racing: bool = False) -> None:
        super().__init__(app)
        rows = [
            self._switch("SOUND", "mute", ("on", "off")),
            self._switch("MUSIC", "music", ("off", "on")),
            Choice("VOLUME", change=self._volume, value=lambda: f"{100 * self._now.volume:.0f} %"),
            Choice("DISPLAY", change=self._fullscreen, value=self._display),
            self._switch("COLOURS", "high_contrast", ("of the track", "high contrast")),
            self._switch("TEXT", "large_text", ("normal", "large")),
            self._switch("CAMERA", "heading_up", ("north up", "heading up")),
            Choice("SHAKE", change=self._shake, value=lambda: SHAKES.get(self._now.shake, "own")),
        ]
        if not racing:
            rows += [self._assist(n, f) for n, f in (("STABILITY", "stability"), ("ABS", "abs"),
                                                     ("RACING LINE", "line"))]  # fmt: skip
        rows += [
            Choice("KEYS", lambda: app.show(KeysScreen(app), over=True)),
            Choice("BACK", app.back),
        ]
        self.rows = Choices(rows)

    @property
    def _now(self):  # type: ignore[no-untyped-def]
        return self.app.settings.now

    def _switch(self, name: str, field: str, words: tuple[str, str]) -> Choice:
        def change(_: int) -> None:
            self.app.settings.change(**{field: not getattr(self._now, field)})
            self._hold()

        return Choice(name, change=change, value=lambda: words[bool(getattr(self._now, field))])

    def _assist(self, name: str, field: str) -> Choice:
        def change(_: int) -> None:
            now = self._now.assists
            changed = replace(now, **{field: not getattr(now, field)})
            self.app.settings.change(assists=changed)

        return Choice(
            name, change=change, value=lambda: "on" if getattr(self._now.assists, field) else "off"
        )

    def _volume(self, step: int) -> None:
        louder = min(max(round(self._now.volume + 0.1 * step, 1), 0.0), 1.0)
        self.app.settings.change(volume=louder)
        self._hold()
        self.app.sound.signal("lap")

    def _shake(self, step: int) -> None:
        values = list(SHAKES)
        place = values.index(self._now.shake) if self._now.shake in values else 1
        self.app.settings.change(shake=values[(place + step) % len(values)])

    def _fullscreen(self, _: int) -> None:
        if not self.app.headless:
            pygame.display.toggle_fullscreen()

    def _display(self) -> str:
        return "full screen" if pygame.display.is_fullscreen() else "window"

    def _hold(self) -> None:
        """Let what was changed hold now."""
        self.app.sound.choose(self._now.volume, self._now.mute, self._now.music)
        text_size(self._now.large_text)

    def event(self, event: pygame.event.Event, action: str) -> None:
        """Arrows choose and change."""
        if action == "back":
            self.app.back()
        else:
            self.rows.event(event, action)

    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the page."""
        c = page(surface)
        wide, high = 280.0, 38.0 + STEP * len(self.rows.rows)
        x, y = (c.w - wide) / 2, max(4.0, (c.h - high - 18) / 2)
        plate(c, "OPTIONS", x, y, wide, high)
        self.rows.draw(c, x + 6, y + 36, wide - 12)
        hints = [("↑↓", "choose"), ("← →", "change"), ("ESC", "back")]
        c.hints(hints, x + 4, min(y + high + 8, c.h - 12))
