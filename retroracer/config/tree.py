"""Text, files, plain values and overrides as YAML node trees that know where they came from.

Owns: bounded, safe parsing and the overlaying of ``--set``. Nodes stay untyped text here:
what ``1e-4`` or ``NO`` means is decided by the type of the setting (``typed``).
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import yaml

from retroracer.errors import UserError

MAX_BYTES = 100_000
"""Longest settings file read."""

_STR = "tag:yaml.org,2002:str"


class _Loader(yaml.SafeLoader):
    """Refuses aliases: nested ones grow a small file without bound."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(None, None, "aliases (*name) are not allowed", mark)
        return super().compose_node(parent, index)


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


def from_plain(values: dict[str, Any], source: str) -> yaml.Node:
    """Tree of plain Python values.

    Raises:
        UserError: if they are not plain.
    """
    try:
        node: yaml.Node = _Dumper(io.StringIO()).represent_data(values)
    except (yaml.YAMLError, RecursionError):
        raise UserError(f"{source}: holds values that are not plain data") from None
    return _stamped(node, source)


def empty(source: str = "settings") -> yaml.MappingNode:
    """A tree without keys."""
    return yaml.MappingNode("tag:yaml.org,2002:map", [], _mark(source))


def read_file(path: Path | str) -> yaml.MappingNode:
    """Top-level mapping of a YAML file.

    Raises:
        UserError: if it is missing, too long, not UTF-8, not YAML or not a mapping.
    """
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UserError(f"no settings file {path}; check its name") from None
    except OSError as error:
        raise UserError(f"cannot read settings file {path}: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise UserError(f"{path}: longer than {MAX_BYTES:,} bytes; is it the right file?")
    try:
        node = _parse(raw.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file in UTF-8; is it the right file?") from None
    if node is None or is_null(node):
        return empty(str(path))
    if not isinstance(node, yaml.MappingNode):
        raise UserError(f"{where(node)}: expected lines of 'key: value', got {shown(node)}")
    return node


def lay_over(root: yaml.MappingNode, text: str) -> None:
    """Lay one ``a.b=v`` over the tree, in place.

    Raises:
        UserError: if ``text`` is not of that form.
    """
    source = f"--set {text}"
    path, equals, value = text.partition("=")
    *groups, last = path.strip().split(".")
    if not equals or not all((*groups, last)):
        raise UserError(f"{source}: write it as key=value or group.key=value")
    node = _parse(value, source)
    node = _stamped(yaml.ScalarNode("", "") if node is None else node, source)
    here = root
    for group in groups:
        below = next((v for k, v in here.value if k.value == group), None)
        if not isinstance(below, yaml.MappingNode):
            below = empty(source)
            _put(here, group, below)
        here = below
    _put(here, last, node)


def lay_tree_over(root: yaml.MappingNode, other: yaml.MappingNode) -> None:
    """Lay the keys of ``other`` over the tree, group by group, in place."""
    root.start_mark = other.start_mark
    for key, node in other.value:
        below = next((v for k, v in root.value if k.value == key.value), None)
        if isinstance(below, yaml.MappingNode) and isinstance(node, yaml.MappingNode):
            lay_tree_over(below, node)
        else:
            _put(root, key.value, node)


def where(node: yaml.Node) -> str:
    """``file:line`` of a node, or what it was given by."""
    mark = node.start_mark
    return f"{mark.name}:{mark.line + 1}" if mark.line >= 0 else str(mark.name)


def is_null(node: yaml.Node) -> bool:
    """Whether the node says nothing: empty, ``~`` or ``null``, unquoted."""
    return (
        isinstance(node, yaml.ScalarNode)
        and not node.style
        and node.value.lower() in ("", "~", "null")
    )


def shown(node: yaml.Node) -> str:
    """A node for a message."""
    if isinstance(node, yaml.MappingNode):
        return "a group of keys"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "nothing" if is_null(node) else repr(node.value[:40])


def _mark(source: str) -> yaml.Mark:
    return yaml.Mark(source, 0, -1, 0, None, 0)  # line -1: this source has no lines


def _put(mapping: yaml.MappingNode, key: str, node: yaml.Node) -> None:
    entry = (yaml.ScalarNode(_STR, key, node.start_mark), node)
    mapping.value = [(k, v) for k, v in mapping.value if k.value != key] + [entry]


def _stamped(node: yaml.Node, source: str) -> yaml.Node:
    """Mark a tree as coming from ``source``, which has no lines."""
    node.start_mark = _mark(source)
    if not isinstance(node, yaml.ScalarNode):
        for child in node.value:
            for part in child if isinstance(child, tuple) else (child,):
                _stamped(part, source)
    return node


def _parse(text: str, source: str) -> yaml.Node | None:
    try:
        loader = _Loader(text)
        loader.name = source
        node: yaml.Node | None = loader.get_single_node()
        return node
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{source}{line}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError):
        raise UserError(f"{source}: not valid YAML") from None
