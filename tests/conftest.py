"""What every test shares: no screen, no sound, and the same random examples in every run."""

import os
from collections.abc import Iterator

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")

import pytest
from hypothesis import settings

# Compiling happens within a test's first example, so time per example says nothing.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the program remembers (limits, records) out of the tester's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETRORACER_HOME", str(tmp_path_factory.mktemp("home")))
        yield
