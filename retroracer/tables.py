"""What commands print: tables, lap times, and a line while something takes time.

A table has rules on a terminal that is wide enough; on a narrower one each row becomes a few
lines, ``column  value``. Piped, as with ``ls`` and ``git``, there are only words and blanks, one
line a row, whatever the width.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

GAP = 2
"""Blanks between columns of a plain table; within a value there are fewer."""


def lap_text(seconds: float) -> str:
    """A lap time as people write it: 1:42.217."""
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    return f"{minutes}:{rest // 1000:02d}.{rest % 1000:03d}"


@contextmanager
def busy(text: str) -> Iterator[Callable[[str], None]]:
    """Show a line on a terminal while something takes time; yields a function to change it."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(text)) as status:  # Text: a title may hold [brackets]
        yield lambda text: status.update(Text(text))


def print_table(
    columns: Sequence[str],
    sections: Sequence[Sequence[Sequence[str]]],
    *,
    left: int = 1,
    caption: str = "",
) -> None:
    """Print a table to standard output.

    A column of names needs no heading; a terminal shows a rule between ``sections`` of rows. The
    first ``left`` columns are aligned to the left, the others to the right; ``caption`` is a line
    below.
    """
    rows = [tuple(row) for section in sections for row in section]
    if not sys.stdout.isatty():
        print(_plain([tuple(columns), *rows], left))
    elif not _ruled(columns, sections, left):
        print(_records(columns, rows))
    if caption:
        print(caption)


def _plain(rows: Sequence[Sequence[str]], left: int) -> str:
    from rich.cells import cell_len  # some letters take two places

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]

    def line(row: Sequence[str]) -> str:
        padded = []
        for k, (text, width) in enumerate(zip(row, widths, strict=True)):
            blanks = " " * (width - cell_len(text))
            padded.append(text + blanks if k < left else blanks + text)
        return (" " * GAP).join(padded).rstrip()

    return "\n".join(map(line, rows))


def _ruled(columns: Sequence[str], sections: Sequence[Sequence[Sequence[str]]], left: int) -> bool:
    """Print with rules, if the terminal is wide enough; returns whether it was."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for k, name in enumerate(columns):
        table.add_column(Text(name), justify="left" if k < left else "right", no_wrap=True)
    for section in sections:
        for row in section:
            table.add_row(*map(Text, row))  # Text: names in [brackets] are names
        table.add_section()
    console = Console()
    if console.measure(table, options=console.options.update(width=10_000)).maximum > console.width:
        return False
    console.print(table)
    return True


def _records(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Each row under its first value, a line a column; empty values are left out."""
    wide = max(map(len, columns[1:]), default=0)
    return "\n".join(
        "\n".join(
            [row[0]]
            + [
                f"  {name:<{wide}}  {text}"
                for name, text in zip(columns[1:], row[1:], strict=True)
                if text
            ]
        )
        for row in rows
    )
