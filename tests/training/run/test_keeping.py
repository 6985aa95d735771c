"""What lies at --out: shipped models and better ones stay."""

from pathlib import Path

import pytest

from retroracer.cli import main
from retroracer.errors import UserError
from retroracer.resources import models_dir
from retroracer.training.run.keeping import SHIPPED, Keeper, refuse_shipped
from retroracer.training.run.session import try_places


def test_every_shipped_model_is_known_by_name_and_refused() -> None:
    for card in models_dir().glob("*.json"):
        assert card.stem in SHIPPED
    for name in sorted(SHIPPED):
        with pytest.raises(UserError, match=f"comes with RetroRacer.*{name}-mine.zip"):
            refuse_shipped(models_dir() / f"{name}.zip")
    refuse_shipped(models_dir() / "mine.zip")


def test_a_link_to_a_shipped_model_is_that_model(tmp_path: Path) -> None:
    link = tmp_path / "m.zip"
    link.symlink_to(models_dir() / "monza.zip")
    with pytest.raises(UserError, match="never written over"):
        refuse_shipped(link)


@pytest.mark.parametrize(
    "command",
    ["train-base", "fine-tune --track monza", "train-pixels", "train-pixels --algo imitation"],
)
def test_no_command_writes_over_a_shipped_model(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monza = models_dir() / "monza.zip"
    before = monza.read_bytes()
    assert main([*command.split(), "--out", str(monza), "--runs", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert "never written over" in told.err and not told.out
    assert monza.read_bytes() == before


def test_a_better_model_of_another_run_stays_and_a_worse_one_goes(tmp_path: Path) -> None:
    out, best = tmp_path / "m.zip", tmp_path / "best.zip"
    out.write_text("theirs")
    keeper = Keeper(out, best, "run")
    keeper.to_beat = 5.0
    assert not keeper.keep(lambda path: path.write_text("worse"), 5.0)
    assert out.read_text() == "theirs" and best.read_text() == "worse"
    keeper.keep_any(lambda path: path.write_text("any"))
    assert out.read_text() == "theirs"
    assert keeper.reasons() == [f"the driver in {out} is not worse and stays"]
    assert keeper.keep(lambda path: path.write_text("better"), 5.1)
    assert out.read_text() == best.read_text() == "better"
    keeper.to_beat = 7.0
    out.unlink()  # somebody removes what the run could not beat
    keeper.keep_any(lambda path: path.write_text("any"))
    assert out.read_text() == "better" and keeper.reasons() == []


def test_what_is_no_model_or_of_another_kind_is_not_written_over(tmp_path: Path) -> None:
    out = tmp_path / "m.zip"
    out.write_text("a diary")
    with pytest.raises(UserError, match="choose another --out"):
        Keeper(out, tmp_path / "best.zip", "run").other_run_model()
    out.write_bytes((models_dir() / "pixels-dqn.zip").read_bytes())
    keeper = Keeper(out, tmp_path / "best.zip", "run")
    assert keeper.other_run_model(algorithm="DQN") == out
    with pytest.raises(UserError, match=r"another kind \(algorithm: DQN, not PPO\)"):
        keeper.other_run_model(algorithm="PPO")


def test_places_are_tried_before_anything_else(tmp_path: Path) -> None:
    try_places(tmp_path / "new" / "m.zip", tmp_path / "runs")
    assert list((tmp_path / "new").iterdir()) == list((tmp_path / "runs").iterdir()) == []
    (tmp_path / "file").touch()
    (tmp_path / "d.zip").mkdir()
    for out, runs, option in (
        (tmp_path / "m.txt", tmp_path, "--out"),
        (tmp_path / "d.zip", tmp_path, "--out"),
        (tmp_path / "file" / "m.zip", tmp_path, "--out"),
        (tmp_path / "m.zip", tmp_path / "file", "--runs"),
        (tmp_path / "m.zip", Path("/proc/nowhere"), "--runs"),
    ):
        with pytest.raises(UserError, match=option):
            try_places(out, runs)
