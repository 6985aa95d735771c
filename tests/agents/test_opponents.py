"""Which known driver a car drives like."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from retroracer.agents.opponents import DOUBT, Opponents

LASTS = 0.1


def decide(known: Opponents, time: float, foretold: np.ndarray, done: np.ndarray) -> None:
    """One decision: what was foretold at ``time``, and what was done by the next."""
    n = len(done)
    known.foretell(np.arange(n), np.full(n, time), foretold)
    known.compare(np.full(n, time + LASTS), done, LASTS)


@given(some.integers(0, 2), some.integers(0, 1000))
def test_it_is_the_one_whose_actions_were_done(which: int, seed: int) -> None:
    rng, known = np.random.default_rng(seed), Opponents(4, 3)
    assert (known.like(np.arange(4)) == 0).all()
    for k in range(5):
        foretold = rng.uniform(-1.0, 1.0, (4, 3, 2))
        decide(known, k * LASTS, foretold, foretold[:, which])
    assert (known.like(np.arange(4)) == which).all() and (known.differs == 0.0).all()
    assert known.like(np.array([[0, 1], [2, 3]])).shape == (2, 2)


def test_little_is_not_enough_and_what_is_known_stays_known_where_all_do_the_same() -> None:
    known, first = Opponents(1, 2), np.zeros((1, 2, 2))
    foretold = first.copy()
    foretold[0, 0, 1] = 0.5 * DOUBT**0.5  # the first is off by little
    decide(known, 0.0, foretold, np.zeros((1, 2)))
    assert known.like(np.arange(1)).tolist() == [0]
    foretold[0, 0, 1] = 2.0
    decide(known, LASTS, foretold, np.zeros((1, 2)))
    for k in range(2, 200):  # a straight: everybody does the same
        decide(known, k * LASTS, first, np.zeros((1, 2)))
    assert known.like(np.arange(1)).tolist() == [1]


def test_what_was_foretold_for_another_time_is_not_compared_and_a_new_race_is_new() -> None:
    known = Opponents(2, 2)
    foretold = np.zeros((2, 2, 2))
    foretold[:, 0] = 1.0
    known.foretell(np.arange(2), np.zeros(2), foretold)
    known.compare(np.full(2, 5.0), np.zeros((2, 2)), LASTS)
    assert known.like(np.arange(2)).tolist() == [0, 0]
    decide(known, 5.0, foretold, np.zeros((2, 2)))
    assert known.like(np.arange(2)).tolist() == [1, 1]
    known.compare(np.array([5.2, 0.1]), np.zeros((2, 2)), LASTS)
    assert known.like(np.arange(2)).tolist() == [1, 0]


def test_by_how_much_it_did_otherwise_is_told_and_only_of_the_last_decision() -> None:
    known, foretold = Opponents(2, 2), np.zeros((2, 2, 2))
    foretold[:, 1] = 1.0
    decide(known, 0.0, foretold, np.array([[0.1, -0.2], [1.0, 0.7]]))
    np.testing.assert_allclose(known.differs, [[0.1, -0.2], [0.0, -0.3]])
    known.compare(np.full(2, 0.5), np.zeros((2, 2)), LASTS)
    assert (known.differs == 0.0).all()
