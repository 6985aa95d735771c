"""The command line: ``retroracer COMMAND``, the same as ``python -m retroracer COMMAND``.

Owns: the table of commands, exit codes (0; 2 for a user's mistake, told in one message;
130 after Ctrl+C) and the one place where a ``UserError`` becomes text. Does not own what
commands do. Each command family is one module with ``add_parser(subparsers)``, which ends in
``parser.set_defaults(run=function)``; ``function(args)`` returns the exit code. Only the
module of the command asked for is imported, so that ``--help`` is instant.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Sequence

from retroracer import __version__
from retroracer.errors import UserError

COMMANDS: dict[str, tuple[str, str]] = {
    "train-base": ("retroracer.cli.train", "train a driver on endless random tracks"),
    "fine-tune": ("retroracer.cli.train", "make a driver a specialist of one track"),
    "train-pixels": ("retroracer.cli.train_pixels", "train a driver of CarRacing-v3 from pixels"),
    "play": ("retroracer.cli.play", "race against a trained driver"),
    "evaluate": ("retroracer.cli.evaluate", "measure drivers: two laps from a standing start"),
    "limit": ("retroracer.cli.limit", "compute the fastest lap physics allows"),
    "tracks": ("retroracer.cli.tracks", "list, check, draw, import, export or generate tracks"),
    "bench": ("retroracer.cli.bench", "measure environment steps per second"),
}
"""Command -> (module, one line of help), in the order a newcomer meets them."""

SIMULATING = {"train-base", "fine-tune", "train-pixels", "play", "evaluate", "bench"}
"""Commands that run the simulator, which is compiled on its first use."""

MISTAKE = 2
INTERRUPTED = 130
BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: arguments without the program's name; None takes them from the process.

    Returns:
        Exit code: 0, 2 for a user's mistake, 130 if interrupted, else the command's own.
    """
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    except UserError as error:
        print(f"retroracer: error: {error}", file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) has gone; keep Python's shutdown quiet about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except SystemExit as stop:  # argparse: 0 after --help, 2 after a usage error
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)


def _run(argv: list[str]) -> int:
    width = max(map(len, COMMANDS))
    parser = argparse.ArgumentParser(
        prog="retroracer",
        description="A racing game that trains its own drivers.\n\ncommands:\n"
        + "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()),
        epilog="example: retroracer evaluate base --tracks monza spa\n"
        "'retroracer COMMAND --help' tells more about each.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="retroracer [--version] COMMAND ...",
    )
    parser.add_argument("--version", action="version", version=f"retroracer {__version__}")
    if not argv:
        parser.print_help(sys.stderr)
        return MISTAKE
    if argv[0] in COMMANDS:
        subparsers = parser.add_subparsers(metavar="COMMAND", help=argparse.SUPPRESS)
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
        print("compiling the simulator, once: about half a minute ...", file=sys.stderr, flush=True)


def _unknown_command(name: str) -> str:
    near = difflib.get_close_matches(name.replace("_", "-").lower(), COMMANDS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(COMMANDS)}"
    return f"no command {name!r}; {hint}"
