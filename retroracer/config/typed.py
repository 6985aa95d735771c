"""Node trees -> typed values; every mistake noted with its place instead of stopping."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from retroracer.config.explain import missing_space, odd_character
from retroracer.config.numbers import number
from retroracer.config.page import Node
from retroracer.config.place import Place
from retroracer.config.tree import told
from retroracer.reading import shown

MOST_KEYS = 260
"""Letters of the keys that an error lists."""

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
}
_WHOLE = re.compile(r"[+-]?[0-9]+(_[0-9]+)*")
_BAD: Any = object()  # what reading a mistaken value gives, the mistake being noted already


@dataclass(frozen=True)
class Range:
    """Bounds of a number: ``low`` and ``high`` inclusive, ``above`` and ``below`` exclusive."""

    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf
    below: float = math.inf

    def complaint(self, value: float) -> str | None:
        """What is wrong with ``value``, or None."""
        if not value >= self.low:  # so that nan is refused too
            return f"must be at least {self.low:g}"
        if not value <= self.high:
            return f"must be at most {self.high:g}"
        if value <= self.above:
            return f"must be above {self.above:g}"
        return f"must be below {self.below:g}" if value >= self.below else None


class Reader:
    """Reads nodes as the types asked for; ``problems`` has a line a mistake, in the order met."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def read(self, kind: Any, node: Node, path: str) -> Any:
        """Value of type ``kind`` at key path ``path``; only good while ``problems`` is empty."""
        origin, args = get_origin(kind), get_args(kind)
        if dataclasses.is_dataclass(kind):
            return self._dataclass(kind, node, path)
        if origin is Annotated:
            return self._bounded(args, node, path)
        if origin in (Union, UnionType):
            return self._union(args, node, path)
        if origin is Literal:
            found = [a for a in args if str(a) == node.data]
            return found[0] if found else self._not(node, path, _expected(kind))
        if origin is tuple or origin is list:
            return self._sequence(origin, args, node, path)
        if origin is dict:
            entries = self._entries(node, path)
            return {k: self.read(args[1], v, f"{path}.{shown(k)}") for k, (_, v) in entries.items()}
        return self._scalar(kind, node, path)

    def _note(self, place: Place, path: str, text: str) -> Any:
        self.problems.append(f"{place}: {path + ': ' if path else ''}{text}")
        return _BAD

    def _not(self, node: Node, path: str, expected: str) -> Any:
        text = f"expected {expected}, got {told(node)}"
        if isinstance(node.data, str) and expected != "text":
            if odd := odd_character(node.data):
                text += f", which holds {odd[1]}"
            elif not node.quoted and (glued := missing_space(node.data)):
                text += f": {glued}"
        return self._note(node.place, path, text)

    def _scalar(self, kind: Any, node: Node, path: str) -> Any:
        expected = _KINDS[kind]
        text = node.data
        if not isinstance(text, str):
            return self._not(node, path, expected)
        if kind is Path and any(c < " " for c in text):
            why = "in double quotes a '\\' begins an escape: use single quotes, or / in paths"
            return self._note(node.place, path, f"'{shown(text)}' holds a control character; {why}")
        if kind in (str, Path):
            return kind(text)
        if node.quoted:  # the author says it is text
            if kind is not bool and _is_number(text):
                return self._note(
                    node.place, path, f"expected {expected}, got text: take the quotes off {text}"
                )
            return self._not(node, path, expected)
        if kind is bool:
            word = _WORDS.get(text.lower())
            return self._not(node, path, expected) if word is None else word
        try:
            value = number(text)
        except ValueError as error:
            if str(error).endswith("is not a number"):
                return self._not(node, path, expected)
            return self._note(node.place, path, str(error))
        if kind is float:
            return value
        if not _WHOLE.fullmatch(text):
            return self._not(node, path, expected)
        return int(text)

    def _bounded(self, args: tuple[Any, ...], node: Node, path: str) -> Any:
        value = self.read(args[0], node, path)
        for bound in args[1:]:
            if isinstance(value, (int, float)) and isinstance(bound, Range):
                complaint = bound.complaint(value)
                if complaint:
                    return self._note(node.place, path, f"{complaint}, got {value}")
        return value

    def _union(self, args: tuple[Any, ...], node: Node, path: str) -> Any:
        if NoneType in args and node.data is None:
            return None
        kinds = [a for a in args if a is not NoneType]
        for kind in kinds:
            attempt = Reader()
            value = attempt.read(kind, node, path)
            if not attempt.problems:
                return value
            if len(kinds) == 1:
                self.problems += attempt.problems
                return _BAD
        return self._not(node, path, " or ".join(map(_expected, kinds)))

    def _sequence(self, origin: Any, args: Any, node: Node, path: str) -> Any:
        if not isinstance(node.data, list):
            return self._not(node, path, "a list")
        kinds: Sequence[Any] = args
        if origin is list or args[1:] == (...,):
            kinds = [args[0]] * len(node.data)
        if len(kinds) != len(node.data):
            return self._note(
                node.place, path, f"expected a list of {len(kinds)}, got one of {len(node.data)}"
            )
        return origin(
            self.read(kind, item, f"{path}[{i}]" if path else f"item {i + 1}")
            for i, (kind, item) in enumerate(zip(kinds, node.data, strict=True))
        )

    def _entries(self, node: Node, path: str) -> dict[str, tuple[Place, Node]]:
        """Key -> (key's place, value)."""
        if isinstance(node.data, dict):
            return node.data
        if node.data is not None:
            self._not(node, path, "a group of keys")
        return {}

    def _dataclass(self, kind: Any, node: Node, path: str) -> Any:
        before = len(self.problems)
        hints = get_type_hints(kind, include_extras=True)
        fields = {f.name: f for f in dataclasses.fields(kind) if f.init}
        values = {}
        for name, (key, value) in self._entries(node, path).items():
            at = f"{path}.{shown(name)}" if path else shown(name)
            if name in fields:
                values[name] = self.read(hints[name], value, at)
            else:
                self._note(key, at, f"unknown key; {_hint(kind, name, list(fields))}")
        for name, field in fields.items():
            no_default = field.default is field.default_factory is dataclasses.MISSING
            if name not in values and no_default and len(self.problems) == before:
                self._note(node.place, path, f"{name!r} is missing; give it a value")
        if len(self.problems) > before:
            return _BAD
        try:
            return kind(**values)
        except ValueError as error:
            return self._note(node.place, path, str(error))


def _hint(kind: Any, name: str, known: list[str]) -> str:
    """Advice about an unknown key; a class may explain in ABSENT why it lacks that name."""
    why = getattr(kind, "ABSENT", {}).get(name)
    if why is not None:
        return str(why)
    near = difflib.get_close_matches(name[:80], known, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]!r}?"
    told: list[str] = []
    room = MOST_KEYS
    for key in known:
        room -= len(key) + 2
        if room < 0:
            return f"there are: {', '.join(told)} and {len(known) - len(told)} more"
        told.append(key)
    return f"there are: {', '.join(told)}"


def _is_number(text: str) -> bool:
    try:
        number(text)
    except ValueError:
        return False
    return True


def _expected(kind: Any) -> str:
    """A type for a message."""
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    if get_origin(kind) is Annotated:
        return _expected(get_args(kind)[0])
    if get_origin(kind) in (list, tuple):
        return "a list"
    return _KINDS.get(kind, "a group of keys")
