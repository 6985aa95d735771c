"""``retroracer train-base`` and ``fine-tune``: options into settings, one call, a closing word."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from retroracer.cli.arguments import minutes, seed, steps
from retroracer.errors import UserError

if TYPE_CHECKING:
    from retroracer.training.run_folder import RunFolder
    from retroracer.training.run_settings import RunSettings
    from retroracer.training.train import Outcome

PROFILE_NAMES = ("auto", "cpu", "4gb", "6gb", "8gb", "12gb")

BASE_EXAMPLES = """examples:
  python train_base.py
  python train_base.py --minutes 3 --out models/quick.zip
  python train_base.py --profile 8gb --set log_to=[tensorboard,wandb]
  python train_base.py --car kart --set sac.gamma=0.985 --set cars=256"""

FINE_EXAMPLES = """examples:
  python fine_tune.py --track monza.yaml
  python fine_tune.py --track my_track.yaml --parent models/mine.zip --minutes 10
  python fine_tune.py --track monza spa --out models/italian_belgian.zip"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both commands."""
    base = subparsers.add_parser(
        "train-base",
        help="train a driver on endless random tracks",
        description="Train a driver that laps tracks it never saw, with SAC on endless random "
        "tracks. Keeps the best by evaluation on unseen tracks. Ctrl+C saves everything; the same "
        "command goes on.",
        epilog=BASE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _shared(base, "models/mine.zip")
    base.set_defaults(run=run_base)
    fine = subparsers.add_parser(
        "fine-tune",
        help="make a driver a specialist of one track",
        description="Let a trained driver practise one track at a lower learning rate. Keeps "
        "the best lap's driver; Ctrl+C saves everything, and the same command goes on.",
        epilog=FINE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fine.add_argument(
        "--track", required=True, nargs="+", metavar="TRACK", help="names, or paths of YAML files"
    )
    fine.add_argument(
        "--parent", metavar="MODEL", help="name or path of the driver to start from (default base)"
    )
    _shared(fine, "models/TRACK-mine.zip")
    fine.set_defaults(run=run_fine)


def _shared(parser: argparse.ArgumentParser, out: str) -> None:
    parser.add_argument("--minutes", type=minutes, metavar="M", help="how long to train")
    parser.add_argument("--steps", type=steps, metavar="N", help="how many steps instead")
    parser.add_argument("--seed", type=seed, metavar="S", help="of everything random (default 0)")
    parser.add_argument("--car", metavar="CAR", help="gt, kart, formula, or a path")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where to learn")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=f"the model (default {out}); one that is there already is replaced only by a better "
        "one of the same kind, one that comes with RetroRacer never",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="a page of settings")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting"
    )
    parser.add_argument(
        "--profile", choices=PROFILE_NAMES, default="auto", help="size of the run (default auto)"
    )
    parser.add_argument(
        "--runs", type=Path, metavar="DIR", default=Path("runs"), help="where runs are kept"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="begin anew even if a run stopped before its end"
    )


def run_base(args: argparse.Namespace) -> int:
    """Train a generalist."""
    from retroracer.training.run_settings import RunSettings

    return _run(args, RunSettings(), args.out or Path("models/mine.zip"))


def run_fine(args: argparse.Namespace) -> int:
    """Train a specialist."""
    from retroracer.training.run_settings import FINE_TUNING

    args.set += [f"track=[{', '.join(json.dumps(t) for t in args.track)}]"]
    args.set += [f"parent={args.parent}"] if args.parent else []
    name = "-".join(Path(t).stem for t in args.track)
    out = args.out or Path("models") / f"{name}-mine.zip"
    return _run(args, FINE_TUNING, out)


def _settings(args: argparse.Namespace, start: RunSettings) -> tuple[RunSettings, str]:
    """Settings, and the size of the run in words: defaults, profile, page, then options."""
    from retroracer import config
    from retroracer.training import hardware

    device = args.device or "auto"
    name = args.profile
    profile = hardware.profile_of(device) if name == "auto" else hardware.PROFILES[name]
    if start.parent is None:
        start = config.load(type(start), None, profile.overrides(), start=start)
    overrides = list(args.set)
    for name in ("minutes", "steps", "seed", "car", "device"):
        value = getattr(args, name)
        if value is not None:
            overrides.append(f"{name}={value}")
    if args.steps is not None and args.minutes is None:
        overrides.append("minutes=null")
    settings = config.load(type(start), args.config, overrides, start=start)
    return settings, hardware.describe(settings)


def _run(args: argparse.Namespace, start: RunSettings, out: Path) -> int:
    # Threads that spin while they wait stop one another on a machine that does anything else:
    # 2 to 7 updates a second instead of 15 to 30 on two busy cores. Read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from retroracer.training.run.session import session
    from retroracer.training.run_folder import RunFolder

    folder = RunFolder(args.runs / out.stem)
    return session(folder, out, lambda: _train(args, start, out, folder))


def _train(args: argparse.Namespace, start: RunSettings, out: Path, folder: RunFolder) -> int:
    try:
        from retroracer.training.hardware import use_cores
        from retroracer.training.needs import look_for
        from retroracer.training.run.session import say
        from retroracer.training.run.stopping import until
        from retroracer.training.run_folder import goes_on
        from retroracer.training.train import train
    except ImportError as error:
        raise UserError(
            f"training needs {error.name}; install it with: pip install 'retroracer[train]'"
        ) from None
    settings, size = _settings(args, start)
    look_for(settings)
    use_cores(settings.device)
    before = None if args.fresh else folder.unfinished()
    resume = before is not None and goes_on(before, settings)
    what = " and ".join(settings.track) or "endless random tracks"
    budget = f"{settings.minutes:g} minutes" if settings.minutes else f"{settings.steps:,} steps"
    if resume:
        print(f"going on with the run in {folder.path}; --fresh would begin anew")
    elif folder.unfinished_here() and not folder.untouched():
        aside = folder.next_aside()
        print(f"a new run: the unfinished one in {folder.path} is kept in {aside}")
    print(f"training on {what} for {budget}; Ctrl+C saves everything, the same command goes on")
    print(size, flush=True)
    outcome = train(settings, out, folder.path, resume)
    minutes = outcome.seconds / 60.0
    for note in outcome.notes:
        say(note)
    if outcome.interrupted:
        say(f"stopped after {minutes:.1f} minutes: {folder.kept()}")
        return 0
    say(f"done: {outcome.steps:,} steps in {minutes:.1f} minutes; model: {outcome.path}")
    track = settings.track[0] if settings.track else "monza"
    say(f"race it:     python play.py --track {track} --model {outcome.path}")
    say(f"measure it:  python -m retroracer evaluate {outcome.path} --random 200 --seed 1")
    with until(outcome.last) as cut:
        _show(outcome, folder, settings)
    if cut:
        say("its pictures were cut short: they would have gone beyond the budget")
    return 0


def _show(outcome: Outcome, folder: RunFolder, settings: RunSettings) -> None:
    """Draw the run; of a specialist, print and draw its laps beside its parent's."""
    from retroracer.track.files import load_track
    from retroracer.training.run_pictures import draw_curve, draw_film

    pictures = [draw_curve(folder)]
    shown = outcome.tracks[0] if settings.track else load_track("switchback")
    if settings.track and settings.parent is not None and outcome.path.is_file():
        from retroracer.training.comparison import compare

        pictures.append(
            compare(settings.parent, outcome.path, outcome.tracks, outcome.car, folder.path)
        )
    pictures += draw_film(folder, shown, outcome.car) or ()
    print("pictures:   ", " ".join(str(path) for path in pictures if path is not None))
