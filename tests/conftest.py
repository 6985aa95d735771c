"""What every test shares: no screen, no sound, and the same random examples in every run."""

import gc
import os
from collections import Counter
from collections.abc import Iterator

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
# The cores belong to the workers: nets this small gain nothing from threads, which only wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import pytest
from hypothesis import settings

gc.disable()  # until all tests are imported: what is imported stays, and looking through it is slow

# Compiling happens within a test's first example, so time per example says nothing.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have most slow tests, so that all workers end together."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


def pytest_collection_finish() -> None:
    """Collect garbage again, but never among what the imports left."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the program remembers (limits, records) out of the tester's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETRORACER_HOME", str(tmp_path_factory.mktemp("home")))
        yield
