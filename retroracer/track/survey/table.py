"""Reads a CSV file as a table: column names, if it has any, and rows of equal length.

Finds where the names are (in a row, perhaps with other rows above and units below, or in a
comment), drops rows and columns that only number the others, and checks the decimal mark.
``dialect`` splits the cells; ``words`` and ``columns`` understand the names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from retroracer.errors import UserError
from retroracer.reading import shown
from retroracer.track.geometry import Array
from retroracer.track.survey.dialect import (
    INFINITE,
    MISSING,
    NUMBER,
    SEPARATORS,
    TOP,
    Row,
    cells_of,
    is_number,
    rows_of,
    text_of,
    trimmed,
    value_of,
)
from retroracer.track.survey.surveyed import MAX_POINTS
from retroracer.track.survey.words import meaning, names_units


@dataclass
class Table:
    """Cells of a file.

    Attributes:
        file: its name.
        rows: rows of cells, all of the same length.
        lines: line number of each row.
        names: column names, or None if there are none.
        names_line: line number of the names.
        understood: what was left out, in sentences for the user.
    """

    file: str
    rows: list[list[str]]
    lines: list[int]
    names: list[str] | None
    names_line: int
    understood: list[str] = field(default_factory=list)

    def values(self, columns: list[int]) -> Array:
        """Numbers of the given columns, (m, k); NaN where a cell is missing.

        Raises:
            UserError: if a cell is neither a number nor missing, or two decimal marks are in use.
        """
        out = np.empty((len(self.rows), len(columns)))
        points, commas = 0, 0  # lines where either decimal mark was first seen
        for i, (row, line) in enumerate(zip(self.rows, self.lines, strict=True)):
            for k, column in enumerate(columns):
                cell = row[column]
                out[i, k] = value_of(cell, f"{self.file}:{line}", column)
                points = points or (line if "." in cell and NUMBER.fullmatch(cell) else 0)
                commas = commas or (line if "," in cell else 0)
                if points and commas:
                    raise UserError(
                        f"{self.file}:{line}: decimal points (line {points}) and decimal commas"
                        f" (line {commas}) in one file; write all numbers alike"
                    )
        return out


def read_table(data: bytes, file: str) -> Table:
    """Read the table of a CSV file, in UTF-8 or UTF-16.

    Raises:
        UserError: if its rows differ in length or its names do not fit.
    """
    table_rows, comments, separator = rows_of(text_of(data, file), file)
    understood: list[str] = []
    top = _named(table_rows, understood)
    names, names_line = None, 0
    if top is not None:
        names_line, names = table_rows[top[0]]
        body = table_rows[top[1] + 1 :]
    else:
        body = table_rows
        width = len(trimmed(body[0][1], 0)) if body else 0
        names_line, names = _named_in_comment(comments, body, width, separator)
    names = trimmed(names, 0) if names else None
    rows = _even(body, len(names) if names else 0, file)
    table = Table(file, rows, [number for number, _ in body], names, names_line, understood)
    if names is None:
        _drop_numbering(table)
        _check_separator(table, separator)
    elif rows:
        _fit_names(table)
    return table


def places_named(names: list[str]) -> bool:
    """Whether the names include x and y, or longitude and latitude."""
    axes = {m.axis for m in map(meaning, names) if m.kind == "position"}
    return axes >= {"x", "y"} or axes >= {"lon", "lat"}


def _named(rows: list[Row], understood: list[str]) -> tuple[int, int] | None:
    """Index of the row of names, and of the last row before the points; None if there is none.

    The rows of words at the top are a title (or none), the names, and units (or none).
    """
    words = []
    for i, (_, cells) in enumerate(rows[:TOP]):
        plain = [c for c in cells if c.lower() not in MISSING and c.lower() not in INFINITE]
        numbers = sum(map(is_number, plain))
        if places_named(cells) or (len(plain) > 1 and not numbers):
            words.append(i)
        elif numbers >= 2 and sum(map(is_number, (rows[i + 1 : i + 2] or rows[i:])[0][1])) >= 2:
            break
    if not words:
        title, after = (rows[0][1], rows[1][1]) if len(rows) > 1 else ([], [])
        if len(title) == 1 < len(after) and title[0] and not is_number(title[0]):
            understood.append(f"line {rows[0][0]} ('{shown(title[0], 30)}') was left out")
            del rows[0]
        return None
    last = words[-1]
    named = [i for i in words if places_named(rows[i][1])]
    first = named[-1] if named else last
    if not named and names_units(rows[last][1]) and last - 1 in words:
        first = last - 1
    if first > 0:
        understood.append(f"lines above the names (line {rows[first][0]}) were left out")
    below = [i for i in range(first + 1, last + 1) if names_units(rows[i][1])]
    for i in below:
        for k, unit in enumerate(rows[i][1][: len(rows[first][1])]):
            rows[first][1][k] += f" [{unit}]" if unit else ""
    if len(below) < last - first:
        understood.append(f"lines between the names and line {rows[last][0] + 1} were left out")
    return first, last


def _named_in_comment(
    comments: list[tuple[int, str]], body: list[Row], width: int, separator: str
) -> tuple[int, list[str] | None]:
    """Line number and names of the last comment above the points that can be column names."""
    for k, (line, text) in enumerate(reversed(comments)):
        for mark in sorted(SEPARATORS, key=lambda mark: mark != separator):
            names = trimmed(cells_of(text, mark), 0)
            if len(names) < 2 or all(map(is_number, names)):
                continue
            if len(names) == width and places_named(names):
                return line, names
            single = not any(" " in re.sub(r"\s*[\[(].*", "", name) for name in names)
            if mark != " " and places_named(names):
                return line, names
            beside = bool(body) and k == 0 and len(names) == width
            if beside and single and mark in (separator, ","):
                return line, names  # not understood: the file must be refused, not read by position
    return 0, None


def _even(body: list[Row], least: int, file: str) -> list[list[str]]:
    """Rows of equal length; empty cells at their end do not count."""
    rows: list[list[str]] = []
    for line, cells in body:
        if len(rows) == MAX_POINTS:
            raise UserError(f"{file}:{line}: more than {MAX_POINTS} points; keep every n-th")
        want = len(rows[0]) if rows else 0
        cells = trimmed(cells, max(want, least))
        if len(cells) < 2:
            raise UserError(f"{file}:{line}: one column; a point needs x and y (x_m,y_m,...)")
        if rows and len(cells) != want:
            raise UserError(
                f"{file}:{line}: {len(cells)} columns where the lines above have {want}"
            )
        rows.append(cells)
    return rows


def _fit_names(table: Table) -> None:
    """Check that there is a name per column; a first column that only counts may have none."""
    assert table.names is not None
    have, want = len(table.names), len(table.rows[0])
    if have == want - 1 and _counts(table):
        table.names.insert(0, "index")
    elif have != want:
        raise UserError(
            f"{table.file}:{table.names_line}: {have} names for {want} columns"
            f" ({', '.join(shown(n, 20) for n in table.names[:8])}); give each column one name"
        )


def _drop_numbering(table: Table) -> None:
    """In a table without names, drop a row or a column that only numbers the others."""
    rows = table.rows
    if len(rows) < 3:
        return
    head, count = rows[0], len(rows[0])
    numbering = head in (list(map(str, range(count))), ["", *map(str, range(count - 1))])
    # "0,1" may be a point; a row 0, 1, 2 numbers the columns.
    if numbering and count > 2 and any("." in c or "," in c for row in rows[1:] for c in row):
        table.understood.append(f"line {table.lines[0]} numbers the columns and was left out")
        del rows[0], table.lines[0]
    if count > 2 and _counts(table):
        table.understood.append("the first column counts the rows and was left out")
        table.rows = [row[1:] for row in rows]
    elif count > 2:
        try:
            first = [float(row[0].replace(",", ".")) for row in rows]
        except ValueError:
            return
        if len(first) > 7 and all(a < b for a, b in pairwise(first)):
            raise UserError(
                f"{table.file}: no names above the columns, and the first one only grows, so it"
                " is not x; write a line of names above, e.g. s_m,x_m,y_m"
            )


def _counts(table: Table) -> bool:
    """Whether the first column is k, k + 1, k + 2, ..."""
    first = table.rows[0][0]
    if not re.fullmatch(r"\d{1,9}", first, re.ASCII):
        return False
    start = int(first)
    return all(row[0] == str(start + i) for i, row in enumerate(table.rows))


def _check_separator(table: Table, separator: str) -> None:
    """Refuse commas that may be both separators and decimal marks (1,5,2,5)."""
    rows = table.rows
    if separator != "," or not rows or len(rows[0]) < 4 or len(rows[0]) % 2:
        return
    decimals = [cell for row in rows for cell in row[1::2]]
    whole = all(re.fullmatch(r"[+-]?\d+", c, re.ASCII) for row in rows for c in row)
    if not whole or not all(c.isdigit() for c in decimals):
        return
    if len(rows[0]) > 4 or any(c[0] == "0" and len(c) > 1 for c in decimals):
        raise UserError(
            f"{table.file}:{table.lines[0]}: commas both between columns and within numbers;"
            " separate the columns with semicolons, or write decimal points"
        )
