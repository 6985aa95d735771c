"""What a person did wrong on a page is told as its real cause, with its place and a remedy."""

from __future__ import annotations

import pytest

from retroracer.config.numbers import number
from retroracer.config.page import parse
from retroracer.config.place import PageError

PAGE = "a: 1\nb:\n  width: 12\n  list: [1, 2]\nc: {x: 5, y: 6}\n"


def mistake(text: str) -> tuple[int, int, str]:
    """Line, column and words of the first mistake of a page."""
    try:
        _, mistakes = parse(text)
    except PageError as error:
        return error.place.line, error.place.column, error.text
    return mistakes[0].place.line, mistakes[0].place.column, mistakes[0].text


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "words"),
    [
        ("width: 12", "width:\u00a012", 3, 9, "a non-breaking space (U+00A0)"),
        ("width: 12", "width\u202f: 12", 3, 8, "a non-breaking space (U+202F)"),
        ("  width", "\u3000\u3000width", 3, 1, "an odd space (U+3000)"),
        ("width", "wid\u200bth", 3, 6, "an invisible character (U+200B); delete it"),
        ("width", "\ufeffwidth", 3, 3, "an invisible character (U+FEFF)"),
        ("width:", "width\uff1a", 3, 8, "a full-width colon (U+FF1A); type ':' instead"),
        ("x: 5, y", "x: 5\uff0cy", 5, 9, "a full-width comma (U+FF0C); type ',' instead"),
        ("width:", "\u201cwidth\u201d:", 3, 3, "a typographic quote (U+201C)"),
        ("width: 12", "width:12", 3, 3, "'width:12' needs a space after the ':'"),
        ("x: 5", "x:5", 5, 5, "'x:5' needs a space after the ':'; write 'x: 5'"),
        ("x: 5", "x: 5,5", 5, 8, "'5,5' has a decimal comma, which here begins a new entry"),
        ("x: 5", "x: -5, 25", 5, 8, "write -5.25"),
        ("x: 5", "<<: *q", 5, 9, "'*q' names no anchor"),
        ("{x: 5, y: 6}", "{<<: {d: 1}}", 5, 5, "'<<' (merging another mapping in)"),
        ("12", '"C:\\Users\\me"', 3, 15, "in double quotes a '\\' begins an escape"),
        ("12", '"..\\data"', 3, 13, "use single quotes, or / in paths"),
        ("  width", "\twidth", 3, 1, "a tab indents this line"),
        ("x: 5", "x: #5", 5, 4, "a '#' begins a comment"),
        ("12", "&12", 3, 10, "text that begins with & needs quotes"),
        ("12", "*12", 3, 10, "text that begins with * needs quotes"),
        ("12", '"12', 3, 10, "the quote opened here is never closed"),
        ("12", "%12", 3, 10, "'%' cannot begin a value; use quotes"),
        ("12", "a: b", 3, 11, "put text that holds ': ' in quotes"),
        ("12", "1\x002", 3, 11, "a NUL (U+0000)"),
        ("12", "1\x1b[2J", 3, 11, "a control character (U+001B)"),
        ("c:", "---\nc:", 5, 1, "a second document"),
        ("c:", "a:", 5, 1, "key 'a' is already set on line 1"),
    ],
)
def test_a_mistake_is_told_by_its_cause_and_place(old, new, line, column, words):
    at, where, text = mistake(PAGE.replace(old, new, 1))
    assert words in text
    assert (at, where) == (line, column)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way(end):
    root, mistakes = parse(PAGE.replace("\n", end))
    assert not mistakes and root.find(("c", "y")).line == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1:30", "as seconds write 90"),
        ("50,5", "has a decimal comma; write 50.5"),
        ("12 m", "has a unit; write the number alone (12)"),
        ("\U0001d7cf", "a digit that is not 0 to 9 (U+1D7CF)"),
        ("\uff11\uff12", "a digit that is not 0 to 9 (U+FF11)"),
        ("12\u00a0", "a non-breaking space"),
        ("\u22125", "a typographic minus (U+2212); type '-' instead"),
        ("1e-320", "too small"),
        ("1e300", "too large"),
        ("1e400", "not a finite number"),
        ("9" * 5000, "not a finite number"),
        ("nan", "is not a number"),
        (".inf", "is not a number"),
        ("0x1F", "is not a number"),
        ("1__0", "is not a number"),
        ("", "is not a number"),
    ],
)
def test_what_is_no_number_is_told_why(text, words):
    with pytest.raises(ValueError, match=r"number|comma|unit|holds") as told:
        number(text)
    assert words in str(told.value) and len(str(told.value)) < 200


def test_numbers_are_decimal_however_they_are_written():
    texts = ("012", "1_000", "1e3", "-.5", "+4", "5.", "0.0", "-0")
    assert [number(t) for t in texts] == [12.0, 1000.0, 1000.0, -0.5, 4.0, 5.0, 0.0, 0.0]
