"""The pages of settings in configs/ are the defaults, written out."""

from pathlib import Path

import pytest

from retroracer import config
from retroracer.training.run_settings import FINE_TUNING, RunSettings

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize(
    ("name", "settings"), [("base", RunSettings()), ("fine_tune", FINE_TUNING)]
)
def test_a_shipped_page_says_what_the_defaults_are(name: str, settings: RunSettings) -> None:
    assert config.load(RunSettings, CONFIGS / f"{name}.yaml") == settings
