"""Types of the command line's options, and messages about mistakes in them.

Owns: the parser that reports a mistake in one line, the types of numbers and of files to write,
how a subcommand is added, and ``--json``. A number is ASCII digits within a sensible range; a
file to write is tried before any work begins. Does not own: a command's options.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import textwrap
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any, NoReturn

from retroracer.atomic import demand_writable, write_text
from retroracer.errors import UserError
from retroracer.reading import printable, shown

MOST_SEED = 2**63 - 1
MOST_TRACKS = 10_000
"""Random tracks at once: more would take hours."""

_OTHER_KINDS = {
    ".zip", ".yaml", ".yml", ".csv", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".mp4", ".npz",
    ".npy", ".sqlite", ".py", ".geojson", ".gpx", ".pdf", ".svg",
}  # fmt: skip
_NUMBER = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,4})?")

_METAVARS = {"whole": "N", "number": "X", "file_to_write": "FILE", "size_in_pixels": "WxH"}
"""What help calls a value, by the function its type comes from, unless an option says otherwise."""


class Help(argparse.RawDescriptionHelpFormatter):
    """Help whose one-line paragraphs are wrapped; examples and lists keep their lines."""

    def _get_default_metavar_for_optional(self, action: argparse.Action) -> str:
        maker = getattr(action.type, "__qualname__", "").partition(".")[0]
        return _METAVARS.get(maker) or super()._get_default_metavar_for_optional(action)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.split("\n\n")
        for k, paragraph in enumerate(paragraphs):
            if "\n" not in paragraph and not paragraph.startswith("example:"):
                paragraphs[k] = textwrap.fill(paragraph, width)
        return super()._fill_text("\n\n".join(paragraphs), width, indent)


class Parser(argparse.ArgumentParser):
    """A parser whose error messages are one line and name the help to read."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **{"formatter_class": Help, **more})

    def error(self, message: str) -> NoReturn:
        """Complain by a ``UserError``."""
        raise UserError(f"{printable(message)}; see {self.prog} --help")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print, and report a full disk: argparse would say nothing and return 0."""
        if message:
            (file or sys.stderr).write(message)


def whole(low: int, high: int, what: str = "") -> Callable[[str], int]:
    """The type of whole numbers from ``low`` to ``high``; messages call one ``what``."""

    def convert(text: str) -> int:
        value = int(text) if re.fullmatch(r"[+-]?[0-9]{1,19}", text) else low - 1
        if not low <= value <= high:
            raise _no(text, f"a whole number from {low} to {high}", what)
        return value

    return convert


def number(low: float, high: float, what: str = "") -> Callable[[str], float]:
    """The type of numbers from ``low`` to ``high``; messages call one ``what``."""

    def convert(text: str) -> float:
        value = float(text) if _NUMBER.fullmatch(text) else math.nan
        if not low <= value <= high:
            raise _no(text, f"a number from {low:g} to {high:g}", what)
        return value

    return convert


seed = whole(0, MOST_SEED)
"""The type of seeds."""
minutes = number(0.001, 1e6)
"""The type of how long to train, up to two years."""
steps = whole(1, 10**15)
"""The type of how many steps to train."""


def size_in_pixels(text: str) -> tuple[int, int]:
    """The type of a picture's size, WIDTHxHEIGHT in pixels."""
    match = re.fullmatch(r"([0-9]{2,4})[xX]([0-9]{2,4})", text)
    if not match:
        raise argparse.ArgumentTypeError(
            f"{_quoted(text)} is not a size; give WIDTHxHEIGHT, e.g. 1280x960"
        )
    return int(match[1]), int(match[2])


def file_to_write(*endings: str) -> Callable[[str], Path]:
    """The type of files a command writes, which is tried at once.

    ``endings`` are allowed at the end of the name, e.g. ".png"; none = any but those of tracks and
    models, so that figures never replace one.
    """

    def convert(text: str) -> Path:
        path, ending = Path(text), Path(text).suffix.lower()
        if not text or text.endswith("/"):
            raise argparse.ArgumentTypeError(f"{_quoted(text)} is no file; name a file")
        device = text.startswith(("/dev/", "/proc/"))
        fits = ending in endings if endings else ending not in _OTHER_KINDS
        if not (fits or device):
            kind = " or ".join(filter(None, endings or (".json",)))
            raise argparse.ArgumentTypeError(f"cannot write {_quoted(text)}: end it with {kind}")
        demand_writable(path)
        return path

    return convert


def _no(text: str, wanted: str, what: str) -> argparse.ArgumentTypeError:
    of = f" {what}" if what else ""
    return argparse.ArgumentTypeError(f"{_quoted(text)} is not {wanted}{of}")


def _quoted(text: str) -> str:
    return f"'{shown(text)}'"


def add_subcommand(
    commands: Any, name: str, run: Any, text: str, example: str, more: str = ""
) -> Any:
    """Add a subcommand's parser: what it does in a line, and an example in its help.

    ``run`` is called with the arguments; ``example`` is how it is called, without the program's
    name; ``more`` is said after it.
    """
    parser = commands.add_parser(
        name,
        help=text,
        description=f"{text[:1].upper()}{text[1:]}.",
        epilog=f"example: retroracer {example}" + (f"\n{more}" if more else ""),
    )
    parser.set_defaults(run=run)
    return parser


def refuse(
    args: argparse.Namespace, parser: argparse.ArgumentParser, names: Container[str], why: str
) -> None:
    """Refuse options in ``names`` that were given; ``why`` says what they do not go with."""
    for action in parser._actions:
        given = getattr(args, action.dest, action.default)
        if action.dest in names and given != action.default:
            raise UserError(f"{action.option_strings[0]} does not go with {why}")


def add_json(parser: Any) -> None:
    """Add ``--json FILE`` to a command that reports figures."""
    parser.add_argument("--json", type=file_to_write(), help="also write the figures to FILE")


def write_json(args: argparse.Namespace, figures: Any) -> None:
    """Write a command's figures where ``--json`` says, if it was given."""
    if args.json is not None:
        text = json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False)
        write_text(args.json, text + "\n")
