"""Whatever stands in a file, loading it gives a valid Track or a UserError, and soon."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retroracer.errors import UserError
from retroracer.track.csv_io import read_points
from retroracer.track.files import load_track
from retroracer.track.schema import CornerPart, Layout, TrackPage
from retroracer.track.validity import is_valid

CALM = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PAGES = [p.read_text(encoding="utf-8") for p in sorted(Path(__file__).parent.glob("pages/*.yaml"))]
HEAD = "schema: 1\nname: x\nlayout:\n  width: 12\n"


def outcome(path) -> str:
    """Load a file; "valid", or the message. Anything else escapes and fails the test."""
    try:
        track = load_track(path)
    except UserError as error:
        assert str(error).strip() and len(str(error)) < 100_000
        return str(error)
    assert is_valid(track)
    return "valid"


@pytest.mark.slow
@CALM
@given(st.binary(max_size=400))
def test_random_bytes_are_told_apart_from_a_track(tmp_path, data):
    page = tmp_path / "bytes.yaml"
    page.write_bytes(data)
    assert outcome(page) != "valid"


WORDS = st.sampled_from(
    [
        *("auto", "1e308", "-1", "0", ".nan", "NO", "~", "12:30", "0x1F", "1e3", "radius:"),
        *("[", "]", "{", "}", "&a ", "*a", "#", "'", '"', "!!int ", ": ", "- ", "? ", "|\n"),
        *("\t", "\n", "---\n", "<<: *a\n", "\x00", "\u2028", "radius: 5", "angle: 360"),
        *("closing: curve\n", "crossings: bridge\n"),
    ]
)


@pytest.mark.slow
@CALM
@given(
    st.sampled_from(PAGES),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), WORDS), min_size=1, max_size=5),
)
def test_mutated_pages_give_a_track_or_a_message(tmp_path, text, changes):
    for where, cut, word in changes:
        at = int(where * len(text))
        text = text[:at] + word + text[at + cut :]
    page = tmp_path / "mutated.yaml"
    page.write_bytes(text.encode("utf-8"))
    outcome(page)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["auto", "left", "right", "both", "reverse", "bridge", "curve", "gravel"])
    | st.floats(1, 400).map(lambda x: round(x, 1))
)  # fmt: skip
KEYS = st.sampled_from([part.alias or name for name, part in TrackPage.model_fields.items()]) | (
    st.sampled_from([*Layout.model_fields, *CornerPart.model_fields, "straight", "x", "y", "at"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.slow
@CALM
@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_random_structures_give_a_message(tmp_path, page):
    path = tmp_path / "structure.yaml"
    path.write_text(yaml.safe_dump({"schema": 1, "name": "x"} | page), encoding="utf-8")
    outcome(path)


SEGMENTS = st.lists(
    st.fixed_dictionaries({"straight": st.floats(1, 800) | st.just("auto")})
    | st.fixed_dictionaries(
        {
            "corner": st.sampled_from(["left", "right"]),
            "radius": st.floats(5, 300),
            "angle": st.sampled_from([30, 45, 60, 90, 120, 180, 360]),
        },
        optional={
            "ease": st.floats(0, 50),
            "width": st.floats(3, 40),
            "to_radius": st.floats(5, 90),
        },
    ),
    min_size=2,
    max_size=12,
)


@pytest.mark.slow
@CALM
@given(SEGMENTS, st.sampled_from(["auto", "curve", "exact"]), st.sampled_from(["forbid", "bridge"]))
def test_random_layouts_give_a_valid_track_or_a_message(tmp_path, segments, closing, crossings):
    layout = {"width": 9, "closing": closing, "crossings": crossings, "segments": segments}
    path = tmp_path / "layout.yaml"
    path.write_text(yaml.safe_dump({"schema": 1, "name": "x", "layout": layout}), encoding="utf-8")
    outcome(path)


@pytest.mark.slow
@CALM
@given(st.binary(max_size=300) | st.text("0123456789.,;-+enaif \n#xym_", max_size=300))
def test_random_csv_gives_points_or_a_message(tmp_path, data):
    path = tmp_path / "points.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    try:
        assert len(read_points(path).xy) >= 8
    except UserError as error:
        assert "points.csv" in str(error)


def circles(times: int) -> str:
    """Points that go round one circle again and again."""
    import math

    angles = [2 * math.pi * times * i / 4800 for i in range(4800)]
    rows = "".join(f"    - [{59 * math.cos(a):.2f}, {59 * math.sin(a):.2f}]\n" for a in angles)
    return f"{HEAD}  points:\n{rows}"


HUGE = {
    "deep brackets": "[" * 900_000,
    "deep braces": "{" * 900_000,
    "deep keys": "? " * 400_000,
    "deep dashes": "- " * 400_000,
    "one key": "k" * 900_000 + ": 1",
    "one text": "name: " + "k" * 900_000,
    "open quote": 'name: "' + "\\n" * 400_000,
    "one key over and over": "a: 1\n" * 19_000,
    "many keys": "".join(f"k{i}: 1\n" for i in range(19_000)),
    "billion laughs": "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)),
    "chain of aliases": "a0: &a0 [x]\n"
    + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 15_000)),
    "alias of itself": "&a [*a]",
    "too big a number": HEAD + f"  segments: [{{straight: {'9' * 5000}}}]\n",
    "1e308 m": HEAD + "  segments:\n" + "    - {straight: 1e308}\n" * 3,
    "450 long straights": HEAD + "  segments:\n" + "    - {straight: 9999}\n" * 450,
    "6000 wrong segments": HEAD + "  segments:\n" + "    - {strait: 1, q: 2}\n" * 6000,
    "8000 wrong points": HEAD + "  points:\n" + "    - [x, y]\n" * 8000,
    "a hundred thousand points": HEAD + "  points: [" + "[0, 1]," * 100_000 + "]\n",
    "eighty times round": circles(80),
    "blank": "\n" * 900_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HUGE)
def test_huge_and_deep_pages_are_refused_within_a_second(tmp_path, name):
    page = tmp_path / "huge.yaml"
    page.write_text(HUGE[name], encoding="utf-8")
    outcome(page)  # the first call may import scipy and shapely
    start = time.process_time()
    assert outcome(page) != "valid"
    assert time.process_time() - start < 1.0


def test_a_file_of_100_mb_is_refused_unread(tmp_path):
    page = tmp_path / "sparse.yaml"
    with open(page, "wb") as file:
        file.truncate(100_000_000)
    assert outcome(page) == f"{page} is 100.0 MB; at most 1.0 MB are read"


def test_folders_devices_and_nonsense_paths_are_refused(tmp_path):
    (tmp_path / "folder.yaml").mkdir()
    os.symlink(tmp_path / "loop.yaml", tmp_path / "loop.yaml")
    names = [tmp_path / "folder.yaml", tmp_path, tmp_path / "none.yaml", tmp_path / "loop.yaml"]
    for path in [*names, "/dev/zero", "", ".", "\0", "a" * 5000, "monza\n", "~/x"]:
        assert outcome(path) != "valid"
