"""Single values of a track page: numbers, switches, colours and words, read from text.

The guesses of YAML 1.1 (``NO``, ``12:30``, ``1e3``, ``010``) do not matter, because values are read
as text here, with a reason where one cannot be read. ``schema`` says which key takes which value.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from retroracer.config.numbers import number
from retroracer.reading import shown

_ESCAPE = "in double quotes a '\\' begins an escape: use single quotes, or / in paths"
_KINDS = {"bool": "yes/no", "list": "a list", "dict": "a mapping"}


def wrong(text: str) -> PydanticCustomError:
    """The error for a value that cannot be read; ``text`` is the message."""
    # The text is passed as a value, because braces in it must not be read as a template.
    return PydanticCustomError("T04", "{text}", {"text": text})


def as_number(value: Any) -> Any:
    """Read a value as a number.

    Raises:
        PydanticCustomError: saying why it is not a number.
    """
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        what = _KINDS.get(type(value).__name__, "nothing")
        raise wrong(f"needs a number, not {what}")
    if isinstance(value, str):
        try:
            value = number(value)
        except ValueError as error:
            raise wrong(str(error)) from None
    try:
        finite = math.isfinite(value)
    except (TypeError, OverflowError):
        finite = False
    if not finite:
        raise wrong(f"'{shown(value)}' is not a finite number")
    return float(value)


def _as_whole(value: Any) -> Any:
    number = as_number(value)
    if number != int(number):
        raise wrong(f"needs a whole number, not {shown(value)}")
    return int(number)


def _as_text(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        value = str(value)
    if not isinstance(value, str):
        what = _KINDS.get(type(value).__name__, "nothing")
        raise wrong(f"needs text, not {what}")
    text = value.strip()
    if not text:
        raise wrong("needs some text")
    if len(text) > 2000:
        raise wrong("is longer than 2000 characters; shorten it")
    if any(c < " " and c != "\n" for c in text):
        raise wrong(f"'{shown(text)}' holds a control character; {_ESCAPE}")
    return text


def _as_path(value: Any) -> Any:
    text = _as_text(value)
    if "\n" in text:
        raise wrong(f"'{shown(text)}' holds a new line; {_ESCAPE}")
    return text


def _as_switch(value: Any) -> Any:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    if not isinstance(value, bool):
        raise wrong(f"needs true or false, not '{shown(value)}'")
    return value


def _as_colour(value: Any) -> Any:
    if value is None:
        raise wrong("is empty: '#' begins a comment in YAML; put the colour in quotes: \"#46464b\"")
    if not isinstance(value, str) or not re.fullmatch(r"#([0-9a-fA-F]{3}){1,2}", value):
        raise wrong(f"'{shown(value)}' is not a colour; write \"#rrggbb\" in quotes")
    return value


def as_word(value: Any) -> Any:
    """A word in lower case; anything else unchanged, so that the type refuses it."""
    return value.strip().lower() if isinstance(value, str) else value


def as_side(value: Any) -> Any:
    """A side; "center" and "middle" are read as "centre"."""
    value = as_word(value)
    return "centre" if value in ("center", "middle") else value


def as_side_or_none(value: Any) -> Any:
    """A side; any of YAML's spellings of yes and no are read as "both" and "none"."""
    if isinstance(value, bool):
        return "both" if value else "none"
    word = {"no": "none", "off": "none", "false": "none", "yes": "both", "true": "both"}
    value = as_word(value)
    return word.get(value, value) if isinstance(value, str) else value


def as_place(value: Any) -> Any:
    """A station in metres, or the name of a segment."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and re.fullmatch(
        r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?", value.strip(), re.I
    ):
        return as_number(value)
    return _as_text(value)


Number = Annotated[float, BeforeValidator(as_number)]
Whole = Annotated[int, BeforeValidator(_as_whole)]
Text = Annotated[str, BeforeValidator(_as_text)]
FilePath = Annotated[str, BeforeValidator(_as_path)]
Name = Annotated[str, Field(max_length=80), BeforeValidator(_as_text)]
Preset = Literal[
    "classic", "park", "forest", "harbour", "dunes", "desert", "alpine", "dusk", "night"
]
Switch = Annotated[bool, BeforeValidator(_as_switch)]
Colour = Annotated[str, BeforeValidator(_as_colour)]
Width = Annotated[Number, Field(ge=3.0, le=60.0)]
HalfWidth = Annotated[Number, Field(ge=1.5, le=40.0)]
Coordinate = Annotated[Number, Field(ge=-50_000.0, le=50_000.0)]
Walls = Annotated[Literal["none", "left", "right", "both"], BeforeValidator(as_side_or_none)]
KerbSide = Annotated[
    Literal["auto", "none", "inside", "outside", "left", "right", "both"],
    BeforeValidator(as_side_or_none),
]
