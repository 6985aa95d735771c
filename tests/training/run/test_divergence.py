"""What a learner's watch notices, and what it lets pass."""

from __future__ import annotations

import pytest

from retroracer.training.run.divergence import PATIENCE, Watch

WELL = {"critic_loss": 0.5, "actor_loss": -20.0, "ent_coef_loss": 0.1, "ent_coef": 0.01}


def test_an_ordinary_run_is_left_alone():
    watch = Watch()
    for k in range(3 * PATIENCE):
        losses = WELL | {"critic_loss": 60.0 / (1 + k) + 0.5 * (k % 7), "ent_coef": 0.98**k + 1e-5}
        assert watch.trouble(losses) is None


@pytest.mark.parametrize("name", WELL)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_loss_that_is_no_number_is_noticed_at_once(name, value):
    assert name in (Watch().trouble(WELL | {name: value}) or "")


def test_a_diverging_critic_is_noticed_once_its_usual_size_is_known():
    watch = Watch()
    assert watch.trouble(WELL | {"critic_loss": 1e6}) is None  # an untaught critic may be wild
    watch.forget()
    for _ in range(PATIENCE):
        watch.trouble(WELL)
    assert "diverges" in (watch.trouble(WELL | {"critic_loss": 5e3}) or "")


@pytest.mark.parametrize("alpha", [1e3, 1e-12])
def test_an_entropy_coefficient_is_stuck_only_if_it_stays_there(alpha):
    watch = Watch()
    for _ in range(PATIENCE):
        assert watch.trouble(WELL | {"ent_coef": alpha}) is None
    assert "stuck" in (watch.trouble(WELL | {"ent_coef": alpha}) or "")
    assert watch.trouble(WELL) is None
