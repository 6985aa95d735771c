"""The simulated learner against what can be said without simulating. Without Ray."""

from __future__ import annotations

import pytest

from benchmarks.simulate_scale import Parts, simulate

SECONDS = 60.0


def test_slow_actors_are_taken_in_at_their_own_rate() -> None:
    told = simulate(10, Parts(row_rate=100, piece=32, updates=400, ratio=0.03), SECONDS)
    assert told["rows_per_second"] == pytest.approx(10 * 100, rel=0.03)
    assert told["updates_per_second"] == pytest.approx(1000 * 0.03, rel=0.03)
    assert told["actors_waiting"] == 0.0


def test_fast_actors_are_held_to_what_the_updates_allow() -> None:
    told = simulate(4, Parts(row_rate=10_000, piece=32, updates=400, ratio=4), SECONDS)
    owed_at_the_end = 4096 / 4 / SECONDS  # rows taken in ahead of their updates
    assert told["rows_per_second"] == pytest.approx(400 / 4 + owed_at_the_end, rel=0.05)
    assert told["learner_updating"] > 0.95 and told["actors_waiting"] > 0.9


def test_pieces_of_a_row_are_held_to_what_a_piece_takes() -> None:
    parts = Parts(row_rate=100, piece=1, take=0.001, message=0.0001, updates=1e9, ratio=1e-6)
    told = simulate(100, parts, SECONDS)
    assert told["rows_per_second"] == pytest.approx(1000, rel=0.05)
