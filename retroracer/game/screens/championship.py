"""The page of the championship, and a round of it."""

from __future__ import annotations

from collections.abc import Callable

import pygame

from retroracer.errors import UserError
from retroracer.game.home import data_dir
from retroracer.game.race.championship import (
    LAPS,
    POINTS,
    RIVALS,
    TRACKS,
    keep_championship,
    read_championship,
)
from retroracer.game.race.garage import Setup, put_together
from retroracer.game.screens.backdrop import page, plate
from retroracer.game.screens.choices import STEP, Choice, Choices
from retroracer.game.screens.race import RaceScreen
from retroracer.game.screens.screen import AppServices, Screen
from retroracer.game.screens.track_card import track_map
from retroracer.track.files import load_track


class RoundScreen(RaceScreen):
    """A race; once it is over, ``done`` is told the drivers from first to last."""

    def __init__(self, app: AppServices, setup: Setup, done: Callable[[list[str]], None]) -> None:
        self._done = done
        self._told = False
        super().__init__(app, setup)

    def restart(self) -> None:
        """Stop the race; an unfinished round is driven again from its start."""
        if self._told:
            self.app.back()
        else:
            super().restart()

    def advance(self, elapsed: float) -> None:
        """Let real time [s] pass."""
        super().advance(elapsed)
        control = self.session.control
        if control is None or control.stewards.over:
            self._take()

    def close(self) -> None:
        """Leave the race; the result counts once you have finished."""
        self._take()
        super().close()

    def _take(self) -> None:
        if self.session.over and not self._told:
            self._told = True
            self._done([self.session.names[i] for i in self.session.order()])


class ChampionshipScreen(Screen):
    """Four rounds, who leads, what is next."""

    def __init__(self, app: AppServices) -> None:
        super().__init__(app)
        self.now = read_championship(data_dir())
        self.tracks = [load_track(name) for name in TRACKS]
        self.rows = Choices(
            [Choice("NEXT RACE", self._race), Choice("START ANEW", self._begin),
             Choice("BACK", app.back)]
        )  # fmt: skip

    def _race(self) -> None:
        if self.now.over:
            self._begin()
        now = self.app.settings.now
        try:
            setup = put_together(
                TRACKS[self.now.raced], now.rival, now.car, rivals=RIVALS, laps=LAPS,
                assists=now.assists,
            )  # fmt: skip
        except UserError as error:
            self.app.tell(str(error).splitlines()[0], bad=True)
            return
        self.app.show(RoundScreen(self.app, setup, self._take), over=True)

    def _take(self, order: list[str]) -> None:
        self.now.take(order)
        self._keep()

    def _begin(self) -> None:
        self.now.begin()
        self._keep()

    def _keep(self) -> None:
        try:
            keep_championship(data_dir(), self.now)
        except UserError as error:
            self.app.tell(f"the championship is not kept: {error}", bad=True)

    def event(self, event: pygame.event.Event, action: str) -> None:
        """Arrows choose."""
        if action == "back":
            self.app.back()
        else:
            self.rows.event(event, action)

    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the page."""
        c = page(surface)
        p = c.palette
        wide, high = min(c.w - 20, 460.0), min(c.h - 34, 250.0)
        x, y = (c.w - wide) / 2, max(8.0, (c.h - high) / 2 - 10)
        plate(c, "CHAMPIONSHIP", x, y, wide, high)
        each = (wide - 20) / len(TRACKS)
        for k, track in enumerate(self.tracks):
            left, top = x + 10 + each * k, y + 34
            is_next = k == self.now.raced
            c.panel(left, top, each - 4, 76, edge=p.accent if is_next else None)
            c.blit(track_map(track, (round((each - 8) * c.k), round(56 * c.k))), left + 2, top + 2)
            state = "done" if k < self.now.raced else "next" if is_next else f"round {k + 1}"
            c.text(track.title, left + 4, top + 64, p.text, width=each - 12 - c.width(state))
            c.text(state, left + each - 8, top + 64, p.text_dim, anchor=1.0)
        self.rows.draw(c, x + 10, y + 124, 150.0)
        best = self.now.best_place()
        told = f"{LAPS} laps each, {', '.join(map(str, POINTS))} points"
        c.text(told, x + 14, y + 124 + 3 * STEP + 8, p.text_dim)
        if best is not None:
            c.text(f"your best championship: place {best}", x + 14, y + 124 + 4 * STEP + 8)
        at = x + wide * 0.52
        c.text("FINAL" if self.now.over else "STANDINGS", at, y + 118, p.text_dim)
        for k, (name, points) in enumerate(self.now.standings()[:7]):
            tone = p.human if name == "you" else p.text
            c.text(f"{k + 1}  {name.upper()}", at, y + 132 + STEP * k, tone, width=130)
            c.text(str(points), x + wide - 16, y + 132 + STEP * k, p.accent, anchor=1.0)
        if not self.now.points:
            c.text("nobody has points yet", at, y + 132, p.text_dim)
        c.hints([("↑↓", "choose"), ("ENTER", "go"), ("ESC", "back")], x + 4, c.h - 15)
