"""``evaluate --race``: its table and file; mistakes are one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retroracer.cli import main


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(["evaluate", *argv]) == 2
    error = capsys.readouterr().err
    assert error.startswith("retroracer: error: ") and error.count("\n") == 1
    return error


@pytest.mark.slow
def test_races_are_told_in_a_table_and_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "races.json"
    argv = ["--race", "base", "club", "club", "--grid", "last", "--random", "2", "--laps", "1"]
    assert main(["evaluate", *argv, "--seeds", "2", "--json", str(file)]) == 0
    table = capsys.readouterr().out
    assert "club (2)" in table and "4 races of 1 laps" in table and "at fault/100 km" in table
    told = json.loads(file.read_text())
    assert told["race"] | {"tracks": []} == {
        "drivers": ["base", "club", "club (2)"], "tracks": [], "grid": "last", "laps": 1,
        "seeds": [0, 1], "races": 4,
    }  # fmt: skip
    assert len(told["races"]) == 4
    for raced in told["races"]:
        assert raced["order"] == ["club", "club (2)", "base"]
        assert sorted(car["place"] for car in raced["cars"]) == [1, 2, 3]
    base = told["drivers"][0]
    assert base["model"] == "base" and base["races"] == 4
    assert base["wins"] == sum(r["cars"][0]["place"] == 1 for r in told["races"])
    assert base["win_interval"][0] <= base["win_rate"] <= base["win_interval"][1]
    assert set(base["rating"]) == {"mu", "sigma", "ordinal"}


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--race", "base"], "name 2 to 20 drivers, not 1"),
        (["--race", *["base"] * 21], "name 2 to 20 drivers, not 21"),
        (["base", "--race", "base", "pro"], "after --race alone"),
        (["base", "--laps", "2"], "--laps goes with --race"),
        (["base", "--grid", "last"], "--grid goes with --race"),
        (["--race", "base", "pro", "--plot", "x.png"], "--plot does not go with --race"),
        (["--race", "base", "pro", "--latency", "2"], "--latency does not go with --race"),
        (["--race", "base", "pro", "--grip", "0.9"], "--grip does not go with --race"),
        (["--race", "base", "pro", "--save-video"], "--save-video does not go with --race"),
        (["--race", "base", "pro", "--algo", "ppo"], "--algo does not go with --race"),
        (["--race", "base", "pro", "--steer-clip", "0.5"], "--steer-clip does not go with --race"),
        (["--race", "base", "nobody", "--random", "1"], "nobody"),
        (["--race", "rookie", "club", "pro", "base", "monza", "spa", "suzuka"], "too many orders"),
    ],
)
def test_mistakes_are_told_in_a_line(
    argv: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in refused(capsys, *argv)
