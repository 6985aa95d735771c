"""What a training command says at its end is about the run's own driver."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from retroracer.cli.start_run import Program, _last_word
from retroracer.resources import models_dir
from retroracer.training.run.folder import RunFolder
from retroracer.training.run.loop import Outcome
from retroracer.training.run.settings import RunSettings, Stage


def test_where_another_runs_driver_stays_at_out_the_advice_is_about_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out, shown = RunFolder(tmp_path / "run"), tmp_path / "m.zip", []
    folder.path.mkdir()
    (folder.path / "id").write_text("mine\n")
    shutil.copyfile(models_dir() / "monza.zip", out)

    def show(settings: Any, run: RunFolder, model: Path) -> list[Path]:
        shown.append(model)
        return []

    program = Program(
        {}, RunSettings, Path(), {}, lambda s: "", lambda s, b: None, lambda s: "", show,
        lambda settings, model: [f"measure {model}"],
    )  # fmt: skip

    def end() -> str:
        settings = RunSettings((Stage("sac"),))
        assert _last_word(program, settings, Outcome(5, 60.0, False), out, folder) == 0
        return capsys.readouterr().out

    assert "no model of its own" in end()
    shutil.copyfile(models_dir() / "spa.zip", folder.best)
    assert f"measure {folder.best}" in end() and shown[-1] == folder.best
