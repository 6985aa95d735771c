"""Options of ``evaluate`` by the names other programs give them, and the plot of a CSV table.

Owns these options and what they mean; the evaluation reads the common names alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from retroracer.cli.arguments import file_to_write, whole
from retroracer.errors import UserError

ALGORITHMS = {"sac": "SAC", "sac_drq": "SAC+DrQ", "sac-drq": "SAC+DrQ", "ppo": "PPO", "dqn": "DQN"}
"""``--algo`` -> the algorithm's name in a model's facts."""

MAX_VIDEOS = 10
"""Most films of one ``--save-video``; they show the first seeds."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them to the command."""
    group = parser.add_argument_group("by the names other programs give them")
    group.add_argument("--checkpoint", metavar="MODEL", help="the model, as MODEL is")
    group.add_argument(
        "--algo", choices=ALGORITHMS, help="refuse a model that another algorithm trained"
    )
    group.add_argument(
        "--no-render", action="store_true", help="changes nothing: evaluations never open a window"
    )
    group.add_argument(
        "--save-video",
        action="store_true",
        help=f"an MP4 of each episode (the first {MAX_VIDEOS}), or of the lap, in --video-dir",
    )
    group.add_argument(
        "--video-dir",
        type=Path,
        metavar="DIR",
        help="folder of the films of --save-video (default videos)",
    )
    group.add_argument(
        "--output",
        type=file_to_write(".gif", ".webp", ".mp4"),
        help="film of the first model, as --gif and --mp4 are",
    )
    group.add_argument(
        "--vecnorm",
        metavar="PATH",
        help="not needed, and never opened: models know what rewards were divided by",
    )
    curve = parser.add_argument_group("the training curve of a table, with a model or without")
    curve.add_argument(
        "--progress-csv", type=Path, metavar="FILE", help="progress.csv in a run's folder"
    )
    curve.add_argument(
        "--plot-output",
        type=file_to_write(".png", ".svg", ".pdf"),
        help="picture of --progress-csv (default training_curve.png)",
    )
    curve.add_argument(
        "--finetune-at",
        type=whole(0, 10**15),
        help="iteration of the red line (default: from the table)",
    )


def take(args: argparse.Namespace) -> bool:
    """Plot the table that was named, and translate the other options into the common ones.

    Returns:
        Whether there is a model to evaluate.
    """
    if args.checkpoint is not None:
        args.models = [*args.models, args.checkpoint]
    if args.progress_csv is None:
        for name in ("plot_output", "finetune_at"):
            if getattr(args, name) is not None:
                option = name.replace("_", "-")
                raise UserError(f"--{option} goes with --progress-csv, which was not given")
        if not args.models:
            raise UserError(
                "name a MODEL (or a table, with --progress-csv); see retroracer evaluate --help"
            )
    if args.video_dir is not None and not args.save_video:
        raise UserError("--video-dir goes with --save-video, which was not given")
    if args.progress_csv is not None:
        from retroracer.training.pictures.progress import draw_progress

        out = args.plot_output or Path("training_curve.png")
        draw_progress(args.progress_csv, out, args.finetune_at)
        print(f"curve: {out}")
    if args.vecnorm is not None:
        print("--vecnorm: not needed and not opened; models know what rewards were divided by")
    _demand_algorithm(args)
    return bool(args.models)


def videos(args: argparse.Namespace, name: str, parts: list[str]) -> list[Path]:
    """Where the films of ``--save-video`` go, one for each part; none without it."""
    if not args.save_video:
        return []
    folder = args.video_dir or Path("videos")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--video-dir {folder}: {error.strerror}") from None
    return [folder / f"{name}-{part}.mp4" for part in parts[:MAX_VIDEOS]]


def _demand_algorithm(args: argparse.Namespace) -> None:
    if args.algo is None:
        return
    from retroracer.agents.model_file import read_facts

    for model in args.models:
        found = read_facts(model).algorithm
        if found != ALGORITHMS[args.algo]:
            raise UserError(f"--algo {args.algo}: {model} holds a driver of {found}; leave it out")
