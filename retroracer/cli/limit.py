"""``retroracer limit``: the fastest lap physics allows. Owns options, tables and file."""

from __future__ import annotations

import argparse
import itertools
from typing import TYPE_CHECKING

from retroracer.cli.arguments import file_to_write, write_json
from retroracer.tables import busy, lap_text, print_table

if TYPE_CHECKING:
    from retroracer.laptime.limit import Limit
    from retroracer.track.track import Track

EXAMPLES = """examples:
  retroracer limit monza
  retroracer limit monza --car formula --json monza.json
  retroracer limit my_track.yaml --plot line.png"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "limit",
        description="Compute the minimum-time racing line and lap of a track for a car: a "
        "flying lap inside track limits, no driver faster. Solved once (seconds), then cached.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("track", metavar="TRACK", help="name, or path of a YAML file")
    add("--car", metavar="CAR", default="gt", help="gt, kart, formula, or a path")
    add("--json", type=file_to_write(), help="write the figures there")
    add(
        "--plot", type=file_to_write(".png"), metavar="FILE.png", help="draw the line and its speed"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Solve, write what was asked for, print."""
    from retroracer.laptime.limit import limit_of
    from retroracer.physics.car import load_car
    from retroracer.track.files import load_track

    track, car = load_track(args.track), load_car(args.car)
    with busy(f"solving {track.title or track.name} ..."):
        limit = limit_of(track, car)
    write_json(args, limit.to_dict(track, car))
    if args.plot is not None:
        from retroracer.laptime.picture import draw_limit

        draw_limit(args.plot, track, car, limit)
    print(f"{track.title or track.name}, {track.length:.0f} m, {car.title}")
    print(f"limit       {lap_text(limit.lap_time)}   mean {mean_kmh(limit):.1f} km/h")
    print(
        f"centerline  {lap_text(limit.centerline_time)}   "
        f"{limit.centerline_time / limit.lap_time:.3f} times the limit"
    )
    _print_stretches(track, limit)
    if args.plot is not None:
        print(f"picture: {args.plot}")
    return 0


def mean_kmh(limit: Limit) -> float:
    """Mean speed of the lap by the track's length [km/h]."""
    return 3.6 * limit.length / limit.lap_time


def _print_stretches(track: Track, limit: Limit) -> None:
    """Speeds by sector and, where the track names them, by corner and straight."""
    ends = [0.0, *track.sectors, track.length]
    stretches = [(f"sector {k + 1}", a, b) for k, (a, b) in enumerate(itertools.pairwise(ends))]
    named = [(x.name, x.start, x.end) for x in track.labels]
    print_table(
        ("", "from", "to", "time", "slowest", "fastest"),
        [[_row(limit, *stretch) for stretch in group] for group in (stretches, named)],
    )


def _row(limit: Limit, name: str, start: float, end: float) -> tuple[str, ...]:
    slow, fast, seconds = _stretch(limit, start, end)
    speeds = (f"{3.6 * slow:.0f} km/h", f"{3.6 * fast:.0f} km/h")
    return (name, f"{start:.0f} m", f"{end:.0f} m", f"{seconds:.3f} s", *speeds)


def _stretch(limit: Limit, start: float, end: float) -> tuple[float, float, float]:
    """Slowest and fastest speed [m/s] and time [s] between two stations [m]."""
    import numpy as np

    if end <= start:
        end += limit.length
    speed = limit.at(limit.speed, np.linspace(start, end, max(2, int(end - start) + 1)))
    laps, rest = divmod(end, limit.length)
    seconds = laps * limit.lap_time + limit.time_at(rest) - limit.time_at(start % limit.length)
    return float(speed.min()), float(speed.max()), float(seconds)
