"""The command line: ``retroracer COMMAND``, the same as ``python -m retroracer COMMAND``.

Owns: the table of commands, exit codes (0; 2 for a user's mistake or a full disk; 130 after
Ctrl+C, 143 after a kill; 141 if the reader of our output has gone) and the one place where
what stops a command becomes one line. Does not own what commands do, nor the state of the
standard streams (``streams``). Each command family is one module with
``add_parser(subparsers)``, which ends in ``parser.set_defaults(run=function)``;
``function(args)`` returns the exit code. Only the module of the command asked for is imported,
so that ``--help`` is instant.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from collections.abc import Sequence

from retroracer import __version__
from retroracer.cli import streams
from retroracer.cli.arguments import Parser
from retroracer.errors import UserError, in_words
from retroracer.reading import printable, shown_path

COMMANDS: dict[str, tuple[str, str]] = {
    "train-base": ("retroracer.cli.train", "train a driver on endless random tracks"),
    "fine-tune": ("retroracer.cli.train", "make a driver a specialist of one track"),
    "train-pixels": ("retroracer.cli.train_pixels", "train a driver of CarRacing-v3 from pixels"),
    "scale": ("retroracer.cli.scale", "train with actors in other processes or machines"),
    "search": ("retroracer.cli.search", "search for better settings, weak trials stopped early"),
    "play": ("retroracer.cli.play", "race against a trained driver"),
    "evaluate": ("retroracer.cli.evaluate", "measure drivers: two laps from a standing start"),
    "limit": ("retroracer.cli.limit", "compute the fastest lap physics allows"),
    "tracks": ("retroracer.cli.tracks", "list, check, draw, import, export or generate tracks"),
    "models": ("retroracer.cli.models", "adopt drivers trained elsewhere, list and show models"),
    "experiments": (
        "retroracer.cli.experiments",
        "start a reference system by name, see how much memory runs take",
    ),
    "bench": ("retroracer.cli.bench", "measure environment steps per second"),
}
"""Command -> (module, one line of help), in the order a newcomer meets them."""

SIMULATING = {"train-base", "fine-tune", "train-pixels", "evaluate", "bench"}
"""Commands that use the simulator, which is compiled on first use; ``play`` says so itself."""

COMPILING = "compiling the simulator, once: about half a minute ..."

MISTAKE = streams.MISTAKE
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code, as the module says.

    ``argv`` are arguments without the program's name; None takes them from the process.
    """
    streams.prepare()
    with streams.ended_politely():
        code = _guarded(list(sys.argv[1:] if argv is None else argv))
    return streams.finish(code)


def _guarded(argv: list[str]) -> int:
    """Run a command and tell in one line what stopped it."""
    try:
        return run_command(argv)
    except UserError as error:
        return _mistake(str(error))
    except (KeyboardInterrupt, streams.Ended) as stop:
        return _stopped(stop)
    except MemoryError:
        return _mistake("out of memory; ask for less, or close other programs")
    except OSError as error:
        return _of_the_system(error)
    except SystemExit as end:  # argparse: 0 after --help
        if isinstance(end.code, str):
            streams.tell(end.code)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:
        hidden = _stop_behind(error)
        if hidden is None:
            raise
        return _stopped(hidden)


def _stopped(stop: BaseException) -> int:
    streams.tell("retroracer: stopped")
    return 128 + stop.number if isinstance(stop, streams.Ended) else INTERRUPTED


def _stop_behind(error: BaseException) -> BaseException | None:
    """The stop behind an error: compiled code and some libraries replace it by their own."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KeyboardInterrupt | streams.Ended):
        cause = cause.__cause__ or cause.__context__
    return cause


def _of_the_system(error: OSError) -> int:
    """Print an error of the system that no command expected; one without errno is a bug."""
    told = streams.finish(0) or streams.blamed(error)
    if told:
        return told
    if error.errno is None:
        raise error
    where = f"{shown_path(error.filename)}: " if error.filename is not None else ""
    return _mistake(f"{where}{in_words(error)}")


def _mistake(message: str) -> int:
    lines = map(printable, message.split("\n"))  # of a track, every mistake has its line
    streams.tell("retroracer: error: " + "\n".join(lines))
    return MISTAKE


def run_command(argv: list[str]) -> int:
    """Run one command by its name and arguments; what stops it is an exception here."""
    width = max(map(len, COMMANDS))
    parser = Parser(
        prog="retroracer",
        description="A racing game that trains its own drivers.\n\ncommands:\n"
        + "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()),
        epilog="example: retroracer evaluate base --tracks monza spa\n"
        "'retroracer COMMAND --help' tells more about each.",
        usage="retroracer [--version] COMMAND ...",
    )
    parser.add_argument("--version", action="version", version=f"retroracer {__version__}")
    if not argv:
        parser.print_help(sys.stderr)
        return MISTAKE
    if argv[0] in COMMANDS:
        subparsers = parser.add_subparsers(
            prog="retroracer", metavar="COMMAND", help=argparse.SUPPRESS
        )
        importlib.import_module(COMMANDS[argv[0]][0]).add_parser(subparsers)
    elif not argv[0].startswith("-"):
        raise UserError(_unknown_command(argv[0]))
    args = parser.parse_args(argv)
    if argv[0] in SIMULATING:
        _announce_compiling()
    return int(args.run(args) or 0)


def _announce_compiling() -> None:
    from retroracer.compiled import first_use

    if first_use():
        print(COMPILING, file=sys.stderr, flush=True)


def _unknown_command(name: str) -> str:
    near = difflib.get_close_matches(name.replace("_", "-").lower(), COMMANDS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(COMMANDS)}"
    return f"no command {name!r}; {hint}"
