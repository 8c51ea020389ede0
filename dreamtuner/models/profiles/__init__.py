"""Model profiles: YAML files, built in, in a user's folders, or from other packages. No torch."""

from dreamtuner.models.profiles.profile import (
    CONTROLNET,
    ENCODER_PARTS,
    PARTS,
    SAME_KINDS,
    Profile,
    folder_profile,
    parts_listed,
)
from dreamtuner.models.profiles.registry import (
    DEFAULT_PROFILE,
    broken_profiles,
    get_profile,
    place_of_file,
    place_of_lock,
    profile_file,
    profile_names,
    ships,
    user_folders,
)

__all__ = [
    "CONTROLNET",
    "DEFAULT_PROFILE",
    "ENCODER_PARTS",
    "PARTS",
    "SAME_KINDS",
    "Profile",
    "broken_profiles",
    "folder_profile",
    "get_profile",
    "parts_listed",
    "place_of_file",
    "place_of_lock",
    "profile_file",
    "profile_names",
    "ships",
    "user_folders",
]
