"""The tiny model with a CLIP model that a subject-encoder can read, and a preparation of images for it."""

import pytest

from dreamtuner.models.profiles import Profile
from flows.resources import Resources
from flows.settings import Settings
from tests.flows.training.kitchen import Kitchen, write_deep_clip


@pytest.fixture
def profile(led_settings: Settings) -> Profile:
    profile = Resources.open(led_settings).profile("pocket")
    write_deep_clip(profile.tower)
    return profile


@pytest.fixture
def kitchen(profile: Profile, led_settings: Settings) -> Kitchen:
    return Kitchen(profile, led_settings)
