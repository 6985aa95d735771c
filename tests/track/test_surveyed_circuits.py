"""Circuits as surveys tell them, made for judging drivers."""

from pathlib import Path

import numpy as np
import pytest

from retroracer.cli import main
from retroracer.errors import UserError
from retroracer.track.character import character_of
from retroracer.track.files import load_track
from retroracer.track.surveyed_circuits import surveyed_circuit, surveyed_circuits, surveyed_text
from retroracer.track.track import Track
from retroracer.track.validity import find_flaws


@pytest.fixture(scope="module")
def circuits() -> list[Track]:
    return surveyed_circuits(3, 4)


@pytest.mark.slow
def test_they_are_valid_and_as_long_as_circuits_are(circuits: list[Track]) -> None:
    for track in circuits:
        assert find_flaws(track) == []
        assert 2400.0 < track.length < 6100.0


@pytest.mark.slow
def test_a_seed_is_the_same_circuit_and_every_seed_another(circuits: list[Track]) -> None:
    again = surveyed_circuits(3, 2)
    assert [t.digest for t in again] == [t.digest for t in circuits[:2]]
    assert len({t.digest for t in circuits}) == 4


def test_their_slow_corners_are_narrower_inside_and_have_peaks(circuits: list[Track]) -> None:
    told = [character_of(t) for t in circuits]
    assert np.median([c.inside for c in told]) < 0.48
    assert np.median([c.peak for c in told]) > character_of(load_track("monza")).peak
    assert all(c.narrowing > 0.1 for c in told)


@pytest.mark.slow
def test_what_is_judged_on_is_what_tracks_import_makes_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["tracks", "generate", "--surveyed", "--seed", "3", "--out", "."]) == 0
    (file,) = tmp_path.glob("*.csv")
    assert file.read_text().startswith("# x_m,y_m,w_tr_right_m,w_tr_left_m\n")
    assert main(["tracks", "import", file.name, "--out", "mine.yaml"]) == 0
    assert load_track("mine.yaml").digest == surveyed_circuits(3, 1)[0].digest


def test_a_negative_seed_is_refused_with_what_to_do() -> None:
    for make in (surveyed_text, surveyed_circuit):
        with pytest.raises(UserError, match="seed -1 is negative: give an integer of 0 or more"):
            make(-1)
    with pytest.raises(UserError, match="cannot make -2 circuits"):
        surveyed_circuits(0, -2)
