"""``retroracer evaluate`` of drivers of CarRacing: options, table, films and curves."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from retroracer.cli import evaluate_names
from retroracer.cli.arguments import number, refuse, whole, write_json
from retroracer.errors import UserError
from retroracer.tables import busy, print_table

if TYPE_CHECKING:
    from retroracer.training.judging.episodes import PixelReport

_CALM = ("smooth_alpha", "steer_deadzone", "steer_clip")
_OF_CIRCUITS = (
    "tracks", "random", "surveyed", "car", "no_limit", "grip", "power", "mass", "latency",
)  # fmt: skip
_OF_PIXELS = ("episodes", "env", "processes", "fps", "max_frames", "run_folder", *_CALM)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what concerns drivers of CarRacing alone."""
    group = parser.add_argument_group(
        "drivers of CarRacing-v3 (models of train-pixels)",
        "--seed, --json, --gif, --mp4 and --plot (the training curve) are for them too.",
    )
    add = group.add_argument
    add("--episodes", type=whole(0, 100_000), help="seeds driven (default 100)")
    add("--env", choices=("stock", "fast"), help="default: stock, which published scores are of")
    add("--processes", type=whole(1, 256), metavar="P", help="default: one a core")
    add(
        "--max-frames",
        "--max-steps",
        type=whole(1, 1000),
        help="most frames of an episode and of its film, 50 a second (default 1000)",
    )
    add("--fps", type=whole(1, 50), help="frames a second of films, at most (default 25)")
    add("--run", dest="run_folder", type=Path, metavar="DIR", help="the run --plot draws")
    for name, what, low, high in (
        ("--smooth-alpha", "smooth actions: share of the previous action that is kept", 0.0, 0.99),
        ("--steer-deadzone", "steering smaller than this counts as 0", 0.0, 1.0),
        ("--steer-clip", "the largest steering", 0.001, 1.0),
    ):
        add(name, type=number(low, high), help=what)


def concerns(args: argparse.Namespace, parser: argparse.ArgumentParser) -> bool:
    """Whether the models asked for drive CarRacing; refuses a mixture, and options of others."""
    from retroracer.agents.model_file import read_facts

    pixels = [read_facts(m).observation_layout.startswith("carracing-") for m in args.models]
    if any(pixels) and not all(pixels):
        first = args.models[pixels.index(True)]
        raise UserError(f"{first} drives CarRacing and the others do not; evaluate them apart")
    kind = "drives CarRacing" if pixels[0] else "does not drive CarRacing"
    foreign = _OF_CIRCUITS if pixels[0] else _OF_PIXELS
    refuse(args, parser, foreign, f"{args.models[0]}, which {kind}")
    return pixels[0]


def run(args: argparse.Namespace) -> int:
    """Evaluate, write what was asked for, print a table."""
    from retroracer.agents.model_file import find_model
    from retroracer.agents.pixels.torch_inference import load_driver
    from retroracer.training.judging.episodes import evaluate_file

    count = 100 if args.episodes is None else args.episodes
    if args.mp4 or args.save_video:
        from retroracer.render.film import demand_writer

        demand_writer(Path("film.mp4"))
    longest = 1000 if args.max_frames is None else args.max_frames
    paths = [find_model(m) for m in args.models]
    for path in paths:
        load_driver(path)
    calm = {n: getattr(args, n) for n in _CALM if getattr(args, n) is not None}
    seeds = range(args.seed, args.seed + count)
    reports = []
    with busy("evaluating ...") as say:
        for path in paths if count else []:
            reports.append(
                evaluate_file(
                    path,
                    seeds,
                    args.env or "stock",
                    args.processes,
                    calm,
                    lambda n, name=path.stem: say(  # type: ignore[misc]
                        f"{name}: {n} of {count} episodes"
                    ),
                    longest,
                )
            )
    figures = [r.to_dict() for r in reports]
    write_json(args, figures[0] if len(figures) == 1 else {"models": figures})
    if reports:
        _print(reports)
    _pictures(args, paths[0], calm, longest)
    return 0


def _pictures(args: argparse.Namespace, path: Path, calm: dict[str, float], longest: int) -> None:
    films = [(place, args.seed) for place in (args.gif, args.mp4, args.output) if place]
    seeds = range(args.seed, args.seed + (100 if args.episodes is None else args.episodes))
    places = evaluate_names.videos(args, path.stem, [f"seed-{seed}" for seed in seeds])
    films += zip(places, seeds, strict=False)
    if films:
        from retroracer import config
        from retroracer.agents.pixels.torch_inference import load_driver
        from retroracer.carracing.pipeline import Pipeline
        from retroracer.training.pictures.film import film

        driver = load_driver(path)
        plain = config.to_dict(driver.pipeline) | calm
        pipeline = config.from_dict(Pipeline, plain, "calm actions")
        for place, seed in films:
            film(place, driver.act, pipeline, seed, args.fps or 25, longest)
            print(f"film: {place}")
    if args.plot:
        from retroracer.training.pictures.curve import draw_curve
        from retroracer.training.run.folder import RunFolder

        draw_curve(RunFolder(args.run_folder or Path("runs") / path.stem), args.plot)
        print(f"curve: {args.plot}")


def _print(reports: list[PixelReport]) -> None:
    from retroracer.training.judging.episodes import ENVS, summary

    first = reports[0]
    seeds = f"seeds {first.episodes[0].seed} to {first.episodes[-1].seed}"
    rows = []
    for report in reports:
        s = summary(report.episodes)
        row = (
            report.model,
            report.algorithm,
            *(f"{s[n]:.1f}" for n in ("mean", "std", "min", "p10")),
            f"{s['finished']}/{s['episodes']}",
            f"{s['mean_frames']:.0f}",
            f"{s['speed']:.1f} m/s",
        )
        rows.append(row)
    print_table(
        ("model", "algorithm", "mean", "std", "min", "p10", "finished", "frames", "speed"),
        [rows],
        left=2,
        caption=f"raw returns on {ENVS[first.env]}, {seeds}, best actions",
    )
    for report in reports:
        frames = sum(e.frames for e in report.episodes)
        print(f"{report.model}: {frames:,} frames in {report.seconds:.0f} s")
