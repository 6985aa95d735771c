"""Pages of every kind, damaged in every way: read, or refused with file and line, and soon."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from retroracer import cli, config
from retroracer.errors import UserError
from retroracer.game.race.drivers import read_script
from retroracer.game.settings import Settings
from retroracer.physics import car
from retroracer.physics.car import load_car
from retroracer.resources import configs_dir
from retroracer.track.files import load_track
from retroracer.training import learners
from retroracer.training.learners.pixels.settings import PixelSettings
from retroracer.training.learners.racing_settings import RacingSettings
from retroracer.training.run.settings import load

RACING_PAGE = configs_dir() / "base-sac.yaml"
PIXEL_PAGE = configs_dir() / "pixels-ppo.yaml"
SMALL = """schema: 1
name: Small
layout:
  width: 12
  segments:
    - {straight: 300}
    - {corner: left, radius: 50, angle: 90}
    - {straight: 150}
    - {corner: left, radius: 50, angle: 90}
    - {straight: auto}
    - {corner: left, radius: 50, angle: 90}
    - {straight: auto}
    - {corner: left, radius: 50, angle: 90}
"""
SCRIPT = "- {at: 0, throttle: 1}\n- {at: 2.5, steer: -0.4}\n- {at: 3, press: restart}\n"


def alias_bomb() -> str:
    lines = ["&a [1,1,1,1,1,1,1,1,1,1]"]
    lines += [f"&{n} [{','.join([f'*{p}'] * 10)}]" for p, n in pairwise("abcdefghi")]
    return f"[{', '.join(lines)}]"


def run_settings(path: Path) -> Any:
    return load(RacingSettings, learners.RACING, RACING_PAGE, path)


def pixel_settings(path: Path) -> Any:
    return load(PixelSettings, learners.PIXELS, PIXEL_PAGE, path)


def player_settings(path: Path) -> Any:
    return config.load(Settings, path)


KINDS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "track": (load_track, SMALL),
    "car": (
        load_car,
        (Path(car.__file__).parent / "cars" / "gt.yaml").read_text(encoding="utf-8"),
    ),
    "run": (run_settings, RACING_PAGE.read_text(encoding="utf-8")),
    "pixel run": (pixel_settings, PIXEL_PAGE.read_text(encoding="utf-8")),
    "player": (player_settings, config.to_yaml(Settings(keys={"left": "a"}))),
    "script": (read_script, SCRIPT),
}
PIECES = [
    *("1e300", "-1", "0", "1e-320", ".nan", "NO", "~", "12:30", "0x1F", "50,5", "9" * 400),
    *("[", "]", "{", "}", "&a ", "*a", "#", "'", '"', "!!int ", ": ", ":", "- ", "? ", "|\n", ","),
    *("\t", "\n", "---\n", "<<: *a\n", "\x00", "\x1b[31m", "\u2028", "\u00a0", "\u200b", "\ufeff"),
    *("\u201c", "\uff1a", "\U0001d7d9", "\u0663", "\\", '"C:\\new"', "mass: 1\n", "at: 1\n"),
    *("[" * 60, "{a: " * 60, alias_bomb(), "x" * 5000, "é", "\udcff"),
]


def mutated(text: str, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text) + 1)
        text = text[:at] + chance.choice(PIECES) + text[at + chance.choice((0, 0, 1, 4, 12)) :]
    return text.encode("utf-8", "surrogateescape")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_page_is_read_or_refused_with_file_and_line(kind: str, tmp_path: Path) -> None:
    read, text = KINDS[kind]
    chance = random.Random(kind)
    page = tmp_path / "page.yaml"
    page.write_text(text, encoding="utf-8")
    read(page)
    refused = 0
    for _ in range(200):
        page.write_bytes(mutated(text, chance))
        start = time.process_time()
        try:
            read(page)
        except UserError as error:
            refused += 1
            said = str(error)
            heads = [s for s in said.splitlines() if not s.startswith("    ")]
            assert all(re.search(r"page\.yaml(:\d+)?: ", line) for line in heads), said
            assert re.search(r"page\.yaml:\d+: ", said), said
            assert all(c.isprintable() or c == "\n" for c in said), said
            assert len(said) < 30_000
        assert time.process_time() - start < 5.0
    assert refused > 50


@pytest.mark.parametrize("kind", KINDS)
def test_bombs_devices_and_pipes_are_refused_at_once(kind: str, tmp_path: Path) -> None:
    read, _ = KINDS[kind]
    first = "- {at: 0, zz: " if kind == "script" else "zz: "
    tail = "}" if kind == "script" else ""
    page = tmp_path / "page.yaml"
    os.mkfifo(tmp_path / "pipe.yaml")
    os.symlink("/dev/zero", tmp_path / "zero.yaml")
    (tmp_path / "folder.yaml").mkdir()
    for value in (alias_bomb(), "9" * 400, "[" * 5000, "x" * 2_000_000):
        page.write_text(first + value + tail)
        start = time.process_time()
        with pytest.raises(UserError, match=r"page\.yaml(:1: | is)") as told:
            read(page)
        assert time.process_time() - start < 1.0
        assert len(str(told.value)) < 1000
    for name in ("pipe", "zero", "folder", "none"):
        with pytest.raises(UserError, match=f"{name}.yaml"):
            read(tmp_path / f"{name}.yaml")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("- {corner: left, radius: 50, angle: 90}", "- {<<: *c}", 7, "names no anchor"),
        ("- {straight: 150}", "- &c {straight: 150}\n    - {<<: *c}", 9, "'<<' (merging another"),
        ("width: 12", "width:\u00a012", 4, "a non-breaking space (U+00A0)"),
        ("radius: 50", "radius: 50,5", 7, "'50,5' has a decimal comma"),
        ("name: Small", 'name: "C:\\Users"', 2, "in double quotes a '\\' begins an escape"),
        ("  width: 12", '  points_file: "a\\new.csv"', 4, "in double quotes a '\\' begins"),
    ],
)
def test_a_track_page_names_the_real_cause(old, new, line, words, tmp_path, capsys):
    page = tmp_path / "mine.yaml"
    page.write_text(SMALL.replace(old, new, 1), encoding="utf-8")
    assert cli.main(["tracks", "validate", str(page)]) == 2
    out, err = capsys.readouterr()
    assert f"mine.yaml:{line}: " in out + err and words in out + err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["train-base", "--set", "minutes=\U0001d7cf"], "a digit that is not 0 to 9"),
        (["train-base", "--algo", "sac", "--set", "sac.gamma=1e-320"], "too small"),
        (["train-base", "--algo", "sac", "--set", "sac.gamma=1e-14"], "must be at least 0.1"),
        (["train-base", "--config", "{tmp}/c.yaml"], "c.yaml:2: stpes: unknown key"),
        (["limit", "monza", "--car", "{tmp}/c.yaml"], "c.yaml:2: stpes: unknown key"),
        (["limit", "monza", "--car", "/dev/zero.yaml"], "there is no file"),
        (["play", "--headless", "--frames", "1", "--script", "/dev/zero"], "is a device"),
        (["play", "--headless", "--frames", "1", "--script", "{tmp}/p"], "is a pipe"),
        (["play", "--headless", "--frames", "1", "--script", "{tmp}/c.yaml"], "c.yaml:2: "),
    ],
)
def test_a_page_of_any_kind_is_refused_on_the_command_line(argv, words, tmp_path, capsys):
    (tmp_path / "c.yaml").write_text("# mine\nstpes: 3\n", encoding="utf-8")
    os.mkfifo(tmp_path / "p")
    out = ["--out", str(tmp_path / "out.zip")] if argv[0] == "train-base" else []
    assert cli.main([a.replace("{tmp}", str(tmp_path)) for a in argv] + out) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
