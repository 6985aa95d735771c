"""A short, seeded part of ``benchmarks/fuzz.py``, and how it judges what becomes of a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.fuzzing import forked
from benchmarks.fuzzing.case import Case, verdict
from benchmarks.fuzzing.meaning import agree, compose

TREE = Path(__file__).resolve().parent.parent
COUNTS = {
    "pages": 30, "surveys": 24, "cars": 16, "scripts": 20, "settings": 24, "tapes": 10, "zips": 10,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", COUNTS)
def test_damaged_files_are_taken_for_what_they_say_or_refused_in_words(
    kind: str, tmp_path: Path
) -> None:
    figures = tmp_path / "figures.json"
    argv = ["--kinds", kind, "--count", str(COUNTS[kind]), "--seed", "3", "--json", str(figures)]
    run = subprocess.run(
        [sys.executable, "benchmarks/fuzz.py", *argv, "--out", str(tmp_path / "out")],
        cwd=TREE,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    row = json.loads(figures.read_text())["kinds"][kind]
    assert row["findings"] == []
    assert row["taken"] + row["refused"] == COUNTS[kind] and row["refused"] > 0


def say(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code


@pytest.mark.parametrize(
    ("work", "outcome"),
    [
        (lambda: 0, "taken"),
        (lambda: say("page.yaml:3: no such thing", 2), "refused"),
        (lambda: say("no such thing", 2), "words"),
        (lambda: say("page.yaml: \x1b[31m", 2), "words"),
        (lambda: say("page.yaml: one\npage.yaml: two", 2), "words"),
        (lambda: say("page.yaml: " + "x" * 900, 2), "words"),
        (lambda: say("", 2), "words"),
        (lambda: 1 // 0, "traceback"),
        (lambda: os.abort(), "traceback"),
        (lambda: say("", 1), "traceback"),
    ],
)
def test_every_end_but_a_good_one_is_a_finding(work, outcome, tmp_path):
    case = Case("x", (), work, named="page.yaml")
    assert verdict(case, forked.run(case.run, tmp_path))[0] == outcome


@pytest.mark.slow
def test_what_never_ends_is_a_hang(tmp_path, monkeypatch):
    monkeypatch.setattr(forked, "WALL_SECONDS", 0.3)
    case = Case("x", (), lambda: [0 for _ in iter(int, 1)] and 0)
    assert verdict(case, forked.run(case.run, tmp_path))[0] == "hang"


@pytest.mark.parametrize(
    ("text", "value", "good"),
    [
        ("a: 1.50", {"a": 1.5}, True),
        ("a: 1.5e2", {"a": 150}, True),
        ("a: yes", {"a": True}, True),
        ("a: [1, 2]", {"a": (1.0, 2.0), "b": 3}, True),
        ("a: 0x10", {"a": 16}, False),
        ("a: 1:30", {"a": 90}, False),
        ("a: 1\na: 2", {"a": 2}, False),
        ("a: 1\nb: 2", {"a": 1}, False),
        ("a: [1, 2]", {"a": (1.0,)}, False),
        ("a: 1e999", {"a": float("inf")}, False),
        ("a: {b: 1}", {"a": 1}, False),
    ],
)
def test_what_was_taken_is_held_against_the_page(text, value, good, tmp_path):
    page = tmp_path / "page.yaml"
    page.write_text(text)
    try:
        agree(compose(page), value)
    except forked.NonsenseError:
        assert not good
    else:
        assert good
