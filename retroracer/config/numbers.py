"""Reading numbers from text, and why a text is not a number. Owns no ranges."""

from __future__ import annotations

import math
import re

from retroracer.config.explain import odd_character
from retroracer.reading import shown

_NUMBER = re.compile(r"[+-]?([0-9]+(_[0-9]+)*\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
LONGEST = 400
LEAST, MOST = 1e-15, 1e15
"""Smallest and largest size of a number other than 0; all real quantities lie between."""


def number(text: str) -> float:
    """The number a text says, in ASCII digits with a decimal point.

    Raises:
        ValueError: saying what is wrong with the text and what to write.
    """
    text = text.strip(" \t\n")
    said = f"'{shown(text)}'"
    if _NUMBER.fullmatch(text) and len(text) < LONGEST:
        value = float(text)
        if value and not LEAST <= abs(value) <= MOST:
            size = "small" if abs(value) < LEAST else "large"
            if math.isinf(value):
                raise ValueError(f"{said} is not a finite number")
            raise ValueError(f"{said} is too {size} a number to be meant; write another")
        return value
    if odd := odd_character(text):
        raise ValueError(f"{said} holds {odd[1]}")
    if re.fullmatch(r"[+-]?\d+(:\d+)+(\.\d*)?", text, re.ASCII):
        raise ValueError(f"{said} is not a number{_in_seconds(text)}")
    if re.fullmatch(r"[+-]?\d+,\d+", text, re.ASCII):
        raise ValueError(f"{said} has a decimal comma; write {shown(text.replace(',', '.'))}")
    unit = re.fullmatch(
        r"([+-]?\d+(?:\.\d+)?)\s*(m|km|deg|°|ft|s|sec|min|kg|kW|W|N|%)", text, re.ASCII
    )
    if unit and len(text) < LONGEST:
        raise ValueError(f"{said} has a unit; write the number alone ({unit[1]})")
    if _NUMBER.fullmatch(text):
        raise ValueError(f"{said} is not a finite number")
    raise ValueError(f"{said} is not a number")


def _in_seconds(text: str) -> str:
    """Advice for a time such as 1:02.5: the same in seconds."""
    parts = text.lstrip("+-").split(":")
    if len(parts) > 3 or max(map(len, parts)) > 8:
        return ""
    seconds = sum(float(p) * 60.0**k for k, p in enumerate(reversed(parts)))
    return f"; as seconds write {seconds:g}"
