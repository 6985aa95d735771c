"""The start menu: track, car, rival, laps, assists; from there to racing, keys and records.

Owns the choices on screen; they are kept in the settings. Loads one track at a time.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pygame

from retroracer.agents.model_file import car_of
from retroracer.errors import UserError
from retroracer.game.pixels.screen import carracing_screen
from retroracer.game.race.daily import DAILY
from retroracer.game.race.expected import Expected, expected
from retroracer.game.race.garage import MOST_RIVALS, default_driver, drivers, put_together
from retroracer.game.race.track_times import TrackTimes
from retroracer.game.screens.backdrop import draw_logo, page
from retroracer.game.screens.championship import ChampionshipScreen
from retroracer.game.screens.choices import STEP, Choice, Choices, Question
from retroracer.game.screens.options import OptionsScreen
from retroracer.game.screens.race import RaceScreen
from retroracer.game.screens.records import RecordsScreen
from retroracer.game.screens.results import MEDALS, medal_for
from retroracer.game.screens.screen import AppServices, Screen
from retroracer.game.screens.track_card import draw_card
from retroracer.game.screens.track_picker import TrackPicker, track_named
from retroracer.laptime.limit import known_time
from retroracer.physics.car import load_car, shipped_cars
from retroracer.render.palette import DEFAULT as COLOURS
from retroracer.render.text import lap_text
from retroracer.track.files import shipped_tracks
from retroracer.track.track import Track

ROWS = ("RACE", "MODE", "TRACK", "CAR", "RIVAL", "RIVALS", "LAPS", "WATCH", "CHAMPIONSHIP",
        "DAILY TRACK", "RECORDS", "CARRACING", "OPTIONS", "QUIT")  # fmt: skip
PLAIN = {"RACE", "WATCH", "CHAMPIONSHIP", "DAILY TRACK", "RECORDS", "CARRACING", "OPTIONS", "QUIT"}
LAPS = (1, 2, 3, 5, 10, 20, 0)


class Menu(Screen):
    """The menu."""

    def __init__(self, app: AppServices) -> None:
        super().__init__(app)
        self.tracks = [*shipped_tracks(), DAILY]
        self.drivers = drivers()
        self.cars = ["", *shipped_cars()]
        self.loaded: dict[str, Track | str] = {}
        self.times = TrackTimes(app.records, solve=not app.headless)
        last = app.menu_row
        self.rows = Choices([self._row(n) for n in ROWS], ROWS.index(last) if last in ROWS else 0)
        self.question: Question | None = None
        now = app.settings.now
        if now.track not in self.tracks and Path(now.track).is_file():
            self.tracks.append(now.track)

    def close(self) -> None:
        """Stop what runs beside the menu."""
        self.times.close()

    def _row(self, name: str) -> Choice:
        def accept() -> None:
            self.accept(name)

        if name in PLAIN:
            return Choice(name, accept)
        return Choice(name, accept, partial(self.change, name), partial(self.value, name))

    # Choices.
    def track(self) -> Track | str:
        """The chosen track, or why it cannot be raced on."""
        name = self.app.settings.now.track
        if name not in self.loaded:
            self.loaded[name] = track_named(name)
        return self.loaded[name]

    def rival(self) -> str:
        """Name of the chosen rival, "" if there is no driver at all."""
        now, track = self.app.settings.now, self.track()
        name = track.name if isinstance(track, Track) else ""
        wanted = now.rival or default_driver(self.drivers, name, not now.ghosts)
        return wanted if wanted in self.drivers else next(iter(self.drivers), "")

    def expects(self, driver: str) -> Expected:
        """What a driver is expected to do on the chosen track."""
        track = self.track()
        if not isinstance(track, Track):
            return Expected(None, None, False)
        return expected(driver, track, known_time(track, car_of(self.drivers[driver], driver)))

    def ladder(self) -> list[str]:
        """The rivals, slowest first on the chosen track; those who do not get round come last."""
        return sorted(self.drivers, key=lambda d: -(self.expects(d).over or -1.0))

    def value(self, row: str) -> str:
        """What a row shows."""
        now = self.app.settings.now
        if row == "MODE":
            return "two players" if now.players == 2 else "ghosts" if now.ghosts else "solid cars"
        if row == "TRACK":
            track = self.track()
            return track.title if isinstance(track, Track) else Path(now.track).stem
        if row == "CAR":
            return load_car(now.car).title if now.car else "as the rival's"
        if row == "RIVAL":
            return self.rival() or "none trained yet"
        if row == "LAPS":
            return str(now.laps) if now.laps else "no end"
        if row == "RIVALS":
            return str(now.rivals) if self.drivers else "0"
        return ""

    def change(self, row: str, step: int) -> None:
        """Choose the next or the previous value of a row."""
        settings = self.app.settings
        now = settings.now

        def turned(values: list[str], value: str) -> str:
            place = values.index(value) if value in values else 0
            return values[(place + step) % len(values)] if values else value

        if row == "MODE":
            modes = [(1, False), (1, True), (2, False)]  # players, ghosts
            at = modes.index((now.players, now.ghosts)) if now.players == 1 else 2
            players, ghosts = modes[(at + step) % 3]
            settings.change(players=players, ghosts=ghosts)
        elif row == "TRACK":
            settings.change(track=turned(self.tracks, now.track))
        elif row == "CAR":
            settings.change(car=turned(self.cars, now.car))
        elif row == "RIVAL":
            settings.change(rival=turned(self.ladder(), self.rival()))
        elif row == "RIVALS":
            settings.change(rivals=max(0, min(MOST_RIVALS, now.rivals + step)))
        elif row == "LAPS":
            place = LAPS.index(now.laps) if now.laps in LAPS else 2
            settings.change(laps=LAPS[(place + step) % len(LAPS)])

    def accept(self, row: str) -> None:
        """Do what a row is for; a row with a value starts the race, but TRACK."""
        if row == "QUIT":
            self.ask()
            return
        try:
            screen = self.page(row)
        except UserError as error:
            self.app.tell(str(error).splitlines()[0], bad=True)
            return
        if screen is not None:
            self.app.show(screen)

    def page(self, row: str) -> Screen | None:
        """The screen a row leads to; None if there is nothing to show.

        Raises:
            UserError: saying why it cannot be shown.
        """
        if row == "CHAMPIONSHIP":
            return ChampionshipScreen(self.app)
        if row == "TRACK":
            return TrackPicker(self.app, self.tracks, load_car(self.app.settings.now.car or "gt"))
        if row == "DAILY TRACK":
            self.app.settings.change(track=DAILY)
        if row == "OPTIONS":
            return OptionsScreen(self.app)
        if row == "CARRACING":
            return carracing_screen(self.app)
        if row == "RECORDS":
            track = self.track()
            return RecordsScreen(self.app, track) if isinstance(track, Track) else None
        now = self.app.settings.now
        return RaceScreen(
            self.app,
            put_together(
                now.track,
                self.rival(),
                now.car,
                rivals=now.rivals,
                laps=now.laps,
                watch=row == "WATCH",
                assists=now.assists,
                ghosts=now.ghosts,
                players=now.players,
            ),
        )

    def ask(self) -> None:
        """Ask once whether the game is to be left."""

        def stay() -> None:
            self.question = None

        answers = [Choice("LEAVE", self.app.quit), Choice("STAY", stay)]
        self.question = Question("LEAVE THE GAME?", answers, stay)

    # Events.
    def event(self, event: pygame.event.Event, action: str) -> None:
        """Arrows choose, Enter races."""
        if self.question is not None:
            self.question.event(event, action)
            return
        if action == "back":
            self.ask()
        else:
            self.rows.event(event, action)
        self.app.menu_row = self.rows.chosen.name

    def advance(self, elapsed: float) -> None:
        """The menu waits, and counts for how long."""
        self.times.rest(elapsed)

    # Picture.
    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the menu."""
        c = page(surface)
        if c.w < 320 or c.h < 180:
            return
        left = max(14.0, c.w / 2 - 300)
        draw_logo(c, left, 14)
        top = 58.0 + max(0.0, (c.h - 270) * 0.12)
        c.panel(left - 4, top - 7, 208, STEP * len(ROWS) + 12, alpha=236)
        self.rows.draw(c, left, top, 200.0)
        card_x = left + 214
        box = (card_x, 18.0, min(c.w - card_x - 14, 330.0), min(c.h - 44, 300.0))
        track = self.track()
        if isinstance(track, Track):
            draw_card(c, track, box, self._facts(track))
        else:
            c.panel(*box, alpha=244, edge=COLOURS.bad)
            c.text("this track cannot be raced on:", box[0] + 8, box[1] + 10, COLOURS.bad)
            for k, line in enumerate(track.splitlines()[:14]):
                c.text(line, box[0] + 8, box[1] + 26 + 12 * k, width=box[2] - 16)
        c.hints(
            [("↑↓", "choose"), ("← →", "change"), ("ENTER", "race"), ("ESC", "quit")],
            left, c.h - 16,
        )  # fmt: skip
        if self.question is not None:
            self.question.draw(c)

    def _facts(self, track: Track) -> list[tuple[str, str, str]]:
        now = self.app.settings.now
        car = load_car(now.car or "gt")
        limit, author = self.times.limit(track, car), self.times.author(track, car)
        gold = MEDALS[0][1] * limit if limit else None
        best = self.times.best(track, car, now.assists.named())
        medal = medal_for(best, limit, author)
        facts = [
            ("LIMIT", lap_text(limit), "the fastest lap possible, solved"),
            ("GOLD", lap_text(gold), f"within {100 * (MEDALS[0][1] - 1):.0f} % of the limit"),
            ("AUTHOR", lap_text(author), "the best clean lap of a shipped driver"),
            ("YOU", lap_text(best), f"your medal: {medal or 'none yet'}"),
        ]
        rival = self.rival()
        if rival and now.rivals:
            facts.append((rival.upper(), "", self.expects(rival).words()))
            facts.append(("", "", "no rubber band: rivals never wait"))
        return facts
