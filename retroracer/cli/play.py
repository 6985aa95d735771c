"""``retroracer play``: options into a game. Never loads torch."""

from __future__ import annotations

import argparse
from pathlib import Path

from retroracer.errors import UserError

EXAMPLES = """examples:
  python play.py
  python play.py --track suzuka --laps 3
  python play.py --track monaco --watch
  python play.py --headless --frames 600 --screenshot race.png --script inputs.yaml

keys: arrows or WASD drive, R restarts, P pauses, C turns the camera, Esc leaves"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "play",
        help="race against a trained driver",
        description="Race a trained driver: same car, same kernel, same track limits.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--track", default="monza", metavar="TRACK", help="name or path")
    parser.add_argument(
        "--model", metavar="MODEL", help="name or path of the driver to race (default base)"
    )
    parser.add_argument("--car", metavar="CAR", help="yours: gt, kart, formula, or a path")
    parser.add_argument("--laps", type=int, default=0, metavar="N", help="default: no end")
    parser.add_argument("--watch", action="store_true", help="only watch the driver")
    parser.add_argument("--fullscreen", action="store_true", help="take the whole screen")
    parser.add_argument("--north-up", action="store_true", help="keep north at the top")
    parser.add_argument("--headless", action="store_true", help="without a window or waiting")
    parser.add_argument(
        "--frames", type=int, metavar="N", help="end after N pictures (60 a second)"
    )
    parser.add_argument("--screenshot", type=Path, metavar="FILE", help="save the last picture")
    parser.add_argument("--script", type=Path, metavar="FILE", help="recorded inputs drive you")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play."""
    if args.headless and args.frames is None:
        raise UserError("--headless needs --frames N, or it would never end")
    if (args.frames is not None and args.frames < 1) or args.laps < 0:
        raise UserError("--frames is at least 1, --laps at least 0")
    from retroracer.agents.policy import Policy, load_policy
    from retroracer.game.app import App, Options
    from retroracer.game.drivers import read_script
    from retroracer.physics.car import car_from, load_car
    from retroracer.resources import models_dir
    from retroracer.track.files import load_track

    script = read_script(args.script) if args.script else None
    policies: list[Policy] = []
    note = "arrows drive   R again   P pause   C camera   Esc leaves"
    if args.model is not None or (models_dir() / "base.zip").is_file():
        policies.append(load_policy(args.model or "base"))
    elif args.watch:
        raise UserError("no driver to watch: train one with 'python train_base.py'")
    else:
        note = "no models/base.zip: you drive alone; train a driver with 'python train_base.py'"
        print(note)
    track = load_track(args.track)
    agents = [
        car_from(dict(p.facts.car), f"the car of {p.name}") if p.facts.car else load_car()
        for p in policies
    ]
    mine = load_car(args.car) if args.car else (agents[0] if agents else load_car())
    App(
        track,
        policies,
        agents if args.watch else [mine, *agents],
        Options(
            headless=args.headless,
            frames=args.frames,
            screenshot=args.screenshot,
            fullscreen=args.fullscreen,
            north_up=args.north_up,
        ),
        human=not args.watch,
        laps=args.laps,
        script=script,
        note=note,
    ).run()
    return 0
