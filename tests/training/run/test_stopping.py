"""Stops and moments: where they are raised, where they wait."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from retroracer.errors import UserError
from retroracer.processes import stops_held_back
from retroracer.training.run import stopping
from retroracer.training.run.budget import Budget
from retroracer.training.run.stopping import Stopped, check, held, stoppable, until

ROOT = Path(__file__).parents[3]


def ask(name: str = "SIGINT") -> None:
    os.kill(os.getpid(), getattr(signal, name))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_stop_is_raised_at_once_and_handlers_are_put_back(name: str) -> None:
    before = signal.getsignal(getattr(signal, name))
    with pytest.raises(Stopped), stoppable():
        ask(name)
        time.sleep(5.0)
    assert signal.getsignal(getattr(signal, name)) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0


@pytest.mark.slow
def test_a_save_is_never_interrupted_and_more_stops_change_nothing() -> None:
    done = False
    with pytest.raises(Stopped), stoppable():
        with held():
            for _ in range(3):
                ask()
            time.sleep(0.3)
            done = True
        check()
        pytest.fail("a stop is obeyed at the next place for it")
    assert done


def test_a_round_gets_patience_and_no_more() -> None:
    began = time.monotonic()
    with pytest.raises(Stopped), stoppable(), held(0.2):
        ask()
        check()  # too early
        time.sleep(5.0)
    assert 0.2 <= time.monotonic() - began < 1.5


@pytest.mark.slow
def test_a_stop_that_a_library_swallows_is_raised_again() -> None:
    with pytest.raises(Stopped), stoppable():
        with contextlib.suppress(BaseException):
            ask()
        time.sleep(5.0)


def test_a_stop_is_not_raised_where_it_would_be_lost(capsys: pytest.CaptureFixture[str]) -> None:
    whole = []

    class Thing:
        def __del__(self) -> None:
            ask()
            whole.append(True)

    with pytest.raises(Stopped), stoppable():
        thing = Thing()
        del thing
        time.sleep(5.0)
    assert whole and not capsys.readouterr().err


@pytest.mark.slow
def test_nothing_is_raised_while_processes_are_started() -> None:
    """A worker that was told half of its work would complain at length."""
    started = 0
    with pytest.raises(Stopped), stoppable(), until(time.monotonic() + 0.05):
        with stops_held_back():
            time.sleep(0.2)  # the moment comes
            thread = threading.Thread(target=time.sleep, args=(0.3,))  # hears signals too
            thread.start()
            ask("SIGHUP")
            thread.join()
            started = 1
        time.sleep(5.0)
    assert started


def test_what_a_library_makes_of_a_stop_is_a_stop() -> None:
    with stoppable() as stop:
        assert not stop.caused(RuntimeError())
        with pytest.raises(Stopped) as found:
            ask()
        assert stop.caused(found.value) and stop.caused(RuntimeError("a worker is gone"))


@pytest.mark.slow
def test_what_a_library_makes_of_a_stop_ends_the_command_as_a_stop_does() -> None:
    """A class that is being made turns it into a RuntimeError, as matplotlib's are on import."""

    class Named:
        def __set_name__(self, owner: type, name: str) -> None:
            ask()
            time.sleep(5.0)

    with pytest.raises(Stopped), stoppable():
        type("Made", (), {"named": Named()})
    with pytest.raises(UserError), stoppable(), held():
        ask()
        raise UserError("the disk is full")


@pytest.mark.slow
def test_nothing_is_raised_once_a_stop_is_settled() -> None:
    with stoppable() as stop:
        with pytest.raises(Stopped):
            ask()
        stop.settle()
        ask()
        check()
        time.sleep(0.7)
        assert stop.requested


def test_a_moment_cuts_a_block_short_and_nothing_else() -> None:
    with stoppable():
        with until(time.monotonic() + 0.1) as cut:
            time.sleep(5.0)
        assert cut
        with until(time.monotonic() + 60.0) as cut:
            pass
        assert not cut and signal.getitimer(signal.ITIMER_REAL)[0] == 0.0
        with until(time.monotonic() - 1.0) as cut:
            time.sleep(5.0)
        assert cut


def test_without_a_run_nothing_is_stopped_or_cut() -> None:
    check()
    with held(), until(0.0) as cut:
        time.sleep(0.05)
    assert not cut


@pytest.mark.slow
def test_a_stop_is_heard_while_a_library_does_not_come_back() -> None:
    code = """
import hashlib
from retroracer.training.run.stopping import stoppable
with stoppable(lambda: ("nothing was learned yet", 0)):
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 10**9)  # minutes, and no signal is looked at
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(1.0)  # the library has begun
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 0 and said == "nothing was learned yet\n"
    assert time.monotonic() - began < stopping.LIMIT + 1.5


@pytest.mark.slow
def test_a_process_stuck_in_a_stop_is_ended_with_its_last_words() -> None:
    code = """
import time
from retroracer.training.run.stopping import stoppable
with stoppable(lambda: ("the state of before is kept", 7)) as stop, stop.held(60.0):
    print("ready", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        began = time.monotonic()
        process.terminate()
        said = process.communicate(timeout=20)[0]
    assert process.returncode == 7 and said == "the state of before is kept\n"
    assert time.monotonic() - began < stopping.LIMIT + 1.5


def test_a_budget_counts_earlier_sessions_and_leaves_time_for_judging() -> None:
    budget = Budget(1.0, None)
    budget.resume(45.0)
    now = time.monotonic()
    assert budget.share(10**9) == pytest.approx(0.75, abs=0.01)
    assert budget.end - now == pytest.approx(15.0, abs=0.1)
    assert budget.last - budget.end == pytest.approx(6.0)
    assert Budget(0.05, None).last - Budget(0.05, None).end == pytest.approx(3.0, abs=0.01)
    steps = Budget(None, 200)
    assert steps.share(50) == 0.25 and steps.end == steps.last == float("inf")
