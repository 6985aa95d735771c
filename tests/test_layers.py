"""The layering: a package imports only from packages above it, libraries have one home."""

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "retroracer"

# In the order in which they may build on one another; the first are single modules.
ORDER = [
    "errors",
    "reading",
    "checks",
    "atomic",
    "archive",
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
    "yaml": {"config"},
}
# The game takes from training nothing, from agents only what needs no torch.
GAME_MAY_USE = (
    "retroracer.agents.policy",
    "retroracer.agents.facts",
    "retroracer.agents.lookahead",
    "retroracer.agents.model_file",
    "retroracer.agents.pixels.inference",
)
WINDOWS = (
    "pygame",
    "retroracer.render",
    "retroracer.game.screens",
    "retroracer.game.editor",
    "retroracer.game.pixels",
    "retroracer.game.app",
)
DRAWER_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "manager", "misc"}

RACE = [f"retroracer.game.race.{p.stem}" for p in sorted((PACKAGE / "game/race").glob("[!_]*.py"))]

Imports = list[tuple[str, int]]
Module = tuple[Path, Imports]


def room(path: Path) -> str:
    return path.with_suffix("").parts[0]


def imports(source: str) -> Imports:
    """The full dotted name of everything a source imports, with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            found += [(f"{dots}{node.module}.{alias.name}", node.lineno) for alias in node.names]
    return found


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    """Every module of the package: its path inside the package and what it imports."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return [(p.relative_to(PACKAGE), imports(p.read_text(encoding="utf-8"))) for p in paths]


def upward_imports(modules: list[Module]) -> list[str]:
    """Imports of a room that stands below the importing one, and of what the game must not need."""
    found = []
    for path, names in modules:
        here = room(path)
        if here in FREE:
            continue
        if here not in ORDER:
            found.append(f"{path}: {here} is not in ORDER: see the README's architecture")
            continue
        for name, line in names:
            parts = name.split(".")
            if parts[0] != "retroracer" or len(parts) < 2 or parts[1] == "__version__":
                continue
            there = parts[1]
            if there not in ORDER or ORDER.index(there) > ORDER.index(here):
                found.append(f"{path}:{line}: {here} must not import {name}")
            elif here == "game" and there == "training":
                found.append(f"{path}:{line}: the game must not need the training room")
            elif here == "game" and there == "agents" and not name.startswith(GAME_MAY_USE):
                found.append(f"{path}:{line}: the game must not need {name}")
            elif there == "scale" and here not in ("scale", "cli"):
                found.append(f"{path}:{line}: only its commands may need {name}")
    return found


def libraries_away_from_home(modules: list[Module]) -> list[str]:
    found = []
    for path, names in modules:
        for name, line in names:
            homes = HOMES.get(name.split(".")[0])
            if homes is not None and room(path) not in homes:
                found.append(f"{path}:{line}: {name} belongs in {', '.join(sorted(homes))}")
    return found


def relative_imports(modules: list[Module]) -> list[str]:
    return [
        f"{path}:{line}: write the full name instead of {name}"
        for path, names in modules
        for name, line in names
        if name.startswith(".")
    ]


def windows_in_the_race(modules: list[Module]) -> list[str]:
    """What drives a race in the game knows no window: it runs, and is tested, without pygame."""
    return [
        f"{path}:{line}: a race must not need {name}"
        for path, names in modules
        if path.parts[:2] == ("game", "race")
        for name, line in names
        if name.startswith(WINDOWS) and not name.startswith("retroracer.render.palette")
    ]


def circles(modules: list[Module]) -> list[str]:
    """Modules that import one another in a circle, for types alone or in a function as well."""
    names = {".".join(["retroracer", *path.with_suffix("").parts]) for path, _ in modules}
    after = {}
    for path, found in modules:
        name = ".".join(["retroracer", *path.with_suffix("").parts])
        targets = {n for target, _ in found for n in (target, target.rpartition(".")[0])}
        after[name] = (targets & names) - {name}
    while leaves := [n for n, needs in after.items() if not needs & after.keys()]:
        for leaf in leaves:
            del after[leaf]
    while roots := [n for n in after if not any(n in needs for needs in after.values())]:
        for root in roots:
            del after[root]
    return sorted(after)


def test_no_modules_import_one_another_in_a_circle(modules: list[Module]) -> None:
    assert circles(modules) == []


def test_the_search_for_circles_finds_one() -> None:
    sources = {
        "game/a.py": "from retroracer.game.b import f",
        "game/b.py": "def f():\n    from retroracer.game import c",
        "game/c.py": "import retroracer.game.a\nfrom retroracer.game.d import g",
        "game/d.py": "",
    }
    made = [(Path(path), imports(source)) for path, source in sources.items()]
    assert circles(made) == ["retroracer.game.a", "retroracer.game.b", "retroracer.game.c"]
    assert circles(made[1:]) == []


def test_a_module_imports_only_from_rooms_above_its_own(modules: list[Module]) -> None:
    assert upward_imports(modules) == []


def test_a_library_is_used_only_at_its_home(modules: list[Module]) -> None:
    assert libraries_away_from_home(modules) == []


def test_the_race_in_the_game_knows_no_window(modules: list[Module]) -> None:
    assert windows_in_the_race(modules) == []


def test_imports_are_absolute(modules: list[Module]) -> None:
    assert relative_imports(modules) == []


def test_every_package_says_what_it_owns() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        told = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split(".")[0]
        assert len(told.split()) > 3, f"{path.parent.name}: '{told}' says nothing"


def test_no_file_has_more_than_400_lines() -> None:
    lines = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in PACKAGE.rglob("*.py")}
    assert [f"{p.relative_to(PACKAGE)}: {n} lines" for p, n in lines.items() if n > 400] == []


def test_files_and_folders_are_named_for_what_they_own(modules: list[Module]) -> None:
    parts = {part for path, _ in modules for part in path.with_suffix("").parts}
    assert parts & DRAWER_NAMES == set()


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (upward_imports, "track/a.py", "from retroracer.envs import batch"),
        (upward_imports, "track/a.py", "def f():\n    import retroracer.game.app"),
        (upward_imports, "game/a.py", "from retroracer.training import evaluate"),
        (upward_imports, "game/a.py", "from retroracer.agents.pixels.drq import DrQ"),
        (upward_imports, "game/a.py", "from retroracer.scale import feed"),
        (upward_imports, "attic/a.py", ""),
        (libraries_away_from_home, "envs/a.py", "import pygame.draw"),
        (libraries_away_from_home, "game/a.py", "from torch import nn"),
        (windows_in_the_race, "game/race/a.py", "import pygame"),
        (windows_in_the_race, "game/race/a.py", "from retroracer.game.screens import screen"),
        (relative_imports, "track/a.py", "from . import bank"),
        (relative_imports, "track/a.py", "from ..envs import batch"),
    ],
)
def test_each_rule_finds_a_module_that_breaks_it(
    rule: Callable[[list[Module]], list[str]], path: str, source: str
) -> None:
    assert len(rule([(Path(path), imports(source))])) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import retroracer.envs", "pygame torch ray stable_baselines3"),
        ("import retroracer.envs.racing", "pygame torch ray stable_baselines3"),
        ("import retroracer.physics.race", "pygame torch gymnasium"),
        ("import retroracer.agents.policy", "torch pygame"),
        ("import retroracer.agents.lookahead", "torch pygame"),
        ("import retroracer.agents.pixels.inference", "torch pygame Box2D"),
        ("from retroracer.scale.work import OwnActor", "torch ray pygame numba scipy"),
        ("import retroracer.cli.scale", "torch ray pygame"),
        ("import retroracer.cli", "torch pygame shapely pydantic numpy"),
        ("import retroracer.game.app", "torch stable_baselines3 ray"),
        (f"import {', '.join(RACE)}", "pygame torch"),
    ],
)
def test_importing_a_room_loads_no_library_it_does_not_need(statement: str, absent: str) -> None:
    code = f"{statement}\nimport sys\nprint([m for m in '{absent}'.split() if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"
