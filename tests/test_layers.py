"""The layering: a package imports only from packages above it, libraries have one home."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "retroracer"

# In the order in which they may build on one another; the first are single modules.
ORDER = [
    "errors",
    "reading",
    "atomic",
    "resources",
    "compiled",
    "processes",
    "tables",
    "config",
    "track",
    "physics",
    "laptime",
    "render",
    "envs",
    "carracing",
    "agents",
    "training",
    "scale",
    "game",
    "cli",
]
FREE = {"__init__", "__main__"}

# Third parties at home in few rooms.
HOMES = {
    "numba": {"compiled", "track", "physics", "laptime", "envs"},
    "pygame": {"render", "game", "carracing"},
    "torch": {"agents", "training"},
    "stable_baselines3": {"agents", "training"},
    "ray": {"scale"},
    "gymnasium": {"envs", "carracing"},
}
# The game takes from training nothing, from agents only what needs no torch.
GAME_MAY_USE = {
    "retroracer.agents.policy",
    "retroracer.agents.facts",
    "retroracer.agents.model_file",
    "retroracer.agents.tensor_file",
    "retroracer.agents.convolutions",
}
DRAWER_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "manager", "misc"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> list[tuple[str, int]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_from_rooms_above_its_own(path: Path) -> None:
    here = room(path)
    if here in FREE:
        return
    assert here in ORDER, f"{here} is no room of the house: see the README's architecture"
    for name, line in imports(path):
        parts = name.split(".")
        if parts[0] != "retroracer" or len(parts) < 2 or parts[1] == "__version__":
            continue
        there = parts[1]
        assert ORDER.index(there) <= ORDER.index(here), f"{path}:{line}: {here} uses {there}"
        if here == "game" and there == "training":
            pytest.fail(f"{path}:{line}: the game must not need the training room")
        if here == "game" and there == "agents":
            assert any(name.startswith(ok) for ok in GAME_MAY_USE), f"{path}:{line}: {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_library_is_used_only_at_its_home(path: Path) -> None:
    for name, line in imports(path):
        homes = HOMES.get(name.split(".")[0])
        assert homes is None or room(path) in homes, f"{path}:{line}: {name} is not at home here"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_is_small_and_named_for_what_it_owns(path: Path) -> None:
    assert path.stem not in DRAWER_NAMES
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import retroracer.envs", "pygame torch ray stable_baselines3"),
        ("import retroracer.envs.racing", "pygame torch ray stable_baselines3"),
        ("import retroracer.physics.race", "pygame torch gymnasium"),
        ("import retroracer.agents.policy", "torch pygame"),
        ("import retroracer.cli", "torch pygame shapely pydantic numpy"),
        ("import retroracer.game.app", "torch stable_baselines3 ray"),
    ],
)
def test_importing_a_room_loads_no_library_it_does_not_need(statement: str, absent: str) -> None:
    code = f"{statement}\nimport sys\nprint([m for m in '{absent}'.split() if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"
