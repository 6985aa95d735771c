"""Splitting a CSV file of any usual dialect into cells.

Finds the separator (tab, semicolon, bar, comma or blank), and handles quotes, comments, encodings,
and how numbers and missing numbers are written. ``csv.Sniffer`` would not do: it looks at letters,
not at numbers, and takes a decimal comma, or the blank after a comma, for the separator.
"""

from __future__ import annotations

import csv
import math
import re

from retroracer.errors import UserError
from retroracer.reading import decoded, shown
from retroracer.track.survey.surveyed import MAX_POINTS

LONGEST_LINE = 20_000
MOST_COLUMNS = 400
MOST_LINES = 1_500_000
TOP = 60
"""Column names are looked for in this many rows and comments at the top of a file."""
SEPARATORS = ("\t", ";", "|", ",", " ")
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eEdD][+-]?\d+)?", re.ASCII)
MISSING = {"", "nan", "na", "n/a", "null", "none", "-", "--", "?", "#n/a", "<na>"}
INFINITE = {"inf": math.inf, "infinity": math.inf}
_COMMENT = re.compile(r"\s*(#|%|//)[#%/\s]*")

Row = tuple[int, list[str]]
"""Line number and cells."""


def text_of(data: bytes, file: str) -> str:
    """Text of a file, UTF-8 or UTF-16, with special blanks and minus signs made plain ASCII.

    Raises:
        UserError: if it is not text.
    """
    if data[:2] not in (b"\xff\xfe", b"\xfe\xff") and len(data) > 3 and not len(data) % 2:
        # UTF-16 without a byte order mark: every other byte of plain text is zero.
        if not any(data[1:200:2]) and all(data[0:200:2]):
            data = b"\xff\xfe" + data
        elif not any(data[0:200:2]) and all(data[1:200:2]):
            data = b"\xfe\xff" + data
    text = decoded(data, file)
    if "\0" in text:
        raise UserError(f"{file}: holds binary data; a CSV file of points is text")
    return text.replace("\u2212", "-").replace("\xa0", " ").replace("\u202f", " ")


def rows_of(text: str, file: str) -> tuple[list[Row], list[tuple[int, str]], str]:
    """Cells of each line, the comments above the first of them, and the separator.

    Raises:
        UserError: if a line is too long or has too many columns.
    """
    plain: list[tuple[int, str]] = []
    comments: list[tuple[int, str]] = []
    if text.count("\n") + text.count("\r") > MOST_LINES:
        raise UserError(f"{file}: more than {MOST_LINES} lines; at most {MAX_POINTS} are points")
    for number, line in enumerate(re.split("\r\n|\n|\r", text), 1):
        if not line.strip():
            continue
        if len(line) > LONGEST_LINE:
            raise UserError(f"{file}:{number}: {len(line)} characters; a point is a short line")
        bare = _unquoted(line)
        comment = _COMMENT.match(bare)
        if comment:
            if not plain and len(comments) < TOP:
                comments.append((number, bare[comment.end() :].strip()))
            continue
        plain.append((number, bare.split("#", 1)[0] if '"' not in bare else bare))
        if len(plain) > MAX_POINTS + TOP:
            break
    separator = _separator([line for _, line in plain])
    rows = []
    for number, line in plain:
        cells = cells_of(line, separator)
        if len(cells) > MOST_COLUMNS:
            raise UserError(f"{file}:{number}: {len(cells)} columns; at most {MOST_COLUMNS}")
        rows.append((number, cells))
    return rows, comments, separator


def _unquoted(line: str) -> str:
    """The line without its quotes, if one pair of quotes encloses all of it."""
    bare = line.strip()
    whole = len(bare) > 2 and bare[0] == bare[-1] == '"' and bare.count('"') == 2
    return bare[1:-1] if whole else line


def cells_of(line: str, separator: str) -> list[str]:
    """Cells of a line, without the blanks and quotes around them."""
    if separator == " ":
        # A unit in brackets belongs to the name before it.
        line = re.sub(r"\s+(?=[\[(])", "", line.replace("\t", " ").strip())
    if '"' in line:
        try:
            cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
        except csv.Error:
            cells = line.split(separator)
    else:
        cells = line.split(separator) if separator != " " else line.split()
    return [cell.strip().strip("\"'").strip() for cell in cells]


def _separator(lines: list[str]) -> str:
    """The separator: the one with which most cells of a sample are numbers."""
    sample = lines[:: max(1, len(lines) // 100)]
    best, best_score = ",", 0.0
    for separator in SEPARATORS:
        score = 0.0
        for line in sample:
            cells = trimmed(cells_of(line, separator), 0)
            numbers = sum(is_number(cell) for cell in cells)
            if numbers >= 2:
                score += (numbers + sum(c.lower() in MISSING for c in cells)) / len(cells)
        if score > best_score * 1.001:
            best, best_score = separator, score
    if not best_score:  # a file of names only
        return max(SEPARATORS, key=lambda c: (sum(c in line for line in sample), c != " "))
    return best


def is_number(cell: str) -> bool:
    """Whether a cell is a finite number, with a decimal point or comma."""
    return NUMBER.fullmatch(cell) is not None


def trimmed(cells: list[str], least: int) -> list[str]:
    """Cells without empty ones at the end, but at least ``least`` of them."""
    end = len(cells)
    while end > least and not cells[end - 1]:
        end -= 1
    return cells[:end]


def value_of(cell: str, at: str, column: int) -> float:
    """Number in a cell of a column (counted from 0); NaN where it is missing.

    Raises:
        UserError: if it is anything else.
    """
    if NUMBER.fullmatch(cell):
        value = float(cell.replace(",", ".").replace("d", "e").replace("D", "e"))
    elif cell.lower() in MISSING:
        return math.nan
    else:
        sign = -1.0 if cell[:1] == "-" else 1.0
        value = sign * INFINITE.get(cell.lstrip("+-").lower(), math.nan)
    if math.isnan(value):
        grouped = re.fullmatch(r"[+-]?\d{1,3}([.,' ]\d{3})+([.,]\d+)?", cell, re.ASCII)
        raise UserError(
            f"{at}: '{shown(cell, 30)}' in column {column + 1} is not a number"
            + ("; write it without marks between thousands" if grouped else "")
        )
    if math.isinf(value):
        raise UserError(f"{at}: column {column + 1} is {value}; write a finite number")
    return value
