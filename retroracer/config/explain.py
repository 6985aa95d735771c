"""Why a text is not YAML, in words that help to mend the file.

Owns: the real causes behind PyYAML's errors (an invisible space, a missing space after a colon,
a typographic quote, a backslash in double quotes, a tab) and where they stand.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice

import yaml

from retroracer.config.place import PageError, Place
from retroracer.reading import shown

_LOOKALIKES = {
    "\u00a0": ("a non-breaking space", "an ordinary space"),
    "\u2007": ("a non-breaking space", "an ordinary space"),
    "\u202f": ("a non-breaking space", "an ordinary space"),
    "\u2028": ("a line separator", "a new line"),
    "\u2029": ("a paragraph separator", "a new line"),
    "\u0085": ("a next-line character", "a new line"),
    "\uff1a": ("a full-width colon", "':'"),
    "\uff0c": ("a full-width comma", "','"),
    "\u3001": ("an ideographic comma", "','"),
    "\u2212": ("a typographic minus", "'-'"),
    "\u2013": ("a dash", "'-'"),
    "\u2014": ("a dash", "'-'"),
    "\u066b": ("an Arabic decimal separator", "'.'"),
}
"""Characters that look like others, what they are, and what to type instead."""

_QUOTES = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb\u2039\u203a\uff02\uff07"
_STRUCTURAL = _QUOTES + "\uff1a\uff0c\u3001"
_GLUED = re.compile(r"^[ ]*(?:- )*[\"']?[A-Za-z_][\w-]*[\"']?:(?=[^\s:/\\])", re.ASCII)

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What YAML counts as the end of a line."""


def odd_character(text: str) -> tuple[int, str] | None:
    """The first character that looks like another or is invisible, and what to type instead.

    Its index, and e.g. "a non-breaking space (U+00A0); type an ordinary space instead".
    """
    for found in _NOT_ASCII.finditer(text):
        i, c = found.start(), found.group()
        kind = unicodedata.category(c)
        code = f"U+{ord(c):04X}"
        if c in _QUOTES:
            return i, f"a typographic quote ({code}); type \" or ' instead"
        if c in _LOOKALIKES:
            name, instead = _LOOKALIKES[c]
            return i, f"{name} ({code}); type {instead} instead"
        if kind == "Zs":
            return i, f"an odd space ({code}); type an ordinary space instead"
        if kind == "Cf":
            return i, f"an invisible character ({code}); delete it"
        if kind in ("Nd", "Nl", "No"):
            return i, f"a digit that is not 0 to 9 ({code}); type it anew"
    return None


def missing_space(text: str) -> str | None:
    """What to write where ``key:value`` was written without the space, or None."""
    glued = _GLUED.match(text)
    if not glued:
        return None
    end = glued.end()
    key, value = text[:end].strip(" -"), text[end:].strip()
    return f"'{shown(key + value)}' needs a space after the ':'; write '{key} {shown(value, 20)}'"


def unprintable(text: str) -> PageError | None:
    """The first character that YAML does not allow anywhere, told with its place."""
    found = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if not found:
        return None
    before = LINE_END.split(text[: found.start()])
    place = Place(len(before), len(before[-1]) + 1)
    code = ord(found.group())
    what = "a NUL" if code == 0 else "an invisible mark" if code > 0x7F else "a control character"
    return PageError(
        f"not valid YAML: {what} (U+{code:04X}) stands here; delete it (is this a text file?)",
        place,
    )


_ENGLISH = (
    (
        "mapping values are not allowed",
        "a ':' stands where no key can be; check the indentation, and put text that holds ': '"
        " in quotes",
    ),
    ("did not find expected key", "the indentation does not fit the lines above; align keys"),
    ("expected <block end>", "the indentation does not fit the lines above; align keys"),
    ("did not find expected '-'", "the indentation does not fit the list above; align dashes"),
    ("could not find expected ':'", "a key without ':'; write key: value"),
    ("escape", "in double quotes a '\\' begins an escape; use single quotes, or / in paths"),
    ("hex", "in double quotes a '\\' begins an escape; use single quotes, or / in paths"),
    ("undefined tag handle", "'!' begins a tag; put text that begins with it in quotes"),
    ("not allowed", "a control character; this is no text file, or it was damaged"),
)


def explain(error: yaml.YAMLError, text: str, bracket: Place | None, read_to: int) -> PageError:
    """Explain a syntax error of PyYAML by the mistake on the page.

    ``bracket`` is where the innermost open bracket stands, if one is open; ``read_to`` is the last
    line read without a mistake.
    """
    said = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    context = str(getattr(error, "context", None) or "")
    mark = getattr(error, "problem_mark", None)
    place = Place(mark.line + 1, mark.column + 1) if mark else Place()
    opened = getattr(error, "context_mark", None)
    if "quoted scalar" in context and "end of stream" in said and opened:
        place = Place(opened.line + 1, opened.column + 1)
        return PageError("not valid YAML: the quote opened here is never closed", place)
    escape = "escape" in said or "hex" in said
    if not escape and (cause := _hidden_cause(text, max(1, read_to), place.line or read_to)):
        return cause
    if escape or "flow" not in context or bracket is None:
        tab = PageError("not valid YAML: a tab indents this line; use spaces", place)
        if "tab character" in said:
            return tab
        if "cannot start any token" in said and mark is not None:
            first = text[mark.index : mark.index + 1]
            why = f"not valid YAML: '{shown(first)}' cannot begin a value; use quotes"
            return tab if first == "\t" else PageError(why, place)
        known = (ours for pattern, ours in _ENGLISH if pattern in said)
        return PageError(f"not valid YAML: {next(known, shown(said, 120))}", place)
    return PageError(
        "not valid YAML: the bracket opened here is not closed, or a ',' is missing;"
        " a '#' begins a comment, so colours need quotes",
        bracket,
    )


def _hidden_cause(text: str, first: int, last: int) -> PageError | None:
    """An odd character or a missing space between two lines, where a parser would not see it."""
    lines = LINE_END.split(text)
    for number in range(first, min(last, len(lines), first + 50) + 1):
        line = lines[number - 1]
        for found in islice(_NOT_ASCII.finditer(line), 100):
            i, c = found.start(), found.group()
            before = line[:i].rstrip(" ")
            if before.count('"') % 2 or before.count("'") % 2:
                continue
            odd = odd_character(c)
            if odd and (c in _STRUCTURAL or not before or before[-1] in ":,-[{?"):
                return PageError(f"not valid YAML: here stands {odd[1]}", Place(number, i + 1))
        if glued := missing_space(line):
            column = len(line) - len(line.lstrip(" ")) + 1
            return PageError(f"not valid YAML: {glued}", Place(number, column))
    return None
