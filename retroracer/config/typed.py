"""Node trees -> typed values; every mistake noted with its place instead of stopping."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from retroracer.config.tree import is_null, shown, where

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
}
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
    """Reads nodes as the types asked for.

    Attributes:
        problems: one line a mistake, in the order met.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []

    def read(self, kind: Any, node: yaml.Node, path: str) -> Any:
        """Value of type ``kind`` at key path ``path``; only good while ``problems`` is empty."""
        origin, args = get_origin(kind), get_args(kind)
        if dataclasses.is_dataclass(kind):
            return self._dataclass(kind, node, path)
        if origin is Annotated:
            return self._bounded(args, node, path)
        if origin in (Union, UnionType):
            return self._union(args, node, path)
        if origin is Literal:
            found = [a for a in args if isinstance(node, yaml.ScalarNode) and str(a) == node.value]
            return found[0] if found else self._not(node, path, _expected(kind))
        if origin is tuple or origin is list:
            return self._sequence(origin, args, node, path)
        if origin is dict:
            entries = self._entries(node, path)
            return {k: self.read(args[1], v, f"{path}.{k}") for k, (_, v) in entries.items()}
        return self._scalar(kind, node, path)

    def _note(self, node: yaml.Node, path: str, text: str) -> Any:
        self.problems.append(f"{where(node)}: {path + ': ' if path else ''}{text}")
        return _BAD

    def _not(self, node: yaml.Node, path: str, expected: str) -> Any:
        return self._note(node, path, f"expected {expected}, got {shown(node)}")

    def _scalar(self, kind: Any, node: yaml.Node, path: str) -> Any:
        expected = _KINDS[kind]
        if not isinstance(node, yaml.ScalarNode) or is_null(node):
            return self._not(node, path, expected)
        if kind in (str, Path):
            return kind(node.value)
        try:
            if node.style:  # quoted: the author says it is text
                raise ValueError
            if kind is bool:
                return _WORDS[node.value.lower()]
            value = kind(node.value)
            if not math.isfinite(value):
                raise ValueError
            return value
        except (ValueError, KeyError, OverflowError):
            return self._not(node, path, expected)

    def _bounded(self, args: tuple[Any, ...], node: yaml.Node, path: str) -> Any:
        value = self.read(args[0], node, path)
        for bound in args[1:]:
            if isinstance(value, (int, float)) and isinstance(bound, Range):
                complaint = bound.complaint(value)
                if complaint:
                    return self._note(node, path, f"{complaint}, got {value}")
        return value

    def _union(self, args: tuple[Any, ...], node: yaml.Node, path: str) -> Any:
        if NoneType in args and is_null(node):
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

    def _sequence(self, origin: Any, args: Any, node: yaml.Node, path: str) -> Any:
        if not isinstance(node, yaml.SequenceNode):
            return self._not(node, path, "a list")
        kinds: Sequence[Any] = args
        if origin is list or args[1:] == (...,):
            kinds = [args[0]] * len(node.value)
        if len(kinds) != len(node.value):
            return self._note(
                node, path, f"expected a list of {len(kinds)}, got one of {len(node.value)}"
            )
        return origin(
            self.read(kind, item, f"{path}[{i}]")
            for i, (kind, item) in enumerate(zip(kinds, node.value, strict=True))
        )

    def _entries(self, node: yaml.Node, path: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Key -> (key's node, value's node); notes keys given twice or not text."""
        if is_null(node):
            return {}
        if not isinstance(node, yaml.MappingNode):
            self._not(node, path, "a group of keys")
            return {}
        entries: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._not(key, path, "a key")
            elif key.value in entries:
                self._note(key, path, f"{key.value!r} is given twice; keep one")
            else:
                entries[key.value] = (key, value)
        return entries

    def _dataclass(self, kind: Any, node: yaml.Node, path: str) -> Any:
        before = len(self.problems)
        hints = get_type_hints(kind, include_extras=True)
        fields = {f.name: f for f in dataclasses.fields(kind) if f.init}
        values = {}
        for name, (key, value) in self._entries(node, path).items():
            at = f"{path}.{name}" if path else name
            if name in fields:
                values[name] = self.read(hints[name], value, at)
            else:
                near = difflib.get_close_matches(name, fields, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(fields)}"
                self._note(key, at, f"unknown key; {hint}")
        for name, field in fields.items():
            no_default = field.default is field.default_factory is dataclasses.MISSING
            if name not in values and no_default and len(self.problems) == before:
                self._note(node, path, f"{name!r} is missing; give it a value")
        if len(self.problems) > before:
            return _BAD
        try:
            return kind(**values)
        except ValueError as error:
            return self._note(node, path, str(error))


def _expected(kind: Any) -> str:
    """A type for a message."""
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    if get_origin(kind) is Annotated:
        return _expected(get_args(kind)[0])
    if get_origin(kind) in (list, tuple):
        return "a list"
    return _KINDS.get(kind, "a group of keys")
