"""Pages, plain values and overrides as one ``Node`` tree that knows where everything came from.

Owns: reading a page for settings, taking plain values, laying ``--set`` over them, and writing
plain values as YAML. What ``1e-4`` or ``NO`` means is decided by the setting's type (``typed``).
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import yaml

from retroracer.config.page import MAX_BYTES, MAX_DEPTH, MAX_NODES, Node, parse
from retroracer.config.place import PageError, Place
from retroracer.errors import UserError
from retroracer.reading import read_text, shown, shown_path

_STR = "tag:yaml.org,2002:str"


class _Dumper(yaml.SafeDumper):
    """Quotes every text value, so that the text "1" never comes back as a number."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_mapping(self, tag: str, mapping: Any, flow_style: Any = None) -> Any:
        node = super().represent_mapping(tag, mapping, flow_style)
        for key, _ in node.value:
            key.style = None
        return node


_Dumper.add_representer(str, lambda d, text: d.represent_scalar(_STR, text, style='"'))


def to_text(values: dict[str, Any]) -> str:
    """YAML page of plain values, keys in the order given."""
    return str(yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True))


def from_plain(value: Any, source: str) -> Node:
    """Tree of plain Python values, such as JSON gives.

    Raises:
        UserError: if they are not plain, or nested or long beyond what a page may be.
    """
    place, counter = Place(source=source), itertools.count(1)

    def node(value: Any, depth: int) -> Node:
        if depth > MAX_DEPTH or next(counter) > MAX_NODES:
            raise UserError(f"{source}: holds more or deeper lists than a page may")
        if value is None:
            return Node(None, place)
        if isinstance(value, bool):
            return Node(str(value).lower(), place)
        if isinstance(value, int) and value.bit_length() > 400:
            return Node(shown(value), place)
        if isinstance(value, int | float):
            return Node(repr(value), place)
        if isinstance(value, str):
            return Node(value, place, quoted=True)
        if isinstance(value, list | tuple):
            return Node([node(item, depth + 1) for item in value], place)
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return Node({k: (place, node(v, depth + 1)) for k, v in value.items()}, place)
        raise UserError(f"{source}: holds values that are not plain data")

    return node(value, 0)


def empty(source: str = "settings") -> Node:
    """A tree without keys."""
    return Node({}, Place(source=source))


def read_page(path: Path | str) -> Node:
    """The whole of a page; an empty one gives a node of None.

    Raises:
        UserError: if it is missing, no regular file, too long, no text, not YAML, or sets a key
            twice.
    """
    return _parse(read_text(path, MAX_BYTES), shown_path(path), lines=True)


def read_file(path: Path | str) -> Node:
    """Top-level mapping of a page of settings.

    Raises:
        UserError: as ``read_page``, or if it is not a mapping.
    """
    node = read_page(path)
    if node.data is None and not node.quoted:
        return empty(shown_path(path))
    if not isinstance(node.data, dict):
        raise UserError(f"{node.place}: expected lines of 'key: value', got {told(node)}")
    return node


def lay_over(root: Node, text: str) -> None:
    """Lay one ``a.b=v`` over the tree, in place; a ``UserError`` if it has another form."""
    source = f"--set {shown(text, 80)}"
    path, equals, value = text.partition("=")
    *groups, last = path.strip().split(".")
    if not equals or not all((*groups, last)):
        raise UserError(f"{source}: write it as key=value or group.key=value")
    if len(groups) > MAX_DEPTH:
        raise UserError(f"{source}: nested deeper than any setting")
    node = _parse(value, source, lines=False)
    here = root
    for group in groups:
        below = here.child(group)
        if below is None or not isinstance(below.data, dict):
            below = empty(source)
            _put(here, group, below, below.place)
        here = below
    _put(here, last, node, node.place)


def lay_tree_over(root: Node, other: Node) -> None:
    """Lay the keys of ``other`` over the tree, group by group, in place."""
    assert isinstance(other.data, dict)
    root.place = other.place
    for key, (place, node) in other.data.items():
        below = root.child(key)
        if below is not None and isinstance(below.data, dict) and isinstance(node.data, dict):
            lay_tree_over(below, node)
        else:
            _put(root, key, node, place)


def told(node: Node) -> str:
    """A value for a message."""
    if isinstance(node.data, dict):
        return "a group of keys"
    if isinstance(node.data, list):
        return "a list"
    return "nothing" if node.data is None else f"'{shown(node.data)}'"


def _put(mapping: Node, key: str, node: Node, place: Place) -> None:
    """Set a key, last in order, so that mistakes are told in the order they were made."""
    assert isinstance(mapping.data, dict)
    mapping.data = {k: v for k, v in mapping.data.items() if k != key} | {key: (place, node)}


def _parse(text: str, source: str, *, lines: bool) -> Node:
    try:
        node, mistakes = parse(text, source)
    except PageError as error:
        where = error.place if lines else source
        raise UserError(f"{where}: {error.text}") from None
    if mistakes:
        raise UserError(
            "\n".join(f"{e.place if lines else source}: {e.text}" for e in mistakes[:20])
        )
    if not lines:
        _stamp(node, Place(source=source))
    return node


def _stamp(node: Node, place: Place) -> None:
    """Mark a tree as coming from one place, such as an option of the command line."""
    node.place = place
    if isinstance(node.data, list):
        for child in node.data:
            _stamp(child, place)
    elif isinstance(node.data, dict):
        for key, (_, child) in node.data.items():
            _stamp(child, place)
            node.data[key] = (place, child)
