"""What is told of a zip's critics, entropy coefficient and moments."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import pytest
from stable_baselines3 import SAC

from benchmarks.fuzzing import zips as fuzz
from retroracer.agents.checkpoint import save
from retroracer.agents.facts import Facts
from retroracer.agents.wholeness import wholeness
from retroracer.errors import UserError

FACTS = Facts("chase-22", 0)


def test_a_zip_that_sac_trained_is_whole(trained: SAC, tmp_path: Path) -> None:
    save(trained, tmp_path / "m.zip", FACTS)
    found = wholeness(tmp_path / "m.zip")
    assert found.whole and found.critics == 2 and found.critics_trained
    assert trained.log_ent_coef is not None and found.entropy_coefficient is not None
    assert found.entropy_coefficient == pytest.approx(math.exp(trained.log_ent_coef.item()))
    assert set(found.updates.values()) == {trained._n_updates}


def test_what_was_never_trained_is_told(chase: object, tmp_path: Path) -> None:
    fresh = SAC("MlpPolicy", chase, buffer_size=10, ent_coef="auto_0.3")  # type: ignore[arg-type]
    save(fresh, tmp_path / "m.zip", FACTS)
    found = wholeness(tmp_path / "m.zip")
    assert not found.whole and not found.critics_trained
    assert found.entropy_coefficient == pytest.approx(0.3)
    assert found.updates == {"actor": 0, "critic": 0, "ent_coef": 0}


def test_critics_without_moments_are_told_by_their_targets(trained: SAC, tmp_path: Path) -> None:
    save(trained, tmp_path / "m.zip", FACTS, moments=False)
    found = wholeness(tmp_path / "m.zip")
    assert found.critics_trained and not found.whole


@pytest.mark.slow
def test_a_fixed_entropy_coefficient_needs_no_updates(chase: object, tmp_path: Path) -> None:
    model = SAC("MlpPolicy", chase, learning_starts=10, buffer_size=100, ent_coef=0.1)  # type: ignore[arg-type]
    model.learn(20)
    save(model, tmp_path / "m.zip", FACTS)
    found = wholeness(tmp_path / "m.zip")
    assert found.entropy_coefficient is None and found.whole


@pytest.mark.parametrize("entry", ["policy.pth", "pytorch_variables.pth", "actor.optimizer.pth"])
def test_a_damaged_state_is_one_line(entry: str, trained: SAC, tmp_path: Path) -> None:
    save(trained, tmp_path / "m.zip", FACTS)
    with (
        zipfile.ZipFile(tmp_path / "m.zip") as old,
        zipfile.ZipFile(tmp_path / "bad.zip", "w") as new,
    ):
        for name in old.namelist():
            new.writestr(name, b"PK" * 50 if name == entry else old.read(name))
    with pytest.raises(UserError, match=r"bad\.zip is damaged"):
        wholeness(tmp_path / "bad.zip")


@pytest.mark.slow
def test_no_mutated_zip_ends_in_anything_but_an_answer_or_one_line(tmp_path: Path) -> None:
    answered = refused = 0
    for _, path in fuzz.mutants(5, 80, tmp_path):
        try:
            assert wholeness(path).critics in range(100)
            answered += 1
        except UserError as error:
            assert "\n" not in str(error) and len(str(error)) < 900
            refused += 1
    assert answered and refused
