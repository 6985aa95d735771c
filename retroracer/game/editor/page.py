"""A track's page under edit: its points change, every other character of it stays.

Owns: finding the points in the YAML text, and writing changed ones back as a small diff: a
point that was not touched keeps its line, one that was keeps its comment. Knows no window.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from retroracer.config.numbers import number
from retroracer.config.page import MAX_BYTES, Node, parse
from retroracer.config.place import PageError
from retroracer.errors import UserError
from retroracer.reading import read_text, shown
from retroracer.track.page_writing import quoted
from retroracer.track.points import Knots

LEAST_POINTS = 4
NARROWEST, WIDEST = 4.0, 60.0

NEW = """\
# Drawn in the game's editor. Points are x (east) and y (north) in metres, in driving order; a
# third number is the road's width there.
schema: 1
name: {name}
layout:
  width: 12
  points:
    - [0, 0]
    - [220, 0]
    - [380, -60]
    - [380, -200]
    - [220, -260]
    - [0, -260]
    - [-160, -200]
    - [-160, -60]
"""


@dataclass(frozen=True)
class Point:
    """A point of the centreline as it stands in the page."""

    x: float  # east [m]
    y: float  # north [m]
    width: float | None = None  # of the road [m]; None = the layout's
    left: float | None = None  # half-width [m]; None = half of the width
    right: float | None = None  # likewise
    name: str = ""  # what starts here
    lead: tuple[str, ...] = ()  # lines before it, such as comments
    line: str = ""  # its own as it was written, "" for a new point or a changed one
    tail: str = ""  # what follows it on its line, such as a comment

    def moved(self, x: float, y: float) -> Point:
        """The point elsewhere, to a tenth of a metre."""
        return replace(self, x=round(x, 1), y=round(y, 1), line="")

    def as_wide(self, width: float) -> Point:
        """The point with another width of the road, in half metres; its sides keep their share."""
        width = min(max(round(2.0 * width) / 2.0, NARROWEST), WIDEST)
        if self.left is None or self.right is None:
            return replace(self, width=width, line="")
        share = self.left / (self.left + self.right)
        left = round(share * width, 1)
        return replace(self, left=left, right=round(width - left, 1), line="")

    def written(self, indent: str) -> str:
        """Its line in the page."""
        if self.line:
            return self.line
        if self.left is None and self.right is None and not self.name:
            numbers = [self.x, self.y] + ([] if self.width is None else [self.width])
            value = f"[{', '.join(f'{n:.7g}' for n in numbers)}]"
        else:
            parts: dict[str, float | None] = {"x": self.x, "y": self.y, "width": self.width}
            parts |= {"left": self.left, "right": self.right}
            items = [f"{k}: {n:.7g}" for k, n in parts.items() if n is not None]
            items += [f"name: {quoted(self.name)}"] if self.name else []
            value = f"{{{', '.join(items)}}}"
        return f"{indent}- {value}{self.tail}"


class EditPage:
    """A page and its points; one that does not exist begins as an oval.

    Raises:
        UserError: if the page cannot be read, or is not laid through points.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() not in (".yaml", ".yml"):
            raise UserError(f"cannot edit {path}: a track's page ends in .yaml")
        self.path = path
        self.is_new = not path.exists()
        if self.is_new:
            text = NEW.format(name=quoted(path.stem.replace("_", " ").title() or "New track"))
        else:
            text = read_text(path, MAX_BYTES)
        self._take(text)

    def _take(self, text: str) -> None:
        where = self.path.name
        try:
            root, mistakes = parse(text, where)
        except PageError as error:
            raise UserError(f"cannot edit {error.place}: {error.text}") from None
        if mistakes:
            raise UserError(f"cannot edit {mistakes[0].place}: {mistakes[0].text}")
        layout = root.child("layout") or Node(None, root.place)
        node = layout.child("points")
        if node is None or not isinstance(node.data, list):
            form = next((f for f in ("segments", "points_file") if layout.child(f)), "nothing")
            raise UserError(
                f"cannot edit {where}: it is laid from {form}, and the editor moves points; "
                "change the text while you drive (play.py --track reloads it), or name a new file"
            )
        items = node.data
        if len(items) < LEAST_POINTS:
            raise UserError(f"cannot edit {where}: a loop needs at least {LEAST_POINTS} points")
        width = layout.child("width")
        self.width = _number(width) if width is not None else None  # [m]
        newline = "\r\n" if "\r\n" in text else "\n"
        lines = text.split(newline)
        if node.flow or any(a.place.line == b.place.line for a, b in pairwise(items)):
            self._take_flow(lines, node, items, newline)
            return
        self._newline = newline
        first = items[0].place.line - 1
        self._before = lines[:first]
        last = items[-1]
        # A mapping spread over lines ends where the next thing begins.
        end = last.end.line - 1 + (1 if last.end.column > 1 else 0)
        self._after = lines[end:]
        self._indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
        points = []
        until = first
        for item in items:
            start, stop = item.place.line - 1, item.end.line - 1
            whole = stop == start
            row = lines[start]
            point = _point(item)
            points.append(
                replace(
                    point,
                    lead=tuple(lines[until:start]),
                    line=row if whole else "",
                    tail=row[item.end.column - 1 :] if whole else "",
                )
            )
            until = stop + 1 if whole or item.end.column > 1 else stop
        self.points: tuple[Point, ...] = tuple(points)

    def _take_flow(self, lines: list[str], node: Node, items: list[Node], newline: str) -> None:
        """Points written between brackets: each gets a line of its own."""
        start, end = node.place, node.end
        head = lines[start.line - 1][: start.column - 1].rstrip()
        self._newline = newline
        self._before = [*lines[: start.line - 1], head]
        rest = lines[end.line - 1][end.column - 1 :].strip()
        self._after = ([rest] if rest else []) + lines[end.line :]
        self._indent = " " * (len(head) - len(head.lstrip()) + 2)
        self.points = tuple(_point(item) for item in items)

    def text(self) -> str:
        """The page with the points it has now."""
        rows = [row for p in self.points for row in (*p.lead, p.written(self._indent))]
        return self._newline.join([*self._before, *rows, *self._after])

    def point_at_line(self, line: int) -> int | None:
        """The point on a line of ``text``, from 1; None if there is none."""
        ends = accumulate(len(p.lead) + 1 for p in self.points)
        return next((k for k, end in enumerate(ends) if len(self._before) + end == line), None)

    def half_widths(self, index: int) -> tuple[float, float]:
        """Half-widths to the left and right at a point [m]."""
        p = self.points[index]
        half = (p.width or self.width or 12.0) / 2.0
        return (half if p.left is None else p.left), (half if p.right is None else p.right)

    def knots(self) -> Knots:
        """The points as the track's builder takes them, in the page's own coordinates."""
        sides = np.array([self.half_widths(k) for k in range(len(self.points))])
        return Knots(
            np.array([(p.x, p.y) for p in self.points]),
            sides[:, 0],
            sides[:, 1],
            [p.name for p in self.points],
            [("layout", "points", k) for k in range(len(self.points))],
        )


def _number(node: Node) -> float:
    try:
        return number(node.data if isinstance(node.data, str) else "")
    except ValueError:
        raise UserError(f"{node.place}: a number was expected, not {shown(node.plain())}") from None


def _point(node: Node) -> Point:
    if isinstance(node.data, list) and 2 <= len(node.data) <= 3:
        numbers = [_number(n) for n in node.data]
        return Point(numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else None)
    if isinstance(node.data, dict):
        found: dict[str, Any] = {}
        for key, (_, value) in node.data.items():
            if key == "name":
                found["name"] = str(value.data)
            elif key in ("x", "y", "width", "left", "right"):
                found[key] = _number(value)
        if "x" in found and "y" in found:
            return Point(**found)
    raise UserError(f"cannot edit {node.place}: here stands no point [x, y]")
