"""Frozen dataclasses <-> YAML and ``--set a.b=v``. Knows no domain.

Owns: turning text into typed settings, strictly, and writing them back. Precedence is
defaults < YAML file < ``--set``. The type of a setting decides how its text is read, so
YAML 1.1's surprises (``1e-4`` a string, ``NO`` false, ``12:30`` sexagesimal) cannot happen.
Every mistake is reported at once, with file:line, key path and what to do.

Settings may be bool, int, float, str, Path, ``Literal``, ``X | None``, ``tuple``, ``list``,
``dict[str, X]`` and nested dataclasses. ``Annotated[float, Range(...)]`` bounds a number; a
``ValueError`` from a dataclass's ``__post_init__`` is told with its key path.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from retroracer.atomic import write_text
from retroracer.config import tree
from retroracer.config.page import Node
from retroracer.config.typed import Range, Reader
from retroracer.errors import UserError

__all__ = [
    "Range",
    "from_dict",
    "load",
    "load_what_fits",
    "read_list",
    "save",
    "to_dict",
    "to_yaml",
]

T = TypeVar("T")

MOST_TOLD = 20
"""Mistakes told of one page."""


def load(
    cls: type[T],
    path: Path | str | None = None,
    overrides: Sequence[str] = (),
    start: T | None = None,
    partial: bool = False,
    leave_out: Sequence[str] = (),
) -> T:
    """Read settings: defaults, then the YAML file ``path``, then ``a.b=v`` overrides.

    Args:
        cls: the dataclass to make.
        path: of a YAML file, or None.
        overrides: texts like ``a.b=v``.
        start: settings to take the defaults from; None = those of ``cls``.
        partial: leave out keys that ``cls`` does not know, and do not look at their values.
        leave_out: top-level keys that are left out whatever they hold.

    Raises:
        UserError: listing every mistake found.
    """
    root = tree.empty()
    if start is not None:
        root = tree.from_plain(to_dict(start), "defaults")
    if path is not None:
        tree.lay_tree_over(root, tree.read_file(path))
    for text in overrides:
        tree.lay_over(root, text)
    known = {f.name for f in dataclasses.fields(cls)} if partial else None  # type: ignore[arg-type]
    assert isinstance(root.data, dict)
    for key in list(root.data):
        if key in leave_out or (known is not None and key not in known):
            del root.data[key]
    return _settings(cls, root)


def read_list(cls: type[T], path: Path | str, example: str) -> list[T]:
    """Read a page that is a list of ``cls``, such as a script; ``example`` is one of its lines."""
    root = tree.read_page(path)
    if not isinstance(root.data, list):
        raise UserError(
            f"{root.place}: expected a list of lines like '{example}', got {tree.told(root)}"
        )
    return _settings(list[cls], root)  # type: ignore[valid-type]


def load_what_fits(cls: type[T], path: Path | str, start: T) -> tuple[T, list[str]]:
    """Read a settings file and keep what is right in it, whatever mistakes it holds.

    Returns:
        The settings, and the mistakes; a top-level setting that is missing or has a mistake keeps
        its value in ``start``.

    Raises:
        UserError: if the file is no YAML page of settings at all.
    """
    page = tree.read_file(path)
    assert isinstance(page.data, dict)
    found, mistakes = start, []
    for key, item in page.data.items():
        root = tree.from_plain(to_dict(found), "defaults")
        tree.lay_tree_over(root, Node({key: item}, page.place))
        try:
            found = _settings(cls, root)
        except UserError as error:
            mistakes.append(str(error))
    return found, mistakes


def from_dict(cls: type[T], values: Mapping[str, Any], source: str) -> T:
    """Read settings from plain values (of JSON, say), as strictly as from a file ``source``."""
    return _settings(cls, tree.from_plain(dict(values), source))


def to_dict(settings: Any) -> dict[str, Any]:
    """Plain dict of a settings dataclass, tuples as lists: fit for JSON and YAML."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {k: plain(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(v) for v in value]
        return str(value) if isinstance(value, Path) else value

    return {k: plain(v) for k, v in dataclasses.asdict(settings).items()}


def to_yaml(settings: Any) -> str:
    """YAML page of a settings dataclass; ``load`` gives back an equal one."""
    return tree.to_text(to_dict(settings))


def save(settings: Any, path: Path | str) -> None:
    """Write ``to_yaml(settings)`` to ``path``, whole or not at all."""
    write_text(path, to_yaml(settings))


def _settings(cls: type[T], root: Any) -> T:
    reader = Reader()
    settings: T = reader.read(cls, root, "")
    if len(reader.problems) > MOST_TOLD:
        more = len(reader.problems) - MOST_TOLD
        reader.problems[MOST_TOLD:] = [f"{root.place.source}: and {more} more mistakes"]
    if reader.problems:
        raise UserError("\n".join(reader.problems))
    return settings
