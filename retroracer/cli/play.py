"""``retroracer play``: options into a game. Never loads torch."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from retroracer.cli import COMPILING
from retroracer.cli.arguments import file_to_write, number, seed, size_in_pixels, whole
from retroracer.errors import UserError

if TYPE_CHECKING:
    from retroracer.game.race.drivers import Script
    from retroracer.game.race.garage import Setup
    from retroracer.game.replay.ghost_file import GhostFile
    from retroracer.game.settings import SettingsFile

EXAMPLES = """examples:
  python play.py                       race the shipped driver at Monza, at once
  python play.py --menu                choose track, car and rival first
  python play.py --track suzuka --laps 3 --opponents 3
  python play.py --track suzuka --ghosts               a time trial: nobody touches anybody
  python play.py --track suzuka --players 2            two people: WASD and arrows
  python play.py --track monaco --watch
  python play.py --watch-run runs/base --track copper_bowl
  python play.py --track spa --watch --export lap.gif
  python play.py --edit tracks/mine.yaml
  python play.py --env carracing --seed 3 --model carracing
  python play.py --headless --frames 600 --screenshot race.png --script inputs.yaml

keys: arrows or WASD drive, R restarts at once, P or Esc pauses, Backspace puts you back on the
track, C turns the camera, F1 to F5 look into the agent, M mutes"""

NOTE = "arrows drive   R again   ESC pause and menu"
TIME_TRIAL = "time trial: nobody touches anybody"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "play",
        description="Race a trained driver: same car, same kernel, same track limits.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("--track", metavar="TRACK", help="name or path (default monza)")
    add(
        "--model",
        metavar="MODEL",
        help="name or path of the rival (default racer; with --ghosts or --watch the track's "
        "specialist, else base)",
    )
    add("--car", metavar="CAR", help="your car: gt, kart, formula, or a path")
    add("--laps", type=whole(0, 1000), help="default 3; 0 = without end")
    add("--opponents", type=whole(0, 19), help="drivers to race, 0 to 19 (default 1)")
    add(
        "--ghosts",
        action="store_true",
        help="a time trial: cars drive through one another (default: solid cars, with rules)",
    )
    add(
        "--players",
        type=whole(1, 2),
        default=1,
        help="2: two people at one keyboard, WASD and arrows, a half of the screen each",
    )
    add("--watch", action="store_true", help="watch the rival drive")
    add("--menu", action="store_true", help="open the menu first")
    screen = parser.add_mutually_exclusive_group()
    screen.add_argument("--fullscreen", action="store_true", help="take the whole screen")
    screen.add_argument("--windowed", action="store_true", help="a window (the default)")
    add("--size", type=size_in_pixels, help="size of the window, default 1280x720")
    add("--north-up", action="store_true", help="keep north at the top")
    add("--headless", action="store_true", help="without a window or waiting")
    add("--frames", type=whole(1, 10**9), help="end after N pictures (60 a second)")
    add("--screenshot", type=file_to_write(".png", ""), help="save the last picture")
    add("--watch-run", type=Path, metavar="RUN", help="race a run's checkpoints; new ones join")
    add(
        "--edit", type=Path, metavar="FILE", help="open a track's page, or a new one, in the editor"
    )
    add("--env", choices=["carracing"], help="drive Gymnasium's CarRacing-v3 instead")
    add("--seed", type=seed, default=0, metavar="S", help="seed of CarRacing's first track")
    add(
        "--export",
        type=file_to_write(".gif", ".webp", ".png", ".mp4"),
        help="write your best lap (--watch: the driver's) as .gif, .webp, .png or .mp4",
    )
    add(
        "--seconds",
        type=number(0.05, 3600),
        metavar="S",
        help="export only the first S seconds of the lap",
    )
    add(
        "--export-telemetry",
        type=file_to_write(".csv", ".html"),
        help="write the same lap's speed, pedals, steering, line and time lost to the limit",
    )
    add(
        "--export-ghost",
        type=file_to_write(".ghost"),
        help="write the same lap as a ghost file for others",
    )
    add("--ghost", type=Path, metavar="FILE", help="race against a ghost from a file")
    add("--script", type=Path, metavar="FILE", help="page of recorded inputs that drive your car")
    parser.set_defaults(run=run)


def _filming() -> Callable[[float], None]:
    """Prints how much of a film has been written, at every tenth."""
    told = 0

    def tell(share: float) -> None:
        nonlocal told
        if (tenths := int(10 * share)) > told:
            told = tenths
            print(f"filming: {10 * tenths} %", file=sys.stderr, flush=True)

    return tell


@dataclass(frozen=True)
class Loaded:
    """What the options ask the game to begin with.

    ``script`` are recorded inputs that drive; without a ``setup`` the game begins with another
    screen than a race; ``ghost`` is a lap to be raced against.
    """

    settings: SettingsFile
    script: Script | None
    setup: Setup | None
    note: str
    ghost: GhostFile | None


def _load(args: argparse.Namespace, tell: Callable[[str], None]) -> Loaded:
    """Load the simulator and what the options name; ``tell`` is called with each step's name."""
    tell("loading the simulator")
    from retroracer.compiled import first_use
    from retroracer.game.app import App  # noqa: F401  # with all it takes: then it opens at once
    from retroracer.game.race.drivers import read_script
    from retroracer.game.race.garage import DEFAULT, put_together, why_no_driver
    from retroracer.game.race.session import Session
    from retroracer.game.replay.ghost_file import read_ghost
    from retroracer.game.settings import SettingsFile

    if first_use():
        tell(COMPILING)
        print(COMPILING, file=sys.stderr, flush=True)
    script = read_script(args.script) if args.script else None
    settings = SettingsFile()
    if args.north_up:
        settings.for_now(heading_up=False)
    setup, note = None, ""
    ghost = read_ghost(args.ghost) if args.ghost else None
    if ghost is not None and any(_elsewhere(args)):
        raise UserError("--ghost is raced against: leave the other pages out")
    if not any(_elsewhere(args)):
        setup = put_together(
            args.track or (ghost.track if ghost is not None else "monza"),
            args.model or "",
            args.car or "",
            rivals=1 if args.opponents is None else args.opponents,
            laps=3 if args.laps is None else args.laps,
            watch=args.watch,
            assists=settings.now.assists,
            ghosts=args.ghosts or ghost is not None,
            players=args.players,
        )
        note = "" if args.watch else NOTE
        if note and setup.policies and not setup.solid:
            note = f"{TIME_TRIAL}   {NOTE}"
        if args.players == 2:
            note = "left: WASD, Q back on the road   right: arrows, BACKSPACE"
        if ghost is not None:
            ghost.demand_fits(setup.track)
            if not args.car and setup.human:  # the ghost's own car, to be compared with it
                setup = replace(setup, cars=(ghost.tape.cars[0], *setup.cars[1:]))
        if not setup.policies and args.opponents != 0:
            note = f"you drive alone: {why_no_driver(DEFAULT)}"
            print(f"retroracer: {note}")
    # A first step, so that no picture waits for what is compiled or read from the cache.
    first = setup or put_together("monza", rivals=0)
    Session(first.track, first.policies, first.cars, first.human, solid=first.solid).tick()
    return Loaded(settings, script, setup, note, ghost)


def _elsewhere(args: argparse.Namespace) -> list[bool]:
    """Which pages other than a race are asked for."""
    return [args.menu, args.watch_run is not None, args.edit is not None, bool(args.env)]


def run(args: argparse.Namespace) -> int:
    """Play."""
    if args.headless and args.frames is None:
        raise UserError("--headless needs --frames N, or it would never end")
    size = args.size or (1280, 720)
    if not (160 <= size[0] <= 7680 and 90 <= size[1] <= 4320):
        raise UserError(f"--size {size[0]}x{size[1]} is not between 160x90 and 7680x4320")
    if args.players == 2 and (args.watch or args.ghost or any(_elsewhere(args))):
        raise UserError("--players 2 is a race of two people: leave --watch and other pages out")
    if sum(_elsewhere(args)) > 1:
        raise UserError("--menu, --watch-run, --edit and --env are different pages; name one")
    # Small products that many threads share are slower, and on a busy machine late by frames.
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    if args.export or args.export_telemetry or args.export_ghost:
        return _export(args, _load(args, lambda _: None))
    from retroracer.game.window import close_window, open_window

    open_window(size, args.fullscreen, args.headless)
    try:
        return _play(args, size)
    finally:
        close_window()


def _export(args: argparse.Namespace, loaded: Loaded) -> int:
    from retroracer.game.replay.film import film
    from retroracer.game.replay.written_laps import export_ghost, export_telemetry

    setup = loaded.setup
    if setup is None or (args.watch and not setup.policies):
        raise UserError("--export writes one lap: leave the other pages out")
    if args.export is not None:
        print(film(setup, args.export, args.seconds, _filming()))
    if args.export_telemetry is not None:
        print(export_telemetry(setup, args.export_telemetry))
    if args.export_ghost is not None:
        print(export_ghost(setup, args.export_ghost))
    return 0


def _play(args: argparse.Namespace, size: tuple[int, int]) -> int:
    """In the open window: the first picture, then the game."""
    if args.headless:
        loaded = _load(args, lambda _: None)
    else:
        from retroracer.game.opening import wait_for

        waited = wait_for(partial(_load, args))
        if waited is None:
            return 0  # the window was closed before there was anything in it
        loaded = waited
    from retroracer.game.app import App, Options
    from retroracer.game.editor.editor import Editor
    from retroracer.game.pixels.screen import carracing_screen
    from retroracer.game.screens.race import RaceScreen
    from retroracer.game.screens.watch_run import RunScreen

    options = Options(
        headless=args.headless,
        frames=args.frames,
        screenshot=args.screenshot,
        size=size,
        fullscreen=args.fullscreen,
        opened=True,
    )
    app = App(options, loaded.setup, loaded.settings, loaded.script, loaded.note)
    if loaded.ghost is not None and isinstance(app.screen, RaceScreen):
        app.tell(app.screen.ghosts.join(loaded.ghost))
    if args.watch_run is not None:
        app.show(RunScreen(app, args.watch_run, args.track or "monza"))
    if args.env:
        app.show(carracing_screen(app, args.seed, args.model or "", watch=bool(args.model)))
    if args.edit is not None:
        app.show(Editor(app, args.edit))
    app.run()
    return 0
