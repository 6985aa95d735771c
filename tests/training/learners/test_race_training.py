"""Learning to race: from a driver that laps alone, among a league, by the house's learners."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stable_baselines3
import torch

from retroracer.agents.checkpoint import actor_layers
from retroracer.agents.model_file import find_model, read_facts
from retroracer.agents.networks import policy_head
from retroracer.agents.policy import load_policy, policy_of
from retroracer.envs.crew import NOBODY
from retroracer.envs.observation import N_OBS
from retroracer.envs.race_task import N_RACE_OBS, RACE_LAYOUT
from retroracer.errors import UserError
from retroracer.training.learners.branches import Branches, BranchSettings
from retroracer.training.learners.league import League, LeagueSettings
from retroracer.training.learners.learner import Clock
from retroracer.training.learners.race_training import RaceTraining
from retroracer.training.learners.racing_tasks import make_racing
from retroracer.training.learners.sac import SAC
from retroracer.training.run.budget import Budget
from tests.training.tiny import AMONG_RIVALS, STAGES, racing, train


def learner(*sets: str) -> tuple[RaceTraining, SAC]:
    settings = racing(*STAGES["race-sac"], *sets)
    task = make_racing(settings, Budget(None, None))
    assert isinstance(task, RaceTraining)
    return task, SAC(task, settings.of("sac"), first=True)


@pytest.fixture(scope="module")
def begun() -> RaceTraining:
    task = make_racing(racing(*STAGES["race-sac"]), Budget(None, None))
    assert isinstance(task, RaceTraining)
    return task


def seen(n: int = 200) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).uniform(-1.0, 1.0, (n, N_RACE_OBS)).astype(np.float32)


@pytest.mark.slow
def test_a_driver_of_races_first_drives_exactly_as_the_parent_that_laps_alone(
    begun: RaceTraining,
) -> None:
    obs, parent = seen(), load_policy("base")
    child = policy_of(*actor_layers(begun.model))
    assert child.n_observations == N_RACE_OBS
    alone = child.act(np.ascontiguousarray(obs[:, :N_OBS]))
    np.testing.assert_array_equal(alone, parent.act(obs[:, :N_OBS]))
    np.testing.assert_allclose(child.act(obs), parent.act(obs[:, :N_OBS]), atol=2e-6)


@pytest.mark.slow
def test_its_critics_first_value_what_the_parents_do_whoever_is_near(begun: RaceTraining) -> None:
    alone = make_racing(
        racing(*STAGES["sac"], "parent=base", "action_repeat=2"), Budget(None, None)
    )
    obs, actions = torch.from_numpy(seen()), torch.rand(200, 2) * 2.0 - 1.0
    with torch.no_grad():
        for net in ("critic", "critic_target"):
            wide = getattr(begun.model, net)(obs, actions)
            narrow = getattr(alone.model, net)(obs[:, :N_OBS], actions)
            for mine, its in zip(wide, narrow, strict=True):
                torch.testing.assert_close(mine, its, atol=1e-3, rtol=1e-4)


def test_what_it_is_told_of_others_can_be_learned_from(begun: RaceTraining) -> None:
    obs = torch.from_numpy(seen())
    weight = begun.model.actor.latent_pi[0].weight
    assert (weight[:, N_OBS:] == 0.0).all()
    mean, _ = policy_head(begun.model.actor, obs, False)
    (slope,) = torch.autograd.grad(mean.sum(), weight)
    assert (slope[:, N_OBS:].abs().max(0).values > 0.0).all()


@pytest.mark.slow
def test_rivals_are_drawn_anew_for_each_race_and_decide_as_often_as_their_zips_say() -> None:
    task, _ = learner("cars=40", "race.league.ladder=[rookie, club, pro, base]")
    field = task.batch
    assert [driver.action_repeat for driver in field.league.drivers] == [2] * 8
    first = field._crew.seats.reshape(40, 3).copy()
    assert (first[:, 0] == NOBODY).all() and set(first[:, 1:].ravel()) >= {0, 1, 2, 3, 4}
    asked, rows = 0, set()
    base = field.league.drivers[3]
    act = base.act

    def counting(obs: Any) -> Any:
        nonlocal asked
        asked += 1
        rows.add(obs.shape[1])
        return act(obs)

    base.act = counting
    for _ in range(40):  # 4 s: every race has ended once
        task.step(np.zeros((40, 2), np.float32))
    assert asked == 40 and rows == {N_OBS}  # once in two control steps
    again = field._crew.seats.reshape(40, 3)
    assert (first[:, 0] == NOBODY).all() and (again != first).any(axis=1).mean() > 0.5


@pytest.mark.slow
def test_the_league_draws_each_kind_by_its_share_and_keeps_the_last_selves() -> None:
    task, _ = learner()
    layers, _ = actor_layers(task.model)
    wanted = LeagueSettings(("rookie", "club"), 0.3, 0.2, kept=3, refresh=2, remember=4)
    league, rng = League(wanted, layers, 2), np.random.default_rng(0)
    seats = league.draw(4000, 3, rng)
    assert (seats == 2).mean() == pytest.approx(0.3, abs=0.02)
    assert (seats > 2).mean() == pytest.approx(0.2, abs=0.02)
    assert set(seats[seats > 2]) == {3}  # there is but one earlier self
    for k in range(1, 25):
        if league.due():
            league.take([(w + k, b) for w, b in layers])
    latest = [driver.layers[0][0][0, 0] - layers[0][0][0, 0] for driver in league.drivers[2:]]
    assert latest[0] == pytest.approx(24, abs=1e-3)
    assert sorted(latest[1:]) == pytest.approx([16, 20, 24], abs=1e-3)
    assert set(np.unique(league.draw(4000, 3, rng))) == {0, 1, 2, 3, 4, 5}


@pytest.mark.slow
def test_in_a_share_of_the_races_the_rivals_are_ghosts() -> None:
    task, _ = learner("cars=100", "race.alone=0.3", "episode=3")
    for _ in range(2):
        sees = (task.obs[:, N_OBS:] != 0.0).any(axis=1)
        solid = task.batch.races.company.solid.reshape(100, 3)
        assert (solid[:, 1] == solid[:, 2]).all() and solid[:, 0].all()
        assert not sees[~solid[:, 1]].any() and 0.5 < solid[:, 1].mean() < 0.9
        for _ in range(31):  # every race has begun anew
            task.step(np.zeros((100, 2), np.float32))


@pytest.mark.slow
def test_the_latest_of_the_league_does_not_move_with_the_learner() -> None:
    task, _ = learner()
    latest = task.league.drivers[2]
    before = latest.act(seen())
    task.actor.flat.add_(0.1)
    np.testing.assert_array_equal(latest.act(seen()), before)


@pytest.mark.slow
def test_a_branch_goes_on_as_the_race_it_was_taken_from_rivals_and_all() -> None:
    task, _ = learner("cars=6", "episode=100")
    own, rng = task.batch, np.random.default_rng(1)
    for _ in range(9):
        own.step(rng.uniform(-0.2, 1.0, (6, 2)))
    which = np.array([4, 0, 4, 2])
    other = own.twin(4)
    other.take_over(own, which)
    np.testing.assert_array_equal(other.obs, own.obs[which])
    for _ in range(15):
        actions = rng.uniform(-0.2, 1.0, (6, 2))
        theirs = own.step(actions, autoreset=False)
        for mine, its in zip(other.step(actions[which], autoreset=False), theirs, strict=True):
            np.testing.assert_array_equal(mine, its[which])


@pytest.mark.slow
def test_measuring_does_not_touch_the_races_of_the_run() -> None:
    task, sac = learner("cars=6")
    for _ in range(5):
        sac.round(Clock(0.0, 0.0))
    before = {name: values.copy() for name, values in task.batch.state_arrays().items()}
    Branches(task, BranchSettings(states=5, steps=4), 0.98, 0.1).measure()
    for name, values in task.batch.state_arrays().items():
        np.testing.assert_array_equal(values, before[name], name)


@pytest.mark.slow
def test_a_state_of_races_goes_on_to_the_bit_and_a_bent_one_is_refused() -> None:
    (one, first), (two, second) = learner(), learner("seed=0")
    for _ in range(30):
        first.round(Clock(0.0, 0.0))
    state = {k: np.array(v) for k, v in one.state().items()}
    own = {k: np.array(v) for k, v in first.state().items()}
    for name in ("seats", "held", "clock", "selves", "touched", "alive"):
        bent = dict(state)
        bent[f"batch.{name}"] = state[f"batch.{name}"][:-1]
        with pytest.raises(ValueError):
            two.restore(bent)
        with pytest.raises(KeyError):
            two.restore({k: v for k, v in state.items() if k != f"batch.{name}"})
    told = [first.round(Clock(0.0, 0.0)) for _ in range(30)]
    two.restore(state)
    second.restore(own)
    assert [second.round(Clock(0.0, 0.0)) for _ in range(30)] == told
    assert torch.equal(one.actor.flat, two.actor.flat)
    np.testing.assert_array_equal(one.obs, two.obs)


@pytest.mark.slow
def test_the_zip_says_what_it_is_and_opens_in_plain_sb3_and_drives_alone(tmp_path: Path) -> None:
    out, run = tmp_path / "racer.zip", tmp_path / "run"
    outcome = train(racing(*STAGES["race-sac"], "evaluate_every=1e-3", "steps=120"), out, run)
    assert not outcome.stopped
    made = sorted((run / "checkpoints").glob("*.zip"))[-1]
    facts = read_facts(made)
    assert facts.observation_layout == RACE_LAYOUT
    assert facts.parent == "base" and facts.notes["control_dt"] == 0.1
    assert facts.notes["race"]["rivals"] == 2 and "passing" in facts.notes["race"]["reward"]
    assert facts.notes["race"]["league"]["ladder"] == ["club", "base"]
    assert {"race_wins", "race_contacts_at_fault_per_100km"} <= set(facts.evaluation)
    plain = stable_baselines3.SAC.load(made, device="cpu")
    obs = seen(3)
    policy = load_policy(made)
    np.testing.assert_allclose(
        plain.predict(obs, deterministic=True)[0], policy.act(obs), atol=1e-5
    )
    assert policy.act(obs[:, :N_OBS]).shape == (3, 2)
    rows = json.loads((run / "evaluations.json").read_text())
    assert rows[0]["race_races"] == 1 and rows[0]["race_finished"] in (0, 1)
    again = racing(*STAGES["race-sac"], f"parent={made}", "steps=100")
    assert not train(again, tmp_path / "again.zip", tmp_path / "second").stopped


@pytest.mark.slow
def test_a_run_alone_does_not_take_a_driver_of_races_for_its_parent(tmp_path: Path) -> None:
    train(racing(*STAGES["race-sac"], "steps=100"), tmp_path / "r.zip", tmp_path / "run")
    made = sorted((tmp_path / "run").rglob("*.zip"))[0]
    with pytest.raises(UserError, match="reads observations"):
        make_racing(racing(*STAGES["sac"], f"parent={made}", "action_repeat=2"), Budget(None, None))


def among(obs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same, where the nearest car is in sight."""
    obs = obs.copy()
    obs[:, N_OBS] = 1.0
    return obs


@pytest.mark.slow
@pytest.mark.parametrize("algo", ["race-sac", "race-ppo"])
def test_with_added_units_it_learns_among_others_and_laps_alone_as_its_parent(
    algo: str, tmp_path: Path
) -> None:
    run, obs, parent = tmp_path / "run", seen(), load_policy("base")
    sets = ["race.added=8", "averaging=0"]
    sets += ["sac.critics_first=0"] if algo == "race-sac" else []
    alone = np.ascontiguousarray(obs[:, :N_OBS])
    at_first = make_racing(racing(*STAGES[algo], *sets), Budget(None, None))
    child = policy_of(*actor_layers(at_first.model))
    np.testing.assert_allclose(child.act(among(obs)), parent.act(alone), atol=2e-6)
    train(racing(*STAGES[algo], *sets), tmp_path / "r.zip", run)
    made = sorted((run / "checkpoints").glob("*.zip"))[-1]
    child, facts = load_policy(made), read_facts(made)
    np.testing.assert_allclose(child.act(alone), parent.act(alone), atol=2e-6)
    assert np.abs(child.act(among(obs)) - parent.act(alone)).max() > 1e-4
    assert facts.layers == tuple(8 + width for width in read_facts(find_model("base")).layers)
    assert facts.notes["kept"] == {"inputs": N_OBS, "hidden": [w - 8 for w in facts.layers]}
    again = racing(*STAGES[algo], f"parent={made}", *sets)
    train(again, tmp_path / "again.zip", tmp_path / "second")
    grandchild = load_policy(sorted((tmp_path / "second" / "checkpoints").glob("*.zip"))[-1])
    np.testing.assert_allclose(grandchild.act(alone), parent.act(alone), atol=2e-6)
    assert np.abs(grandchild.act(among(obs)) - child.act(among(obs))).max() > 1e-5


@pytest.mark.slow
def test_units_are_not_added_to_a_driver_of_which_nothing_was_kept(tmp_path: Path) -> None:
    train(racing(*STAGES["race-sac"], "steps=100"), tmp_path / "r.zip", tmp_path / "run")
    made = sorted((tmp_path / "run").rglob("*.zip"))[0]
    with pytest.raises(UserError, match=r"race.added: .* already sees others"):
        make_racing(racing(*STAGES["race-sac"], f"parent={made}", "race.added=8"),
                    Budget(None, None))  # fmt: skip


def test_settings_that_do_not_go_together_are_told() -> None:
    with pytest.raises(UserError, match="parent: name a driver that laps alone"):
        racing(*[s for s in AMONG_RIVALS if not s.startswith("parent")])
    with pytest.raises(UserError, match=r"latest and past are shares"):
        racing(*AMONG_RIVALS, "race.league.latest=0.8", "race.league.past=0.5")
    with pytest.raises(UserError, match=r"no term 'pasing'; did you mean 'passing'"):
        racing(*AMONG_RIVALS, "race.reward.pasing=1")
    with pytest.raises(UserError, match="nobody"):
        make_racing(racing(*STAGES["race-sac"], "race.league.ladder=[nobody]"), Budget(None, None))
