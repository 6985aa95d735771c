"""One YAML reader for every page: plain data that remembers where everything stood.

Owns: reading the event stream of PyYAML into ``Node`` trees under limits of size, depth,
count and alias expansion, and finding the place of a path of keys. Scalars stay the text
their author wrote (``NO``, ``12:30``, ``010``): only the schema knows what a value is meant
to be, so none of YAML 1.1's guesses happens. Knows no domain; tracks, cars, settings and
scripts are all read through here:

    root, mistakes = parse(read_text(path, MAX_BYTES), source=str(path))
    root.plain()                    # None, str, list and dict
    root.find(("layout", "width"))  # Place(line, column, width, source) of a value
    root.key(("layout", "width"))   # of its key

``PageError`` (``place``) says what is not YAML and where; ``explain`` finds the cause.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from retroracer.config.explain import explain, missing_space, odd_character, unprintable
from retroracer.config.place import Loc, PageError, Place
from retroracer.reading import shown

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_NODES = 40_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOWHERE = Place()
_NULLS = {"", "~", "null", "Null", "NULL"}


@dataclass(slots=True)
class Node:
    """One value.

    Attributes:
        data: None, text, a list of nodes, or a dict of key to (key's place, node).
        place: where it begins.
        end: where it ends (an alias: where its original does); width is of no meaning.
        quoted: whether a text stood in quotes or as a block.
        flow: whether a list or mapping stood in brackets.
        size: how many values it holds, itself included.
        depth: how many levels lie below it.
    """

    data: str | list[Node] | dict[str, tuple[Place, Node]] | None
    place: Place
    end: Place = _NOWHERE
    quoted: bool = False
    flow: bool = False
    size: int = 1
    depth: int = 0

    def plain(self) -> Any:
        """The value as None, str, list and dict."""
        if isinstance(self.data, list):
            return [child.plain() for child in self.data]
        if isinstance(self.data, dict):
            return {key: child.plain() for key, (_, child) in self.data.items()}
        return self.data

    def child(self, key: str) -> Node | None:
        """The value of a key of a mapping, None if there is none."""
        return self.data[key][1] if isinstance(self.data, dict) and key in self.data else None

    def find(self, loc: Loc, columns: Mapping[str | int, int] | None = None) -> Place:
        """Place of the deepest part of ``loc`` that exists; steps that name no key are skipped.

        ``columns`` has the indices of the entries of lists that a schema knows by name.
        """
        columns = columns or {}
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
            elif isinstance(node.data, list) and columns.get(step, len(node.data)) < len(node.data):
                node = node.data[columns[step]]
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


def _is_scalar(node: Node) -> bool:
    return node.data is None or isinstance(node.data, str)


class _Composer:
    """Builds nodes from events without recursion, so that depth is a limit and not a crash."""

    def __init__(self, source: str, advice: str) -> None:
        self.source = source
        self.advice = advice
        self.mistakes: list[PageError] = []
        self.anchors: dict[str, Node | None] = {}
        self.count = 0
        self.line = 1
        self.brackets: list[Place | None] = []  # where each open collection began, if bracketed

    def compose(self, text: str) -> Node:
        root: Node | None = None
        # Open collections: node, pending key of a mapping, anchor.
        stack: list[tuple[Node, list[Node], str | None]] = []
        documents = 0
        for event in yaml.parse(text, Loader=_LOADER):
            self.line = self._place(event).line
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise PageError(
                        "a second document ('---') begins here; a page is one document",
                        self._place(event),
                    )
                continue
            if isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
                if len(stack) >= MAX_DEPTH:
                    raise self._too_deep(event)
                is_map = isinstance(event, yaml.MappingStartEvent)
                if event.anchor:
                    self.anchors[event.anchor] = None
                place = self._place(event)
                flow = bool(event.flow_style)
                self.brackets.append(place if flow else None)
                stack.append((Node({} if is_map else [], place, flow=flow), [], event.anchor))
                continue
            if isinstance(event, yaml.ScalarEvent):
                plain = event.style is None or event.style == ""
                data = None if plain and event.value in _NULLS else str(event.value)
                node = Node(data, self._place(event), self._end(event), quoted=not plain)
                if event.anchor:
                    if data is None and plain:
                        raise PageError(
                            f"'&{shown(event.anchor)}' names a value, and none follows (text that"
                            " begins with & needs quotes)",
                            node.place,
                        )
                    self.anchors[event.anchor] = node
            elif isinstance(event, yaml.AliasEvent):
                node = self._alias(event)
            elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                node, _, anchor = stack.pop()
                node.end = self._end(event)
                self.brackets.pop()
                if anchor:
                    self.anchors[anchor] = node
            else:
                continue
            self._count(node, event)
            if len(stack) + node.depth > MAX_DEPTH:
                raise self._too_deep(event)
            if stack:
                self._attach(stack[-1][0], stack[-1][1], node)
            else:
                root = node
        return root or Node(None, Place(1, 1, source=self.source))

    def _place(self, event: Any) -> Place:
        start, end = event.start_mark, event.end_mark
        width = end.column - start.column if end.line == start.line else 1
        return Place(start.line + 1, start.column + 1, max(1, width), self.source)

    def _end(self, event: Any) -> Place:
        return Place(event.end_mark.line + 1, event.end_mark.column + 1, 1, self.source)

    def _too_deep(self, event: Any) -> PageError:
        return PageError(f"nested deeper than {MAX_DEPTH} levels", self._place(event))

    def _alias(self, event: Any) -> Node:
        name = shown(event.anchor)
        known = self.anchors.get(event.anchor, ...)
        if known is ...:
            raise PageError(
                f"'*{name}' names no anchor '&{name}' (text that begins with * needs quotes)",
                self._place(event),
            )
        if known is None:
            raise PageError(f"'*{name}' contains itself; write the values out", self._place(event))
        assert isinstance(known, Node)
        return Node(
            known.data, self._place(event), known.end, known.quoted, known.flow, known.size,
            known.depth,
        )  # fmt: skip

    def _count(self, node: Node, event: Any) -> None:
        # An alias counts as much as what it stands for: that is what defuses alias bombs.
        self.count += node.size if isinstance(event, yaml.AliasEvent) else 1
        if self.count > MAX_NODES:
            advice = f"; {self.advice}" if self.advice else ""
            raise PageError(f"more than {MAX_NODES} values{advice}", self._place(event))

    def _attach(self, parent: Node, pending: list[Node], node: Node) -> None:
        parent.size += node.size
        parent.depth = max(parent.depth, node.depth + 1)
        if isinstance(parent.data, list):
            parent.data.append(node)
            return
        assert isinstance(parent.data, dict)
        if not pending:
            if not _is_scalar(node):
                raise PageError("a key must be a plain word, not a list or mapping", node.place)
            pending.append(node)
            return
        key = pending.pop()
        name = "null" if key.data is None else str(key.data)
        if not key.quoted:
            if parent.flow and node.data is None and not node.quoted:
                comma = _decimal_comma(key, name, parent.data)
                if comma is not None:
                    self.mistakes.append(comma)
                    return
            _check_key(key, name, alone=parent.flow and node.data is None and not node.quoted)
        if name in parent.data:
            line = parent.data[name][0].line
            self.mistakes.append(
                PageError(f"key '{shown(name)}' is already set on line {line}; delete one",
                          key.place)
            )  # fmt: skip
            return
        parent.data[name] = (key.place, node)


def _check_key(key: Node, name: str, *, alone: bool) -> None:
    """Refuse a key that was surely meant as something else, and say what to write."""
    if name == "<<":
        raise PageError(
            "'<<' (merging another mapping in) is not read here; write its keys out", key.place
        )
    if odd := odd_character(name):
        at = Place(key.place.line, key.place.column + odd[0], 1, key.place.source)
        raise PageError(f"the key '{shown(name)}' holds {odd[1]}", at)
    if alone and (glued := missing_space(name)):
        raise PageError(glued, key.place)


def _decimal_comma(key: Node, name: str, so_far: dict[str, tuple[Place, Node]]) -> PageError | None:
    """The mistake of ``{radius: 50,5}``, which YAML reads as two entries: ``radius`` and ``5``."""
    before = next(reversed(so_far.values()))[1] if so_far else None
    if before is None or not isinstance(before.data, str) or before.quoted:
        return None
    if not re.fullmatch(r"[0-9]+", name) or not re.fullmatch(r"[+-]?[0-9]+", before.data):
        return None
    if before.end.line != key.place.line or key.place.column - before.end.column > 2:
        return None
    whole, part = shown(before.data), shown(name)
    return PageError(
        f"'{whole},{part}' has a decimal comma, which here begins a new entry; "
        f"write {whole}.{part}",
        before.place,
    )


def parse(text: str, source: str = "", advice: str = "") -> tuple[Node, list[PageError]]:
    """Read one YAML document of at most ``MAX_BYTES``.

    ``source`` is kept in every place; ``advice`` says what to do with a page of too many values.

    Returns:
        The root node (an empty page gives a node of None), and the mistakes that did not keep
        the rest from being read: keys set twice and numbers with a decimal comma.

    Raises:
        PageError: if the text is not YAML, or passes a limit.
    """
    if wrong := unprintable(text):
        raise _within(wrong, source)
    composer = _Composer(source, advice)
    try:
        return composer.compose(text), composer.mistakes
    except yaml.YAMLError as error:
        bracket = composer.brackets[-1] if composer.brackets else None
        raise _within(explain(error, text, bracket, composer.line), source) from None


def _within(error: PageError, source: str) -> PageError:
    place = error.place
    return PageError(error.text, Place(place.line, place.column, place.width, source))
