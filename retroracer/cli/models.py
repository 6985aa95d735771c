"""``retroracer models``: adopt drivers trained elsewhere, list models, show what is in one.

Owns: the arguments and what is printed. The work is done in ``retroracer.agents``.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retroracer.atomic import demand_writable, make_folder
from retroracer.cli.arguments import add_json, add_subcommand, file_to_write, write_json
from retroracer.errors import UserError
from retroracer.reading import shown, shown_path

if TYPE_CHECKING:
    from retroracer.agents.facts import Facts

MODELS = Path("models")

ADOPTING = """\
FILE was saved by SAC, PPO, A2C, TD3 or DDPG of Stable-Baselines3, or by TQC or TRPO of
sb3-contrib, with an MlpPolicy trained on retroracer/RetroRacer-v0. Nothing in it is unpickled or
run. It is judged, raced and shown like every model; one of SAC also goes on learning
(fine_tune.py --parent FILE). Its own entries stay as they are, so that plain Stable-Baselines3
opens the new zip as it opened the old one.

A plain zip does not say:
  which observations it saw      --layout, if it was trained on an older RetroRacer's
  which car it drove             --car
  whether VecNormalize scaled    a driver trained behind it with norm_obs=True sees other numbers
  its observations               here and will not drive: train with norm_obs=False"""


def add_parser(subparsers: Any) -> None:
    """Add ``models`` and its commands."""
    parser = subparsers.add_parser(
        "models",
        description="Work with models. MODEL is a name (base) or the path of a zip.",
        epilog="example: retroracer models adopt my_sac.zip --out models/my_sac.zip",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    one = add_subcommand(
        commands,
        "adopt",
        _adopt,
        "take a driver trained by plain Stable-Baselines3 into the toolkit",
        "models adopt my_sac.zip --out models/my_sac.zip",
        f"  retroracer models adopt my_ppo.zip --activation relu\n\n{ADOPTING}",
    )
    one.add_argument("file", type=Path, metavar="FILE.zip")
    one.add_argument(
        "--out", type=file_to_write(".zip"), metavar="FILE.zip", help="default: models/FILE.zip"
    )
    one.add_argument(
        "--activation",
        choices=("relu", "tanh", "elu"),
        help="of the hidden layers (default: as the zip says, else as its "
        "algorithm usually has it: tanh for PPO, A2C and TRPO, relu for the others)",
    )
    one.add_argument(
        "--layout", metavar="ID", help="id of its observation layout (default: today's)"
    )
    one.add_argument("--car", default="gt", metavar="CAR", help="it drove (default: gt)")
    add_json(one)
    one = add_subcommand(
        commands,
        "lookahead",
        _lookahead,
        "write a driver anew that looks ahead among other cars",
        "models lookahead base --out models/mine-racer.zip",
        "Among others it tries manoeuvres in a copy of the race before it decides; alone it\n"
        "drives as before. Train it alone first: train_base.py.",
    )
    one.add_argument("model", metavar="MODEL", help="a driver of the road, as base")
    one.add_argument("--out", type=file_to_write(".zip"), metavar="FILE.zip", required=True)
    add_json(one)
    one = add_subcommand(
        commands, "list", _list, "name every model that comes with it", "models list"
    )
    add_json(one)
    one = add_subcommand(
        commands,
        "show",
        _show,
        "show what a model is, and whether training can go on from it",
        "models show base",
    )
    one.add_argument("model", metavar="MODEL")
    add_json(one)


def _adopt(args: argparse.Namespace) -> int:
    from retroracer.agents.adoption import adopt
    from retroracer.envs.task import LAYOUT
    from retroracer.physics.car import load_car

    layout = args.layout or LAYOUT
    if not re.fullmatch(r"[\w.-]{1,60}", layout, re.ASCII):
        raise UserError(f"--layout '{shown(layout)}' is not an observation layout; one is {LAYOUT}")
    out: Path = args.out or MODELS / f"{args.file.stem}.zip"
    if out.exists() and out.is_file():
        raise UserError(
            f"{shown_path(out)} is there already and is not written over; choose another --out"
        )
    car = load_car(args.car)
    if args.out is None:
        make_folder(MODELS)
        demand_writable(out)
    facts = adopt(args.file, out, car, activation=args.activation, layout=layout)
    widths = "-".join(map(str, facts.layers)) or "no hidden layers"
    print(
        f"wrote {shown_path(out)}: {facts.algorithm} driver, {widths} ({facts.activation}), "
        f"{facts.steps:,} steps"
    )
    if layout == LAYOUT:
        print(f"judge it: retroracer evaluate {shown_path(out)} --tracks monza")
    else:
        print(f"it sees '{layout}' and this RetroRacer makes '{LAYOUT}': it cannot drive here")
    write_json(args, {"model": str(out)} | _figures(facts))
    return 0


def _lookahead(args: argparse.Namespace) -> int:
    from retroracer.agents.lookahead import write_racer

    out: Path = args.out
    if out.is_file():
        raise UserError(
            f"{shown_path(out)} is there already and is not written over; choose another --out"
        )
    facts = write_racer(args.model, out)
    print(f"wrote {shown_path(out)}: {facts.parent}, looking ahead among others")
    print(f"judge it: retroracer evaluate --race {shown_path(out)} base base base --grid last")
    write_json(args, {"model": str(out)} | _figures(facts))
    return 0


def _list(args: argparse.Namespace) -> int:
    from retroracer.agents.model_file import read_facts
    from retroracer.resources import models_dir
    from retroracer.tables import print_table

    rows, figures = [], []
    for path in sorted(models_dir().glob("*.zip")):
        try:
            facts = read_facts(path)
        except UserError as error:
            rows.append((shown(path.stem, 40), shown(str(error), 60), "", "", ""))
            continue
        learned = " and ".join(facts.tracks) if len(facts.tracks) < 4 else f"{len(facts.tracks)}"
        cells = (facts.algorithm, facts.observation_layout, shown(learned, 40), f"{facts.steps:,}")
        rows.append((shown(path.stem, 40), *cells))
        figures.append({"model": path.stem} | _figures(facts))
    print_table(("model", "algorithm", "observations", "tracks", "steps"), [rows], left=4)
    write_json(args, {"models": figures})
    return 0


def _show(args: argparse.Namespace) -> int:
    from retroracer.agents.model_file import read_facts
    from retroracer.agents.wholeness import wholeness
    from retroracer.tables import print_table

    facts = read_facts(args.model)
    figures = {"model": args.model} | _figures(facts)
    rows = [
        ("algorithm", facts.algorithm),
        ("layers", f"{'-'.join(map(str, facts.layers))} {facts.activation}"),
        ("observations", facts.observation_layout),
        ("car", str(facts.car.get("name", ""))),
        ("tracks", ", ".join(facts.tracks) or "not told"),
        ("parent", facts.parent or "none"),
        ("steps, updates", f"{facts.steps:,}, {facts.updates:,}"),
        ("among others", "looks ahead" if facts.notes.get("lookahead") else "as its network says"),
    ]
    if facts.algorithm == "SAC":
        found = wholeness(args.model)
        figures |= found.to_dict()
        alpha, updates = found.entropy_coefficient, found.updates
        rows += [
            ("critics", f"{found.critics}, {'trained' if found.critics_trained else 'untrained'}"),
            ("entropy coefficient", "fixed" if alpha is None else f"{alpha:.4g}"),
            ("updates remembered", ", ".join(f"{n} {k:,}" for n, k in updates.items())),
            ("goes on where it ended", "yes" if found.whole else "no"),
        ]
    print_table(("", shown(args.model, 60)), [rows], left=2)
    write_json(args, figures)
    return 0


def _figures(facts: Facts) -> dict[str, Any]:
    names = ("algorithm", "activation", "output", "observation_layout", "steps", "updates")
    return {n: getattr(facts, n) for n in names} | {
        "layers": list(facts.layers),
        "tracks": list(facts.tracks),
        "car": facts.car.get("name"),
        "parent": facts.parent,
    }
