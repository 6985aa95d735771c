"""``retroracer train-base`` and ``fine-tune``: their options, and what they say and draw."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retroracer.cli.arguments import whole
from retroracer.cli.run_options import RACING_OPTIONS, add_settings
from retroracer.cli.start_run import Program, add_options, overrides_of, start
from retroracer.physics.company import MOST_CARS

if TYPE_CHECKING:
    from retroracer.training.run.folder import RunFolder

BASE_EXAMPLES = """examples:
  python train_base.py
  python train_base.py --minutes 3 --out models/quick.zip
  python train_base.py --set sac.gamma=0.985 --set cars=512
  python train_base.py --algo ppo
  python train_base.py --rivals 3 --minutes 30
  python train_base.py --set reward.progress=0.3 --set log_to=[tensorboard,wandb]"""

FINE_EXAMPLES = """examples:
  python fine_tune.py --track monza.yaml
  python fine_tune.py --track my_track.yaml --parent models/mine.zip --minutes 10
  python fine_tune.py --track monza spa --out models/italian_belgian.zip"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both commands."""
    base = subparsers.add_parser(
        "train-base",
        description="Train a driver that laps tracks it never saw, on endless random tracks. "
        "It imitates a line driver for a minute and then learns by SAC, --algo ppo by PPO; the "
        "model is a Stable-Baselines3 SAC. Keeps the best by evaluation on unseen tracks. Ctrl+C "
        "saves everything; the same command goes on.",
        epilog=BASE_EXAMPLES,
    )
    add_options(base, "models/mine.zip", "base")
    base.add_argument(
        "--rivals",
        type=whole(1, MOST_CARS - 1),
        help="learn to race N solid cars of a league, from a driver that laps alone (--parent, "
        "default base); the model is models/racer-mine.zip",
    )
    base.set_defaults(run=run_base)
    fine = subparsers.add_parser(
        "fine-tune",
        description="Train a driver on one track at a low learning rate, by SAC at 1e-4 unless "
        "--algo says otherwise. Keeps the best; never one slower or less clean than its parent. "
        "Ctrl+C saves everything; the same command goes on.",
        epilog=FINE_EXAMPLES,
    )
    fine.add_argument(
        "--track", required=True, nargs="+", metavar="TRACK", help="names, or paths of YAML files"
    )
    add_options(fine, "models/TRACK-mine.zip", "fine-tune")
    fine.set_defaults(run=run_fine)
    for parser in (base, fine):
        parser.add_argument("--car", metavar="CAR", help="gt, kart, formula, or a path")
        add_settings(parser, RACING_OPTIONS)


def run_base(args: argparse.Namespace) -> int:
    """Train a generalist, or a driver of races."""
    overrides, kind, name = overrides_of(args, "car"), "base", "mine"
    if args.rivals is not None:
        overrides, kind, name = [*overrides, f"race.rivals={args.rivals}"], "race", "racer-mine"
    page = f"{kind}-{args.algo or 'sac'}"
    return start(args, lambda: _program(page), name, overrides, "train")


def run_fine(args: argparse.Namespace) -> int:
    """Train a specialist."""
    name = "-".join(Path(track).stem for track in args.track) + "-mine"
    overrides = [*overrides_of(args, "car"), f"track={json.dumps(args.track)}"]
    page = f"fine-tune-{args.algo or 'sac'}"
    return start(args, lambda: _program(page), name, overrides, "train")


def _program(page: str) -> Program:
    from retroracer.training.learners import RACING
    from retroracer.training.learners.racing import look_for
    from retroracer.training.learners.racing_settings import (
        PROFILES,
        RacingSettings,
        describe,
    )
    from retroracer.training.learners.racing_tasks import make_racing
    from retroracer.training.run import hardware
    from retroracer.training.run.settings import shipped_page

    def look(settings: Any) -> str:
        look_for(settings)
        return " and ".join(settings.track) or "endless random tracks"

    def size(settings: Any) -> str:
        kind = "bfloat16" if settings.half() else "float32"
        head = f"on {hardware.machine(settings.device)}: {settings.cars} cars, {kind}"
        return f"{head}; {describe(settings)}"

    return Program(
        RACING,
        RacingSettings,
        shipped_page(page),
        PROFILES if page.startswith("base") else None,
        look,
        make_racing,
        size,
        _show,
        _advice,
    )


def _advice(settings: Any, model: Path) -> list[str]:
    track = settings.track[0] if settings.track else "monza"
    return [
        f"race it:     python play.py --track {track} --model {model}",
        f"measure it:  python -m retroracer evaluate {model} --random 200 --seed 1",
    ]


def _show(settings: Any, folder: RunFolder, model: Path) -> list[Path]:
    """Draw the run; of a specialist, print and draw its laps beside its parent's."""
    from retroracer.track.files import load_track
    from retroracer.training.learners.racing import look_for
    from retroracer.training.pictures.curve import draw_curve
    from retroracer.training.pictures.run_film import draw_film

    tracks, car = look_for(settings)
    pictures: list[Path | None] = [draw_curve(folder)]
    if tracks and settings.parent is not None and model.is_file():
        from retroracer.training.judging.comparison import compare

        pictures.append(compare(settings.parent, model, tracks, car, folder.path))
    shown = tracks[0] if tracks else load_track("switchback")
    pictures += draw_film(folder, shown, car) or ()
    return [path for path in pictures if path is not None]
