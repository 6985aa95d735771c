"""Whether what was taken from a page is what the page says: a second, independent reading.

Reads the YAML as plain text and holds every scalar of it against what the product made of it:
nothing may be dropped, read by a second meaning, or become another number.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from pathlib import Path
from typing import Any

import yaml

from benchmarks.fuzzing.forked import NonsenseError

_PLAIN = re.compile(r"[+-]?(\d+(_\d+)*(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def compose(path: Path) -> yaml.Node | None:
    """The page's tree of plain text.

    Raises:
        NonsenseError: if it is no YAML at all, though it was taken.
    """
    raw = path.read_bytes()
    coding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        said = raw.decode(coding)
        if "\t" in said:  # between JSON's brackets a tab is a blank, as YAML 1.2 has it
            with contextlib.suppress(ValueError):
                json.loads(said)
                said = said.replace("\t", " ")
        return yaml.compose(said, Loader=yaml.BaseLoader)
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise NonsenseError(f"no YAML, but taken: {' '.join(str(error).split())[:200]}") from None


def agree(node: yaml.Node | None, value: Any, where: str = "") -> None:
    """Hold a tree of text against the value that was made of it.

    Raises:
        NonsenseError: naming the place where they differ.
    """
    if isinstance(node, yaml.MappingNode):
        _mapping(node, value, where)
    elif isinstance(node, yaml.SequenceNode):
        if isinstance(value, dict) and {"x", "y"} <= value.keys():  # a point written as a list
            value = [value[name] for name in ("x", "y", "width")][: len(node.value)]
        if not isinstance(value, list | tuple) or len(value) != len(node.value):
            raise NonsenseError(f"{where}: a list of {len(node.value)} became {value!r:.80}")
        for k, (one, other) in enumerate(zip(node.value, value, strict=True)):
            agree(one, other, f"{where}[{k}]")
    elif node is not None:
        _scalar(str(node.value), value, where)


def _mapping(node: yaml.MappingNode, value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise NonsenseError(f"{where}: a mapping became {value!r:.80}")
    seen: set[str] = set()
    for name, inner in node.value:
        text = str(name.value)
        if text in seen:
            raise NonsenseError(f"{where}: the key {text!r:.80} stands twice")
        seen.add(text)
        if text not in value:
            raise NonsenseError(f"{where}: the key {text!r:.80} is lost")
        agree(inner, value[text], f"{where}.{text}")


def _scalar(text: str, value: Any, where: str) -> None:
    plain = text.strip()
    if value is None or isinstance(value, dict):  # nothing at all is said
        good = plain.lower() in ("", "~", "null")
    elif isinstance(value, bool):
        good = _WORDS.get(plain.lower()) is value
    elif isinstance(value, int | float):
        good = bool(_PLAIN.fullmatch(plain)) and float(plain) == value and math.isfinite(value)
    elif isinstance(value, str):
        same = plain.casefold() == value.strip().casefold()
        good = same or (_PLAIN.fullmatch(plain) is not None and _PLAIN.fullmatch(value) is not None)
    else:
        good = False
    if not good:
        raise NonsenseError(f"{where}: {text!r:.80} became {value!r:.80}")
