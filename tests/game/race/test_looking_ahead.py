"""Rivals that look ahead: among solid cars they plan, bit by bit; as ghosts they just drive."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retroracer.agents import lookahead
from retroracer.agents.lookahead import LookaheadPolicy, write_racer
from retroracer.agents.policy import load_policy
from retroracer.agents.trial import COST, STAGES
from retroracer.envs.observation import N_OBS
from retroracer.game.race.garage import put_together, why_no_driver
from retroracer.game.race.session import Session
from retroracer.game.replay.tape import Tape, drive_again
from retroracer.physics.company import CONTACTS
from retroracer.physics.race import Race
from tests.game.races import game, setup

SECONDS = 6


class Looking(LookaheadPolicy):
    """Base, looking ahead; keeps account of how it is asked."""

    def __init__(self) -> None:
        super().__init__(load_policy("base"), [load_policy("base")])
        self.driven: list[tuple[tuple[int, ...], list[int]]] = []
        self.planned: list[int] = []
        self.trials = 0

    def drive(self, obs: Any, race: Race, rows: Any, last: Any) -> Any:
        self.driven.append((obs.shape, rows.tolist()))
        self.trials = 0
        actions = super().drive(obs, race, rows, last)
        self.planned.append(self.trials)
        return actions

    def _advance(self, memory: lookahead.Memory) -> int:
        cost = super()._advance(memory)
        self.trials += cost
        return cost


class Lazy(Looking):
    """It plans nothing between its decisions."""

    def work(self, race: Race, share: float) -> None:
        pass


def session(driver: LookaheadPolicy, rivals: int = 3, solid: bool = True) -> Session:
    s = setup("monza", rivals=rivals, laps=1)
    return Session(s.track, [driver] * rivals, s.cars, 1, 1, solid=solid)


def driven(race: Session, seconds: float = SECONDS) -> np.ndarray:
    """The cars (N, N_FLOATS) after some seconds of your full throttle, weaving."""
    for t in range(round(100 * seconds)):
        race.tick(0.05 * np.sin(0.03 * t), 1.0)
    return np.array(race.race.floats)


@pytest.mark.slow
def test_among_solid_cars_they_look_ahead_all_at_once_and_as_ghosts_they_do_not() -> None:
    driver = Looking()
    driven(session(driver), 1.0)
    assert driver.driven == [((3, N_OBS), [1, 2, 3])] * 10, "every 0.1 s"
    ghosts, base = Looking(), load_policy("base")
    race = session(ghosts, solid=False)
    other = Session(race.track, [base] * 3, race.cars, 1, 1)
    np.testing.assert_array_equal(driven(race, 2.0), driven(other, 2.0))
    assert not ghosts.driven and not race.racers


def test_who_has_left_the_race_no_longer_looks_ahead() -> None:
    driver = Looking()
    race = session(driver)
    assert race.race.company is not None
    race.race.company.solid[2] = False
    driven(race, 0.3)
    assert [rows for _, rows in driver.driven] == [[1, 3]] * 3


@pytest.mark.slow
def test_plans_made_bit_by_bit_are_those_made_at_once() -> None:
    bits, lazy = Looking(), Lazy()
    np.testing.assert_array_equal(driven(session(bits)), driven(session(lazy)))
    assert max(lazy.planned) >= COST, "somebody was near"
    assert max(bits.planned) == 0, "no decision had to wait for a plan"


@pytest.mark.slow
@pytest.mark.parametrize("stopped", [1.0, 1.03, 0.07])
def test_after_a_restart_the_race_is_the_same_again(stopped: float) -> None:
    race = session(Looking())
    driven(race, stopped)
    race.restart()
    np.testing.assert_array_equal(driven(race, 3.0), driven(session(Looking()), 3.0))


@pytest.mark.slow
def test_a_race_with_cars_put_back_is_driven_again_from_its_tape() -> None:
    driver = Looking()
    race = session(driver)
    assert race.whole is not None
    for seconds in (2.03, 2.0, 2.0):
        driven(race, seconds)
        race.put_back()
    driven(race, 1.0)
    tape = race.whole.finish(race.cars, race.names, race.roles, race.time, True)
    assert tape is not None and len(tape.resets) == 3
    again = drive_again(replace(Tape.unpack(tape.pack()), race=True), race.track)
    np.testing.assert_array_equal(again.ends, race.race.floats)


@pytest.fixture
def racer(tmp_path: Path) -> Path:
    """A model file that says that its driver looks ahead."""
    write_racer("base", tmp_path / "looker.zip")
    return tmp_path / "looker.zip"


@pytest.mark.slow
def test_the_garage_makes_them_and_has_them_ready(racer: Path) -> None:
    made = put_together("monza", str(racer), rivals=1)
    (driver,) = made.policies
    assert isinstance(driver, LookaheadPolicy) and driver.name == "looker"
    assert list(driver._copies) == [n for n, _ in STAGES] and not list(driver._memories)
    ghosts = put_together("monza", str(racer), rivals=1, ghosts=True)
    assert isinstance(ghosts.policies[0], LookaheadPolicy) and not ghosts.policies[0]._copies


def test_without_the_driver_that_others_are_taken_for_it_cannot_race(
    racer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retroracer.game.race.garage.models_dir", lambda: racer.parent)
    assert why_no_driver("looker") == ""
    monkeypatch.setattr(lookahead, "OTHERS", ("base", "nobody_at_all"))
    assert "nobody_at_all" in why_no_driver("looker")


@pytest.mark.slow
@pytest.mark.parametrize("players", [0, 1, 2])
def test_pictures_with_all_overlays_watching_and_for_two(
    racer: Path, own_home: None, players: int
) -> None:
    made = put_together(
        "monza", str(racer), rivals=2, watch=not players, players=max(players, 1), laps=1
    )
    app = game(made)
    screen: Any = app.screen
    screen.overlays.on = {"sight", "pedals", "reward", "path"}
    for _ in range(60):
        app.step(1 / 60)
    session = screen.session
    assert session.race.company.marks[:, CONTACTS].sum() == 0
    assert session.racers and (session.race.vx[session.human :] > 3.0).all()
    app.close()
