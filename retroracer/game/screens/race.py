"""Racing: the lights, the race, pause and results; from keys to physics steps.

Owns how a race goes on the screen. The race itself is ``session``'s, its picture
``race_view``'s, what is written over it ``hud``'s.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pygame

from retroracer.game.editor.reload import Built, TrackWatch
from retroracer.game.overlays.overlays import Overlays
from retroracer.game.race.carry_over import carry_over, same_look
from retroracer.game.race.drivers import Human
from retroracer.game.race.garage import Setup
from retroracer.game.race.loop import FixedStep
from retroracer.game.race.reference_laps import ReferenceLaps
from retroracer.game.race.session import LapDone, Session
from retroracer.game.replay.ghosts import Ghosts
from retroracer.game.screens.canvas import Canvas
from retroracer.game.screens.choices import Choice, Question
from retroracer.game.screens.newcomer import LINE, Newcomer
from retroracer.game.screens.options import OptionsScreen
from retroracer.game.screens.people import inputs, roll_out
from retroracer.game.screens.race_picture import RacePicture
from retroracer.game.screens.race_signs import LAMPS, draw_errors, draw_start
from retroracer.game.screens.race_view import RaceView, slip_of
from retroracer.game.screens.replay import open_replay
from retroracer.game.screens.results import Results
from retroracer.game.screens.screen import AppServices, Screen, driven_again
from retroracer.game.screens.telemetry import open_telemetry
from retroracer.physics.race import N_SUBSTEPS, PHYSICS_DT
from retroracer.render.palette import STRONG
from retroracer.render.scene import TrackScene

LAMP_EVERY = 0.5
"""Time between two red lamps [s]; a last one of it, and they go out."""

COUNTDOWN = LAMP_EVERY * (LAMPS + 1)
RESULTS_AFTER = 1.2
"""Time from the finish to the results [s]."""

QUICKER = 4
"""While the results are shown, the race of the others runs this many times faster."""

DEAF = 1.0
"""Time the results are shown before a key can leave them [s]: the driving keys are still held."""


class RaceScreen(Screen):
    """A race being driven or watched; without ``lights`` it starts at once."""

    def __init__(self, app: AppServices, setup: Setup, lights: bool = True) -> None:
        super().__init__(app)
        self.loop = FixedStep(PHYSICS_DT)
        palette = STRONG if app.settings.now.high_contrast else None
        self._begin(setup, TrackScene(setup.track, palette), lights and app.lights)

    def take(self, setup: Setup, scene: TrackScene) -> None:
        """Replace this race by another one."""
        self.close()
        self._begin(setup, scene, lights=False)

    def _begin(self, setup: Setup, scene: TrackScene, lights: bool) -> None:
        app = self.app
        self.setup = setup
        self.scene = scene
        self.session = Session(
            setup.track, setup.policies, setup.cars, setup.human, setup.laps, setup.names or None,
            setup.one_start, setup.solid,
        )  # fmt: skip
        first = app.newcomer and setup.human == 1
        self.newcomer = Newcomer(self.session, app.controls, first)
        self.overlays = Overlays(self.session, setup.assists.line or first)
        app.tell(LINE if first else "")
        up = app.settings.now.heading_up
        self.picture = RacePicture(self.session, scene, setup, self.overlays, self.newcomer, up)
        self.hands = [Human(car) for car in setup.cars[: setup.human]]
        app.controls.players = max(setup.human, 1)
        self.menu = self._pause_menu()
        self._line_up(lights)
        self.ghosts = Ghosts(app.records, self.session, setup)
        app.tell(self.ghosts.refused, bad=True)
        self.references = ReferenceLaps(
            setup, self.session, app.records, self.ghosts.best, find=not app.headless
        )
        self.page = TrackWatch(setup.path) if setup.path else None
        self.errors: tuple[str, ...] = ()
        self.built: Built | None = None

    def _line_up(self, lights: bool) -> None:
        """Set what begins anew with every start."""
        self.loop.forget()
        self.paused = False
        self.had_lights = lights
        self.lights = COUNTDOWN if lights else 0.0
        self.since_go = self.since_over = 0.0
        self.heard = 0.0  # until then bumps were heard
        self.held = 0.0
        self.results = Results(self.session, self.setup.assists.named(), self.setup.colours)

    def _reload(self, elapsed: float) -> None:
        """Look whether the track's page was saved; what was built waits for a whole step."""
        built = self.page.look(elapsed) if self.page is not None else None
        if built is not None:
            self.errors, self.built = built.errors, built
        if self.built is not None and self.session.ticks % N_SUBSTEPS == 0:
            built, self.built = self.built, None
            self._rebuild(built)

    def _rebuild(self, built: Built) -> None:
        """Continue on the saved track: at the same share of the lap, with the same clock."""
        track, scene, before = built.track, built.scene, self.session
        if track is None or scene is None:
            return
        if track.digest == before.track.digest:  # at most its colours and names were changed
            if not same_look(track, before.track):
                self.scene = scene
                self.picture.repaint(track.title, scene)
            return
        self.take(replace(self.setup, track=track), scene)
        if before.ticks:
            carry_over(before, self.session)
        self.picture.jump()
        self.app.tell(f"{track.title}: the track was reloaded; this lap does not count")

    @property
    def view(self) -> RaceView:
        """The road and its cars."""
        return self.picture.view

    @property
    def showing_results(self) -> bool:
        """True once the results lie over the picture."""
        return self.since_over >= RESULTS_AFTER

    @property
    def foot(self) -> float:
        """Results have key hints at the bottom, a newcomer the controls."""
        return 26.0 if self.showing_results or self.newcomer.showing_controls else 3.0

    def close(self) -> None:
        """Stop what runs beside the race."""
        self.references.close()
        self.app.controls.players = 1

    # Events.
    def event(self, event: pygame.event.Event, action: str) -> None:
        """React to keys, pads and the window."""
        if self.paused and self.menu.event(event, action):
            return
        if action == "accept":
            self._accept()
        elif action in ("ghost", "replay", "telemetry"):
            if self.showing_results:
                self.press(action)
        elif action in ("left", "right", "up", "down") and self.showing_results:
            self.results.move(1 if action in ("right", "down") else -1)
        elif action == "back":
            self.press("menu" if self.showing_results else "pause")
        elif action:
            self.press(action)
        if event.type == pygame.WINDOWFOCUSLOST and not self.paused and self.setup.human:
            self.press("pause")

    def _accept(self) -> None:
        if self.showing_results:
            if self.since_over >= RESULTS_AFTER + DEAF:
                self.press(self.results.ways()[self.results.at][2])
        else:
            self.lights = min(self.lights, 0.0)  # skip the lights

    def press(self, what: str) -> None:
        """Carry out an action: of a key, of a script, or chosen on the results."""
        settings = self.app.settings
        simple = {
            "quit": self.app.quit, "menu": self.app.back, "restart": self.restart,
            "ghost": self.race_ghost, "replay": self.watch_again, "telemetry": self._telemetry,
        }  # fmt: skip
        if what in simple:
            simple[what]()
        elif what == "pause":
            self.pause(not self.paused)
        elif what == "unplugged":
            self.app.tell("the pad is gone; arrow keys drive")
            self.pause(True)
        elif what == "camera":
            settings.change(heading_up=not settings.now.heading_up)
        elif what == "watch" and self.setup.human < 2:  # of two people each sees their own car
            self.view.look_at((self.view.row + 1) % self.session.race.n)
        elif what in ("reset", "reset_1", "reset_2"):
            self._put_back(1 if what == "reset_2" else 0)
        elif self.overlays.press(what, self.view.row):
            self.app.tell(self.overlays.told)

    def _put_back(self, row: int) -> None:
        """Stand a player's car on the road again."""
        if row < self.setup.human and self.session.finish[row] is None:
            self.session.put_back(row)
            self.hands[row].reset()
            self.picture.views[row].follower.jump()
            self.app.tell("back on the track: this lap does not count")

    @property
    def underway(self) -> bool:
        """True while you have begun a race and not finished it."""
        return bool(self.setup.human) and self.session.ticks > 0 and not self.session.over

    def options(self) -> None:
        """Go to the options; the race waits."""
        self.app.show(OptionsScreen(self.app, racing=True), over=True)

    def _pause_menu(self) -> Question:
        """Escape goes on with the race, so that a reflex never ends it."""

        def resume(then: str = "") -> None:
            self.pause(False)
            if then:
                self.press(then)

        rows = [Choice("RESUME", resume), Choice("RESTART", self.restart)]
        if self.setup.human:
            rows.append(Choice("BACK ON THE ROAD", partial(resume, "reset")))
        rows += [
            Choice("WATCH THE LAST LAPS", self.watch_again),
            Choice("OPTIONS", self.options),
            Choice("QUIT TO MENU", partial(resume, "menu")),
        ]
        return Question("PAUSED", rows, resume)

    def pause(self, on: bool) -> None:
        """Pause the race, or continue it."""
        if on and not self.paused:
            self.menu = self._pause_menu()
        self.paused = on
        self.loop.forget()
        if on:
            self.app.sound.quiet()

    def restart(self) -> None:
        """Start the race again from the grid, without lights."""
        self.session.restart()
        for hands in self.hands:
            hands.reset()
        if self.app.script is not None:
            self.app.script.rewind()
        self.picture.jump()
        self._line_up(lights=False)
        self.overlays.restart()

    def race_ghost(self) -> None:
        """Race again, against a ghost of the best lap just driven."""
        lap = self.results.best_lap()
        if lap is None or lap.tape is None:
            self.app.tell("no valid lap to race")
        elif lap.tape.solid:
            self.app.tell("a ghost is raced in a time trial: GHOSTS at the menu's MODE")
        else:
            with driven_again(self.app):
                raced = self.ghosts.take(lap.tape)
                self.restart()
                self.app.tell("racing your ghost" if raced else "this lap is not the same any more")

    def watch_again(self) -> None:
        """Go to the replay of the laps just driven."""
        self.pause(not self.showing_results)
        whole = [self.session.race_tape] if self.session.race_tape is not None else []
        tapes = [*self.session.tapes, *whole]
        if tapes:
            open_replay(self.app, self.setup.track, tapes, self.scene)
        else:
            self.app.tell("no lap to watch yet: finish one")

    def _telemetry(self) -> None:
        tapes = sorted(self.session.tapes, key=lambda tape: tape.lap_time)
        open_telemetry(self.app, self.setup.track, tapes)

    # Time.
    def advance(self, elapsed: float) -> None:
        """Let real time [s] pass."""
        script = self.app.script
        self.app.controls.players = max(self.setup.human, 1)
        self._reload(elapsed)
        if self.paused:
            if script is not None:  # a script ends its own pause
                self.held += elapsed
                for what in script.play(self.session.time + self.held):
                    self.press(what)
            return
        self.held = 0.0
        if self.lights > 0.0:
            self._count_down(elapsed)
            return
        self.since_go += elapsed
        self.newcomer.note(elapsed, self.references.limit())
        control = self.session.control
        waiting = self.showing_results and control is not None and not control.stewards.over
        for _ in range(self.loop.steps(elapsed) * (QUICKER if waiting else 1)):
            self.step()
            if self.paused or self.app.script is not script:
                return
            if self.built is not None and self.session.ticks % N_SUBSTEPS == 0:
                return  # the saved track is driven on from here
        if self.session.over:
            self.since_over += elapsed
        self._sound()

    def _count_down(self, elapsed: float) -> None:
        before = int((COUNTDOWN - self.lights) / LAMP_EVERY)
        self.lights -= elapsed
        after = int((COUNTDOWN - max(self.lights, 0.0)) / LAMP_EVERY)
        if self.lights <= 0.0:
            self.app.sound.signal("green")
            self.loop.forget()
        elif after > before:
            self.app.sound.signal("red")

    def step(self) -> None:
        """One physics step with the inputs of this moment."""
        session, script = self.session, self.app.script
        driven = script is not None and (script.drives or not session.human)
        if script is not None and (driven or not session.over):
            for what in script.play(session.time):
                self.press(what)
            if driven and self.paused:
                return
        if script is not None and driven:
            session.tick(script.steer, script.throttle)
        else:
            rows = range(max(session.human, 1))
            racing = session.human and not session.over
            mine = self._inputs() if racing else [roll_out(session, row) for row in rows]
            session.tick(*mine[0], mine[-1])
        if session.ticks % N_SUBSTEPS == 0:
            self.picture.note()
        self.overlays.note(self.view.row)
        for done in session.take_done() if session.done else ():
            self._lapped(done)

    def _inputs(self) -> list[tuple[float, float]]:
        return inputs(self.hands, self.setup.assists, self.session, self.app.controls)

    def _lapped(self, done: LapDone) -> None:
        self.results.add(done)
        self.ghosts.remember(done, self.overlays.helped)
        if done.row == 0 and self.session.finish[0] is not None:
            self.ghosts.remember_race()
        self.references.take(done)
        if done.row == 0:
            self.app.sound.signal("lap")
            if self.newcomer.first and self.setup.human:  # helped along for one lap
                self.newcomer.first = self.app.newcomer = False
                self.overlays.racing_line = self.setup.assists.line
                self.app.settings.change(newcomer=False)

    def _sound(self) -> None:
        race, row, control = self.session.race, self.view.row, self.session.control
        if control is not None:
            shown = {view.row for view in self.picture.views}
            new = [b for b in control.bumps if b.time > self.heard and shown.intersection(b.rows)]
            if new:
                self.app.sound.bump(max(b.closing for b in new))
            self.heard = self.session.time
        slip = max(slip_of(self.session, row)) - 0.55
        self.app.sound.drive(
            float(race.speed[row]),
            float(self.session.actions[row, 1]),
            2.2 * slip if race.speed[row] > 4.0 else 0.0,
            bool(race.off_track[row]),
        )

    def spare(self, until: float) -> None:
        """Let rivals that look ahead plan on."""
        if not self.paused:
            self.session.plan(until)

    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the present."""
        laps, now = self.references, self.app.settings.now
        ghosts = self.ghosts.views()
        writing = not self.showing_results
        self.picture.draw(surface, self.loop.share, elapsed, laps, ghosts, now, writing)
        canvas = Canvas(surface, self.scene.palette)
        if canvas.w < 320 or canvas.h < 180:
            return
        if self.showing_results:
            self.results.line_shown = self.overlays.helped
            self.results.target = laps.target(*self.results.to_compare())
            self.results.draw(canvas, laps.limit_time(), laps.author())
            return
        top = 44.0 if self.setup.human < 2 else 126.0  # below what each half has at its top
        lit = int((COUNTDOWN - self.lights) / LAMP_EVERY)
        draw_start(canvas, self.lights, lit, self.since_go < 0.9 and self.had_lights, top)
        if self.errors:
            draw_errors(canvas, self.errors)
        if self.paused:
            self.menu.draw(canvas)
