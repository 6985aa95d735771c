"""The options of every command: nonsense is one line and exit code 2."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator

import pytest

from retroracer.cli import COMMANDS, COMPILING, main
from retroracer.cli.arguments import Parser, minutes, number, seed, size_in_pixels, steps, whole


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below)


def all_parsers() -> list[argparse.ArgumentParser]:
    found = []
    for module in sorted({module for module, _ in COMMANDS.values()}):
        parser = Parser(prog="retroracer")
        importlib.import_module(module).add_parser(parser.add_subparsers(prog="retroracer"))
        found += list(parsers(parser))[1:]
    return found


PARSERS = {parser.prog: parser for parser in all_parsers()}
NONSENSE = (
    "", " ", "nan", "-nan", "inf", "-inf", "1e999", "-1e999", "1_000", "٣", "²", "0x10", "ten",
    "1,5", "1e", "--", "9" * 400, "-" + "9" * 400, "1\0", "\x1b[31m1",
)  # fmt: skip


@pytest.mark.parametrize("name", PARSERS)
def test_every_number_of_every_command_refuses_nonsense(name):
    for action in PARSERS[name]._actions:
        # The plain types take 1_000, other scripts' digits, nan and numbers without end.
        assert action.type not in (int, float), action.dest
        if getattr(action.type, "__qualname__", "").startswith(("whole", "number", "size")):
            for text in NONSENSE:
                with pytest.raises(argparse.ArgumentTypeError):
                    action.type(text)


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize("columns", ["1", "20", "40", "80", "300"])
def test_help_is_whole_at_any_width(name, columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    assert main([*name.split()[1:], "--help"]) == 0
    told = capsys.readouterr().out
    assert ("usage: " in told and "example" in told.lower()) or name.endswith("tracks")


@pytest.mark.parametrize("name", PARSERS)
def test_a_description_is_wrapped_at_the_width_of_the_terminal(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    description = PARSERS[name].format_help().split("\n\n")[1]
    assert max(map(len, description.splitlines())) <= 80


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (whole(0, 20), "20", "21"),
        (seed, "9223372036854775807", "9223372036854775808"),
        (number(0.05, 20), "5e-2", "0.0499"),
        (minutes, "0.05", "0"),
        (steps, "1", "0"),
        (size_in_pixels, "1280x960", "12800x9600"),
    ],
)
def test_a_number_is_taken_within_its_range_only(kind, good, bad):
    assert kind(good)
    with pytest.raises(argparse.ArgumentTypeError):
        kind(bad)


@pytest.mark.parametrize(
    "line",
    [
        "evaluate base --random 1000000000",
        "evaluate base --random 1 --seed -1",
        "evaluate base --latency nan",
        "tracks generate --count 1000000000000 --out g",
        "tracks draw monza --out x.png --size \u0661\u0660\u0660x\u0661\u0660\u0660",
        "bench --repeats 0",
        "train-base --minutes -1",
        "play --frames 0",
        "evaluate",
        "limit",
        "tracks nonsense",
        "--nonsense",
    ],
)
def test_a_mistake_in_the_options_is_one_line_that_says_where_to_read_on(
    line, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 2
    told = [x for x in capsys.readouterr().err.splitlines() if x != COMPILING]
    assert len(told) == 1 and "--help" in told[0]
    assert not list(tmp_path.iterdir())
