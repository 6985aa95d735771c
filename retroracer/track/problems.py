"""Errors and warnings of a track file, collected and shown together.

Owns ``Problem``, the ``Report`` that every later step adds to, and how a problem is printed.
``schema``, ``build`` and ``validity`` find the problems.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from retroracer.config.place import Loc, Place
from retroracer.errors import UserError

MAX_SHOWN = 20


@dataclass(frozen=True)
class Problem:
    """One mistake (code T..) or warning (W..): what is wrong and what to do."""

    code: str
    place: Place
    text: str


@dataclass
class Report:
    """All problems of one file.

    Attributes:
        file: its name, for messages.
        lines: lines of the file, for quoting.
        where: finds the place of a ``Loc``; set once the file is parsed.
        problems: found so far, each once, in order of discovery.
    """

    file: str
    lines: list[str] = field(default_factory=list)
    where: Callable[[Loc], Place] = lambda loc: Place()
    problems: dict[Problem, None] = field(default_factory=dict)

    def add(self, code: str, loc: Loc, text: str, *, place: Place | None = None) -> None:
        """Add a problem at ``loc``, or at ``place`` if that is given; repeats are dropped."""
        self.problems[Problem(code, place or self.where(loc), text)] = None

    def refuse(self, code: str, loc: Loc, text: str, *, place: Place | None = None) -> NoReturn:
        """Add a problem that ends the reading of the file.

        Raises:
            UserError: with this error and all found before.
        """
        self.add(code, loc, text, place=place)
        raise UserError(self.text())

    @property
    def errors(self) -> list[Problem]:
        """Problems that keep the track from being built, in file order."""
        return self._of_kind("T")

    @property
    def warnings(self) -> list[Problem]:
        """Problems that are unusual but possible, in file order."""
        return self._of_kind("W")

    def _of_kind(self, letter: str) -> list[Problem]:
        found = (p for p in self.problems if p.code.startswith(letter))
        return sorted(found, key=lambda p: (p.place.line, p.place.column, p.code))

    def show(self, problem: Problem) -> str:
        """``file:line: code: text``, then the source line with carets under the place."""
        number = problem.place.line
        at = f"{self.file}:{number}" if number else self.file
        kind = "warning " if problem.code.startswith("W") else ""
        head = f"{at}: {kind}{problem.code}: {problem.text}"
        line = self.lines[number - 1] if 0 < number <= len(self.lines) else ""
        if not line.strip():
            return head
        source, column, width = _window(line, problem.place.column, problem.place.width)
        return f"{head}\n    {source}\n    {' ' * (column - 1)}{'^' * width}"

    def text(self) -> str:
        """All errors, at most 20 of them, as one message."""
        errors = self.errors
        shown = [self.show(p) for p in errors[:MAX_SHOWN]]
        if len(errors) > MAX_SHOWN:
            shown.append(f"{self.file}: and {len(errors) - MAX_SHOWN} more")
        return "\n".join(shown)

    def raise_errors(self) -> None:
        """Raise an error if there are any.

        Raises:
            UserError: with all errors.
        """
        if self.errors:
            raise UserError(self.text())


def _window(line: str, column: int, width: int, room: int = 96) -> tuple[str, int, int]:
    """Cut a long line to the part around the caret; unprintable characters become '?'."""
    clean = "".join(c if c.isprintable() else " " if c == "\t" else "?" for c in line.rstrip())
    column = max(1, min(column, len(clean) + 1))
    start = max(0, column - 1 - room // 2) if len(clean) > room else 0
    cut = clean[start : start + room]
    column -= start
    return cut, column, max(1, min(width, len(cut) - column + 1))
