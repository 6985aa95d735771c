"""Pages of settings: the shipped ones are short and true, and a mistake is told with its remedy."""

from __future__ import annotations

from typing import Any

import pytest

from retroracer.agents.model_file import read_facts
from retroracer.agents.policy import action_repeat_of
from retroracer.errors import UserError
from retroracer.resources import configs_dir, models_dir
from retroracer.training.learners import PIXELS, RACING, STREAMED, section
from retroracer.training.learners.pixels.settings import PixelSettings
from retroracer.training.learners.racing_settings import RacingSettings
from retroracer.training.learners.stream_settings import StreamSettings
from retroracer.training.run.settings import load

PAGES = sorted(configs_dir().glob("*.yaml"))
LONGEST = 50
"""Lines of a page that set something, fewer than that."""


def kind_of(name: str) -> tuple[type[Any], dict[str, str]]:
    if name.startswith("scale"):
        return StreamSettings, STREAMED
    return (PixelSettings, PIXELS) if name.startswith("pixels") else (RacingSettings, RACING)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_shipped_page_is_short_and_names_only_what_its_run_reads(page: Any) -> None:
    base, table = kind_of(page.stem)
    # As the user's own page nothing is left out of it: an unknown key would be refused.
    settings = load(base, table, page, page)
    stages = [stage.learner for stage in settings.stages]
    assert all(hasattr(settings, section(name)) == (name in stages) for name in table)
    lines = page.read_text(encoding="utf-8").splitlines()
    assert sum(bool(s.partition("#")[0].strip()) for s in lines) < LONGEST
    assert lines[0].startswith("# "), "its first line says which command it is of"


@pytest.mark.parametrize(
    ("name", "override", "stages"),
    [
        ("base-ppo", "sac.gamma=0.9", "sac: its stages are imitation, ppo, critics"),
        ("base-sac", "ppo.n_steps=9", "ppo: its stages are imitation, sac"),
        ("fine-tune-ppo", "imitation.rounds=3", "imitation: its stages are ppo, critics"),
        ("pixels-ppo", "sac_drq.amp=true", "sac-drq: its stage is ppo"),
    ],
)
def test_a_setting_of_a_learner_the_run_does_not_have_is_refused_with_its_stages(
    name: str, override: str, stages: str
) -> None:
    with pytest.raises(UserError, match=f"this run does not train with {stages}") as told:
        load(*kind_of(name), configs_dir() / f"{name}.yaml", None, [override])
    assert str(told.value).startswith(f"--set {override}: ")


def test_stages_taken_out_of_a_page_take_their_sections_with_them() -> None:
    page = configs_dir() / "base-sac.yaml"
    only = "stages=[{learner: sac}]"
    settings = load(*kind_of("base-sac"), page, page, [only])
    assert [stage.learner for stage in settings.stages] == ["sac"]
    assert not hasattr(settings, "imitation")
    with pytest.raises(UserError, match="does not train with imitation"):
        load(*kind_of("base-sac"), page, page, [only, "imitation.rounds=3"])


@pytest.mark.parametrize("name", [p.stem for p in PAGES if "\nparent: " in p.read_text()])
def test_a_page_decides_as_often_as_the_parent_it_names(name: str) -> None:
    settings = load(*kind_of(name), configs_dir() / f"{name}.yaml", None, [])
    facts = read_facts(models_dir() / f"{settings.parent}.zip")
    assert settings.action_repeat == action_repeat_of(facts)
