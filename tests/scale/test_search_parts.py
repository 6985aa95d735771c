"""The parts of a search that need no Ray: its page, its rungs, its record, its trials."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from retroracer.errors import UserError
from retroracer.resources import configs_dir
from retroracer.scale.ranges import read_search
from retroracer.scale.rungs import STOPPED, Record, Rungs, Trial
from retroracer.scale.trial import drive_trial, last_line, rows_of

PAGE = """
command: train-base
config: base-sac.yaml
metric: score
ranges:
  sac.learning_rate: {loguniform: [1e-4, 5e-4]}
  sac.gradient_steps: {choice: [16, 32]}
  sac.n_steps: {randint: [3, 5]}
  sac.gamma: {uniform: [0.9, 0.99]}
"""


def test_settings_are_drawn_from_their_ranges_and_by_the_seed(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(PAGE)
    page = read_search(str(tmp_path / "mine.yaml"))
    drawn = page.draw(200, 3)
    assert drawn == page.draw(200, 3) != page.draw(200, 4)
    rates = sorted(float(d["sac.learning_rate"]) for d in drawn)
    assert 1e-4 <= rates[0] < rates[100] < 3e-4 < rates[-1] <= 5e-4
    assert {d["sac.gradient_steps"] for d in drawn} == {"16", "32"}
    assert {d["sac.n_steps"] for d in drawn} == {"3", "4", "5"}
    assert page.trained_page() == configs_dir() / "base-sac.yaml"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{loguniform: [0, 1]}", "above 0"),
        ("{uniform: [2, 1]}", "from a lower to a higher"),
        ("{uniform: [1, 2], choice: [3]}", "one of loguniform"),
        ("{}", "one of loguniform"),
        ("{normal: [1, 2]}", "normal"),
    ],
)
def test_a_mistake_in_a_range_is_told_with_its_place(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"config: base-sac.yaml\nranges:\n  sac.gamma: {line}\n")
    with pytest.raises(UserError, match=told) as error:
        read_search(str(path))
    assert "mine.yaml:3" in str(error.value)


def test_every_shipped_page_can_be_read_and_names_settings_of_its_page() -> None:
    for path in (configs_dir() / "search").glob("*.yaml"):
        page = read_search(path.stem)
        text = page.trained_page().read_text()
        for name in page.ranges:
            assert name.rpartition(".")[2] + ":" in text, name
    with pytest.raises(UserError, match="there are: base-sac, pixels-ppo"):
        read_search("nothing")


def test_rungs_stand_where_rays_stand() -> None:
    assert Rungs(15, 3.0, 1000).milestones() == [405, 135, 45, 15]
    assert Rungs(15, 3.0, 15).milestones() == []


@pytest.mark.slow
def test_one_of_three_goes_on_from_a_rung_as_in_ray_tune() -> None:
    """The same trials told in the same order, by Ray's own rule."""
    schedulers = pytest.importorskip("ray.tune.schedulers.async_hyperband")
    own = Rungs(1, 3.0, 30)
    theirs = schedulers._Bracket(min_t=1, max_t=30, reduction_factor=3.0, s=0)

    class Named:
        def __init__(self, number: int) -> None:
            self.trial_id = number

    values = [5, 3, 8, 1, 9, 2, 7, 7, 6, 4, 10, 0]
    for iteration in (1, 2, 3, 10):
        for number, value in enumerate(values):
            mine = own.goes_on(number, iteration, value + iteration)
            action = theirs.on_result(Named(number), iteration, value + iteration)
            assert mine == (action == "CONTINUE"), (iteration, number)


def test_a_search_goes_on_with_its_rungs_after_a_kill(tmp_path: Path) -> None:
    facts = {"config": "a.yaml", "seed": 1}

    def made() -> Record:
        return Record(tmp_path, facts, [Trial(k, {"a": str(k)}) for k in range(3)], Rungs(2, 3, 20))

    first = made()
    assert not first.load()
    assert first.rungs is not None
    assert first.rungs.goes_on(0, 2, 5.0)
    first.trials[1].state, first.trials[1].best = STOPPED, 2.5
    first.save()
    again = made()
    assert again.load()
    assert again.trials == first.trials and again.best() == first.trials[1]
    assert again.rungs is not None
    assert not again.rungs.goes_on(2, 2, 4.0), "trial 0 was here before the kill, and better"
    other = Record(tmp_path, facts | {"seed": 2}, [], None)
    with pytest.raises(UserError, match="another search"):
        other.load()
    (tmp_path / "search.json").write_text("[1")
    with pytest.raises(UserError, match="damaged"):
        made().load()


TRIAL = """
import pathlib, sys, time, signal
folder = pathlib.Path(sys.argv[1]); folder.mkdir(parents=True, exist_ok=True)
(folder / "settings.yaml").write_text("steps: 100\\nminutes: null\\n")
signal.signal(signal.SIGTERM, lambda *_: (folder / "asked").touch() or sys.exit(0))
with open(folder / "progress.csv", "w") as file:
    file.write("steps,score\\n")
    for k in range(1, int(sys.argv[2]) + 1):
        file.write(f"{10 * k},{k}\\n"); file.flush(); time.sleep(0.1)
sys.exit(int(sys.argv[3]))
"""


@pytest.mark.slow
def test_a_trials_rows_are_told_once_each_with_their_iteration(tmp_path: Path) -> None:
    told: list[tuple[float, float]] = []
    command = [sys.executable, "-c", TRIAL, str(tmp_path / "t"), "4", "3"]
    code = drive_trial(
        command, tmp_path / "t", "score", 50, lambda i, v: told.append((i, v)) is None
    )
    assert code == 3
    assert told == [(5.0, 1.0), (10.0, 2.0), (15.0, 3.0), (20.0, 4.0)]
    assert rows_of(tmp_path / "t", "score", 50) == told


@pytest.mark.slow
def test_a_trial_that_fails_is_told_by_the_last_line_of_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "retroracer", "train-base", "--set", "cars=nonsense"]
    assert drive_trial(command, tmp_path / "t", "score", 50, lambda i, v: True) == 2
    assert last_line(tmp_path / "t.log").startswith("retroracer: error: --set cars=nonsense: cars")
    assert last_line(tmp_path / "other.log") == "its command was not started"


@pytest.mark.slow
def test_a_trial_that_is_stopped_may_save_itself(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TRIAL, str(tmp_path / "t"), "600", "3"]
    assert drive_trial(command, tmp_path / "t", "score", 50, lambda i, v: v < 3) == 0
    assert (tmp_path / "t" / "asked").is_file()
