"""YAML text to plain data that remembers where everything stood.

Owns: reading the event stream of PyYAML into ``Node`` trees under limits of size, depth,
count and alias expansion, and finding the place of a path of keys. Scalars stay the text
their author wrote (``NO``, ``12:30``, ``010``): only the schema knows what a value is meant
to be, so none of YAML 1.1's guesses happens. Does not know what a track is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from retroracer.track.problems import Loc, Place, Report

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_NODES = 40_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = {"", "~", "null", "Null", "NULL"}


class YamlError(Exception):
    """The text is no YAML we read; carries what and where."""

    def __init__(self, text: str, place: Place) -> None:
        super().__init__(text)
        self.text = text
        self.place = place


@dataclass(slots=True)
class Node:
    """One value: ``data`` is None, text, a list of nodes, or a dict of key to (key place, node)."""

    data: str | list[Node] | dict[str, tuple[Place, Node]] | None
    place: Place
    size: int = 1
    depth: int = 0

    def plain(self) -> Any:
        """The value as None, str, list and dict."""
        if isinstance(self.data, list):
            return [child.plain() for child in self.data]
        if isinstance(self.data, dict):
            return {key: child.plain() for key, (_, child) in self.data.items()}
        return self.data

    def find(self, loc: Loc) -> Place:
        """Place of the deepest part of ``loc`` that exists; steps that name no key are skipped."""
        node, place = self, self.place
        if loc and not (isinstance(node.data, dict) and loc[0] in node.data):
            return Place()
        for step in loc:
            if isinstance(node.data, dict) and step in node.data:
                key_place, node = node.data[str(step)]
                place = node.place if _is_scalar(node) and node.data is not None else key_place
            elif isinstance(node.data, list) and isinstance(step, int):
                if 0 <= step < len(node.data):
                    node = node.data[step]
                    place = node.place
            elif isinstance(node.data, list) and step in _POINT and _POINT[step] < len(node.data):
                node = node.data[_POINT[step]]
                place = node.place
        return place

    def key(self, loc: Loc) -> Place:
        """Place of the key itself that ``loc`` ends in, else ``find(loc)``."""
        node: Node | None = self
        for step in loc[:-1]:
            if node is not None and isinstance(node.data, dict) and step in node.data:
                node = node.data[str(step)][1]
            elif node is not None and isinstance(node.data, list) and isinstance(step, int):
                node = node.data[step] if 0 <= step < len(node.data) else None
        if loc and node is not None and isinstance(node.data, dict) and loc[-1] in node.data:
            return node.data[str(loc[-1])][0]
        return self.find(loc)


# A point may be written [x, y, width]: names of the schema to places in that list.
_POINT: dict[str | int, int] = {"x": 0, "y": 1, "width": 2}


def _is_scalar(node: Node) -> bool:
    return node.data is None or isinstance(node.data, str)


def _place(event: Any) -> Place:
    start, end = event.start_mark, event.end_mark
    width = end.column - start.column if end.line == start.line else 1
    return Place(start.line + 1, start.column + 1, max(1, width))


def _too_deep(event: Any) -> YamlError:
    return YamlError(
        f"nested deeper than {MAX_DEPTH} levels; a track needs about five", _place(event)
    )


class _Composer:
    """Builds nodes from events without recursion, so that depth is a limit and not a crash."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.anchors: dict[str, Node | None] = {}
        self.count = 0
        self.brackets: list[Place | None] = []  # where each open collection began, if bracketed

    def compose(self, text: str) -> Node:
        root: Node | None = None
        # Open collections: node, pending key of a mapping, anchor.
        stack: list[tuple[Node, list[Any], str | None]] = []
        documents = 0
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise YamlError(
                        "a second document ('---') begins here; a track is one page", _place(event)
                    )
                continue
            if isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
                if len(stack) >= MAX_DEPTH:
                    raise _too_deep(event)
                is_map = isinstance(event, yaml.MappingStartEvent)
                if event.anchor:
                    self.anchors[event.anchor] = None
                self.brackets.append(_place(event) if event.flow_style else None)
                stack.append((Node({} if is_map else [], _place(event)), [], event.anchor))
                continue
            if isinstance(event, yaml.ScalarEvent):
                node = Node(self._scalar(event), _place(event))
                if event.anchor:
                    self.anchors[event.anchor] = node
            elif isinstance(event, yaml.AliasEvent):
                node = self._alias(event)
            elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                node, _, anchor = stack.pop()
                self.brackets.pop()
                if anchor:
                    self.anchors[anchor] = node
            else:
                continue
            self._count(node, event)
            if len(stack) + node.depth > MAX_DEPTH:
                raise _too_deep(event)
            if stack:
                self._attach(stack[-1][0], stack[-1][1], node)
            else:
                root = node
        return root or Node(None, Place(1, 1))

    @staticmethod
    def _scalar(event: Any) -> str | None:
        plain = event.style is None or event.style == ""
        return None if plain and event.value in _NULLS else str(event.value)

    def _alias(self, event: Any) -> Node:
        known = self.anchors.get(event.anchor, ...)
        if known is ...:
            raise YamlError(f"'*{event.anchor}' names no anchor '&{event.anchor}'", _place(event))
        if known is None:
            raise YamlError(
                f"'*{event.anchor}' contains itself; write the values out", _place(event)
            )
        assert isinstance(known, Node)
        return Node(known.data, _place(event), known.size, known.depth)

    def _count(self, node: Node, event: Any) -> None:
        # An alias counts as much as what it stands for: that is what defuses alias bombs.
        self.count += node.size if isinstance(event, yaml.AliasEvent) else 1
        if self.count > MAX_NODES:
            raise YamlError(
                f"more than {MAX_NODES} values; long lists of points belong into a CSV file"
                " named by 'points_file'",
                _place(event),
            )

    def _attach(self, parent: Node, pending: list[Any], node: Node) -> None:
        parent.size += node.size
        parent.depth = max(parent.depth, node.depth + 1)
        if isinstance(parent.data, list):
            parent.data.append(node)
            return
        assert isinstance(parent.data, dict)
        if not pending:
            if not _is_scalar(node):
                raise YamlError("a key must be a plain word, not a list or mapping", node.place)
            pending.append(node)
            return
        key = pending.pop()
        name = "null" if key.data is None else str(key.data)
        if name in parent.data:
            line = parent.data[name][0].line
            self.report.add(
                "T01",
                (),
                f"key '{_short(name)}' is already set on line {line}; delete one",
                place=key.place,
            )
            return
        parent.data[name] = (key.place, node)


def _short(text: str, room: int = 40) -> str:
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= room else text[: room - 1] + "…"


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
    ("unexpected end of stream", "a quote is opened and never closed"),
    ("escape", "an unknown '\\' escape in double quotes; use single quotes"),
    ("not allowed", "a control character; this is no text file, or it was damaged"),
)


def _explain(error: yaml.YAMLError, text: str, bracket: Place | None) -> YamlError:
    """Say a syntax error of PyYAML in the words of someone mending the file."""
    said = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    context = str(getattr(error, "context", None) or "")
    mark = getattr(error, "problem_mark", None)
    place = Place(mark.line + 1, mark.column + 1) if mark else Place()
    if "control characters" in said or isinstance(error, yaml.reader.ReaderError):
        at = getattr(error, "position", 0) or 0
        line = text.count("\n", 0, min(at, len(text))) + 1
        return YamlError("not valid YAML: a control character; is this a text file?", Place(line))
    if "flow" in context and bracket is not None:
        return YamlError(
            "not valid YAML: the bracket opened here is not closed, or a ',' is missing;"
            " a '#' begins a comment, so colours need quotes",
            bracket,
        )
    if "tab character" in said:
        return YamlError("not valid YAML: a tab indents this line; use spaces", place)
    if "cannot start any token" in said and mark is not None:
        first = text[mark.index : mark.index + 1]
        if first == "\t":
            return YamlError("not valid YAML: a tab indents this line; use spaces", place)
        return YamlError(f"not valid YAML: '{first}' cannot begin a value; use quotes", place)
    ours = next((ours for pattern, ours in _ENGLISH if pattern in said), _short(said, 120))
    return YamlError(f"not valid YAML: {ours}", place)


def parse(text: str, report: Report) -> Node:
    """Read one YAML document.

    Args:
        text: the page, at most ``MAX_BYTES`` long.
        report: takes duplicate keys as T01.

    Returns:
        The root node; an empty page gives a node of None.

    Raises:
        YamlError: if the text is not YAML, or passes a limit.
    """
    composer = _Composer(report)
    try:
        return composer.compose(text)
    except yaml.YAMLError as error:
        bracket = composer.brackets[-1] if composer.brackets else None
        raise _explain(error, text, bracket) from None
