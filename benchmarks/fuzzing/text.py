"""Damage to text: bytes, lines, numbers, words, names, and the structure of YAML pages."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import yaml

NUMBERS = (
    "0", "-0", "-1", "1", "1e9", "-1e9", "1e300", "-1e300", "1e308", "1e309", "1e999", "1e-320",
    "5e-324", "1e-14", ".nan", "nan", "NaN", ".inf", "-.inf", "inf", "Infinity", "9" * 400,
    "-" + "9" * 400, "0." + "0" * 400 + "1", "\uff11\uff12", "\U0001d7cf", "\u0661\u0662", "1_000",
    "0x1F", "0b11", "0o17", "017", "1:30", "12,5", "1 000", "1.5.2", "--1", "+-3", "1e", "1e+",
    "50 m", "50m", "90\u00b0", "10%", "3/4", "\u00bd", "\u221e", "yes", "true", "null", "~", '""',
    "''",
    "[1]", "[]", "{}", "{a: 1}", '!!int "3"', "!!float 3", '"12"', "2001-01-01", "1e400", "1.",
    ".5",
    "4294967296", "9223372036854775808", "1e22", "0.1e1", "1E2",
)  # fmt: skip

WORDS = (
    "auto", "left", "right", "both", "none", "AUTO", "\u043aart", "x\x1b[31m", "x" * 5000, "\u202e",
    "yes", "no", "on", "null", "~", "12", "1.5", "[]", "{}", "''", '"\\x00"', "*a", "&a b",
    "!!str x",
    "!!python/object/apply:os.system [ls]", "|", ">-", "%", "@x", "`x`", "?", "-", "#", "a: b",
    "\ufeff", "\u00a0", "\u2028", "\U0001f3ce", "../../etc/passwd", "/dev/zero", "nan",
)  # fmt: skip

PIECES = (
    ":", "#", "[", "]", "{", "}", ",", "'", '"', "&a ", "*a", "<<: *a\n", "- ", "? ", "\t", "\n",
    "\r",
    "\r\n", "---\n", "...\n", "%YAML 9.9\n", "\x00", "\x1b[2J", "\u00a0", "\u2028", "\ufeff",
    "\ud800",
    "!!int ", "|\n", "\\", "//", "\x7f", "\x85",
)  # fmt: skip

BOMBS = (
    "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [" + ", ".join([f"*{chr(97 + i)}"] * 9) + "]\n"
        for i in range(12)
    ),
    "[" * 3000,
    "{a: " * 3000,
    "- " * 3000,
    "? " * 3000,
    "&a [*a]\n",
    "a: &a {b: *a}\n",
    "k: " + "9" * 200_000 + "\n",
    "".join(f"k{i}: {i}\n" for i in range(20_000)),
    "x: '" + "y" * 2_000_000 + "'\n",
    "!" * 10_000,
    "",
    "\n" * 200_000,
    "null",
    "[]",
    "{}",
    "'text'",
    "42",
)  # fmt: skip

_NUMBER = re.compile(r"(?<![\w.#])-?\d+(\.\d+)?([eE][+-]?\d+)?(?![\w.])")
_KEY = re.compile(r"[A-Za-z_]\w*(?=:)")
_WORD = re.compile(r"(?<=: )[A-Za-z_][\w ]*")


def _replace(rng: random.Random, text: str, pattern: re.Pattern[str], new: Any) -> str:
    hits = list(pattern.finditer(text))
    if not hits:
        return text + str(new("1"))
    for hit in sorted(rng.sample(hits, min(len(hits), rng.choice((1, 1, 1, 2)))), key=_at)[::-1]:
        text = text[: hit.start()] + new(hit[0]) + text[hit.end() :]
    return text


def _at(hit: re.Match[str]) -> int:
    return hit.start()


def number(rng: random.Random, text: str) -> str:
    """A number becomes another one, or none."""

    def new(old: str) -> str:
        near = (old + "0", "-" + old, old + "e3", "0" + old, old[:-1], old + ".0", old + " ")
        return rng.choice(NUMBERS) if rng.random() < 0.8 else rng.choice(near)

    return _replace(rng, text, _NUMBER, new)


def near(rng: random.Random, text: str) -> str:
    """A number becomes one that may well be possible, or the same written otherwise."""

    def new(old: str) -> str:
        value = float(old)
        return rng.choice((
            f"{value * rng.uniform(0.5, 2.0):.3f}", f"{value * 1.01:.6g}", f"{value:.3e}",
            f"+{old}",
            f"{value:.1f}", f"'{old}'", f"{value + 1:g}", f"{value / 10:g}", f"{value * 10:g}",
            f" {old} ",
        ))  # fmt: skip

    return _replace(rng, text, _NUMBER, new)


def style(rng: random.Random, text: str) -> str:
    """The same page written otherwise: nothing it means has changed."""
    way = rng.randrange(7)
    if way == 0:
        return text.replace("\n", "\r\n")
    if way == 1:
        return "\ufeff" + text
    if way == 2:
        return text.replace("\n", "  # why not\n")
    if way == 3:
        return "---\n" + text + "...\n"
    if way == 4:
        return text.replace(": ", ":   ")
    root = _tree(text)
    if root is None:
        return text
    if way == 5:
        return str(
            yaml.safe_dump(root, default_flow_style=rng.choice((True, False)), sort_keys=True)
        )
    return str(yaml.safe_dump(root, default_style=rng.choice("'\""), sort_keys=False))


def word(rng: random.Random, text: str) -> str:
    """A word becomes another one, or none."""
    return _replace(rng, text, _WORD, lambda _: rng.choice((*WORDS, *NUMBERS)))


def key(rng: random.Random, text: str) -> str:
    """A key is written otherwise, or is another one that stands there already."""
    keys = _KEY.findall(text) or ["x"]

    def new(old: str) -> str:
        return rng.choice((
            rng.choice(keys), old.upper(), old.title(), old + "s", old[:-1], old + " ", f'"{old}"',
            "\u0430" + old[1:], old + "_m", "x y", "<<", "12", "null", f"? {old}\n", "[a]",
            "{a: 1}",
            "&a " + old, "!!str " + old, old + "\u00a0", "",
        ))  # fmt: skip

    return _replace(rng, text, _KEY, new)


def lines(rng: random.Random, text: str) -> str:
    """Lines are lost, doubled, exchanged, moved in or out, or cut."""
    rows = text.splitlines(keepends=True) or [""]
    a, b = rng.randrange(len(rows)), rng.randrange(len(rows))
    way = rng.randrange(9)
    if way == 0:
        del rows[a]
    elif way == 1:
        rows.insert(b, rows[a])
    elif way == 2:
        rows[a], rows[b] = rows[b], rows[a]
    elif way == 3:
        rows[a] = " " * rng.randint(1, 5) + rows[a]
    elif way == 4:
        rows[a] = rows[a].lstrip()
    elif way == 5:
        rows[a] = "\t" + rows[a].lstrip()
    elif way == 6:
        rows[a] = rows[a].rstrip("\n")
    elif way == 7:
        rows[a] *= rng.choice((2, 3, 400))
    else:
        rows[a] = rows[a][: rng.randrange(len(rows[a]) + 1)]
    return "".join(rows)


def pieces(rng: random.Random, text: str) -> str:
    """Signs are put in or lost anywhere."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        at, cut = rng.randrange(len(text) + 1), rng.choice((0, 0, 1, 3, 30))
        put = rng.choice((rng.choice(PIECES), rng.choice(NUMBERS), text[at : at + cut] * 2, ""))
        text = text[:at] + put + text[at + cut :]
    return text


def cut(rng: random.Random, text: str) -> str:
    """The end, or the beginning, is missing."""
    at = rng.randrange(len(text) + 1)
    return text[:at] if rng.random() < 0.8 else text[at:]


def bomb(rng: random.Random, text: str) -> str:
    """Something that is small and means much, alone or after what was there."""
    other = rng.choice(BOMBS)
    return rng.choice((other, text + "\n" + other, "bomb:\n  " + other + "\n" + text))


def _tree(text: str) -> Any:
    """The page as plain values; None where it is damaged already, or refers to itself."""
    try:
        return None if "&" in text else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def structure(rng: random.Random, text: str) -> str:
    """A value in the tree is lost, doubled, wrapped, exchanged or of another kind."""
    root = _tree(text)
    spots: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for name in node if isinstance(node, dict) else range(len(node)):
            spots.append((node, name))
            if isinstance(node[name], dict | list):
                walk(node[name])

    if isinstance(root, dict | list):
        walk(root)
    if not spots:
        return pieces(rng, text)
    for _ in range(rng.choice((1, 1, 2))):
        node, name = rng.choice(spots)
        if (name not in node) if isinstance(node, dict) else name >= len(node):
            continue
        value, (there, other) = node[name], rng.choice(spots)
        strange: tuple[Any, ...] = (
            None, True, 0, -1, 10**400, 1e308, float("nan"), float("inf"), "", "x", [], {}, [[]],
            [value], {"a": value}, [value] * 1000, {1: 2}, [None] * 3, str(value)[:200], 2**70,
        )  # fmt: skip
        way = rng.random()
        if way < 0.55:
            node[name] = rng.choice(strange)
        elif way < 0.7:
            del node[name]
        elif way < 0.85 and ((other in there) if isinstance(there, dict) else other < len(there)):
            node[name] = there[other]
        elif isinstance(node, list):
            node.insert(name, value)
        else:
            node[str(name) + rng.choice(("s", "_m", " ", "2"))] = value
    try:
        return str(yaml.dump(root, allow_unicode=True, sort_keys=False))
    except (ValueError, RecursionError):
        return pieces(rng, text)


Damage = Callable[[random.Random, str], str]

YAML: tuple[Damage, ...] = (
    number, number, number, near, near, near, style, style, word, word, key, key, lines, lines,
    pieces, pieces, structure,
    structure, cut, bomb,
)  # fmt: skip


def damaged(rng: random.Random, text: str, ways: tuple[Damage, ...]) -> tuple[str, bytes]:
    """Text damaged in one way or several, as bytes; a few of them are damaged once more.

    Returns:
        How, and what.
    """
    names = []
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3))):
        way = rng.choice(ways)
        names.append(way.__name__)
        text = way(rng, text)
    coding = rng.choice(("utf-8",) * 12 + ("utf-16", "latin-1", "utf-8-sig"))
    raw = bytearray(text.encode(coding, "surrogatepass" if "utf" in coding else "replace"))
    if raw and rng.random() < 0.08:
        names.append("bytes")
        for _ in range(rng.choice((1, 3, 30))):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
    if coding != "utf-8":
        names.append(coding)
    return "-".join(names), bytes(raw)
