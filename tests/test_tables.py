from __future__ import annotations

import io
import re
import sys

import pytest

from retroracer.tables import busy, lap_text, print_table

COLUMNS = ("track", "length", "a driver with a long name", "[odd]")
ROWS = [
    ("monza", "5794 m", "1:53.123  x1.109, 12.3 s off", "1:49.000"),
    ("a_track_with_a_name", "800 m", "off the track in lap 2", "0:31.250  x1.020"),
]
TOTAL = [("all", "", "1/2 completed, 1 clean, 1.109 of the limit", "2/2 completed")]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def printed(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> str:
    monkeypatch.setattr(sys, "stdout", stream)
    print_table(COLUMNS, [ROWS, TOTAL], caption="second lap")
    return stream.getvalue()


@pytest.mark.parametrize("width", range(20, 201, 6))
def test_no_value_is_cut_at_any_width_of_a_terminal(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    text = re.sub(r"\x1b\[[0-9;]*m", "", printed(monkeypatch, Terminal()))
    for row in ROWS + TOTAL:
        assert all(any(value in line for line in text.splitlines()) for value in row)
    assert "…" not in text
    if "─" in text:  # with rules, it fits
        assert max(map(len, text.splitlines())) <= width
    assert ("─" in text) == (width >= 96)


@pytest.mark.parametrize("width", ["1", "20", "500"])
def test_a_piped_table_is_one_plain_line_a_row(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("FORCE_COLOR", "1")
    lines = printed(monkeypatch, io.StringIO()).splitlines()
    assert len(lines) == 1 + len(ROWS) + len(TOTAL) + 1
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert all(value in line for row, line in zip(ROWS, lines[1:], strict=False) for value in row)
    assert "[odd]" in lines[0] and lines[-1] == "second lap"


def test_wide_letters_take_two_places(monkeypatch):
    monkeypatch.setattr(sys, "stdout", stream := io.StringIO())
    print_table(("", "time"), [[("赛道", "1"), ("ab", "2")]])
    assert stream.getvalue().splitlines()[1:] == ["赛道     1", "ab       2"]


@pytest.mark.parametrize(("seconds", "text"), [(59.9996, "1:00.000"), (0.0, "0:00.000")])
def test_a_lap_time_never_has_sixty_seconds(seconds, text):
    assert lap_text(seconds) == text


def test_a_title_with_brackets_is_shown_as_it_is(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    with busy("solving [/b] ...") as say:
        say("solving [red]ring")
    assert "solving [red]ring" in shown.getvalue()
    monkeypatch.setattr(sys, "stderr", piped := io.StringIO())
    with busy("solving"):
        pass
    assert piped.getvalue() == ""
