"""YAML text to data that knows its places."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from retroracer.config import page as reader
from retroracer.config.page import parse
from retroracer.config.place import PageError, Place
from retroracer.errors import UserError
from retroracer.track.files import load_track

HERE = Path(__file__).parents[1] / "track"


def read(text):
    return parse(text)[0]


def test_scalars_stay_what_their_author_wrote():
    text = "a: NO\nb: 12:30\nc: 1e3\nd: 010\ne: ~\nf:\ng: '~'\nh: |\n  two\n  lines\ni: [+4, yes]\n"
    assert read(text).plain() == {
        "a": "NO", "b": "12:30", "c": "1e3", "d": "010", "e": None, "f": None, "g": "~",
        "h": "two\nlines\n", "i": ["+4", "yes"],
    }  # fmt: skip


def test_places_are_found_by_keys_and_indices():
    root = read("a: 1\nlist:\n  - x: 1\n    long: word\n  - [3, 44, 5]\n")
    assert root.find(("list", 0, "long")) == Place(4, 11, 4)
    assert root.key(("list", 0, "long")) == Place(4, 5, 4)
    assert root.find(("list", 0, "absent")) == root.find(("list", 0))
    assert root.find(("list", 1, "y"), {"x": 0, "y": 1}) == Place(
        5, 9, 2
    )  # a point written as a list
    assert root.find(("list", "<tag>", 1, 2)) == Place(5, 13, 1)
    assert root.find(("nowhere", 3)) == Place()


def test_an_alias_stands_where_it_is_written():
    root = read("a: &x [1, 2]\nb: *x\n")
    assert root.plain() == {"a": ["1", "2"], "b": ["1", "2"]}
    assert root.find(("b",)).line == 2


@pytest.mark.parametrize("text", ["*a", "&a [*a]", "a: 1\n---\nb: 2", "? [1]\n: 2", "[" * 30])
def test_what_a_page_cannot_hold_is_told(text):
    with pytest.raises(PageError) as caught:
        read(text)
    assert caught.value.place.line >= 1


@pytest.mark.slow
def test_without_the_compiled_reader_pages_load_and_mistakes_are_told(monkeypatch):
    fast = load_track(HERE / "pages" / "harbour.yaml").digest
    monkeypatch.setattr(reader, "_LOADER", yaml.SafeLoader)
    assert load_track(HERE / "pages" / "harbour.yaml").digest == fast
    for page in sorted((HERE / "broken").glob("*.yaml")):
        with pytest.raises(UserError) as caught:
            load_track(page)
        first = page.with_suffix(".txt").read_text(encoding="utf-8").split(": ")
        assert str(caught.value).split(": ")[1] == first[1]  # the same code
