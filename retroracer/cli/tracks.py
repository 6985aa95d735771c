"""``retroracer tracks``: list, check, draw, import, export, generate and begin tracks.

Owns: the arguments and what is printed. The work is done in ``retroracer.track`` and
``retroracer.render``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from retroracer.atomic import demand_writable, make_folder, write_text
from retroracer.cli.arguments import (
    MOST_TRACKS,
    add_json,
    add_subcommand,
    file_to_write,
    number,
    seed,
    size_in_pixels,
    whole,
    write_json,
)
from retroracer.errors import UserError
from retroracer.reading import shown_path
from retroracer.tables import print_table
from retroracer.track.files import TrackFile, open_track, shipped_tracks


def add_parser(subparsers: Any) -> None:
    """Add ``tracks`` and its commands."""
    parser = subparsers.add_parser(
        "tracks",
        description="Work with tracks. TRACK is a name (monza) or the path of a YAML file.",
        epilog="example: retroracer tracks draw monza --out monza.png",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    one = add_subcommand(commands, "list", _list, "name every shipped track", "tracks list")
    add_json(one)
    one = add_subcommand(
        commands,
        "validate",
        _validate,
        "list every mistake in track files, with its line and what to do",
        "tracks validate my_track.yaml monza",
    )
    one.add_argument("tracks", nargs="*", metavar="TRACK", help="default: all shipped tracks")
    add_json(one)
    one = add_subcommand(
        commands, "draw", _draw, "make a picture of a track", "tracks draw monza --out monza.png"
    )
    one.add_argument("track", metavar="TRACK")
    one.add_argument(
        "--out", type=file_to_write(".png", ".jpg", ".jpeg"), required=True, metavar="FILE.png"
    )
    one.add_argument("--size", type=size_in_pixels, default=(1280, 960), help="pixels (1280x960)")
    one = add_subcommand(
        commands,
        "import",
        _import,
        "make a track of a circuit's points: CSV, GeoJSON or GPX",
        "tracks import survey.csv --out my_track.yaml",
        more="""\
  retroracer tracks import lap.gpx --out lap.yaml --width 11
  retroracer tracks import circuits.geojson --line Suzuka --out suzuka2.yaml --width 12
  retroracer tracks import model.csv --out model.yaml --scale 10

CSV: tabs, semicolons, commas or blanks; names above the columns decide (x/y, east/north,
longitude/latitude, widths left/right, left_x/left_y/right_x/right_y and their like, with m, km
or ft); without names the columns are x_m,y_m,w_tr_right_m,w_tr_left_m. What was understood is
printed. GeoJSON and GPX hold longitude and latitude, which are projected onto the plane that
touches the Earth in the circuit's middle (off by 0.1 mm at 3 km). Of a recorded line the first
whole lap is taken. Nothing is mirrored, exchanged or scaled without a word.""",
    )
    one.add_argument("file", type=Path, metavar="FILE")
    one.add_argument(
        "--out", type=file_to_write(".yaml", ".yml"), required=True, metavar="FILE.yaml"
    )
    one.add_argument("--name", metavar="TEXT", help="what to call it (default: from FILE.yaml)")
    one.add_argument(
        "--width",
        type=number(3, 60, "of metres"),
        metavar="METRES",
        help="of the road, if the file has no widths",
    )
    one.add_argument(
        "--scale",
        type=number(1e-4, 1e5, "to multiply by (10 for a circuit at 1:10)"),
        metavar="FACTOR",
        help="multiply positions and widths: 10 for a circuit at 1:10, 1 accepts the size",
    )
    one.add_argument(
        "--line", metavar="NAME", help="which line of a GeoJSON or GPX file, by name or number"
    )
    add_json(one)
    one = add_subcommand(
        commands,
        "export",
        _export,
        "write a centreline as CSV (x_m,y_m,w_tr_right_m,w_tr_left_m)",
        "tracks export monza --csv monza.csv",
    )
    one.add_argument("track", metavar="TRACK")
    one.add_argument("--csv", type=file_to_write(".csv"), required=True, metavar="FILE.csv")
    add_json(one)
    one = add_subcommand(
        commands,
        "generate",
        _generate,
        "write random tracks; the same seed gives the same tracks",
        "tracks generate --seed 7 --count 5 --out my_tracks",
    )
    one.add_argument("--seed", type=seed, default=0, metavar="S", help="default 0")
    one.add_argument("--count", type=whole(0, MOST_TRACKS), default=1, help="default 1")
    one.add_argument("--out", type=Path, required=True, metavar="DIR")
    one.add_argument(
        "--surveyed",
        action="store_true",
        help="circuits as somebody's survey tells them, each a CSV file for tracks import",
    )
    add_json(one)
    one = add_subcommand(
        commands, "new", _new, "write a commented track page to start from", "tracks new my_track"
    )
    one.add_argument("name", metavar="NAME", help="my_track writes my_track.yaml here")


def _facts(name: str, opened: TrackFile) -> dict[str, Any]:
    """Figures of a track, for ``--json`` and tables."""
    import numpy as np

    track = opened.track
    turn = track.closing_turn
    width = track.half_width_left + track.half_width_right
    return {
        "track": name,
        "title": track.title,
        "path": str(opened.path),
        "length_m": round(track.length, 2),
        "turns": "left" if turn > 1 else "right" if turn < -1 else "both",
        "width_min_m": round(float(width.min()), 2),
        "width_max_m": round(float(width.max()), 2),
        "radius_min_m": round(float(1.0 / np.abs(track.curvature).max()), 2),
        "bridge": track.crossing,
        "digest": track.digest,
    }


def _list(args: argparse.Namespace) -> int:
    rows = [_facts(name, open_track(name)) for name in shipped_tracks()]
    write_json(args, {"tracks": rows})
    cells = [
        (
            row["track"],
            row["title"],
            f"{row['length_m']:.0f} m",
            f"{row['width_min_m']:.0f}-{row['width_max_m']:.0f} m",
            f"{row['radius_min_m']:.0f} m",
        )
        for row in rows
    ]
    print_table(("track", "title", "length", "width", "tightest"), [cells], left=2)
    return 0


def _validate(args: argparse.Namespace) -> int:
    """Check every file, also after a broken one, then decide the exit code."""
    rows, good = [], True
    for name in args.tracks or shipped_tracks():
        try:
            opened = open_track(name)
        except UserError as error:
            good = False
            print(error, file=sys.stderr)
            rows.append({"track": name, "valid": False, "errors": str(error).split("\n")})
            continue
        for warning in opened.warnings:
            print(warning, file=sys.stderr)
        facts = _facts(name, opened)
        rows.append({"valid": True, "errors": [], "warnings": list(opened.warnings)} | facts)
        print(f"{name}: valid, {facts['length_m']:.0f} m")
    write_json(args, {"tracks": rows})
    return 0 if good else 2


def _draw(args: argparse.Namespace) -> int:
    track = open_track(args.track).track

    from retroracer.render.picture import save_track_picture

    save_track_picture(track, args.out, size=args.size)
    print(f"wrote {args.out}")
    return 0


def _import(args: argparse.Namespace) -> int:
    from retroracer.track.importing import survey
    from retroracer.track.page_writing import write_survey

    file = shown_path(args.file.name)
    found = survey(args.file, args.out.stem, args.width, scale=args.scale, line=args.line)
    title = args.name or args.out.stem.replace("_", " ").strip().title() or "Imported"
    points = args.out.with_name(f"{args.out.stem}_points.csv")
    if points.exists() and args.file.exists() and points.samefile(args.file):
        raise UserError(f"{points} would be overwritten by its own import; choose another --out")
    write_survey(args.out, found, title, f"imported from {file}")
    opened = open_track(args.out)
    understood = {"understood": list(found.understood), "notes": list(found.notes)}
    write_json(args, _facts(args.out.stem, opened) | understood)
    for line in found.understood:
        print(f"{file}: {line}")
    for note in found.notes:
        print(f"{file}: note: {note}", file=sys.stderr)
    for warning in opened.warnings:
        print(warning, file=sys.stderr)
    print(f"wrote {args.out} and {points.name}: {opened.track.length:.0f} m")
    return 0


def _export(args: argparse.Namespace) -> int:
    from retroracer.track.csv_io import write_points

    opened = open_track(args.track)
    track, knots = opened.track, opened.knots
    as_drawn = opened.page.start.at == 0.0 and opened.page.race.direction == "forward"
    if knots is not None and as_drawn:
        # Points go out as they came in; resampling would only move them.
        xy, right, left, decimals = knots.xy, knots.right, knots.left, 9
    else:
        xy, right, left, decimals = track.xy, track.half_width_right, track.half_width_left, 3
    write_points(args.csv, xy, right, left, decimals)
    write_json(args, _facts(args.track, opened) | {"points": len(xy)})
    print(f"wrote {args.csv}: {len(xy)} points, {track.length:.0f} m")
    return 0


def _generate(args: argparse.Namespace) -> int:
    from retroracer.track.generate import random_tracks
    from retroracer.track.page_writing import write_track

    make_folder(args.out)
    if args.surveyed:
        return _generate_surveys(args)
    rows = []
    for i, track in enumerate(random_tracks(args.seed, args.count)):
        path = args.out / f"seed{args.seed}_{i:03d}.yaml"
        write_track(path, track, f"random track {i} of seed {args.seed}")
        rows.append({"track": path.stem, "path": str(path), "length_m": round(track.length, 2)})
        print(f"{path}: {track.length:.0f} m")
    write_json(args, {"seed": args.seed, "tracks": rows})
    return 0


def _generate_surveys(args: argparse.Namespace) -> int:
    from retroracer.track.generate import mixed_seed
    from retroracer.track.surveyed_circuits import surveyed_text

    rows = []
    for i in range(args.count):
        path = args.out / f"surveyed{args.seed}_{i:03d}.csv"
        text = surveyed_text(mixed_seed(args.seed, i))
        write_text(path, text)
        rows.append({"track": path.stem, "path": str(path), "points": text.count("\n") - 1})
        print(f"{path}: {rows[-1]['points']} points")
    write_json(args, {"seed": args.seed, "surveys": rows})
    return 0


def _new(args: argparse.Namespace) -> int:
    from retroracer.track.page_writing import template

    path = Path(args.name)
    if path.suffix.lower() not in (".yaml", ".yml"):
        path = path.with_name(f"{path.name}.yaml") if path.name else Path("track.yaml")
    demand_writable(path)
    if path.exists():
        raise UserError(f"{path} is there already; choose another name or delete it")
    title = path.stem.replace("_", " ").strip().title() or "Track"
    write_text(path, template(path, title[:80]))
    print(f"wrote {path}; check it with: retroracer tracks validate {path}")
    return 0
