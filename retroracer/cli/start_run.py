"""What ``train-base``, ``fine-tune`` and ``train-pixels`` share: options, the run, a summary."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retroracer.cli.arguments import minutes, seed, steps
from retroracer.cli.run_options import as_settings, main_learner
from retroracer.cli.run_places import places_of, run_name
from retroracer.errors import UserError
from retroracer.resources import configs_dir

if TYPE_CHECKING:
    from retroracer.training.learners.task import Task
    from retroracer.training.run.budget import Budget
    from retroracer.training.run.folder import RunFolder
    from retroracer.training.run.loop import Outcome
    from retroracer.training.run.progress import Screen
    from retroracer.training.run.settings import RunSettings

PROFILES = ("auto", "cpu", "4gb", "6gb", "8gb", "12gb")


@dataclass(frozen=True)
class Program:
    """What differs between the three commands.

    Attributes:
        table: the task's learners by name.
        base: the class of its settings, without the learners' sections.
        page: the shipped page it starts from.
        profiles: settings that replace the page's, by profile; None = the page has one size.
        look: checks that what the settings name exists; returns what is trained on, in words.
        make_task: builds the task.
        size: the machine, and what the run will take, in words.
        show: draws the pictures of a finished run and its model; returns their paths.
        advice: lines about the run's model, printed after the run.
        screen: shown during the run; None = the usual progress bar or lines.
    """

    table: dict[str, str]
    base: type[RunSettings]
    page: Path
    profiles: Mapping[str, Sequence[str]] | None
    look: Callable[[Any], str]
    make_task: Callable[[Any, Budget], Task]
    size: Callable[[Any], str]
    show: Callable[[Any, RunFolder, Path], list[Path]]
    advice: Callable[[Any, Path], list[str]]
    screen: Screen | None = None


def algorithms(command: str) -> list[str]:
    """What ``--algo`` may be: there is a page ``configs/COMMAND-ALGO.yaml`` of each."""
    pages = configs_dir().glob(f"{command}-*.yaml")
    return sorted(page.stem.removeprefix(f"{command}-") for page in pages)


def add_options(parser: argparse.ArgumentParser, out: str, command: str) -> None:
    """Add the options that all three have; ``out`` is the default that the help names."""
    add = parser.add_argument
    add(
        "--algo",
        choices=algorithms(command),
        help="what learns: the stages of its page in configs/ (default: see above)",
    )
    add(
        "--minutes",
        type=minutes,
        metavar="M",
        help="time for the whole run, evaluations and saving included",
    )
    add(
        "--steps",
        "--total-steps",
        "--total-timesteps",
        type=steps,
        help="how many steps of all environments together instead",
    )
    add("--seed", type=seed, metavar="S", help="seed of all random numbers of the run (default 0)")
    add("--device", choices=("auto", "cpu", "cuda"), help="where to learn")
    add("--parent", metavar="MODEL", help="name or path of a driver to go on from")
    add(
        "--out",
        type=Path,
        metavar="FILE",
        help=f"the model (default {out}); one that is there already is replaced only by a better "
        "one of the same kind, one that comes with RetroRacer never",
    )
    add("--config", type=Path, metavar="FILE", help="a page of settings")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")
    add("--profile", choices=PROFILES, default="auto", help="size of the run (default auto)")
    places = parser.add_argument_group("where runs are kept")
    keep = places.add_argument
    keep(
        "--runs",
        "--results-dir",
        type=Path,
        metavar="DIR",
        default=Path("runs"),
        help="folder of the runs' folders (default runs)",
    )
    keep(
        "--run-name",
        type=run_name,
        metavar="NAME",
        help="name of the run: its folder is runs/NAME, its model models/NAME.zip",
    )
    keep(
        "--checkpoint-dir",
        type=Path,
        metavar="DIR",
        help="the run's own folder, instead of one in --runs",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--fresh", action="store_true", help="begin anew even if a run can go on")
    how.add_argument(
        "--resume",
        nargs="?",
        const=True,
        metavar="PATH",
        help="go on with a run with the settings it has, or fail if there is none; PATH is its "
        "folder or a file in it (default: the folder it would have)",
    )


def overrides_of(args: argparse.Namespace, *names: str) -> list[str]:
    """The settings given on the command line: ``--set``, and options that stand for a setting."""
    overrides = list(args.set)
    for name in ("minutes", "steps", "seed", "device", "parent", *names):
        value = getattr(args, name)
        if value is not None:
            overrides.append(f"{name}={value}")
    if args.steps is not None and args.minutes is None:
        overrides.append("minutes=null")
    return overrides


def start(
    args: argparse.Namespace,
    make_program: Callable[[], Program],
    name: str,
    overrides: Sequence[str],
    extra: str,
) -> int:
    """Train, alone in the run's folder and at ``--out``; returns the exit code.

    ``make_program`` loads what trains, and needs the optional dependencies ``extra``. ``name`` is
    that of the model and the run, unless options say otherwise; ``overrides`` are ``--set`` texts.
    """
    # Threads that spin while they wait stop one another on a machine that does anything else.
    # Growing segments keep a GPU's memory whole. Both are read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
    try:
        from retroracer.training.run.folder import RunFolder
        from retroracer.training.run.session import session
    except ImportError as error:
        raise missing(error, extra) from None
    out, path = places_of(args, name)
    folder = RunFolder(path)

    def work() -> int:
        try:
            program = make_program()
        except ImportError as error:
            raise missing(error, extra) from None
        return _train(args, program, out, folder, overrides)

    return session(folder, out, work)


def missing(error: ImportError, extra: str) -> UserError:
    """The error of a library that is not installed."""
    return UserError(
        f"training needs {error.name}; install it with: pip install 'retroracer[{extra}]'"
    )


def show_curve(settings: Any, folder: RunFolder, model: Path) -> list[Path]:
    """Draw the run's curve alone: ``Program.show`` of most commands."""
    from retroracer.training.pictures.curve import draw_curve

    return [path for path in [draw_curve(folder)] if path is not None]


def _train(
    args: argparse.Namespace,
    program: Program,
    out: Path,
    folder: RunFolder,
    overrides: Sequence[str],
) -> int:
    from retroracer.training.learners import find
    from retroracer.training.pictures.curve import draw_curve
    from retroracer.training.run import hardware
    from retroracer.training.run.keeping import Keeper
    from retroracer.training.run.loop import Run
    from retroracer.training.run.session import say
    from retroracer.training.run.settings import load, same_run

    settings = _settings(args, program, folder, overrides)
    try:
        what = program.look(settings)
    except UserError as error:
        raise _placed(error, args.config, overrides) from None
    hardware.use_cores(settings.device)
    before = None
    if not args.fresh and folder.unfinished_here():
        before = load(program.base, program.table, folder.page)
    resume = before is not None and same_run(before, settings)
    if args.resume and not resume:
        why = "it has other settings" if before is not None else "there is none"
        if before is None and folder.best.is_file():
            why = f"it has finished; --parent {folder.best} begins a new one with its driver"
        raise UserError(f"--resume: cannot go on with a run in {folder.path}: {why}")
    if resume:
        say(f"going on with the run in {folder.path}; --fresh would begin anew")
    elif folder.unfinished_here() and not folder.untouched():
        say(f"a new run: the unfinished one in {folder.path} is kept in {folder.next_aside()}")
    names = " then ".join(f"{find(program.table, s.learner).algorithm}" for s in settings.stages)
    say(f"{names} on {what} for {settings.budget()}; Ctrl+C saves everything, "
        "the same command goes on")  # fmt: skip
    say(program.size(settings))
    keeper = Keeper(out, folder.best, "")
    run = Run(
        settings,
        program.table,
        lambda budget: program.make_task(settings, budget),
        folder,
        keeper,
        lambda: draw_curve(folder),
    )
    run.screen = program.screen or run.screen
    outcome = run.go(resume)
    return _last_word(program, settings, outcome, out, folder)


def _placed(error: UserError, page: Path | None, overrides: Sequence[str]) -> UserError:
    """An error about a setting, with its place if the user's page gives it."""
    from retroracer.config.tree import read_file

    name = error.setting
    if page is None or not name or any(text.startswith(f"{name}=") for text in overrides):
        return error
    place = read_file(page).find((name,))
    return UserError(f"{place}: {name}: {error}") if place.line else error


def _settings(
    args: argparse.Namespace, program: Program, folder: RunFolder, overrides: Sequence[str]
) -> RunSettings:
    """The settings of the run: of the page it starts from, of options and of ``--set``.

    With ``--resume`` it starts from the run's own page.
    """
    from retroracer.training.run import hardware
    from retroracer.training.run.settings import learners_of, load

    page = program.page
    profile = hardware.profile_of(args.profile, args.device or "auto")
    sizes = () if program.profiles is None else program.profiles[profile]
    table = program.table
    if args.resume and folder.page.is_file():
        names = learners_of(table, folder.page)
        wanted = learners_of(table, page, args.config, overrides)
        if args.algo is not None and names != wanted:
            raise UserError(
                f"--resume: the run in {folder.path} learns by {' then '.join(names)}, "
                f"not by {' then '.join(wanted)}; leave --algo out"
            )
        page, sizes = folder.page, ()
    learner = main_learner(learners_of(table, page, args.config, overrides))

    def loaded(more: list[str]) -> RunSettings:
        return load(program.base, table, page, args.config, [*overrides, *more], sizes)

    return loaded(as_settings(args, table, learner, loaded))


def _last_word(
    program: Program, settings: RunSettings, outcome: Outcome, out: Path, folder: RunFolder
) -> int:
    from retroracer.training.run.session import say
    from retroracer.training.run.stopping import until

    took = outcome.seconds / 60.0
    for note in outcome.notes:
        say(note)
    if outcome.stopped:
        say(f"stopped after {took:.1f} minutes: {folder.kept()}")
        return 0
    mine = out if folder.is_of(out) else folder.best  # at --out another run's model may lie
    kept = f"model: {mine}" if mine.is_file() else "no model of its own"
    say(f"done: {outcome.steps:,} steps in {took:.1f} minutes; {kept}")
    for line in program.advice(settings, mine) if mine.is_file() else ():
        say(line)
    with until(outcome.last) as cut:
        pictures = program.show(settings, folder, mine)
        if pictures:
            say("pictures:    " + " ".join(map(str, pictures)))
    if cut:
        say("some pictures were left out: the time of the run was used up")
    return 0
