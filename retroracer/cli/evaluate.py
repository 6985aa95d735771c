"""``retroracer evaluate``: drivers measured side by side. Owns options, table and file."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from retroracer.cli import evaluate_names, evaluate_pixels, evaluate_races
from retroracer.cli.arguments import (
    MOST_TRACKS,
    add_json,
    file_to_write,
    number,
    seed,
    whole,
    write_json,
)
from retroracer.errors import UserError
from retroracer.tables import busy, lap_text, print_table

if TYPE_CHECKING:
    from retroracer.agents.policy import Policy
    from retroracer.physics.car import Car
    from retroracer.track.track import Track
    from retroracer.training.judging.laps import Entry, Report, Result

TABLE_ROWS = 40
"""Most tracks a table shows in full; of more it shows only those that some driver failed."""

EXAMPLES = """examples:
  retroracer evaluate base --tracks monza spa
  retroracer evaluate models/base.zip models/monza.zip --tracks monza --json monza.json
  retroracer evaluate base --random 200 --seed 1
  retroracer evaluate base --surveyed 50 --seed 1
  retroracer evaluate base monza --tracks monza --plot monza.png --gif monza.gif
  retroracer evaluate base --random 200 --grip 0.8 --latency 1
  retroracer evaluate --race base pro club --grid all --tracks monza spa
  retroracer evaluate carracing --episodes 5 --save-video --video-dir videos
  retroracer evaluate --progress-csv runs/mine/progress.csv --plot-output curve.png"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "evaluate",
        description="Let drivers drive two laps from a standing start, deterministically, and "
        "report the second. All drivers and tracks run as one batch.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("models", nargs="*", metavar="MODEL", help="name or path of a model")
    add("--tracks", nargs="+", metavar="TRACK", help="names or paths; default: every shipped one")
    add("--random", type=whole(1, MOST_TRACKS), help="N random tracks instead")
    add(
        "--surveyed",
        type=whole(1, MOST_TRACKS),
        help="N circuits imported from made-up CSV surveys, as other people's circuits are",
    )
    add(
        "--seed",
        type=seed,
        default=0,
        metavar="S",
        help="seed of --random and --surveyed (default 0)",
    )
    add("--car", metavar="CAR", help="default: the car each was trained with")
    add(
        "--no-limit",
        action="store_true",
        help="do not compute the limits of tracks (the first time takes a second a track)",
    )
    add_json(parser)
    add(
        "--plot",
        "--picture",
        type=file_to_write(".png", ".svg", ".pdf"),
        help="picture of the first track: laps, speeds against the limit, braking points",
    )
    for kind in ("gif", "mp4"):
        add(
            f"--{kind}",
            type=file_to_write(f".{kind}"),
            help=f"film of the first model's lap as {kind}",
        )
    for name, what in (("grip", "tyres' grip"), ("power", "power"), ("mass", "mass")):
        add(f"--{name}", type=number(0.05, 20.0), default=1.0, help=f"times the car's {what}")
    add("--latency", type=whole(0, 20), default=0, help="delay actions by N steps of 50 ms")
    evaluate_races.add_options(parser)
    evaluate_pixels.add_options(parser)
    evaluate_names.add_options(parser)
    parser.set_defaults(run=lambda args: run(args, parser))


def run(args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Evaluate, write what was asked for, print a table."""
    if evaluate_races.concerns(args, parser):
        return evaluate_races.run(args, tracks_of(args))
    if not evaluate_names.take(args):
        return 0
    if evaluate_pixels.concerns(args, parser):
        return evaluate_pixels.run(args)
    from retroracer.agents.policy import load_policy
    from retroracer.training.judging.laps import Entry, LapTrace, evaluate

    policies = [load_policy(name) for name in args.models]
    entries = [Entry(p.name, p.act, _car(args, p), p.action_repeat) for p in policies]
    tracks = tracks_of(args)
    traces = [LapTrace(k * len(tracks)) for k in range(len(entries))] if args.plot else []
    with busy(f"evaluating on {len(tracks)} tracks ..."):
        reports = evaluate(entries, tracks, traces, args.latency)
    if not args.no_limit:
        reports = _with_limits(reports, entries, tracks)
    figures = [r.to_dict() for r in reports]
    write_json(args, figures[0] if len(figures) == 1 else {"models": figures})
    if args.plot:
        from retroracer.laptime.limit import limit_of
        from retroracer.training.pictures.laps import plot_laps

        limit = None if args.no_limit else limit_of(tracks[0], entries[-1].car)
        plot_laps(args.plot, tracks[0], limit, list(zip(reports, traces, strict=True)))
    _print(reports, tracks)
    if args.plot:
        print(f"plot: {args.plot}")
    films = [path for path in (args.gif, args.mp4, args.output) if path is not None]
    for path in [*films, *evaluate_names.videos(args, entries[0].name, [tracks[0].name])]:
        from retroracer.game.race.garage import Setup
        from retroracer.game.replay.film import film

        cars, names = (entries[0].car,), (entries[0].name,)
        print(film(Setup(tracks[0], None, (policies[0],), cars, human=False, names=names), path))
    return 0


def _car(args: argparse.Namespace, policy: Policy) -> Car:
    """The car to measure a driver in, changed as asked."""
    from dataclasses import replace

    from retroracer.agents.model_file import car_of
    from retroracer.physics.car import load_car

    car = load_car(args.car) if args.car else car_of(policy.facts, policy.name)
    try:
        return replace(
            car,
            mu=args.grip * car.mu,
            power=args.power * car.power,
            drive_force=args.power * car.drive_force,
            mass=args.mass * car.mass,
            yaw_inertia=args.mass * car.yaw_inertia,
        )
    except ValueError as error:
        raise UserError(f"--grip, --power and --mass make no car of {car.name}: {error}") from None


def _with_limits(reports: list[Report], entries: list[Entry], tracks: list[Track]) -> list[Report]:
    """Fill in the minimum lap time of every track for every driver's car."""
    from retroracer.laptime.many import lap_limits

    cars = list(dict.fromkeys(entry.car for entry in entries))
    with busy("limits ...") as say:
        times = lap_limits(
            [(track, car) for car in cars for track in tracks],
            lambda done, count: say(f"limits: {done} of {count} solved"),
        )
    m = len(tracks)
    of = {car: times[k * m : (k + 1) * m] for k, car in enumerate(cars)}
    return [r.with_limits(of[e.car]) for r, e in zip(reports, entries, strict=True)]


def tracks_of(args: argparse.Namespace) -> list[Track]:
    """The tracks that the options name."""
    from retroracer.track.files import load_track, shipped_tracks

    given = [n for n in ("tracks", "random", "surveyed") if getattr(args, n) is not None]
    if len(given) > 1:
        raise UserError(f"give --{given[0]} or --{given[1]}, not both")
    if args.random is not None:
        from retroracer.track.generate import random_tracks

        return random_tracks(args.seed, args.random)
    if args.surveyed is not None:
        from retroracer.track.surveyed_circuits import surveyed_circuits

        return surveyed_circuits(args.seed, args.surveyed)
    return [load_track(name) for name in args.tracks or shipped_tracks()]


def _print(reports: list[Report], tracks: list[Track]) -> None:
    rows = []
    for t, track in enumerate(tracks):
        results = [report.results[t] for report in reports]
        if len(tracks) <= TABLE_ROWS or not all(r.completed for r in results):
            rows.append((track.name, f"{track.length:.0f} m", *map(_cell, results)))
    if len(rows) < len(tracks):
        rows.append((f"{len(tracks) - len(rows)} more", "", *(["completed"] * len(reports))))
    totals = []
    for report in reports:
        s = report.summary()
        text = f"{s['completed']}/{s['tracks']} completed, {s['clean']} clean"
        if s["median_ratio"] is not None:
            text += f", {s['median_ratio']:.3f} of the limit"
        totals.append(text)
    print_table(
        ("track", "length", *(report.model for report in reports)),
        [rows, [("all", "", *totals)]],
        caption="second lap of two from a standing start",
    )


def _cell(result: Result) -> str:
    if result.lap_time_s is None:
        return f"{result.ended} in lap {result.laps + 1}"
    time = lap_text(result.lap_time_s)
    if result.ratio is not None:
        time += f"  x{result.ratio:.3f}"
    return time if result.clean else f"{time}, {result.off_track_s:.1f} s off"
