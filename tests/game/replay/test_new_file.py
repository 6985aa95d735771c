"""Files the game makes by itself get names that nobody has."""

import subprocess
import sys
from pathlib import Path

import pytest

from retroracer.game.replay.new_file import claimed, set_aside

CLAIM = """
import sys
from pathlib import Path
from retroracer.game.replay.new_file import claimed
for _ in range(20):
    with claimed(Path(sys.argv[1]) / "race.png") as name:
        name.write_text("mine")
"""


def test_three_games_at_once_never_take_the_same_name(tmp_path: Path) -> None:
    games = [subprocess.Popen([sys.executable, "-c", CLAIM, str(tmp_path)]) for _ in range(3)]
    assert [game.wait(timeout=60) for game in games] == [0, 0, 0]
    assert sorted(p.read_text() for p in tmp_path.iterdir()) == ["mine"] * 60


def test_a_name_that_was_not_used_is_given_back(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="full"), claimed(tmp_path / "a.gif"):
        raise ValueError("full")
    assert not list(tmp_path.iterdir())


def test_what_was_set_aside_is_never_written_over(tmp_path: Path) -> None:
    for k in range(3):
        (tmp_path / "settings.yaml").write_text(str(k))
        set_aside(tmp_path / "settings.yaml", ".broken")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {
        "settings.yaml.broken": "0", "settings.yaml-2.broken": "1", "settings.yaml-3.broken": "2",
    }  # fmt: skip
