"""The picture of ``progress.csv``: at any moment of a run, and of tables of other trainers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retroracer.errors import UserError
from retroracer.training.pictures.progress import draw_progress

OURS = (
    "steps,seconds,iteration,episode_return,episode_return_min,episode_return_max,second_phase\n"
    "100,1,1,,,,\n200,2,2,5.5,1,9,\n300,3,3,7,2,10,1200\n"
)
RLLIB = (
    "training_iteration,env_runners/episode_return_mean,env_runners/episode_return_min,"
    "env_runners/episode_return_max\n1,nan,nan,nan\n2,-3,-5,0\n3,4,1,6\n"
)


def red(path: Path) -> int:
    """Pixels of the line of the second phase."""
    rgb = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return int(((rgb[..., 0] > 240) & (rgb[..., 1] < 40) & (rgb[..., 2] < 40)).sum())


def draw(tmp_path: Path, text: str, second_phase: int | None = None) -> Path:
    (tmp_path / "progress.csv").write_text(text)
    draw_progress(tmp_path / "progress.csv", tmp_path / "x.png", second_phase)
    return tmp_path / "x.png"


@pytest.mark.slow
def test_the_second_phase_is_a_red_line_where_the_table_or_the_user_says(tmp_path: Path) -> None:
    assert red(draw(tmp_path, OURS)) > 100
    assert red(draw(tmp_path, OURS.replace("1200", ""))) == 0
    assert red(draw(tmp_path, OURS.replace("1200", ""), second_phase=2)) > 100


@pytest.mark.slow
def test_a_row_that_is_being_written_and_tables_of_rllib_are_drawn(tmp_path: Path) -> None:
    whole = draw(tmp_path, OURS).read_bytes()
    assert draw(tmp_path, OURS + "400,4,4").read_bytes() == whole
    assert red(draw(tmp_path, RLLIB, second_phase=3)) > 100


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", OURS.split("200")[0], "steps\n1\n", "\x00"])
def test_a_table_without_returns_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=r"progress\.csv") as error:
        draw(tmp_path, text)
    assert "\n" not in str(error.value)
