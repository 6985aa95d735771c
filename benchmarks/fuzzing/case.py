"""A case: what is run on a damaged file, and what makes its end a good one.

Good is: taken (exit code 0) with a result that an independent check finds sensible, or refused
(exit code 2) in plain lines that name the file. All else is a finding.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fuzzing.forked import NONSENSE, Ended

LONGEST_LINE = 400
"""Letters of a line that refuses something, without the folder's path."""

MOST_LINES = 21
"""Lines of a refusal: a page may have a line a mistake, 20 of them."""

MOST_CPU = 5.0
"""Processor seconds, by when anything is read or refused."""

MOST_MEMORY = 1 << 30
"""Bytes above what is imported."""


def nothing() -> None:
    """The check of what needs none."""


@dataclass(frozen=True)
class Case:
    """One damaged file and what is done with it.

    Attributes:
        name: of the case: its number and how it was damaged.
        files: written for it, to keep if it is a finding.
        work: what is run; its result is the exit code.
        sensible: run after exit code 0; raises ``NonsenseError``.
        codes: that are good.
        named: text a refusal must hold: the file's name.
        lines: of a refusal, at most.
    """

    name: str
    files: tuple[Path, ...]
    work: Callable[[], int]
    sensible: Callable[[], None] = field(default=nothing)
    codes: tuple[int, ...] = (0, 2)
    named: str = ""
    lines: int = 1

    def run(self) -> int:
        """Do it all, in a process of its own."""
        code = self.work()
        if code == 0:
            self.sensible()
        return code


def cli(*argv: str) -> Callable[[], int]:
    """The work of a command of ``retroracer``."""

    def work() -> int:
        from retroracer import cli as program

        return program.main(list(argv))

    return work


def command(argv: Sequence[str]) -> Callable[[], int]:
    """The work of a program's command line, without starting another Python."""
    rest = list(argv)
    settings: dict[str, str] = {}
    if rest[0] == "env":
        rest = rest[1:]
        while "=" in rest[0]:
            name, _, value = rest.pop(0).partition("=")
            settings[name] = value
    assert rest[0] == sys.executable and rest[1] in ("-m", "-c"), rest
    if rest[1] == "-m":
        run = cli(*rest[3:])
    else:

        def run() -> int:
            sys.argv = ["-c", *rest[3:]]
            exec(compile(rest[2], "<fuzz>", "exec"), {"__name__": "__main__"})
            return 0

    def work() -> int:
        os.environ.update(settings)
        return run()

    return work


def verdict(case: Case, end: Ended) -> tuple[str, str]:
    """What became of a case.

    Returns:
        "taken", "refused", "traceback", "hang", "memory", "nonsense" or "words"; and why.
    """
    if end.late or end.cpu > MOST_CPU:
        return "hang", f"{end.cpu:.1f} s of processor time, {end.wall:.0f} s"
    if end.code < 0:
        return "traceback", f"signal {-end.code}"
    if end.code == NONSENSE:
        return "nonsense", end.err.strip().splitlines()[-1]
    if "Traceback" in end.err or end.code not in case.codes:
        last = end.err.strip().splitlines() or [f"exit code {end.code}"]
        return "traceback", last[-1][:300]
    if end.memory > MOST_MEMORY:
        return "memory", f"{end.memory >> 20} MB"
    if end.code == 0:
        trouble = "Warning" in end.err and re.search(r"\.py:\d+: \w*Warning", end.err)
        return ("words", "a warning of Python's") if trouble else ("taken", "")
    return _refusal(case, end)


def _refusal(case: Case, end: Ended) -> tuple[str, str]:
    lines = [x for x in end.err.split("\n") if x.strip() and not x.startswith("compiling")]
    if not lines:
        return "words", "nothing is said"
    if len(lines) > case.lines:
        return "words", f"{len(lines)} lines"
    for line in lines:
        if not line.isprintable():
            return "words", f"control characters: {line[:200]!r}"
        for path in case.files:
            line = line.replace(f"{path.parent}/", "")
        if len(line) > LONGEST_LINE:
            return "words", f"{len(line)} letters: {line[:200]!r}"
    if case.named and case.named not in end.err:
        return "words", f"the file is not named: {lines[0][:200]!r}"
    return "refused", ""
